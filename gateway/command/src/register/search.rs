//! Finding cameras by name, pinyin initials or code. Words are prepared once a version of a file; a search is one pass over
//! all of them, which for 10,000 cameras is a fraction of what an index would have to save.

use std::{collections::BTreeSet, sync::Arc};

use media::RegionCode;
use pinyin::{ToPinyin, ToPinyinMulti};

use super::{File, Region, Register};
use crate::Camera;

/// What a camera is found by.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Name, common name, address, maker, model, tags; in lower case, a line each.
    text: String,
    /// How the name is said.
    sound: Sound,
}

/// How a text may be said: for each of its letters and characters the readings it has, 重 is zhong and chong.
#[derive(Clone, Debug, Default)]
struct Sound(Vec<Vec<&'static str>>);

/// The longest word that is looked for by sound: its places are bits.
const MOST_SOUND: usize = 63;
const LATIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

impl Sound {
    fn of(text: &str) -> Self {
        let mut all = Vec::new();
        for c in text.chars() {
            let lower = c.to_ascii_lowercase();
            if let Some(at) = LATIN.find(lower) {
                all.push(vec![&LATIN[at..=at]]);
            } else if let Some(many) = c.to_pinyin_multi() {
                let mut readings: Vec<&'static str> = many.into_iter().map(|p| p.plain()).collect();
                readings.sort_unstable();
                readings.dedup();
                all.push(readings);
            } else if let Some(one) = c.to_pinyin() {
                all.push(vec![one.plain()]);
            } else if c.is_alphanumeric() {
                all.push(Vec::new());
            }
        }
        Self(all)
    }

    /// Whether a word is somewhere in it: each character by its initial or in full, the last one in part, in any mixture.
    fn has(&self, word: &str) -> bool {
        if word.is_empty()
            || word.len() > MOST_SOUND
            || !word.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return false;
        }
        // Bit n: the word's first n letters end just here. A word may begin at every character.
        let mut here = 1u64;
        for readings in &self.0 {
            let mut next = 0;
            let mut at = here;
            while at != 0 {
                let n = at.trailing_zeros() as usize;
                at &= at - 1;
                let rest = &word[n..];
                for reading in readings {
                    if reading.starts_with(rest) {
                        return true;
                    }
                    if reading.as_bytes().first() != rest.as_bytes().first() {
                        continue;
                    }
                    next |= 1 << (n + 1);
                    if rest.starts_with(reading) {
                        next |= 1 << (n + reading.len());
                    }
                }
            }
            if next & (1 << word.len()) != 0 {
                return true;
            }
            here = next | 1;
        }
        false
    }
}

impl Words {
    pub(super) fn of(camera: &Camera) -> Self {
        let mut text = camera.name.to_lowercase();
        let asset = &camera.asset;
        let more = [
            asset.common_name.as_str(),
            &camera.address,
            &camera.maker,
            &asset.model,
        ];
        for part in more
            .into_iter()
            .chain(camera.tags.iter().map(String::as_str))
        {
            if !part.is_empty() {
                text.push('\n');
                text.push_str(&part.to_lowercase());
            }
        }
        Self {
            text,
            sound: Sound::of(&camera.name),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.text.contains(word) || self.sound.has(word)
    }
}

/// What is looked for. Everything that is said must hold.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words, each of which must be found in name, initials, code, address, maker, model, tags or the region's name.
    pub text: String,
    /// In this region or below it.
    pub region: Option<RegionCode>,
    /// In this group.
    pub group: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
}

impl Register {
    /// The cameras that a query finds, by code.
    pub fn search(&self, query: &Query) -> Vec<&Arc<File>> {
        let lower = query.text.to_lowercase();
        // A town or village is found by its name, and then all cameras in it are.
        let words: Vec<(&str, BTreeSet<RegionCode>)> = lower
            .split_whitespace()
            .map(|word| {
                // The district's own name is everybody's, and would find them all.
                let narrow = |r: &&Arc<Region>| r.code.as_str().len() >= 9;
                let named = self.regions.values().filter(narrow).filter(|r| {
                    r.name.to_lowercase().contains(word)
                        || r.name_en.to_lowercase().contains(word)
                        || (word.len() > 1 && Sound::of(&r.name).has(word))
                });
                (word, named.map(|r| r.code).collect())
            })
            .collect();
        let group = match &query.group {
            Some(id) => match self.groups.get(id) {
                Some(group) => Some(group),
                None => return Vec::new(),
            },
            None => None,
        };
        let fits = |file: &&Arc<File>| {
            let camera = &file.camera;
            query.region.is_none_or(|r| camera.region.is_within(&r))
                && group.is_none_or(|g| g.cameras.contains(&camera.code))
                && query.tag.as_ref().is_none_or(|t| camera.tags.contains(t))
                && words.iter().all(|(word, regions)| {
                    camera.code.as_str().contains(word)
                        || file.words().has(word)
                        || (!regions.is_empty()
                            && camera.region.path().any(|r| regions.contains(&r)))
                })
        };
        self.files.values().filter(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn a_name_is_found_by_every_reading_in_full_or_by_initials() {
        let sound = Sound::of("重庆路2号A口");
        for word in [
            "cq",
            "zql",
            "chongqing",
            "zhongq",
            "cqlu2hak",
            "chongql",
            "ako",
            "2",
            "q",
        ] {
            assert!(sound.has(word), "{word}");
        }
        for word in ["qc", "chongk", "v", "", "cq l", "重"] {
            assert!(!sound.has(word), "{word}");
        }
        assert!(!Sound::default().has("q"));
    }

    /// Letters that fit everywhere, in every way, and a last one that does not.
    #[test]
    fn a_word_that_almost_fits_costs_no_more_than_its_length() {
        let sound = Sound::of(&"阿".repeat(100));
        assert!(!sound.has(&("a".repeat(60) + "b")));
        assert!(sound.has(&"a".repeat(60)) && !sound.has(&"a".repeat(200)));
    }

    proptest! {
        #[test]
        fn initials_and_full_pinyin_of_any_part_are_found(text in "[\u{4e00}-\u{9fa5}]{1,12}", from in 0usize..12, to in 0usize..12) {
            let sound = Sound::of(&text);
            let (from, to) = (from.min(to), from.max(to).min(sound.0.len()));
            if from < to && sound.0[from..to].iter().all(|r| !r.is_empty()) {
                let initials: String = sound.0[from..to].iter().filter_map(|r| r[0].chars().next()).collect();
                let full: String = sound.0[from..to].iter().map(|r| *r.last().expect("one")).collect();
                prop_assert!(!initials.is_ascii() || sound.has(&initials));
                prop_assert!(full.len() > MOST_SOUND || !full.is_ascii() || sound.has(&full));
            }
        }
    }
}
