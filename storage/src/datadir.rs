//! The data directory: whose it is, and that one process has it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use fs4::fs_std::FileExt;

use crate::Error;

/// A data directory, locked for this process until dropped.
///
/// ```text
/// DIR/sightline-data                identity and version
/// DIR/lock                          held while open; says who
/// DIR/journal/*.journal             what no other file can give back
/// DIR/index/                        sled; can be deleted
/// DIR/recordings/CAMERA/DAY/HOUR/   segments
/// DIR/snapshots/DAY/                pictures of events
/// DIR/tls/                          certificates
/// ```
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    id: u128,
    /// The lock lives as long as this file is open.
    _lock: File,
}

const IDENTITY: &str = "sightline-data";
const LOCK: &str = "lock";
const VERSION: u32 = 1;

impl DataDir {
    /// Opens `path`, making it where it is missing or empty.
    ///
    /// # Errors
    /// [`Error::NotOurs`] where it holds other things, [`Error::Locked`] where another process (or another part of this one)
    /// has it, [`Error::Version`] where it was made by a later version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        if !path.join(IDENTITY).exists()
            && let Some(found) = something_else(path)?
        {
            return Err(Error::NotOurs {
                path: path.to_owned(),
                found,
            });
        }
        let lock = take_lock(path)?;
        if !path.join(IDENTITY).exists() {
            write_identity(path)?;
        }
        Self::with_lock(path, lock)
    }

    /// Opens `path` only where it is a data directory already.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not; else as [`DataDir::open`].
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if !path.join(IDENTITY).exists() {
            return Err(Error::Missing {
                path: path.to_owned(),
            });
        }
        let lock = take_lock(path)?;
        Self::with_lock(path, lock)
    }

    fn with_lock(path: &Path, lock: File) -> Result<Self, Error> {
        let id = read_identity(&path.join(IDENTITY))?;
        for part in ["journal", "index", "recordings", "snapshots"] {
            let part = path.join(part);
            fs::create_dir_all(&part).map_err(|e| Error::io("create", &part, e))?;
        }
        Ok(Self {
            path: path.to_owned(),
            id,
            _lock: lock,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Its identity: drawn at random when it was made.
    pub fn id(&self) -> u128 {
        self.id
    }
    /// The file of the journal `name`.
    pub fn journal(&self, name: &str) -> PathBuf {
        self.path.join("journal").join(format!("{name}.journal"))
    }
    /// Where sled lives.
    pub fn index(&self) -> PathBuf {
        self.path.join("index")
    }
    /// Where segments live.
    pub fn recordings(&self) -> PathBuf {
        self.path.join("recordings")
    }
    /// Where pictures of events live.
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }
    /// Where certificates live (made by who writes the first).
    pub fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }
}

/// Makes names durable: a file's `fsync` does not reach the entry that names it.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|d| d.sync_all())
        .map_err(|e| Error::io("sync", path, e))
}

/// Replaces a file as a whole: after a crash there is the old content or the new.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io("write", &new, e))?;
    fs::rename(&new, path).map_err(|e| Error::io("rename", &new, e))?;
    sync_dir(path.parent().unwrap_or(path))
}

/// What a directory holds besides what a first start that was cut short, or a file system, may have left.
fn something_else(path: &Path) -> Result<Option<String>, Error> {
    let entries = fs::read_dir(path).map_err(|e| Error::io("read", path, e))?;
    for entry in entries {
        let name = entry.map_err(|e| Error::io("read", path, e))?.file_name();
        if !["lost+found", LOCK, "sightline-data.new"]
            .iter()
            .any(|n| name == *n)
        {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Tries until it succeeds, for half a second. A lock that was just given up may be held for an instant more: by a child process
/// between its fork and its exec.
pub(crate) fn patiently(mut attempt: impl FnMut() -> bool) {
    for _ in 0..25 {
        if attempt() {
            return;
        }
        // Nobody tells when a lock is given up; nobody unparks this thread either.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn take_lock(path: &Path) -> Result<File, Error> {
    let file_path = path.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file_path)
        .map_err(|e| Error::io("open", &file_path, e))?;
    let mut locked = false;
    patiently(|| match FileExt::try_lock_exclusive(&file) {
        Ok(got) => {
            locked = got;
            got
        }
        Err(_) => true,
    });
    if !locked
        && !FileExt::try_lock_exclusive(&file).map_err(|e| Error::io("lock", &file_path, e))?
    {
        let mut holder = String::new();
        // Who holds it is a help, not a condition.
        let _ = (&mut file).take(512).read_to_string(&mut holder);
        let holder = match holder.trim() {
            "" => "another process".to_owned(),
            who => format!("process {who}"),
        };
        return Err(Error::Locked {
            path: path.to_owned(),
            holder,
        });
    }
    let say = |file: &mut File| -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{} ({})", std::process::id(), program())
    };
    say(&mut file).map_err(|e| Error::io("write", &file_path, e))?;
    Ok(file)
}

/// The program's name and its subcommand, as in `sightline serve`.
fn program() -> String {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .map_or_else(|| "unknown".into(), |n| n.to_string_lossy().into_owned());
    match args.next().filter(|a| !a.starts_with('-') && a.len() < 32) {
        Some(sub) => format!("{name} {sub}"),
        None => name,
    }
}

fn write_identity(path: &Path) -> Result<(), Error> {
    let id: u128 = rand::random();
    let text = format!("sightline data directory\nversion {VERSION}\nid {id:032x}\n");
    write_whole(&path.join(IDENTITY), text.as_bytes())
}

fn read_identity(path: &Path) -> Result<u128, Error> {
    let mut text = String::new();
    File::open(path)
        .and_then(|f| f.take(4096).read_to_string(&mut text))
        .map_err(|e| Error::io("read", path, e))?;
    let field = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name))
            .map(str::trim)
    };
    let version: u32 = field("version ")
        .and_then(|v| v.parse().ok())
        .ok_or_else(|| Error::content(path, 0, "no line 'version NUMBER'"))?;
    if version > VERSION {
        return Err(Error::Version {
            path: path.to_owned(),
            what: "the data directory",
            found: version,
            known: VERSION,
        });
    }
    field("id ")
        .and_then(|v| u128::from_str_radix(v, 16).ok())
        .ok_or_else(|| Error::content(path, 0, "no line 'id' with 32 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_told_which_process_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let said = DataDir::open(dir.path()).unwrap_err().to_string();
        let pid = std::process::id().to_string();
        assert!(
            said.contains(&format!("is held by process {pid} (")),
            "{said}"
        );
        let id = first.id();
        drop(first);
        assert_eq!(DataDir::open_existing(dir.path()).unwrap().id(), id);
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.odt"), "x").unwrap();
        let said = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(said.contains("holds 'thesis.odt'"), "{said}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(matches!(
            DataDir::open_existing(dir.path()).unwrap_err(),
            Error::Missing { .. }
        ));
    }

    #[test]
    fn a_later_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(IDENTITY), "x\nversion 9\nid 0\n").unwrap();
        let said = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(said.contains("has version 9"), "{said}");
    }
}
