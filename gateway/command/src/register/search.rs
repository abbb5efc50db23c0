//! Finding cameras by name, pinyin initials or code. What a camera or a region is found by is prepared once a version of it;
//! a search is one pass over all of them, most of which are left after one look at the letters they hold.

use std::{collections::HashMap, sync::Arc};

use media::RegionCode;
use pinyin::{ToPinyin, ToPinyinMulti};

use super::{File, Region, Register};
use crate::Camera;

/// What a camera or a region is found by.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Name, common name, address, maker, model, tags; in lower case, a line each.
    text: String,
    /// How the name is said.
    sound: Sound,
}

/// How a text may be said: for each of its letters and characters the readings it has, 重 is zhong and chong.
#[derive(Clone, Debug, Default)]
struct Sound {
    /// The readings of all, one character's behind the other's.
    readings: Box<[&'static str]>,
    /// Where in `readings` those of each character end.
    ends: Box<[u32]>,
    /// The letters that readings begin with, a bit each.
    begins: u64,
    /// All letters of all readings, a bit each.
    letters: u64,
}

/// The longest word that is looked for by sound: its places are bits.
const MOST_SOUND: usize = 63;
const LATIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// 绿 is typed with a v.
const TYPED: [(&str, &str); 4] = [("lü", "lv"), ("lüe", "lve"), ("nü", "nv"), ("nüe", "nve")];

/// A letter's or digit's bit; none for what nobody types.
fn bit(letter: u8) -> u64 {
    match letter {
        b'a'..=b'z' => 1 << (letter - b'a'),
        b'0'..=b'9' => 1 << (letter - b'0' + 26),
        _ => 0,
    }
}

fn typed(reading: &'static str) -> &'static str {
    let other = TYPED.iter().find(|(said, _)| *said == reading);
    other.map_or(reading, |(_, typed)| typed)
}

/// One of the words that are looked for.
struct Word<'a> {
    text: &'a str,
    /// Its letters, a bit each; none where it cannot be a sound.
    letters: Option<u64>,
    /// May be a part of a code.
    is_number: bool,
}

impl<'a> Word<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let is_sound =
            !bytes.is_empty() && bytes.len() <= MOST_SOUND && bytes.iter().all(|b| bit(*b) != 0);
        Self {
            text,
            letters: is_sound.then(|| bytes.iter().fold(0, |all, b| all | bit(*b))),
            is_number: bytes.iter().all(u8::is_ascii_digit),
        }
    }
}

impl Sound {
    fn of(text: &str) -> Self {
        let (mut readings, mut ends) = (Vec::new(), Vec::new());
        for c in text.chars() {
            let (from, lower) = (readings.len(), c.to_ascii_lowercase());
            if let Some(at) = LATIN.find(lower) {
                readings.push(&LATIN[at..=at]);
            } else if let Some(many) = c.to_pinyin_multi() {
                readings.extend(many.into_iter().map(|p| typed(p.plain())));
                readings[from..].sort_unstable();
                // Tones are not typed: what differs by them alone is one reading.
                let mut kept = from;
                for at in from..readings.len() {
                    if at == from || readings[at] != readings[kept - 1] {
                        readings[kept] = readings[at];
                        kept += 1;
                    }
                }
                readings.truncate(kept);
            } else if let Some(one) = c.to_pinyin() {
                readings.push(typed(one.plain()));
            } else if !c.is_alphanumeric() {
                continue;
            }
            ends.push(readings.len() as u32);
        }
        let (mut begins, mut letters) = (0, 0);
        for reading in &readings {
            begins |= reading.bytes().next().map_or(0, bit);
            letters |= reading.bytes().fold(0, |all, b| all | bit(b));
        }
        Self {
            readings: readings.into(),
            ends: ends.into(),
            begins,
            letters,
        }
    }

    /// The readings of each character.
    fn characters(&self) -> impl Iterator<Item = &[&'static str]> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let readings = &self.readings[from..*end as usize];
            from = *end as usize;
            readings
        })
    }

    /// Whether a word is somewhere in it: each character by its initial or in full, the last one in part, in any mixture.
    fn has(&self, word: &Word<'_>) -> bool {
        let Some(letters) = word.letters else {
            return false;
        };
        let word = word.text;
        if letters & !self.letters != 0 || bit(word.as_bytes()[0]) & self.begins == 0 {
            return false;
        }
        // Bit n: the word's first n letters end just here. A word may begin at every character.
        let mut here = 1u64;
        for readings in self.characters() {
            let mut next = 0;
            let mut at = here;
            while at != 0 {
                let n = at.trailing_zeros() as usize;
                at &= at - 1;
                let rest = &word[n..];
                for reading in readings {
                    if reading.as_bytes().first() != rest.as_bytes().first() {
                        continue;
                    }
                    if reading.starts_with(rest) {
                        return true;
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

    pub(super) fn of_region(region: &Region) -> Self {
        let text = [&*region.name, &*region.name_en].join("\n");
        Self {
            text: text.to_lowercase(),
            sound: Sound::of(&region.name),
        }
    }

    fn has(&self, word: &Word<'_>) -> bool {
        self.text.contains(word.text) || self.sound.has(word)
    }

    /// Of a region one letter is not enough.
    fn has_region(&self, word: &Word<'_>) -> bool {
        self.text.contains(word.text) || (word.text.len() > 1 && self.sound.has(word))
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
        let words: Vec<Word<'_>> = lower.split_whitespace().map(Word::of).collect();
        let group = match &query.group {
            Some(id) => match self.groups.get(id) {
                Some(group) => Some(group),
                None => return Vec::new(),
            },
            None => None,
        };
        let mut places: HashMap<RegionCode, Place> = HashMap::new();
        let fits = |file: &&Arc<File>| {
            let camera = &file.camera;
            let place = places
                .entry(camera.region)
                .or_insert_with(|| self.place(camera.region, query, &words));
            let has = |(n, word): (usize, &Word<'_>)| {
                place.has[n]
                    || (word.is_number && camera.code.as_str().contains(word.text))
                    || file.words().has(word)
            };
            place.is_wanted
                && group.is_none_or(|g| g.cameras.contains(&camera.code))
                && query.tag.as_ref().is_none_or(|t| camera.tags.contains(t))
                && words.iter().enumerate().all(has)
        };
        self.files.values().filter(fits).collect()
    }

    /// A town or village is found by its name, and then all cameras in it are.
    fn place(&self, region: RegionCode, query: &Query, words: &[Word<'_>]) -> Place {
        // The district's own name is everybody's, and would find them all.
        let narrow = region.path().take_while(|r| r.as_str().len() >= 9);
        let named: Vec<&Words> = narrow
            .filter_map(|r| self.named.get(&r).map(AsRef::as_ref))
            .collect();
        Place {
            is_wanted: query.region.is_none_or(|r| region.is_within(&r)),
            has: words
                .iter()
                .map(|word| named.iter().any(|n| n.has_region(word)))
                .collect(),
        }
    }
}

/// What is asked once of a region that cameras stand in.
struct Place {
    /// It lies where it is looked for.
    is_wanted: bool,
    /// For each word, whether it or a town around it is called so.
    has: Vec<bool>,
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
            assert!(sound.has(&Word::of(word)), "{word}");
        }
        for word in ["qc", "chongk", "v", "", "cq l", "重"] {
            assert!(!sound.has(&Word::of(word)), "{word}");
        }
        assert!(!Sound::default().has(&Word::of("q")));
        let green = Sound::of("绿化女工");
        for word in ["lvhua", "lhng", "nvg", "hnv"] {
            assert!(green.has(&Word::of(word)), "{word}");
        }
    }

    /// Letters that fit everywhere, in every way, and a last one that does not.
    #[test]
    fn a_word_that_almost_fits_costs_no_more_than_its_length() {
        let sound = Sound::of(&"阿".repeat(100));
        let has = |word: &str| sound.has(&Word::of(word));
        assert!(!has(&("a".repeat(60) + "b")));
        assert!(has(&"a".repeat(60)) && !has(&"a".repeat(200)));
    }

    proptest! {
        #[test]
        fn initials_and_full_pinyin_of_any_part_are_found(text in "[\u{4e00}-\u{9fa5}]{1,12}", from in 0usize..12, to in 0usize..12) {
            let sound = Sound::of(&text);
            let said: Vec<&[&str]> = sound.characters().collect();
            let (from, to) = (from.min(to), from.max(to).min(said.len()));
            if from < to && said[from..to].iter().all(|r| !r.is_empty()) {
                let initials: String = said[from..to].iter().filter_map(|r| r[0].chars().next()).collect();
                let full: String = said[from..to].iter().map(|r| *r.last().expect("one")).collect();
                prop_assert!(!initials.is_ascii() || sound.has(&Word::of(&initials)));
                prop_assert!(full.len() > MOST_SOUND || !full.is_ascii() || sound.has(&Word::of(&full)));
            }
        }
    }
}
