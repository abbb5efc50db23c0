//! What a package says of itself, in `manifest.json`; and the signature over that, in `manifest.sig`.

use media::{CameraId, Profile, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::{Gap, Piece};

/// The format's name.
pub(crate) const FORMAT: &str = "sightline-evidence 1";
/// Says what the signed bytes are, and keeps them from being taken for anything else.
pub(crate) const CONTEXT: &[u8] = b"sightline evidence manifest 1\n";
/// Its file.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The signature's.
pub(crate) const SIGNATURE: &str = "manifest.sig";
/// The sums of all blocks of all files above it.
pub(crate) const BLOCKS: &str = "blocks.bin";
/// The page that plays it.
pub(crate) const PAGE: &str = "index.html";

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `sightline-evidence 1`.
    pub format: String,
    /// The job's.
    pub id: String,
    /// When it was asked for.
    pub made: WallTime,
    /// What made it.
    pub software: String,
    /// Whose it is.
    pub gateway: Origin,
    /// Who asked.
    pub by: Person,
    /// Why.
    pub reason: String,
    /// For which incident.
    pub incident: Option<String>,
    /// The range asked for.
    pub from: WallTime,
    /// Its end.
    pub to: WallTime,
    /// The local clock's lead over UTC, minutes.
    pub utc_offset_minutes: i32,
    /// What is in it, by camera.
    pub cameras: Vec<Camera>,
    /// The hourly signatures over the heads of chains that are in it.
    pub signatures: Vec<String>,
    /// What shows that segments of the package are among those that a signature covers, where it does not name them itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<List>,
    /// Bytes of a block of `blocks.bin`.
    pub block_bytes: u64,
    /// Every other file, in the order of the package.
    pub files: Vec<File>,
    /// The public key it is signed with, hexadecimal.
    pub key: String,
}

/// Which gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Its district.
    pub district: String,
    /// The district's name.
    pub name: String,
    /// Its identity in the segments' heads, hexadecimal.
    pub writer: String,
}

/// Who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// The account.
    pub user: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
}

/// A camera in the package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Its code.
    pub camera: CameraId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub region: RegionCode,
    /// By how much its own clock was ahead of the gateway's when the package was asked for, ms. Times here are the gateway's.
    pub clock_offset_ms: Option<i64>,
    /// What was not recorded, and why.
    pub gaps: Vec<Gap>,
    /// Its recordings, a file a stream.
    pub films: Vec<Film>,
}

/// An MP4 that any player opens, in which the segments lie as they were recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Film {
    /// Its file.
    pub file: String,
    /// Which stream.
    pub profile: Profile,
    /// Codecs of its video.
    pub codecs: Vec<String>,
    /// How long it plays, seconds.
    pub duration_s: f64,
    /// Its time to wall time.
    pub pieces: Vec<Piece>,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// A recorded segment, as it lies in a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number in its chain.
    pub sequence: u64,
    /// Whose chain: as [`Origin::writer`].
    pub writer: String,
    /// Its first frame, before it was cut.
    pub start: WallTime,
    /// After its last frame, before it was cut.
    pub end: WallTime,
    /// Where it lies in the film's file.
    pub offset: u64,
    /// How long.
    pub length: u64,
    /// Whether all of it is here; else it was cut at key frames.
    pub whole: bool,
    /// Which bytes of the segment these are: from, and behind.
    pub ranges: Vec<[u64; 2]>,
    /// SHA-256 of them, hexadecimal.
    pub sha256: String,
    /// The digest in its seal, if it was sealed: its link in the chain.
    pub digest: Option<String>,
    /// The digest of the segment before it, as its head says.
    pub previous: String,
}

/// The digests of all segments of a stream that were sealed in the hour of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// The signature's file in the package.
    pub signature: String,
    /// Whose segments.
    pub camera: CameraId,
    /// Of which stream.
    pub profile: Profile,
    /// In order, hexadecimal; the signature says with which number they begin, and holds their SHA-256.
    pub digests: Vec<String>,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: String,
}

/// `manifest.sig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// The public key (Ed25519), hexadecimal.
    pub(crate) key: String,
    /// Over [`CONTEXT`] and the manifest's bytes.
    pub(crate) signature: String,
}
