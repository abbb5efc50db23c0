//! Tiles on the disk, within a limit in bytes: `tiles/SOURCE-VERSION/Z/X-Y`. A file is a line of JSON, then the picture. What was not
//! wanted for longest goes first; everything in it can be fetched again, so nothing is flushed and what is not understood is deleted.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use media::{ByteCount, WallTime};
use serde::{Deserialize, Serialize};

/// Longest line that a file begins with, bytes.
const MAX_HEAD: usize = 1024;
/// Files at most, whatever their size: each costs some hundred bytes of memory.
const MAX_FILES: usize = 500_000;
/// What is left after room was made, in tenths.
const LEFT_TENTHS: u64 = 9;

/// Which tile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The source's id and version.
    pub source: String,
    /// Level.
    pub z: u8,
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
}

/// A tile that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is known of it.
    pub head: Head,
    /// The picture.
    pub bytes: Bytes,
}

/// What is known of a tile that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// `image/png` and the like.
    pub media_type: String,
    /// The server's mark of it.
    pub etag: Option<String>,
    /// Until when it is shown without asking again.
    pub until: WallTime,
}

/// The tiles.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    limit: ByteCount,
    files: Mutex<Files>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Files {
    of: HashMap<Key, File>,
    bytes: u64,
    /// Counts uses: the order in which files were last wanted.
    used: u64,
}

#[derive(Debug)]
struct File {
    bytes: u64,
    used: u64,
}

impl Cache {
    /// Opens the directory, makes it where there is none, and counts what is in it. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(dir: PathBuf, limit: ByteCount) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut found = Vec::new();
        for source in entries(&dir) {
            for level in entries(&source) {
                for file in entries(&level) {
                    let known = key(&source, &level, &file).zip(file.metadata().ok());
                    match known {
                        Some((key, m)) => found.push((m.modified().ok(), key, m.len())),
                        // Half written when the gateway was killed, or none of ours.
                        None => drop(fs::remove_file(&file)),
                    }
                }
            }
        }
        found.sort_by_key(|(modified, ..)| *modified);
        let mut files = Files::default();
        for (_, key, bytes) in found {
            files.put(key, bytes);
        }
        let cache = Self {
            dir,
            limit,
            files: Mutex::new(files),
            next: AtomicU64::new(0),
        };
        cache.make_room();
        Ok(cache)
    }

    /// Bytes that are used.
    pub fn used(&self) -> ByteCount {
        ByteCount(self.files().bytes)
    }

    /// A tile, if it is kept. Blocking.
    pub fn get(&self, key: &Key) -> Option<Kept> {
        {
            let mut files = self.files();
            let used = files.tick();
            files.of.get_mut(key)?.used = used;
        }
        let read = fs::read(self.path(key)).ok().and_then(parse);
        if read.is_none() {
            self.forget(key);
        }
        read
    }

    /// Keeps a tile. Blocking. What cannot be written is not kept, and that is all.
    pub fn put(&self, key: &Key, kept: &Kept) {
        if let Err(error) = self.write(key, kept) {
            tracing::warn!(%error, dir = %self.dir.display(), "a map tile could not be kept");
            return;
        }
        self.make_room();
    }

    /// Deletes what belongs to a source, all versions of it. Blocking.
    pub fn clear(&self, id: &str) {
        let of = |source: &str| source.rsplit_once('-').is_some_and(|(i, _)| i == id);
        let gone: Vec<Key> = {
            let files = self.files();
            files.of.keys().filter(|k| of(&k.source)).cloned().collect()
        };
        gone.iter().for_each(|key| self.forget(key));
        for source in entries(&self.dir) {
            let name = source.file_name().and_then(|n| n.to_str());
            if name.is_some_and(of) {
                let _ = fs::remove_dir_all(source);
            }
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, key: &Key) -> PathBuf {
        let Key { source, z, x, y } = key;
        self.dir
            .join(source)
            .join(z.to_string())
            .join(format!("{x}-{y}"))
    }

    fn write(&self, key: &Key, kept: &Kept) -> io::Result<()> {
        let path = self.path(key);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = serde_json::to_vec(&kept.head)?;
        file.push(b'\n');
        file.extend_from_slice(&kept.bytes);
        // Two that fetch the same tile do not write into one file.
        let part = path.with_extension(format!("{}.part", self.next.fetch_add(1, Relaxed)));
        fs::write(&part, &file)?;
        fs::rename(&part, &path)?;
        self.files().put(key.clone(), file.len() as u64);
        Ok(())
    }

    fn forget(&self, key: &Key) {
        self.files().remove(key);
        let _ = fs::remove_file(self.path(key));
    }

    fn make_room(&self) {
        let gone = {
            let mut files = self.files();
            if files.bytes <= self.limit.0 && files.of.len() <= MAX_FILES {
                return;
            }
            let mut by_use: Vec<(u64, Key)> =
                files.of.iter().map(|(k, f)| (f.used, k.clone())).collect();
            by_use.sort_by_key(|(used, _)| *used);
            let (bytes, most) = (self.limit.0 / 10 * LEFT_TENTHS, MAX_FILES / 10 * 9);
            let mut gone = Vec::new();
            for (_, key) in by_use {
                if files.bytes <= bytes && files.of.len() <= most {
                    break;
                }
                files.remove(&key);
                gone.push(key);
            }
            gone
        };
        for key in gone {
            let _ = fs::remove_file(self.path(&key));
        }
    }
}

impl Files {
    fn tick(&mut self) -> u64 {
        self.used += 1;
        self.used
    }

    fn put(&mut self, key: Key, bytes: u64) {
        let used = self.tick();
        let old = self.of.insert(key, File { bytes, used });
        self.bytes = self.bytes - old.map_or(0, |f| f.bytes) + bytes;
    }

    fn remove(&mut self, key: &Key) {
        if let Some(file) = self.of.remove(key) {
            self.bytes -= file.bytes;
        }
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(dir).into_iter().flatten().flatten();
    read.map(|e| e.path()).collect()
}

fn key(source: &Path, level: &Path, file: &Path) -> Option<Key> {
    let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let of = name(file)?;
    let (x, y) = of.split_once('-')?;
    Some(Key {
        source: name(source)?,
        z: name(level)?.parse().ok()?,
        x: x.parse().ok()?,
        y: y.parse().ok()?,
    })
}

fn parse(file: Vec<u8>) -> Option<Kept> {
    let end = file.iter().take(MAX_HEAD).position(|b| *b == b'\n')?;
    let head: Head = serde_json::from_slice(&file[..end]).ok()?;
    let bytes = Bytes::from(file).slice(end + 1..);
    (!bytes.is_empty() && head.media_type.starts_with("image/")).then_some(Kept { head, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(bytes: usize) -> Kept {
        let head = Head {
            media_type: "image/png".into(),
            etag: Some("\"x\"".into()),
            until: WallTime::from_secs(1),
        };
        Kept {
            head,
            bytes: vec![7; bytes].into(),
        }
    }

    fn key(x: u32) -> Key {
        Key {
            source: "a-00112233".into(),
            z: 3,
            x,
            y: 0,
        }
    }

    #[test]
    fn what_was_not_wanted_for_longest_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().into(), ByteCount(10_000)).unwrap();
        for x in 0..9 {
            cache.put(&key(x), &tile(1000));
        }
        assert_eq!(cache.get(&key(0)), Some(tile(1000)));
        cache.put(&key(9), &tile(1000));
        assert!(cache.used().0 <= 10_000);
        assert!(cache.get(&key(0)).is_some(), "it was wanted just now");
        assert!(cache.get(&key(1)).is_none());
        assert!(!cache.path(&key(1)).exists());
        assert!(cache.get(&key(9)).is_some());
    }

    #[test]
    fn it_is_there_after_a_restart_within_the_limit_of_then() {
        let dir = tempfile::tempdir().unwrap();
        {
            let cache = Cache::open(dir.path().into(), ByteCount(100_000)).unwrap();
            (0..5).for_each(|x| cache.put(&key(x), &tile(1000)));
            fs::write(cache.path(&key(7)).with_extension("1.part"), "half").unwrap();
        }
        let cache = Cache::open(dir.path().into(), ByteCount(100_000)).unwrap();
        assert_eq!(cache.get(&key(4)), Some(tile(1000)));
        assert!(!cache.path(&key(7)).with_extension("1.part").exists());
        let used = cache.used();
        drop(cache);
        let cache = Cache::open(dir.path().into(), ByteCount(used.0 / 2)).unwrap();
        assert!(cache.used().0 <= used.0 / 2 && cache.used().0 > 0);
    }

    #[test]
    fn what_is_no_tile_is_none_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().into(), ByteCount(100_000)).unwrap();
        for broken in [&b""[..], b"no line", b"{}\nx", b"{\"media_type\":\"text/html\",\"etag\":null,\"until\":\"2026-01-01T00:00:00Z\"}\n<html>"] {
            cache.put(&key(1), &tile(10));
            fs::write(cache.path(&key(1)), broken).unwrap();
            assert_eq!(cache.get(&key(1)), None);
            assert_eq!(cache.used().0, 0);
        }
        cache.put(&key(1), &tile(10));
        cache.put(
            &Key {
                source: "a-b-00112233".into(),
                ..key(1)
            },
            &tile(10),
        );
        cache.clear("a");
        assert!(cache.get(&key(1)).is_none());
        assert!(cache.used().0 > 0, "another source's is left");
    }
}
