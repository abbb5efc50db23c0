//! Evidence: the recordings of several cameras and a range in one package that proves what it holds to a machine that has never
//! seen this gateway.
//!
//! ```text
//!  package.zip (stored, not compressed)
//!    CODE-main.mp4 ...    a camera's range, playable anywhere; in it the recorded segments, byte for byte
//!    index.html           plays them offline, on one clock, from the unpacked package
//!    signatures/*.json    the hourly signatures over the chains' heads
//!    blocks.bin           sums of every 16 KiB: where something differs
//!    manifest.json        who, when, why, which cameras, times, clock offsets, hashes, chain links
//!    manifest.sig         the gateway's signature (Ed25519) over it
//! ```
//!
//! What always holds: nothing is re-encoded; the same request makes the same bytes for as long as the segments are there; a
//! package has its name only once it is whole and on the disk. [`verify`] finds every byte that was altered, wherever it lies, and
//! names the file and the place.
//!
//! What does not belong here: who may have a package, and jobs that make them.

pub(crate) mod blocks;
mod build;
mod film;
mod manifest;
mod page;
mod verify;
mod zip;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use media::{CameraId, RegionCode, WallTime};
use tokio_util::sync::CancellationToken;

pub use manifest::{Camera, File, Film, Manifest, Origin, Person, Segment};
pub use verify::{Fault, Report, extract, verify};

use crate::{Archive, Error};

/// A camera that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its code.
    pub camera: CameraId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub region: RegionCode,
    /// By how much its own clock is ahead, ms.
    pub clock_offset_ms: Option<i64>,
}

/// What is to be packed. The same request makes the same package.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Stands in the manifest.
    pub id: String,
    /// When it was asked for.
    pub made: WallTime,
    /// What makes it.
    pub software: String,
    /// The district's code.
    pub district: String,
    /// Its name.
    pub district_name: String,
    /// Who asks.
    pub by: Person,
    /// Why.
    pub reason: String,
    /// For which incident.
    pub incident: Option<String>,
    /// From when.
    pub from: WallTime,
    /// To when.
    pub to: WallTime,
    /// Of which cameras, each once.
    pub cameras: Vec<Subject>,
}

/// How far it is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Bytes written, and bytes in all; zero until that is known.
    pub fn get(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.total.load(Relaxed))
    }
}

/// A package that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of its manifest, hexadecimal: what it holds, in one number.
    pub manifest_sha256: String,
}

/// Why none was made.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing of it is recorded.
    #[error("nothing is recorded of these cameras in this range")]
    Nothing,
    /// There is no room for it.
    #[error("the package needs {needs} bytes, and there is room for {has}")]
    Room {
        /// Bytes.
        needs: u64,
        /// Bytes.
        has: u64,
    },
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The disk, or a recording that cannot be read.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Archive {
    /// Packs a range of several cameras into the file `path`. What was there under that name is replaced; a package that is begun
    /// has the name `path` with `.part` behind it, and is deleted where it fails. `room` bounds its size, bytes.
    ///
    /// # Errors
    /// [`Failure`] says which.
    pub async fn package(
        &self,
        request: Request,
        path: PathBuf,
        room: u64,
        progress: Arc<Progress>,
        stop: CancellationToken,
    ) -> Result<Packed, Failure> {
        let shared = Arc::clone(self.shared());
        let build = move || build::build(&shared, &request, &path, room, &progress, &stop);
        let built = tokio::task::spawn_blocking(build).await;
        built.unwrap_or_else(|e| {
            Err(Failure::Storage(Error::Value {
                what: "a package",
                why: format!("its task ended: {e}"),
            }))
        })
    }

    /// The public key that packages and the chains' heads are signed with (Ed25519), hexadecimal.
    pub fn signing_key(&self) -> String {
        self.shared().signer.key()
    }
}
