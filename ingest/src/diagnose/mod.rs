//! A diagnosis: from a camera's address to its first picture step by step, each with its time and outcome, and the first failure
//! named. It opens a session of its own; whoever asks takes the room for it on the links first.
//!
//! The steps up to an RTSP answer use sockets of their own, so that a silent port is told from a silent host; the session is the
//! one that every feed runs (`connect`, `driver`), so that what is found is what a feed meets.

mod cause;
mod reach;
mod session;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{Frame, Said};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

pub use cause::{Cause, Words};

use crate::{camera::Source, config::Config};

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Its file: in service, with an address.
    File,
    /// The host's name has an address.
    Name,
    /// The host is reached.
    Route,
    /// The port is open.
    Port,
    /// What answers there speaks RTSP.
    Rtsp,
    /// It lets us in.
    Authentication,
    /// Its description can be read and holds video.
    Description,
    /// The video's codec is carried.
    Codec,
    /// The links have room.
    Budget,
    /// It begins to play.
    Setup,
    /// The first packet.
    Packet,
    /// The first picture to start from.
    KeyFrame,
    /// It decodes.
    Decode,
    /// It shows something.
    Picture,
    /// Its clock is true.
    Clock,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 15] = [
        Self::File,
        Self::Name,
        Self::Route,
        Self::Port,
        Self::Rtsp,
        Self::Authentication,
        Self::Description,
        Self::Codec,
        Self::Budget,
        Self::Setup,
        Self::Packet,
        Self::KeyFrame,
        Self::Decode,
        Self::Picture,
        Self::Clock,
    ];
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which.
    pub step: Step,
    /// Why it failed; none: it passed.
    pub cause: Option<Cause>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Particulars. Never a password.
    #[serde(flatten)]
    pub detail: Detail,
}

/// Particulars of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Addresses, sizes, codecs: the same in every language.
    Plain(String),
    /// A sentence of ours.
    Said(Said),
    /// What a device, a library or the system said, in its own words.
    Raw(String),
}

impl Detail {
    /// In English.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Raw(text) => text,
            Self::Said(said) => &said.text,
        }
    }
}

impl Serialize for Detail {
    /// `detail`; beside it `said` where it is a sentence, and `raw` where it is somebody else's.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("detail", self.text())?;
        match self {
            Self::Plain(_) => {}
            Self::Said(said) => map.serialize_entry("said", &said.words)?,
            Self::Raw(_) => map.serialize_entry("raw", &true)?,
        }
        map.end()
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}
impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}
impl From<Said> for Detail {
    fn from(said: Said) -> Self {
        Self::Said(said)
    }
}

impl Finding {
    /// It passed.
    pub fn passed(step: Step, took: Duration, detail: impl Into<Detail>) -> Self {
        Self {
            step,
            cause: None,
            took_ms: took.as_millis() as u64,
            detail: detail.into(),
        }
    }

    /// It failed.
    pub fn failed(step: Step, cause: Cause, took: Duration, detail: impl Into<Detail>) -> Self {
        Self {
            cause: Some(cause),
            ..Self::passed(step, took, detail)
        }
    }
}

/// What a session of a diagnosis gave.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its first key frame.
    pub key: Option<Arc<Frame>>,
    /// The camera's clock minus the gateway's, milliseconds, and whether it told it within the time.
    pub clock_offset_ms: Option<i64>,
}

/// The longest each of name, connection and first answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Name, route, port and RTSP: each step is told as it is done. Whether all passed.
pub async fn reach(source: &Source, mut tell: impl FnMut(Finding)) -> bool {
    match reach::reach(source, &mut tell).await {
        Ok(()) => true,
        Err(finding) => {
            tell(finding);
            false
        }
    }
}

/// Authentication to the first key frame, and the clock: each step is told as it is done. `has_played` is whether the camera has
/// let us in before with this password. Dropped in between, it says goodbye to the camera in the background.
pub async fn session(
    config: &Config,
    source: &Source,
    has_played: bool,
    mut tell: impl FnMut(Finding),
) -> Seen {
    let (seen, failed) = session::run(config, source, has_played, &mut tell).await;
    if let Some(finding) = failed {
        tell(finding);
    }
    seen
}

fn since(begun: Instant) -> Duration {
    begun.elapsed()
}
