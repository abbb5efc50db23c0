//! Photos that people send: checked, kept as they came, and shown as a small picture without what the file says beside it.
//!
//! The file as it came is the record (its place and time of taking are in it) and is given out to those who handle events
//! only. What everybody else sees is made anew from its pixels, so that nothing of its metadata can be left in it.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    imageops::FilterType,
};
use media::{EventId, WallTime, event::Photo};
use sha2::{Digest, Sha256};
use storage::Error as DiskError;
use tokio::sync::Semaphore;

/// The longest photo, bytes: a phone's best has 12 million.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The longest side, pixels.
const MAX_SIDE: u32 = 16_384;
/// What decoding one may take in memory, bytes: 50 million pixels.
const MAX_DECODED: u64 = 200 * 1024 * 1024;
/// The shown picture's longest side, pixels.
const SHOWN_SIDE: u32 = 1280;
const QUALITY: u8 = 82;

/// Why it is no photo that is taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is too long.
    #[error("a photo is at most {MAX_BYTES} bytes long")]
    Long,
    /// It is neither JPEG nor PNG.
    #[error("this is no photo: expected JPEG or PNG")]
    NoPhoto,
    /// It is one, and it does not decode, or within bounds.
    #[error("the photo cannot be read: {0}")]
    Broken(String),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A photo that was looked into.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What is kept of it beside the event.
    pub photo: Photo,
    /// What is shown: a JPEG of its pixels alone.
    pub shown: Bytes,
}

/// Looks into a photo. Takes up to a second and the memory named above: on a thread of its own.
///
/// # Errors
/// [`Error`].
pub fn inspect(bytes: &[u8]) -> Result<Inspected, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::Long);
    }
    // By what it is, not by what somebody says it is.
    let format = match bytes {
        [0xff, 0xd8, 0xff, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ImageFormat::Png,
        _ => return Err(Error::NoPhoto),
    };
    let broken = |e: image::ImageError| Error::Broken(e.to_string());
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    if decoder.total_bytes() > MAX_DECODED {
        return Err(Error::Broken("it has more than 50 million pixels".into()));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    if picture.width().max(picture.height()) > SHOWN_SIDE {
        picture = picture.resize(SHOWN_SIDE, SHOWN_SIDE, FilterType::Triangle);
    }
    let mut shown = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut shown, QUALITY);
    picture
        .to_rgb8()
        .write_with_encoder(encoder)
        .map_err(broken)?;
    Ok(Inspected {
        photo: Photo {
            format: match format {
                ImageFormat::Png => "png".into(),
                _ => "jpg".into(),
            },
            bytes: bytes.len() as u64,
            sha256: Sha256::digest(bytes)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
            taken_at: command::photo::metadata(bytes).place,
        },
        shown: shown.into(),
    })
}

/// Photos as they came, `DIR/photos/YYYY-MM-DD/EVENT.jpg`.
#[derive(Debug)]
pub struct Photos {
    dir: PathBuf,
    /// Decoded at once: each may take a fifth of a gigabyte.
    decoding: Arc<Semaphore>,
}

impl Photos {
    /// In this directory, which is made when the first comes.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            decoding: Arc::new(Semaphore::new(1)),
        }
    }

    fn path(&self, id: EventId, format: &str) -> PathBuf {
        let day: String = WallTime(id.at).to_string().chars().take(10).collect();
        let ending = if format == "png" { "png" } else { "jpg" };
        self.dir.join(day).join(format!("{id}.{ending}"))
    }

    /// Looks into a photo and keeps it as an event's, in place of one that was there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn keep(&self, id: EventId, bytes: Bytes) -> Result<Inspected, Error> {
        let closed = || Error::Broken("the gateway stops".into());
        let turn = Arc::clone(&self.decoding).acquire_owned().await;
        let _turn = turn.map_err(|_| closed())?;
        let looked = bytes.clone();
        let inspected = tokio::task::spawn_blocking(move || inspect(&looked));
        let inspected = inspected.await.map_err(|_| closed())??;
        let path = self.path(id, &inspected.photo.format);
        let write = tokio::task::spawn_blocking(move || write(&path, &bytes));
        write.await.map_err(|_| closed())??;
        Ok(inspected)
    }

    /// A photo as it came.
    pub async fn read(&self, id: EventId, format: &str) -> Option<Bytes> {
        let path = self.path(id, format);
        let read = tokio::task::spawn_blocking(move || fs::read(path).ok());
        read.await.ok().flatten().map(Bytes::from)
    }

    /// Deletes those of days that are over for longer.
    ///
    /// # Errors
    /// The disk's.
    pub async fn tidy(&self, now: WallTime, days: u32) -> Result<(), DiskError> {
        let first = now - Duration::from_secs(u64::from(days) * 86_400);
        let first: String = first.to_string().chars().take(10).collect();
        let dir = self.dir.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let Ok(entries) = fs::read_dir(&dir) else {
                // None has come yet.
                return Ok(());
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let old = name
                    .to_str()
                    .is_some_and(|n| n.len() == 10 && n < first.as_str());
                if old {
                    let path = entry.path();
                    fs::remove_dir_all(&path).map_err(|e| DiskError::io("delete", &path, e))?;
                }
            }
            Ok(())
        });
        tidied.await.unwrap_or(Ok(()))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(|e| DiskError::io("create", dir, e))?;
    let new = path.with_extension("new");
    let fail = |e| DiskError::io("write", &new, e);
    fs::write(&new, bytes).map_err(fail)?;
    let file = fs::File::open(&new).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    fs::rename(&new, path).map_err(|e| DiskError::io("rename", &new, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;
    use proptest::prelude::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
        let mut out = Vec::new();
        picture
            .write_with_encoder(JpegEncoder::new_with_quality(&mut out, 80))
            .unwrap();
        out
    }

    /// A JPEG with an Exif segment: upright turned by 90 degrees, taken at 24° 15' 30" N, 116° 6' 0" E.
    fn phone() -> Vec<u8> {
        let mut tiff: Vec<u8> = b"MM\0\x2a\0\0\0\x08".to_vec();
        let entry = |tag: u16, kind: u16, count: u32, value: u32| {
            let mut e = Vec::new();
            e.extend(tag.to_be_bytes());
            e.extend(kind.to_be_bytes());
            e.extend(count.to_be_bytes());
            e.extend(value.to_be_bytes());
            e
        };
        // IFD 0: orientation 6 (SHORT, left in its field), and where the GPS IFD lies.
        tiff.extend(2u16.to_be_bytes());
        tiff.extend(entry(0x0112, 3, 1, 6 << 16));
        tiff.extend(entry(0x8825, 4, 1, 38));
        tiff.extend(0u32.to_be_bytes());
        // GPS IFD at 38: four entries end at 38 + 2 + 48 + 4 = 92, where the rationals lie.
        tiff.extend(4u16.to_be_bytes());
        tiff.extend(entry(1, 2, 2, u32::from(b'N') << 24));
        tiff.extend(entry(2, 5, 3, 92));
        tiff.extend(entry(3, 2, 2, u32::from(b'E') << 24));
        tiff.extend(entry(4, 5, 3, 116));
        tiff.extend(0u32.to_be_bytes());
        for n in [24u32, 15, 30, 116, 6, 0] {
            tiff.extend(n.to_be_bytes());
            tiff.extend(1u32.to_be_bytes());
        }
        let mut exif = b"Exif\0\0".to_vec();
        exif.extend(tiff);
        let plain = jpeg(64, 32);
        let mut out = plain[..2].to_vec();
        out.extend([0xff, 0xe1]);
        out.extend((exif.len() as u16 + 2).to_be_bytes());
        out.extend(exif);
        out.extend(&plain[2..]);
        out
    }

    #[test]
    fn where_a_photo_was_taken_is_kept_for_the_record_and_not_in_what_is_shown() {
        let file = phone();
        let seen = inspect(&file).unwrap();
        let place = seen.photo.taken_at.unwrap();
        assert!((place.lat - 24.258_333).abs() < 1e-5 && (place.lon - 116.1).abs() < 1e-9);
        assert_eq!(
            (seen.photo.format.as_str(), seen.photo.bytes),
            ("jpg", file.len() as u64)
        );
        assert!(file.windows(4).any(|w| w == b"Exif"));
        assert!(!seen.shown.windows(4).any(|w| w == b"Exif"));
        let shown = image::load_from_memory(&seen.shown).unwrap();
        assert_eq!((shown.width(), shown.height()), (32, 64), "turned upright");
    }

    #[test]
    fn what_is_no_photo_is_refused() {
        for bytes in [
            &b""[..],
            b"MZ\x90",
            b"<svg onload=alert(1)>",
            b"GIF89a",
            b"%PDF-1.4",
        ] {
            assert!(matches!(inspect(bytes), Err(Error::NoPhoto)));
        }
        let mut cut = jpeg(64, 64);
        cut.truncate(30);
        assert!(matches!(inspect(&cut), Err(Error::Broken(_))));
        assert!(matches!(
            inspect(&vec![0xff; MAX_BYTES + 1]),
            Err(Error::Long)
        ));
    }

    #[test]
    fn a_picture_that_would_fill_the_memory_is_refused_by_its_head() {
        // A PNG of 60,000 by 60,000 pixels in a few bytes.
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = b"IHDR".to_vec();
        head.extend(60_000u32.to_be_bytes());
        head.extend(60_000u32.to_be_bytes());
        head.extend([8, 2, 0, 0, 0]);
        png.extend(13u32.to_be_bytes());
        let crc = head.iter().fold(!0u32, |crc, b| {
            (0..8).fold(crc ^ u32::from(*b), |c, _| {
                (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg())
            })
        });
        png.extend(&head);
        png.extend((!crc).to_be_bytes());
        png.extend([0, 0, 0, 0]);
        png.extend(b"IDAT\x35\xaf\x06\x1e");
        assert!(matches!(inspect(&png), Err(Error::Broken(_))));
    }

    #[test]
    fn what_is_shown_is_small() {
        let seen = inspect(&jpeg(2000, 1000)).unwrap();
        let shown = image::load_from_memory(&seen.shown).unwrap();
        assert_eq!((shown.width(), shown.height()), (1280, 640));
    }

    #[tokio::test]
    async fn photos_are_kept_as_they_came_and_go_with_their_days() {
        let dir = tempfile::tempdir().unwrap();
        let photos = Photos::new(dir.path().join("photos"));
        let id = EventId {
            at: 1_700_000_000_000_000,
            number: 7,
        };
        photos.tidy(WallTime(id.at), 90).await.unwrap();
        let file = phone();
        let kept = photos.keep(id, file.clone().into()).await.unwrap();
        assert_eq!(photos.read(id, &kept.photo.format).await.unwrap(), file);
        let days = |n: u64| WallTime(id.at) + Duration::from_secs(n * 86_400);
        photos.tidy(days(90), 90).await.unwrap();
        assert!(photos.read(id, "jpg").await.is_some());
        photos.tidy(days(92), 90).await.unwrap();
        assert!(photos.read(id, "jpg").await.is_none());
    }

    proptest! {
        #[test]
        fn no_photo_panics(at in 0usize..2000, with in any::<u8>()) {
            let mut file = phone();
            let n = file.len();
            file[at % n] = with;
            let _ = inspect(&file);
        }
    }
}
