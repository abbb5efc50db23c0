//! What a photo's or a voice's own bytes say, and a photo without what it says of its taker.
//!
//! Phones write into a photo where and when it was taken (EXIF). That is kept for the record and not shown to guests: they get the
//! same pixels without it ([`without_metadata`]). Nothing is decoded here, only lengths are walked; all of it is bounded by the
//! length of what came.

mod exif;

use media::Place;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A photo as JPEG.
    Jpeg,
    /// A photo as PNG.
    Png,
    /// A voice as WebM (Chromium's recorder).
    WebM,
    /// A voice as Ogg (Firefox's).
    Ogg,
    /// A voice as MP4 (Safari's).
    Mp4,
}

impl Format {
    /// By the first bytes; none where it is nothing that is kept.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Self::WebM),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            _ => None,
        }
    }

    /// Whether it is a photo.
    pub fn is_photo(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebM => "audio/webm",
            Self::Ogg => "audio/ogg",
            Self::Mp4 => "audio/mp4",
        }
    }

    /// How its file's name ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebM => "webm",
            Self::Ogg => "ogg",
            Self::Mp4 => "m4a",
        }
    }
}

/// What a camera wrote into a photo.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Where it was.
    pub place: Option<Place>,
    /// What its clock said: `2026:11:23 12:00:00`, in whatever zone it was set to.
    pub taken: Option<String>,
    /// How it was held (EXIF `Orientation`, 1 to 8); 1 where it does not say.
    pub orientation: u8,
}

/// A photo whose parts do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the photo is damaged at byte {at}")]
pub struct Damaged {
    /// Where.
    pub at: usize,
}

/// What a photo says of itself; nothing where it says nothing or cannot be read.
pub fn metadata(bytes: &[u8]) -> Metadata {
    let none = Metadata {
        orientation: 1,
        ..Metadata::default()
    };
    let exif = match Format::of(bytes) {
        Some(Format::Jpeg) => jpeg(bytes)
            .ok()
            .and_then(|parts| parts.into_iter().find_map(Part::exif)),
        Some(Format::Png) => png(bytes)
            .ok()
            .and_then(|chunks| chunks.into_iter().find(|c| c.kind == *b"eXIf"))
            .map(|c| c.data),
        _ => None,
    };
    exif.map_or(none, exif::read)
}

/// The same picture without what it says of who took it, where and when; only how it is to be turned is left.
///
/// # Errors
/// [`Damaged`]: then it is not shown at all.
pub fn without_metadata(bytes: &[u8]) -> Result<Vec<u8>, Damaged> {
    let turned = metadata(bytes).orientation;
    match Format::of(bytes) {
        Some(Format::Jpeg) => {
            let mut out = vec![0xff, 0xd8];
            if turned != 1 {
                out.extend(exif::only_orientation(turned));
            }
            let kept = jpeg(bytes)?.into_iter().filter(Part::is_picture);
            kept.for_each(|part| out.extend_from_slice(part.whole));
            out.extend([0xff, 0xd9]);
            Ok(out)
        }
        Some(Format::Png) => {
            let mut out = bytes.get(..8).ok_or(Damaged { at: 0 })?.to_vec();
            let kept = png(bytes)?.into_iter().filter(Chunk::is_picture);
            kept.for_each(|chunk| out.extend_from_slice(chunk.whole));
            Ok(out)
        }
        _ => Err(Damaged { at: 0 }),
    }
}

/// A segment of a JPEG with its marker, or a scan's data (marker 0).
struct Part<'a> {
    marker: u8,
    whole: &'a [u8],
    data: &'a [u8],
}

impl<'a> Part<'a> {
    fn exif(self) -> Option<&'a [u8]> {
        (self.marker == 0xe1)
            .then_some(self.data)?
            .strip_prefix(b"Exif\0\0")
    }

    /// All that decoding needs, and the colours' profile. Comments and what applications add stay behind.
    fn is_picture(&self) -> bool {
        match self.marker {
            0xe0 => self.data.starts_with(b"JFIF\0"),
            0xe2 => self.data.starts_with(b"ICC_PROFILE\0"),
            0xee => self.data.starts_with(b"Adobe"),
            0xe1..=0xef | 0xfe => false,
            _ => true,
        }
    }
}

/// The parts between the first and the last marker (ITU-T T.81, annex B). What follows the end, such as a phone's second picture
/// with a position of its own, is not among them.
fn jpeg(bytes: &[u8]) -> Result<Vec<Part<'_>>, Damaged> {
    let mut parts = Vec::new();
    let mut at = 2;
    loop {
        let damaged = Damaged { at };
        let rest = bytes.get(at..).ok_or(damaged)?;
        // Any number of fill bytes may stand before a marker.
        let fill = rest.iter().take_while(|b| **b == 0xff).count();
        let marker = *rest.get(fill).ok_or(damaged)?;
        if fill == 0 || marker == 0 {
            return Err(damaged);
        }
        let start = at + fill - 1;
        at = start + 2;
        match marker {
            0xd9 => return Ok(parts),
            // No length: a restart, or the byte of arithmetic coding that nobody uses.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let length = bytes.get(at..at + 2).ok_or(Damaged { at })?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let data = bytes
            .get(at + 2..at + length)
            .filter(|_| length >= 2)
            .ok_or(Damaged { at })?;
        let whole = bytes.get(start..at + length).ok_or(Damaged { at })?;
        at += length;
        parts.push(Part {
            marker,
            whole,
            data,
        });
        if marker == 0xda {
            let scan = scan_length(bytes.get(at..).unwrap_or_default());
            let data = bytes.get(at..at + scan).ok_or(Damaged { at })?;
            at += scan;
            let (marker, whole) = (0, data);
            parts.push(Part {
                marker,
                whole,
                data,
            });
        }
    }
}

/// Up to the next marker that is no restart and no stuffed zero.
fn scan_length(data: &[u8]) -> usize {
    let ends =
        |pair: &[u8]| matches!(pair, [0xff, next] if !matches!(next, 0x00 | 0xd0..=0xd7 | 0xff));
    data.windows(2).position(ends).unwrap_or(data.len())
}

struct Chunk<'a> {
    kind: [u8; 4],
    whole: &'a [u8],
    data: &'a [u8],
}

impl Chunk<'_> {
    fn is_picture(&self) -> bool {
        const KEPT: [&[u8; 4]; 13] = [
            b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP",
            b"sBIT", b"pHYs", b"bKGD", b"acTL",
        ];
        KEPT.contains(&&self.kind)
    }
}

/// The chunks up to the last (PNG, third edition, 5.3).
fn png(bytes: &[u8]) -> Result<Vec<Chunk<'_>>, Damaged> {
    let mut chunks = Vec::new();
    let mut at: usize = 8;
    loop {
        let damaged = Damaged { at };
        let head = bytes.get(at..at.saturating_add(8)).ok_or(damaged)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = [head[4], head[5], head[6], head[7]];
        let end = at.checked_add(12).and_then(|n| n.checked_add(length));
        let end = end.ok_or(damaged)?;
        let whole = bytes.get(at..end).ok_or(damaged)?;
        let data = whole.get(8..8 + length).ok_or(damaged)?;
        chunks.push(Chunk { kind, whole, data });
        if kind == *b"IEND" {
            return Ok(chunks);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker][..], &length, data].concat()
    }

    /// A JPEG's skeleton with a position in it, and a second picture after its end that has one too.
    fn photo(exif: &[u8]) -> Vec<u8> {
        let with_exif = segment(0xe1, &[b"Exif\0\0", exif].concat());
        let mut out = vec![0xff, 0xd8];
        out.extend(segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"));
        out.extend(&with_exif);
        out.extend(segment(0xfe, b"my phone number"));
        out.extend(segment(0xdb, &[7; 65]));
        out.extend(segment(0xda, &[1, 1, 0, 0, 63, 0]));
        out.extend([1, 2, 0xff, 0x00, 3, 0xff, 0xd0, 4]);
        out.extend([0xff, 0xd9]);
        out.extend([0xff, 0xd8]);
        out.extend(with_exif);
        out
    }

    #[test]
    fn a_position_is_read_and_then_left_out() {
        let place = Place {
            lon: 116.1,
            lat: -24.25,
        };
        let exif = exif::tests::written(place, "2026:11:23 12:00:00", 6, true);
        let photo = photo(&exif);
        let said = metadata(&photo);
        let found = said.place.unwrap();
        assert!((found.lon - place.lon).abs() < 1e-5 && (found.lat - place.lat).abs() < 1e-5);
        assert_eq!(said.taken.as_deref(), Some("2026:11:23 12:00:00"));
        assert_eq!(said.orientation, 6);
        let bare = without_metadata(&photo).unwrap();
        let said = metadata(&bare);
        assert_eq!((said.place, said.taken, said.orientation), (None, None, 6));
        for secret in [&b"my phone number"[..], b"2026:11:23"] {
            assert!(!bare.windows(secret.len()).any(|w| w == secret));
        }
        assert!(bare.windows(5).any(|w| w == b"JFIF\0"));
        assert_eq!(without_metadata(&bare).unwrap(), bare);
    }

    #[test]
    fn a_png_loses_its_text_and_keeps_its_picture() {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            let length = (data.len() as u32).to_be_bytes();
            [&length[..], kind, data, &[0; 4]].concat()
        };
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [
            (b"IHDR", &b"x"[..]),
            (b"tEXt", b"GPS: here"),
            (b"IDAT", b"pixels"),
            (b"IEND", b""),
        ] {
            png.extend(chunk(kind, data));
        }
        png.extend(b"more of it");
        let bare = without_metadata(&png).unwrap();
        let has = |text: &[u8]| bare.windows(text.len()).any(|w| w == text);
        assert!(has(b"pixels") && !has(b"GPS") && !has(b"more"));
    }

    #[test]
    fn what_is_cut_off_is_damaged_and_what_is_no_photo_is_none() {
        let exif = exif::tests::written(Place { lon: 1.0, lat: 2.0 }, "x", 1, false);
        let photo = photo(&exif);
        assert!(without_metadata(&photo[..40]).is_err());
        for other in [&b"%PDF-1.7"[..], b"", b"GIF89a", b"\xff\xd8"] {
            assert_eq!(Format::of(other), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0usize..3) {
            let head: &[u8] = [&[0xff, 0xd8, 0xff, 0xe1][..], b"\x89PNG\r\n\x1a\n", b""][start];
            let bytes = [head, &bytes].concat();
            let _ = metadata(&bytes);
            if let Ok(bare) = without_metadata(&bytes) {
                let said = metadata(&bare);
                prop_assert_eq!((said.place, said.taken), (None, None));
            }
        }

        #[test]
        fn a_place_comes_back(lon in -180.0f64..180.0, lat in -90.0f64..90.0, big in any::<bool>(), turn in 1u8..=8) {
            let exif = exif::tests::written(Place { lon, lat }, "2026:11:23 12:00:00", turn, big);
            let said = exif::read(&exif);
            let found = said.place.unwrap();
            prop_assert!((found.lon - lon).abs() < 1e-5 && (found.lat - lat).abs() < 1e-5);
            prop_assert_eq!(said.orientation, turn);
        }
    }
}
