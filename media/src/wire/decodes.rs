//! What a viewer can decode.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeSeq};

use crate::track::{AudioCodec, Tracks, VideoCodec};

/// A family of codecs, as a viewer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
    /// MPEG-4 AAC.
    Aac,
    /// RFC 6716.
    Opus,
    /// ITU-T G.711, both laws.
    G711,
}

impl Codec {
    /// Every family, in the order of their bits.
    pub const ALL: [Self; 5] = [Self::H264, Self::H265, Self::Aac, Self::Opus, Self::G711];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl From<VideoCodec> for Codec {
    fn from(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::H264 => Self::H264,
            VideoCodec::H265 => Self::H265,
        }
    }
}

impl From<AudioCodec> for Codec {
    fn from(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::Aac => Self::Aac,
            AudioCodec::PcmA | AudioCodec::PcmU => Self::G711,
        }
    }
}

/// A set of codecs. On the wire a list of names; all of them where it is left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decodes(u8);

impl Decodes {
    /// Everything the gateway may send: a program, or a recorder.
    pub const fn all() -> Self {
        let (mut bits, mut n) = (0, 0);
        while n < Codec::ALL.len() {
            bits |= Codec::ALL[n].bit();
            n += 1;
        }
        Self(bits)
    }

    /// Whether it is [`Decodes::all`].
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Whether this codec is in it.
    pub fn contains(self, codec: impl Into<Codec>) -> bool {
        self.0 & codec.into().bit() != 0
    }

    /// The set with this codec in it.
    #[must_use]
    pub fn with(self, codec: impl Into<Codec>) -> Self {
        Self(self.0 | codec.into().bit())
    }

    /// The set with every sound codec in it: for a tile without sound it does not matter which could be decoded.
    #[must_use]
    pub fn with_any_sound(self) -> Self {
        self.with(Codec::Aac).with(Codec::Opus).with(Codec::G711)
    }

    /// Whether the pictures of these tracks can be shown.
    pub fn shows(self, tracks: &Tracks) -> bool {
        self.contains(tracks.video.codec)
    }
}

impl Default for Decodes {
    fn default() -> Self {
        Self::all()
    }
}

impl FromIterator<Codec> for Decodes {
    fn from_iter<I: IntoIterator<Item = Codec>>(codecs: I) -> Self {
        codecs.into_iter().fold(Self(0), Self::with)
    }
}

impl fmt::Debug for Decodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(Codec::ALL.into_iter().filter(|codec| self.contains(*codec)))
            .finish()
    }
}

impl Serialize for Decodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for codec in Codec::ALL.into_iter().filter(|codec| self.contains(*codec)) {
            list.serialize_element(&codec)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Decodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A control message is at most 4 KiB: so is this list.
        Ok(Vec::<Codec>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_a_set() {
        let some: Decodes = serde_json::from_str(r#"["aac","h264","h264"]"#).unwrap();
        assert!(some.contains(VideoCodec::H264) && some.contains(AudioCodec::Aac));
        assert!(!some.contains(VideoCodec::H265) && !some.contains(AudioCodec::PcmU));
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["h264","aac"]"#);
        assert!(some.with_any_sound().contains(AudioCodec::PcmA));
        assert!(serde_json::from_str::<Decodes>(r#"["vp9"]"#).is_err());
        assert_eq!(Codec::ALL.into_iter().collect::<Decodes>(), Decodes::all());
    }
}
