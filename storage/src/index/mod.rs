//! sled, as an index that can be deleted.
//!
//! sled 0.34.7 is pinned: its flush is no fsync, and its author warns of corruption after power loss. So every tree can be
//! rebuilt from files, and whatever goes wrong at open moves the directory aside. The segments' index is a database a week,
//! so that what is old is given back to the disk, and opening takes no longer as the archive grows.

pub(crate) mod key;
pub(crate) mod part;
mod segments;
pub(crate) mod value;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use media::ByteCount;

use crate::{Error, datadir::patiently};
pub use segments::Segments;
pub use value::{Entry, Origin};

/// An open sled database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) db: sled::Db,
    pub(crate) path: PathBuf,
    /// It is empty: because it is new, or because the old one did not open and lies aside.
    pub(crate) fresh: bool,
}

/// How often sled writes out what it holds.
const FLUSH_MS: u64 = 1000;
/// What sled says, in words only, where its lock is held.
const LOCKED: &str = "could not acquire lock";

impl Database {
    /// Opens the database in `path`; one that does not open is moved to `PATH.damaged` (in the place of an earlier one).
    pub(crate) fn open(path: &Path, cache: ByteCount, format: u8) -> Result<Self, Error> {
        let mut opened = Err(String::new());
        patiently(|| {
            opened = attempt(path, cache, format);
            !matches!(&opened, Err(what) if what.contains(LOCKED))
        });
        match opened {
            Ok(db) => return Ok(db),
            // Somebody has it: it is not damaged, and not ours to move.
            Err(what) if what.contains(LOCKED) => return Err(Error::content(path, 0, what)),
            Err(what) => {
                tracing::error!(path = %path.display(), %what, "index: does not open; it is moved aside and rebuilt from the files");
            }
        }
        set_aside(path)?;
        attempt(path, cache, format).map_err(|what| Error::content(path, 0, what))
    }

    pub(crate) fn tree(&self, name: &str) -> Result<sled::Tree, Error> {
        self.db
            .open_tree(name)
            .map_err(|e| Error::index(&self.path, name, e))
    }

    /// Writes out what sled holds. Blocking.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        match self.db.flush() {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::index(&self.path, "(flush)", e)),
        }
    }
}

/// Moves a database out of the way.
pub(crate) fn set_aside(path: &Path) -> Result<(), Error> {
    let aside = path.with_extension("damaged");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(|e| Error::io("remove", &aside, e))?;
    }
    if path.exists() {
        fs::rename(path, &aside).map_err(|e| Error::io("rename", path, e))?;
    }
    Ok(())
}

fn attempt(path: &Path, cache: ByteCount, format: u8) -> Result<Database, String> {
    let open = || -> sled::Result<(sled::Db, bool, Option<sled::IVec>)> {
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(cache.0)
            .flush_every_ms(Some(FLUSH_MS))
            .open()?;
        let fresh = !db.was_recovered();
        let found = db.get("format")?;
        if fresh {
            db.insert("format", &[format])?;
            db.flush()?;
        }
        Ok((db, fresh, found))
    };
    // sled asserts on what it finds in its files.
    let (db, fresh, found) = match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => opened,
        Ok(Err(e)) => return Err(e.to_string()),
        Err(_) => return Err("sled panicked".into()),
    };
    if !fresh && found.as_deref() != Some(&[format]) {
        return Err("of another format, or its mark is lost".into());
    }
    Ok(Database {
        db,
        path: path.to_owned(),
        fresh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_use_is_refused_and_left_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let open = || Database::open(&path, ByteCount::mebibytes(4), 1);
        let first = open().unwrap();
        first.db.insert("a", "b").unwrap();
        let said = open().unwrap_err().to_string();
        assert!(said.contains(LOCKED), "{said}");
        drop(first);
        let again = open().unwrap();
        assert!(!again.fresh);
        assert!(again.db.contains_key("a").unwrap());
    }
}
