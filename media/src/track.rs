//! Tracks of a feed and their codec parameters.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Video or audio: a feed has at most one track of each. The number is the `track` of the wire and `track_ID - 1` in MP4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Track 0.
    Video,
    /// Track 1.
    Audio,
}

impl TrackKind {
    /// The number on the wire: 0 or 1.
    pub fn number(self) -> u8 {
        self as u8
    }
    /// The `track_ID` in every MP4 we write: 1 or 2.
    pub fn mp4_id(self) -> u32 {
        self as u32 + 1
    }
}

/// A video codec the gateway carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

/// An audio codec the gateway carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// MPEG-4 AAC, raw access units.
    Aac,
    /// G.711 A-law, 8 bits a sample.
    PcmA,
    /// G.711 mu-law, 8 bits a sample.
    PcmU,
}

/// A video track's parameters. Access units are length-prefixed NAL units (4 bytes each).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// The codec.
    pub codec: VideoCodec,
    /// RFC 6381, such as `avc1.64001f`.
    pub codec_string: String,
    /// `avcC` (ISO/IEC 14496-15, 5.3.3.1) or `hvcC` (8.3.3.1) record, without a box header.
    pub config: Bytes,
    /// Displayed width in pixels, 1 to 16384.
    pub width: u16,
    /// Displayed height in pixels.
    pub height: u16,
}

/// An audio track's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// The codec.
    pub codec: AudioCodec,
    /// RFC 6381 such as `mp4a.40.2`; `alaw` or `ulaw` for G.711.
    pub codec_string: String,
    /// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) for AAC; empty for G.711.
    pub config: Bytes,
    /// Samples a second.
    pub rate: u32,
    /// Channels, 1 to 8.
    pub channels: u8,
}

/// What a feed carries from some frame on. Shared by pointer: two frames with the same `Arc<Tracks>` need no new
/// initialisation segment, two with different ones do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracks {
    /// Always there: a feed without video is refused as `no-video`.
    pub video: VideoTrack,
    /// If the camera has audio that the gateway carries.
    pub audio: Option<AudioTrack>,
}
