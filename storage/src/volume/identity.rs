//! The file that says which volume a directory is: so that a disk that was swapped, or is not mounted, is noticed.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
};

use crate::{Error, datadir::write_whole};

/// Its name, beside the cameras' directories.
pub(crate) const NAME: &str = "sightline-volume";
const VERSION: u32 = 1;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Drawn at random when the volume was made.
    pub(crate) id: u128,
    /// The data directory that it belongs to.
    pub(crate) of: u128,
    /// Its number there.
    pub(crate) number: u16,
}

impl Identity {
    /// None where there is no such file.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(NAME);
        let mut text = String::new();
        match File::open(&path).and_then(|f| f.take(4096).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        }
        let field = |name: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(name))
                .map(str::trim)
        };
        let missing = |what: &str| Error::content(&path, 0, format!("no line '{what}'"));
        let version: u32 = field("version ")
            .and_then(|v| v.parse().ok())
            .ok_or_else(|| missing("version NUMBER"))?;
        if version > VERSION {
            return Err(Error::Version {
                path,
                what: "the volume",
                found: version,
                known: VERSION,
            });
        }
        let hex = |name| field(name).and_then(|v| u128::from_str_radix(v, 16).ok());
        Ok(Some(Self {
            id: hex("id ").ok_or_else(|| missing("id"))?,
            of: hex("of ").ok_or_else(|| missing("of"))?,
            number: field("number ")
                .and_then(|v| v.parse().ok())
                .ok_or_else(|| missing("number"))?,
        }))
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), Error> {
        let text = format!(
            "sightline volume\nversion {VERSION}\nid {:032x}\nof {:032x}\nnumber {}\n",
            self.id, self.of, self.number
        );
        write_whole(&dir.join(NAME), text.as_bytes())
    }
}

/// What a directory without an identity holds besides what a file system, or a start that was cut short, leaves.
pub(crate) fn something(dir: &Path) -> Result<Option<String>, Error> {
    let entries = fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))?;
    for entry in entries {
        let name = entry.map_err(|e| Error::io("read", dir, e))?.file_name();
        if !["lost+found", "sightline-volume.new", super::PROBE]
            .iter()
            .any(|n| name == *n)
        {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Whether another file system begins at a directory.
pub(crate) fn is_mount_point(dir: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|m| m.dev()).ok();
    match dir.parent().map(device) {
        Some(above) => above.is_some() && device(dir) != above,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written_and_nonsense_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), None);
        assert_eq!(something(dir.path()).unwrap(), None);
        let identity = Identity {
            id: 7,
            of: u128::MAX,
            number: 3,
        };
        identity.write(dir.path()).unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), Some(identity));
        let path = dir.path().join(NAME);
        for (text, said) in [
            ("", "version"),
            ("version 9\n", "version 9"),
            ("version 1\nid x\n", "'id'"),
            ("version 1\nid 1\nof 2\nnumber 70000\n", "'number'"),
        ] {
            fs::write(&path, text).unwrap();
            let e = Identity::read(dir.path()).unwrap_err().to_string();
            assert!(e.contains(said), "{e}");
        }
    }
}
