//! Pictures and voices of incidents, as files: `attachments/INCIDENT/SHA256.jpg`. A file is named by its own hash: what is sent
//! twice is one file, and one that was altered on the disk is not given out as what was sent.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Context, Result};
use command::photo::{self, Format};
use media::{ByteCount, EventId};
use sha2::{Digest, Sha256};

/// Pixels of a photo: what the best of phones take, and 800 MB is all that decoding one may need.
const MAX_PIXELS: u64 = 200_000_000;
/// Memory for decoding one photo, bytes.
const MAX_DECODING: u64 = 800 * 1024 * 1024;
/// Decoded at the same time.
const AT_ONCE: usize = 1;

/// Why something is not kept, or not given out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is nothing that is kept.
    #[error("this is neither a JPEG or PNG photo nor a voice as WebM, Ogg or MP4")]
    Unknown,
    /// It begins like a photo and is none.
    #[error("this is no photo that can be shown: {0}")]
    NoPhoto(String),
    /// There is no room.
    #[error("photos and voices of incidents have {0} (incidents.room), and it is used up")]
    Full(ByteCount),
    /// The file is gone.
    #[error("{0} is not on the disk")]
    Missing(String),
    /// Its bytes are not those that were sent.
    #[error("{0} was altered on the disk: its bytes are not those that were sent")]
    Altered(String),
    /// The disk's.
    #[error("{path}: {source}", path = path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// What was found out about a photo or a voice.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What it is.
    pub format: Format,
    /// Pixels, of a photo.
    pub size: Option<(u32, u32)>,
    /// What it says of itself.
    pub metadata: photo::Metadata,
    /// Its hash and ending.
    pub id: String,
}

/// The files.
#[derive(Debug)]
pub struct Attachments {
    dir: PathBuf,
    room: ByteCount,
    used: AtomicU64,
    decoding: tokio::sync::Semaphore,
}

impl Attachments {
    /// Opens the directory and counts what is in it. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(dir: PathBuf, room: ByteCount) -> Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let mut used = 0;
        for incident in fs::read_dir(&dir)?.flatten() {
            for file in fs::read_dir(incident.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                // Half written when the gateway was killed: nobody was told that it is kept.
                if file.path().extension().is_some_and(|e| e == "part") {
                    let _ = fs::remove_file(file.path());
                    continue;
                }
                used += file.metadata().map_or(0, |m| m.len());
            }
        }
        Ok(Self {
            dir,
            room,
            used: AtomicU64::new(used),
            decoding: tokio::sync::Semaphore::new(AT_ONCE),
        })
    }

    /// What all of them take.
    pub fn used(&self) -> ByteCount {
        ByteCount(self.used.load(Relaxed))
    }

    /// Finds out what it is; a photo is decoded to see that it is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn look(&self, bytes: bytes::Bytes) -> Result<Looked, Error> {
        let turn = self.decoding.acquire().await;
        let _turn = turn.map_err(|_| Error::NoPhoto("the gateway is stopping".into()))?;
        let looked = tokio::task::spawn_blocking(move || look(&bytes)).await;
        looked.map_err(|e| Error::NoPhoto(e.to_string()))?
    }

    /// Keeps it: it is on the disk when this returns.
    ///
    /// # Errors
    /// No room, or the disk's.
    pub async fn keep(
        &self,
        incident: EventId,
        id: String,
        bytes: bytes::Bytes,
    ) -> Result<(), Error> {
        let length = bytes.len() as u64;
        let path = self.path(incident, &id);
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(());
        }
        if self.used.load(Relaxed).saturating_add(length) > self.room.0 {
            return Err(Error::Full(self.room));
        }
        self.used.fetch_add(length, Relaxed);
        let kept = tokio::task::spawn_blocking(move || write(&path, &bytes).map_err(|e| (path, e)));
        match kept.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err((path, source))) => {
                self.used.fetch_sub(length, Relaxed);
                Err(Error::Disk { path, source })
            }
            Err(error) => Err(Error::Disk {
                path: self.dir.clone(),
                source: io::Error::other(error),
            }),
        }
    }

    /// Its bytes, checked by its hash; of a photo without what it says of its taker where `bare`.
    ///
    /// # Errors
    /// It is gone or altered; the disk's.
    pub async fn read(
        &self,
        incident: EventId,
        id: &str,
        bare: bool,
    ) -> Result<bytes::Bytes, Error> {
        let (path, id) = (self.path(incident, id), id.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let bytes = fs::read(&path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::Missing(id.clone()),
                _ => Error::Disk { path, source },
            })?;
            let is_photo = Format::of(&bytes).is_some_and(Format::is_photo);
            if !id.starts_with(&hash(&bytes)) {
                return Err(Error::Altered(id));
            }
            match bare && is_photo {
                true => photo::without_metadata(&bytes).map_err(|e| Error::NoPhoto(e.to_string())),
                false => Ok(bytes),
            }
        });
        match read.await {
            Ok(read) => read.map(Into::into),
            Err(error) => Err(Error::Disk {
                path: self.dir.clone(),
                source: io::Error::other(error),
            }),
        }
    }

    fn path(&self, incident: EventId, id: &str) -> PathBuf {
        self.dir.join(incident.to_string()).join(id)
    }
}

fn look(bytes: &[u8]) -> Result<Looked, Error> {
    let format = Format::of(bytes).ok_or(Error::Unknown)?;
    let size = match format {
        Format::Jpeg => Some(decode(bytes, image::ImageFormat::Jpeg)?),
        Format::Png => Some(decode(bytes, image::ImageFormat::Png)?),
        Format::WebM | Format::Ogg | Format::Mp4 => None,
    };
    if size.is_some() {
        // What cannot be shown to guests without its metadata is not taken.
        photo::without_metadata(bytes).map_err(|e| Error::NoPhoto(e.to_string()))?;
    }
    Ok(Looked {
        format,
        size,
        metadata: photo::metadata(bytes),
        id: format!("{}.{}", hash(bytes), format.ending()),
    })
}

fn decode(bytes: &[u8], format: image::ImageFormat) -> Result<(u32, u32), Error> {
    let no_photo = |e: image::ImageError| Error::NoPhoto(e.to_string());
    let mut reader = image::ImageReader::with_format(io::Cursor::new(bytes), format);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_DECODING);
    reader.limits(limits.clone());
    let (width, height) = reader.into_dimensions().map_err(no_photo)?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::NoPhoto(format!(
            "{width} x {height} pixels, at most {MAX_PIXELS} are taken"
        )));
    }
    let mut reader = image::ImageReader::with_format(io::Cursor::new(bytes), format);
    reader.limits(limits);
    reader.decode().map_err(no_photo)?;
    Ok((width, height))
}

fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(dir)?;
    let part = path.with_extension(format!("{:08x}.part", rand::random::<u32>()));
    let mut file = fs::File::create_new(&part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&part, path)) {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> bytes::Bytes {
        let mut out = io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(8, 6, image::Rgb([1, 2, 3]));
        picture
            .write_to(&mut out, image::ImageFormat::Jpeg)
            .unwrap();
        out.into_inner().into()
    }

    fn incident() -> EventId {
        EventId { at: 1, number: 1 }
    }

    #[tokio::test]
    async fn a_photo_is_kept_once_and_given_back_and_an_altered_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Attachments::open(dir.path().to_owned(), ByteCount(100_000)).unwrap();
        let kept = open();
        let photo = photo();
        let looked = kept.look(photo.clone()).await.unwrap();
        assert_eq!((looked.format, looked.size), (Format::Jpeg, Some((8, 6))));
        for _ in 0..2 {
            kept.keep(incident(), looked.id.clone(), photo.clone())
                .await
                .unwrap();
        }
        assert_eq!(kept.used().0, photo.len() as u64);
        assert_eq!(
            kept.read(incident(), &looked.id, false).await.unwrap(),
            photo
        );
        let bare = kept.read(incident(), &looked.id, true).await.unwrap();
        assert!(image::load_from_memory(&bare).is_ok());
        assert_eq!(open().used().0, photo.len() as u64);
        let path = kept.path(incident(), &looked.id);
        let mut altered = photo.to_vec();
        *altered.last_mut().unwrap() ^= 1;
        fs::write(&path, altered).unwrap();
        let read = kept.read(incident(), &looked.id, false).await;
        assert!(matches!(read, Err(Error::Altered(_))), "{read:?}");
        fs::remove_file(path).unwrap();
        let read = kept.read(incident(), &looked.id, false).await;
        assert!(matches!(read, Err(Error::Missing(_))), "{read:?}");
    }

    #[tokio::test]
    async fn no_photo_and_no_room_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Attachments::open(dir.path().to_owned(), ByteCount(10)).unwrap();
        let unknown = kept.look(bytes::Bytes::from_static(b"%PDF-1.7")).await;
        assert!(matches!(unknown, Err(Error::Unknown)));
        let cut = photo().slice(..60);
        assert!(matches!(kept.look(cut).await, Err(Error::NoPhoto(_))));
        let full = kept.keep(incident(), "a.jpg".into(), photo()).await;
        assert!(matches!(full, Err(Error::Full(_))));
    }

    /// A picture whose head promises more than anybody photographs is refused before it is decoded.
    #[tokio::test]
    async fn a_photo_that_would_not_fit_into_memory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Attachments::open(dir.path().to_owned(), ByteCount(10)).unwrap();
        let mut bytes = photo().to_vec();
        let sof = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        bytes[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        let refused = kept.look(bytes.into()).await;
        assert!(matches!(refused, Err(Error::NoPhoto(_))), "{refused:?}");
    }
}
