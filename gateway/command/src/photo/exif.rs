//! The little of EXIF (CIPA DC-008, TIFF 6.0) that is read: place, time, how the camera was held.

use media::Place;

use super::Metadata;

/// Entries looked at in one directory; cameras write some dozens.
const MAX_ENTRIES: usize = 500;

const ORIENTATION: u16 = 0x0112;
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const TAKEN: u16 = 0x9003;
const LATITUDE_REF: u16 = 1;
const LATITUDE: u16 = 2;
const LONGITUDE_REF: u16 = 3;
const LONGITUDE: u16 = 4;

struct Tiff<'a> {
    bytes: &'a [u8],
    big: bool,
}

/// An entry of a directory: its tag, how many values, and where its value field stands.
#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    count: u32,
    at: usize,
}

impl<'a> Tiff<'a> {
    fn u16(&self, at: usize) -> Option<u16> {
        let b: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self.big {
            true => u16::from_be_bytes(b),
            false => u16::from_le_bytes(b),
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let b: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self.big {
            true => u32::from_be_bytes(b),
            false => u32::from_le_bytes(b),
        })
    }

    fn directory(&self, at: usize) -> Vec<Entry> {
        let count = usize::from(self.u16(at).unwrap_or(0)).min(MAX_ENTRIES);
        let entry = |n: usize| {
            let at = at.checked_add(2 + 12 * n)?;
            Some(Entry {
                tag: self.u16(at)?,
                count: self.u32(at + 4)?,
                at: at + 8,
            })
        };
        (0..count).map_while(entry).collect()
    }

    /// Three rationals: degrees, minutes, seconds.
    fn degrees(&self, entry: Entry) -> Option<f64> {
        let at = self.u32(entry.at)? as usize;
        let part = |n: usize| {
            let (over, under) = (self.u32(at.checked_add(8 * n)?)?, self.u32(at + 8 * n + 4)?);
            (under > 0).then(|| f64::from(over) / f64::from(under))
        };
        (entry.count == 3).then_some(())?;
        Some(part(0)? + part(1)? / 60.0 + part(2)? / 3600.0)
    }

    fn text(&self, entry: Entry) -> Option<&'a str> {
        let (at, count) = (self.u32(entry.at)? as usize, entry.count as usize);
        let text = self.bytes.get(at..at.checked_add(count.min(40))?)?;
        let text = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
        text.bytes()
            .all(|b| (b' '..=b'~').contains(&b))
            .then_some(text)
    }
}

/// Reads it; what is not there or makes no sense is left out.
pub(super) fn read(bytes: &[u8]) -> Metadata {
    let mut said = Metadata {
        orientation: 1,
        ..Metadata::default()
    };
    let big = match bytes.get(..4) {
        Some(b"MM\0\x2a") => true,
        Some(b"II\x2a\0") => false,
        _ => return said,
    };
    let tiff = Tiff { bytes, big };
    let at = |entry: Entry| tiff.u32(entry.at).map(|at| at as usize);
    let first = tiff.u32(4).unwrap_or(0) as usize;
    for entry in tiff.directory(first) {
        match entry.tag {
            ORIENTATION => {
                let turned = tiff.u16(entry.at).and_then(|n| u8::try_from(n).ok());
                said.orientation = turned.filter(|n| (1..=8).contains(n)).unwrap_or(1);
            }
            EXIF_DIRECTORY => {
                let taken = at(entry).and_then(|at| {
                    let mut found = tiff.directory(at).into_iter();
                    found.find(|e| e.tag == TAKEN)
                });
                said.taken = taken
                    .and_then(|e| tiff.text(e))
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned);
            }
            GPS_DIRECTORY => said.place = at(entry).and_then(|at| place(&tiff, at)),
            _ => {}
        }
    }
    said
}

fn place(tiff: &Tiff<'_>, at: usize) -> Option<Place> {
    let entries = tiff.directory(at);
    let entry = |tag| entries.iter().find(|e| e.tag == tag).copied();
    let sign = |tag, negative: u8| {
        let letter = entry(tag).and_then(|e| tiff.bytes.get(e.at).copied());
        if letter == Some(negative) { -1.0 } else { 1.0 }
    };
    let place = Place {
        lon: tiff.degrees(entry(LONGITUDE)?)? * sign(LONGITUDE_REF, b'W'),
        lat: tiff.degrees(entry(LATITUDE)?)? * sign(LATITUDE_REF, b'S'),
    };
    place.is_valid().then_some(place)
}

/// A JPEG segment that says how the picture is to be turned, and nothing else.
pub(super) fn only_orientation(turned: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0, 0, 0, 0, 0]);
    let length = (2 + 6 + tiff.len()) as u16;
    let mut segment = vec![0xff, 0xe1];
    segment.extend(length.to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(tiff);
    segment
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// EXIF as a phone writes it, with a place, a time and an orientation.
    pub(in crate::photo) fn written(place: Place, taken: &str, turned: u8, big: bool) -> Vec<u8> {
        let n16 = |n: u16| {
            if big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let n32 = |n: u32| {
            if big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
            [&n16(tag)[..], &n16(kind), &n32(count), &value].concat()
        };
        let rational = |degrees: f64| {
            let all = (degrees.abs() * 3600.0 * 10_000.0).round() as u64;
            let (seconds, minutes) = (all % 600_000, all / 600_000);
            [
                n32((minutes / 60) as u32),
                n32(1),
                n32((minutes % 60) as u32),
                n32(1),
                n32(seconds as u32),
                n32(10_000),
            ]
            .concat()
        };
        let letter = |negative: bool, no: u8, yes: u8| [if negative { yes } else { no }, 0, 0, 0];
        let (exif_at, gps_at) = (8 + 2 + 36 + 4, 8 + 2 + 36 + 4 + 2 + 12 + 4);
        let data_at = gps_at + 2 + 48 + 4;
        let mut out = if big { b"MM".to_vec() } else { b"II".to_vec() };
        out.extend(n16(42));
        out.extend(n32(8));
        out.extend(n16(3));
        let short = if big {
            [0, turned, 0, 0]
        } else {
            [turned, 0, 0, 0]
        };
        out.extend(entry(ORIENTATION, 3, 1, short));
        out.extend(entry(EXIF_DIRECTORY, 4, 1, n32(exif_at as u32)));
        out.extend(entry(GPS_DIRECTORY, 4, 1, n32(gps_at as u32)));
        out.extend(n32(0));
        out.extend(n16(1));
        let text_at = (data_at + 48) as u32;
        out.extend(entry(TAKEN, 2, taken.len() as u32 + 1, n32(text_at)));
        out.extend(n32(0));
        out.extend(n16(4));
        let (south, west) = (place.lat < 0.0, place.lon < 0.0);
        out.extend(entry(LATITUDE_REF, 2, 2, letter(south, b'N', b'S')));
        out.extend(entry(LATITUDE, 5, 3, n32(data_at as u32)));
        out.extend(entry(LONGITUDE_REF, 2, 2, letter(west, b'E', b'W')));
        out.extend(entry(LONGITUDE, 5, 3, n32(data_at as u32 + 24)));
        out.extend(n32(0));
        out.extend(rational(place.lat));
        out.extend(rational(place.lon));
        out.extend(taken.bytes());
        out.push(0);
        out
    }
}
