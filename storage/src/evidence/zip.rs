//! ZIP as far as a package needs it (APPNOTE 6.3.10): stored, not compressed; UTF-8 names; ZIP64 where sizes ask for it; nothing
//! that a second writer would write differently. So a reader can make every byte between the files anew and compare it: a crate
//! that writes ZIP leaves times, versions and extra fields to itself, and none says where a file differs.

use super::blocks::Sum;

/// A file in the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) crc: u32,
    /// Where its local header begins.
    pub(crate) at: u64,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
/// Bit 11: names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1 January 1980, midnight: when it was made stands in the manifest.
const DATE: u16 = 0x21;
const LIMIT: u64 = u32::MAX as u64;
/// Files of one package; more is no package of ours.
pub(crate) const MAX_ENTRIES: usize = 10_000;
/// Longest name, bytes.
const MAX_NAME: usize = 200;

fn u16(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}
fn u32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}
fn u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

impl Entry {
    fn is_large(&self) -> bool {
        self.size >= LIMIT
    }

    fn version(&self) -> u16 {
        if self.is_large() || self.at >= LIMIT {
            45
        } else {
            20
        }
    }

    fn sizes(&self) -> u32 {
        if self.is_large() {
            u32::MAX
        } else {
            self.size as u32
        }
    }

    /// The bytes before the file's own.
    pub(crate) fn local(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.name.len());
        u32(&mut out, LOCAL);
        u16(&mut out, if self.is_large() { 45 } else { 20 });
        u16(&mut out, FLAGS);
        u16(&mut out, 0);
        u16(&mut out, 0);
        u16(&mut out, DATE);
        u32(&mut out, self.crc);
        u32(&mut out, self.sizes());
        u32(&mut out, self.sizes());
        u16(&mut out, self.name.len() as u16);
        u16(&mut out, if self.is_large() { 20 } else { 0 });
        out.extend_from_slice(self.name.as_bytes());
        if self.is_large() {
            u16(&mut out, 1);
            u16(&mut out, 16);
            u64(&mut out, self.size);
            u64(&mut out, self.size);
        }
        out
    }

    /// Where its bytes begin.
    pub(crate) fn data(&self) -> u64 {
        self.at + 30 + self.name.len() as u64 + if self.is_large() { 20 } else { 0 }
    }

    /// Behind its bytes.
    pub(crate) fn end(&self) -> u64 {
        self.data().saturating_add(self.size)
    }

    fn central(&self, out: &mut Vec<u8>) {
        let far = self.at >= LIMIT;
        let extra = [self.is_large(), self.is_large(), far]
            .iter()
            .filter(|x| **x)
            .count() as u16
            * 8;
        u32(out, CENTRAL);
        u16(out, self.version());
        u16(out, self.version());
        u16(out, FLAGS);
        u16(out, 0);
        u16(out, 0);
        u16(out, DATE);
        u32(out, self.crc);
        u32(out, self.sizes());
        u32(out, self.sizes());
        u16(out, self.name.len() as u16);
        u16(out, if extra > 0 { extra + 4 } else { 0 });
        // Comment, disk, attributes.
        u16(out, 0);
        u16(out, 0);
        u16(out, 0);
        u32(out, 0);
        u32(out, if far { u32::MAX } else { self.at as u32 });
        out.extend_from_slice(self.name.as_bytes());
        if extra > 0 {
            u16(out, 1);
            u16(out, extra);
            if self.is_large() {
                u64(out, self.size);
                u64(out, self.size);
            }
            if far {
                u64(out, self.at);
            }
        }
    }
}

/// All that stands behind the files, which end at `at`.
pub(crate) fn directory(entries: &[Entry], at: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        entry.central(&mut out);
    }
    let (count, size) = (entries.len() as u64, out.len() as u64);
    if at >= LIMIT || size >= LIMIT || count >= u64::from(u16::MAX) {
        let end64 = at + size;
        u32(&mut out, END64);
        u64(&mut out, 44);
        u16(&mut out, 45);
        u16(&mut out, 45);
        u32(&mut out, 0);
        u32(&mut out, 0);
        u64(&mut out, count);
        u64(&mut out, count);
        u64(&mut out, size);
        u64(&mut out, at);
        u32(&mut out, LOCATOR64);
        u32(&mut out, 0);
        u64(&mut out, end64);
        u32(&mut out, 1);
    }
    let short = |n: u64| n.min(u64::from(u16::MAX)) as u16;
    u32(&mut out, END);
    u16(&mut out, 0);
    u16(&mut out, 0);
    u16(&mut out, short(count));
    u16(&mut out, short(count));
    u32(&mut out, size.min(LIMIT) as u32);
    u32(&mut out, at.min(LIMIT) as u32);
    u16(&mut out, 0);
    out
}

/// Little-endian fields, checked.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }
    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
    /// Sizes of an entry, and its place: short fields, and what the extra field says instead.
    fn long(&mut self, extra: &mut Bytes<'_>) -> Option<u64> {
        match self.u32()? {
            u32::MAX => extra.u64(),
            n => Some(u64::from(n)),
        }
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_plain);
    (fits && !name.starts_with('/') && !name.split('/').any(|p| p == ".." || p.is_empty()))
        .then(|| name.to_owned())
}

/// Reads a directory, from its first byte to the package's last; none where it is none of ours.
pub(crate) fn read_directory(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut at = Bytes(bytes);
    let mut entries = Vec::new();
    loop {
        let mut here = Bytes(at.0);
        if here.u32()? != CENTRAL {
            return Some(entries);
        }
        here.take(12)?;
        let crc = here.u32()?;
        let sizes = here.take(8)?;
        let (name_len, extra_len) = (here.u16()?, here.u16()?);
        here.take(10)?;
        let place = here.take(4)?;
        let name = name(here.take(name_len.into())?)?;
        let extra = here.take(extra_len.into())?;
        // One field of ours, or none.
        let mut extra = Bytes(extra.get(4..).unwrap_or_default());
        let mut sizes = Bytes(sizes);
        let size = sizes.long(&mut extra)?;
        sizes.long(&mut extra)?;
        let place = Bytes(place).long(&mut extra)?;
        if entries.len() >= MAX_ENTRIES {
            return None;
        }
        entries.push(Entry {
            name,
            size,
            crc,
            at: place,
        });
        at = here;
    }
}

/// Where the directory begins, from the package's last bytes (98 of them or more, or all), which begin at `from`.
pub(crate) fn find_directory(tail: &[u8], from: u64) -> Option<u64> {
    let end = tail.len().checked_sub(22)?;
    let mut at = Bytes(&tail[end..]);
    if at.u32()? != END {
        return None;
    }
    at.take(12)?;
    let short = at.u32()?;
    if short != u32::MAX {
        return Some(short.into());
    }
    let end64 = end.checked_sub(20 + 56)?;
    let mut at = Bytes(&tail[end64..]);
    if at.u32()? != END64 {
        return None;
    }
    at.take(44)?;
    at.u64().filter(|at| *at < from + tail.len() as u64)
}

/// Reads the header of a file that begins at `at`, from as many of its bytes as there are (330 at most).
pub(crate) fn read_local(bytes: &[u8], at: u64) -> Option<Entry> {
    let mut here = Bytes(bytes);
    if here.u32()? != LOCAL {
        return None;
    }
    here.take(10)?;
    let crc = here.u32()?;
    let sizes = here.take(8)?;
    let (name_len, extra_len) = (here.u16()?, here.u16()?);
    let name = name(here.take(name_len.into())?)?;
    let extra = here.take(extra_len.into())?;
    let mut extra = Bytes(extra.get(4..).unwrap_or_default());
    let size = Bytes(sizes).long(&mut extra)?;
    Some(Entry {
        name,
        size,
        crc,
        at,
    })
}

/// The longest header of a file, bytes.
pub(crate) const MAX_LOCAL: usize = 30 + MAX_NAME + 20;
/// The longest directory, bytes.
pub(crate) const MAX_DIRECTORY: usize = MAX_ENTRIES * (46 + MAX_NAME + 28) + 98;

/// What was summed of a file, as its entry.
pub(crate) fn entry(name: &str, at: u64, sum: &Sum) -> Entry {
    Entry {
        name: name.to_owned(),
        size: sum.size,
        crc: sum.crc,
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let mut at = 0;
        [("a.txt", 5u64), ("dir/b.mp4", 6 << 30), ("c.json", 7)]
            .into_iter()
            .map(|(name, size)| {
                let entry = Entry {
                    name: name.into(),
                    size,
                    crc: 0x1234_5678,
                    at,
                };
                at = entry.end();
                entry
            })
            .collect()
    }

    #[test]
    fn headers_and_directory_are_read_back_also_beyond_four_gigabytes() {
        let entries = entries();
        for entry in &entries {
            assert_eq!(read_local(&entry.local(), entry.at).as_ref(), Some(entry));
            assert_eq!(entry.data() - entry.at, entry.local().len() as u64);
        }
        let at = entries[2].end();
        let directory = directory(&entries, at);
        assert_eq!(read_directory(&directory).unwrap(), entries);
        assert_eq!(find_directory(&directory, at), Some(at));
        let small = super::directory(&entries[..1], 40);
        assert_eq!(find_directory(&small, 40), Some(40));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a:b"] {
            assert_eq!(name(bad.as_bytes()), None, "{bad}");
        }
        assert!(name(b"media/44140300001326000001-main.mp4").is_some());
    }
}
