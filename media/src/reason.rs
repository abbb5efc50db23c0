//! Why something does not run: a code for programs and screens, a sentence for logs. The table of codes is
//! `docs/reference/reasons.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::said::{Said, Words};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The code of a reason; kebab-case on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ReasonCode { $($(#[$doc])* #[serde(rename = $text)] $name,)* }
        impl ReasonCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The code as it stands in JSON.
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
        }
    };
}
codes! {
    /// The host name has no address.
    NameNotResolved = "name-not-resolved",
    /// No route to the host.
    NoRoute = "no-route",
    /// The port refused the connection.
    Refused = "refused",
    /// No answer in time.
    TimedOut = "timed-out",
    /// 401 with our credentials.
    WrongPassword = "wrong-password",
    /// 401 or 453 after it had let us in before.
    CameraBusy = "camera-busy",
    /// No such path, or no such camera.
    NotFound = "not-found",
    /// Another RTSP error.
    RtspError = "rtsp-error",
    /// No video in the description.
    NoVideo = "no-video",
    /// A codec the gateway does not carry.
    CodecUnsupported = "codec-unsupported",
    /// The viewer cannot decode what the camera sends, and nothing here re-encodes it.
    Codec = "codec",
    /// All re-encodings that the configuration allows are running.
    TranscodeLimit = "transcode-limit",
    /// The re-encoding for viewers failed; it is begun anew.
    TranscodeFailed = "transcode-failed",
    /// The session plays but nothing arrives.
    NoPackets = "no-packets",
    /// Packets, but no picture to start from.
    NoKeyFrame = "no-key-frame",
    /// The interleaved framing lost step.
    FramingLost = "framing-lost",
    /// The camera closed the connection.
    Cut = "cut",
    /// A link on the path has no room.
    LinkBudget = "link-budget",
    /// A more urgent use took the link's room.
    Preempted = "preempted",
    /// Out of service in the register.
    Disabled = "disabled",
    /// The user may not.
    Forbidden = "forbidden",
    /// Shown already on this connection.
    AlreadyOpen = "already-open",
    /// Limit of tiles reached.
    TooManyTiles = "too-many-tiles",
    /// The gateway is stopping.
    ShuttingDown = "shutting-down",
    /// The disk has no room.
    DiskFull = "disk-full",
    /// The disk failed.
    DiskError = "disk-error",
    /// The disk was too slow.
    DiskSlow = "disk-slow",
    /// The gateway was not running.
    GatewayDown = "gateway-down",
    /// No plan asked for a recording, or it has been deleted since.
    NotRecording = "not-recording",
}

/// A code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs and screens.
    pub code: ReasonCode,
    /// For people who read logs: names what and where, in English.
    pub text: String,
    /// The same for a page that words it in its reader's language, where the code alone says too little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Box<Words>>,
}

impl Reason {
    /// A reason of this code with this sentence.
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            said: None,
        }
    }

    /// A reason of this code that a page can word.
    pub fn saying(code: ReasonCode, said: Said) -> Self {
        Self {
            code,
            text: said.text,
            said: Some(Box::new(said.words)),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.code.as_str())
    }
}
impl std::error::Error for Reason {}
