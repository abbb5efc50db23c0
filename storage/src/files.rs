//! What recorders and retention ask of a file system, in one place, so that each of these calls can be made to fail, and what
//! was done can be written down: a disk that refuses, is full, is slow, takes half of a write, loses power, is what recordings
//! must survive, and cannot be had at will.

use std::{
    fmt,
    fs::{self, File},
    io::{self, IoSlice},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Advice, FallocateFlags};

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

/// Something that was done, as far as it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A directory was made; those above it too.
    MakeDir(PathBuf),
    /// A file was made.
    Create(PathBuf),
    /// Bytes were written.
    Write {
        /// To which file.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// Which.
        bytes: Vec<u8>,
    },
    /// A file's content was brought to the disk.
    Sync(PathBuf),
    /// A directory's names were brought to the disk.
    SyncDir(PathBuf),
    /// Everything under a directory was brought to the disk, that was done before this began.
    SyncAll(PathBuf),
    /// A file was cut.
    Cut {
        /// Which.
        path: PathBuf,
        /// To so many bytes.
        len: u64,
    },
    /// A file was removed.
    Remove(PathBuf),
}

/// Is told what was done, after it was done, in order for each file.
pub type Tape = dyn Fn(Done) + Send + Sync;

/// The file system, or one with faults, or one that writes down what is done.
#[derive(Clone, Default)]
pub struct Files {
    fault: Option<Arc<Fault>>,
    tape: Option<Arc<Tape>>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.fault, &self.tape) {
            (None, None) => "Files",
            (Some(_), _) => "Files(with faults)",
            (None, Some(_)) => "Files(on tape)",
        })
    }
}

impl Files {
    /// A file system that asks `fault` before each call. For tests.
    pub fn with_faults(
        fault: impl Fn(Call, &Path) -> io::Result<Option<usize>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            fault: Some(Arc::new(fault)),
            tape: None,
        }
    }

    /// A file system that tells `tape` what was done. For tests.
    pub fn on_tape(tape: impl Fn(Done) + Send + Sync + 'static) -> Self {
        Self {
            fault: None,
            tape: Some(Arc::new(tape)),
        }
    }

    fn ask(&self, call: Call, path: &Path) -> io::Result<Option<usize>> {
        match &self.fault {
            Some(fault) => fault(call, path),
            None => Ok(None),
        }
    }

    fn tell(&self, done: impl FnOnce() -> Done) {
        if let Some(tape) = &self.tape {
            tape(done());
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
        self.tell(|| Done::MakeDir(dir.to_owned()));
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
        let file = self
            .ask(Call::Create, path)
            .and_then(|_| {
                File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(path)
            })
            .map_err(|e| Error::io("create", path, e))?;
        self.tell(|| Done::Create(path.to_owned()));
        Ok(file)
    }

    /// Sets room aside behind the end of a file, so that it lies in one piece; its length stays. A file system that cannot, or
    /// has not that much, is not asked twice: a write says what there is to say.
    pub(crate) fn reserve(&self, file: &File, bytes: u64) {
        if bytes > 0 {
            let _ = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes);
        }
    }

    /// Has the system begin to write out a part of a file, and forget of it what the disk has: nobody reads it soon, and it
    /// would push out what somebody does.
    pub(crate) fn let_go(&self, file: &File, from: u64, to: u64) {
        if let Some(len) = NonZeroU64::new(to.saturating_sub(from)) {
            let _ = rustix::fs::fadvise(file, from, Some(len), Advice::DontNeed);
        }
    }

    /// Writes all of it from `at` on.
    pub(crate) fn write_all(
        &self,
        file: &File,
        path: &Path,
        mut at: u64,
        mut slices: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        if let Some(n) = self.ask(Call::Write, path)? {
            let some: Vec<u8> = slices
                .iter()
                .flat_map(|s| s.iter().copied())
                .take(n)
                .collect();
            std::os::unix::fs::FileExt::write_all_at(file, &some, at)?;
            self.tell(|| Done::Write {
                path: path.to_owned(),
                at,
                bytes: some,
            });
            return Err(io::ErrorKind::StorageFull.into());
        }
        // The whole is told at the end: a tape has no faults, and the system's own end the test.
        let told = self.tape.as_ref().map(|_| {
            let all = slices.iter().flat_map(|s| s.iter().copied());
            (at, all.collect::<Vec<u8>>())
        });
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            // No more slices at once than the system takes.
            let some = slices.len().min(1024);
            match rustix::io::pwritev(file, &slices[..some], at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    at += n as u64;
                    IoSlice::advance_slices(&mut slices, n);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        if let Some((at, bytes)) = told {
            self.tell(|| Done::Write {
                path: path.to_owned(),
                at,
                bytes,
            });
        }
        Ok(())
    }

    /// Brings a file's content to the disk.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.ask(Call::Sync, path)
            .and_then(|_| Ok(rustix::fs::fdatasync(file)?))
            .map_err(|e| Error::io("sync", path, e))?;
        self.tell(|| Done::Sync(path.to_owned()));
        Ok(())
    }

    /// Brings a directory's names to the disk.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), Error> {
        self.ask(Call::Sync, path)
            .map_err(|e| Error::io("sync", path, e))?;
        sync_dir(path)?;
        self.tell(|| Done::SyncDir(path.to_owned()));
        Ok(())
    }

    /// Brings everything that was written to the directory's file system before this call to the disk.
    pub(crate) fn sync_all(&self, dir: &Path) -> Result<(), Error> {
        self.ask(Call::Sync, dir)
            .and_then(|_| Ok(rustix::fs::syncfs(&File::open(dir)?)?))
            .map_err(|e| Error::io("sync", dir, e))?;
        self.tell(|| Done::SyncAll(dir.to_owned()));
        Ok(())
    }

    /// Cuts a file to a length, and gives back what was set aside behind it.
    pub(crate) fn cut(&self, file: &File, path: &Path, len: u64) -> Result<(), Error> {
        self.ask(Call::Cut, path)
            .and_then(|_| file.set_len(len))
            .map_err(|e| Error::io_at("cut", path, len, e))?;
        self.tell(|| Done::Cut {
            path: path.to_owned(),
            len,
        });
        Ok(())
    }

    /// Removes a file; one that is not there is removed already.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        match self
            .ask(Call::Remove, path)
            .and_then(|_| fs::remove_file(path))
        {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
            _ => {
                self.tell(|| Done::Remove(path.to_owned()));
                Ok(())
            }
        }
    }
}
