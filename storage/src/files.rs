//! What recorders and retention ask of a file system, in one place, so that each of these calls can be made to fail: a disk
//! that refuses, is full, is slow, takes half of a write, is what recordings must survive, and cannot be had at will.

use std::{
    fmt,
    fs::{self, File},
    io::{self, IoSlice, Write},
    path::Path,
    sync::Arc,
};

use crate::{Error, datadir::sync_dir};

/// One of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Making a directory.
    MakeDir,
    /// Making a file.
    Create,
    /// Writing to a file.
    Write,
    /// Bringing a file, or a directory, to the disk.
    Sync,
    /// Cutting a file.
    Cut,
    /// Removing a file.
    Remove,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::MakeDir,
        Self::Create,
        Self::Write,
        Self::Sync,
        Self::Cut,
        Self::Remove,
    ];
}

/// What is decided before a call: go on, or write so many bytes and then find the disk full; an error is the call's. It may
/// take its time: the call is then slow.
pub type Fault = dyn Fn(Call, &Path) -> io::Result<Option<usize>> + Send + Sync;

/// The file system, or one with faults.
#[derive(Clone, Default)]
pub struct Files(Option<Arc<Fault>>);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Files(with faults)"
        } else {
            "Files"
        })
    }
}

impl Files {
    /// A file system that asks `fault` before each call. For tests.
    pub fn with_faults(
        fault: impl Fn(Call, &Path) -> io::Result<Option<usize>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(fault)))
    }

    fn ask(&self, call: Call, path: &Path) -> io::Result<Option<usize>> {
        match &self.0 {
            Some(fault) => fault(call, path),
            None => Ok(None),
        }
    }

    /// Makes a directory and those above it, and makes the names of the new ones durable.
    pub(crate) fn make_dirs(&self, dir: &Path) -> Result<(), Error> {
        if dir.is_dir() {
            return Ok(());
        }
        self.ask(Call::MakeDir, dir)
            .map_err(|e| Error::io("create", dir, e))?;
        let there = dir.ancestors().find(|above| above.is_dir());
        fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        let new = dir.ancestors().skip(1);
        for above in new {
            self.sync_dir(above)?;
            if there == Some(above) {
                break;
            }
        }
        Ok(())
    }

    /// A file that was not there, for reading and writing.
    pub(crate) fn create(&self, path: &Path) -> Result<File, Error> {
        self.ask(Call::Create, path)
            .and_then(|_| {
                File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(path)
            })
            .map_err(|e| Error::io("create", path, e))
    }

    /// Writes all of it where the file stands.
    pub(crate) fn write_all(
        &self,
        mut file: &File,
        path: &Path,
        mut slices: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        if let Some(n) = self.ask(Call::Write, path)? {
            let some: Vec<u8> = slices
                .iter()
                .flat_map(|s| s.iter().copied())
                .take(n)
                .collect();
            file.write_all(&some)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match file.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => IoSlice::advance_slices(&mut slices, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Brings a file's content to the disk.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.ask(Call::Sync, path)
            .and_then(|_| Ok(rustix::fs::fdatasync(file)?))
            .map_err(|e| Error::io("sync", path, e))
    }

    /// Brings a directory's names to the disk.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), Error> {
        self.ask(Call::Sync, path)
            .map_err(|e| Error::io("sync", path, e))?;
        sync_dir(path)
    }

    /// Cuts a file to a length.
    pub(crate) fn cut(&self, file: &File, path: &Path, len: u64) -> Result<(), Error> {
        self.ask(Call::Cut, path)
            .and_then(|_| file.set_len(len))
            .map_err(|e| Error::io_at("cut", path, len, e))
    }

    /// Removes a file; one that is not there is removed already.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        match self
            .ask(Call::Remove, path)
            .and_then(|_| fs::remove_file(path))
        {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
            _ => Ok(()),
        }
    }
}
