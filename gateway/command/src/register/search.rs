//! Finding cameras by name, pinyin initials or code. Words are prepared once a version of a file; a search is one pass over
//! all of them, which for 10,000 cameras is a fraction of what an index would have to save.

use std::{collections::BTreeSet, sync::Arc};

use media::RegionCode;
use pinyin::{ToPinyin, ToPinyinMulti};

use super::{File, Register};
use crate::Camera;

/// What a camera is found by.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Name, full pinyin of the name, common name, address, maker, model, tags; in lower case, a line each.
    text: String,
    /// The initials each character of the name may have, a bit a letter: 重 is z and c.
    initials: Vec<u32>,
}

fn bit(letter: u8) -> u32 {
    match letter {
        b'a'..=b'z' => 1 << (letter - b'a'),
        _ => 0,
    }
}

/// The initials of a text, and its full pinyin.
fn spelled(text: &str) -> (Vec<u32>, String) {
    let (mut initials, mut full) = (Vec::new(), String::new());
    for c in text.chars() {
        if let Some(plain) = c.to_pinyin() {
            full.push_str(plain.plain());
            let readings = c.to_pinyin_multi();
            let all = readings.into_iter().flatten();
            let letters = all.filter_map(|p| p.first_letter().bytes().next());
            initials.push(letters.map(bit).fold(0, |a, b| a | b));
        } else if c.is_alphanumeric() {
            full.extend(c.to_lowercase());
            let lower = c.to_ascii_lowercase();
            initials.push(if lower.is_ascii() { bit(lower as u8) } else { 0 });
        }
    }
    (initials, full)
}

fn has_initials(initials: &[u32], word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_lowercase)
        && initials
            .windows(word.len().max(1))
            .any(|w| w.iter().zip(word).all(|(mask, letter)| mask & bit(*letter) != 0))
}

impl Words {
    pub(super) fn of(camera: &Camera) -> Self {
        let (initials, full) = spelled(&camera.name);
        let mut text = camera.name.to_lowercase();
        let asset = &camera.asset;
        let more = [
            full.as_str(),
            &asset.common_name,
            &camera.address,
            &camera.maker,
            &asset.model,
        ];
        for part in more.into_iter().chain(camera.tags.iter().map(String::as_str)) {
            if !part.is_empty() {
                text.push('\n');
                text.push_str(&part.to_lowercase());
            }
        }
        Self { text, initials }
    }

    fn has(&self, word: &str) -> bool {
        self.text.contains(word) || has_initials(&self.initials, word.as_bytes())
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
        // A region is found by its own name, and then all of its cameras are.
        let words: Vec<(&str, BTreeSet<RegionCode>)> = lower
            .split_whitespace()
            .map(|word| {
                let named = self.regions.values().filter(|r| {
                    let (initials, full) = spelled(&r.name);
                    r.name.to_lowercase().contains(word)
                        || r.name_en.to_lowercase().contains(word)
                        || (word.len() > 1 && (has_initials(&initials, word.as_bytes()) || full.contains(word)))
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
                        || regions.contains(&camera.region)
                })
        };
        self.files.values().filter(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_know_every_reading() {
        let (initials, full) = spelled("重庆路2号A口");
        for word in ["cql2ha", "zql", "ak", "q"] {
            assert_eq!(has_initials(&initials, word.as_bytes()), !word.contains('2'), "{word}");
        }
        assert!(full.contains("qing"), "{full}");
        assert!(!has_initials(&initials, b"qc"));
        assert!(!has_initials(&[], b"q"));
    }
}
