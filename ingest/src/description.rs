//! What the gateway itself reads in a camera's description (SDP, RFC 8866), where the RTSP library tells too little: which streams
//! the camera wants sent to it, and parameter sets. Nothing here refuses anything: what cannot be read is not there.

use base64::{Engine as _, engine::GeneralPurpose, engine::general_purpose};
use media::VideoCodec;

use crate::depacketize::byte_stream;

/// A media section: an `m=` line and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// `video`, `audio`, `application`.
    media: String,
    /// The first RTP payload type.
    payload: Option<u8>,
    /// `a=control`, absolute or the end of its URL; none where it is `*` or missing.
    control: Option<String>,
    /// `a=sendonly`: as the camera sees us, so what it would hear.
    back: bool,
    /// `a=fmtp` of the payload type: what follows it.
    format: String,
}

/// More sections than any camera has.
const MAX_SECTIONS: usize = 64;
/// Parameter sets of one stream; more are no camera's.
const MAX_SETS: usize = 16;

/// The media sections of a description.
pub(crate) fn sections(sdp: &[u8]) -> Vec<Section> {
    let text = String::from_utf8_lossy(sdp);
    let mut out: Vec<Section> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("m=") {
            if out.len() == MAX_SECTIONS {
                break;
            }
            let mut words = rest.split_ascii_whitespace();
            out.push(Section {
                media: words.next().unwrap_or_default().to_owned(),
                // m=<media> <port> <proto> <format> ...
                payload: words.nth(2).and_then(|w| w.parse().ok()),
                ..Section::default()
            });
            continue;
        }
        let Some(section) = out.last_mut() else {
            continue;
        };
        if let Some(value) = line.strip_prefix("a=control:") {
            section.control = Some(value.trim().to_owned()).filter(|c| !c.is_empty() && c != "*");
        } else if line == "a=sendonly" {
            section.back = true;
        } else if let Some(value) = line.strip_prefix("a=fmtp:") {
            let (payload, format) = value.split_once(' ').unwrap_or((value, ""));
            if payload.parse().ok() == section.payload {
                section.format = format.trim().to_owned();
            }
        }
    }
    out
}

impl Section {
    /// Whether it describes the stream of this kind, payload type and control URL.
    pub(crate) fn is_of(&self, media: &str, payload: u8, control: Option<&str>) -> bool {
        let same_control = match (&self.control, control) {
            (Some(mine), Some(url)) => url
                .strip_suffix(mine.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('/')),
            _ => true,
        };
        self.media == media && self.payload == Some(payload) && same_control
    }

    /// Whether it is a back channel: sound for the camera to play.
    pub(crate) fn is_back_channel(&self) -> bool {
        self.back
    }

    /// The parameter sets in its format parameters (RFC 6184, 8.1; RFC 7798, 7.1). Empty parameters, as of a `;` at the end,
    /// blanks, lists, and start codes before or between sets are all read.
    pub(crate) fn parameter_sets(&self, codec: VideoCodec) -> Vec<Vec<u8>> {
        let wanted = |key: &str| match codec {
            VideoCodec::H264 => key.eq_ignore_ascii_case("sprop-parameter-sets"),
            VideoCodec::H265 => ["sprop-vps", "sprop-sps", "sprop-pps"]
                .iter()
                .any(|k| key.eq_ignore_ascii_case(k)),
        };
        self.format
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(key, _)| wanted(key.trim()))
            .flat_map(|(_, value)| value.split(','))
            .filter_map(|set| LENIENT.decode(set.trim()).ok())
            .flat_map(|sets| byte_stream(&sets).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .take(MAX_SETS)
            .collect()
    }
}

/// Some cameras leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    general_purpose::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters;
    use media::VideoTrack;
    use proptest::prelude::*;

    fn track(section: &Section, codec: VideoCodec) -> Option<VideoTrack> {
        parameters::track(codec, &section.parameter_sets(codec))
    }

    /// As VLC 3.0 has it: a `;` after the last parameter, and the parameter sets nowhere else.
    const VLC: &str = "v=0\r\no=- 17199041729061947009 17199041729061947009 IN IP4 vm\r\ns=Unnamed\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:rtsp://127.0.0.1:18554/a\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 tx-mode=SRST;profile-id=1;level-id=63;tier-flag=0;profile-space=0;sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA/lZgJ;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwA/oAUCAWlllZpJMr/8AAQABagwMDAgAAADACAAAAMDIQ==;sprop-pps=RAHBcrRiQA==;\r\na=control:rtsp://127.0.0.1:18554/a/trackID=6\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/44100\r\na=control:rtsp://127.0.0.1:18554/a/trackID=7\r\n";

    #[test]
    fn parameter_sets_are_found_whatever_stands_after_them() {
        let sections = sections(VLC.as_bytes());
        let [video, audio] = &sections[..] else {
            panic!("{sections:?}")
        };
        let url = "rtsp://127.0.0.1:18554/a/trackID=6";
        assert!(video.is_of("video", 96, Some(url)) && !audio.is_of("video", 96, Some(url)));
        assert!(!video.is_of("video", 97, Some(url)));
        assert!(!video.is_of("video", 96, Some("rtsp://127.0.0.1:18554/a/trackID=16")));
        let track = track(video, VideoCodec::H265).unwrap();
        assert_eq!((track.width, track.height), (640, 360));
        assert!(audio.parameter_sets(VideoCodec::H265).is_empty());
        assert!(video.parameter_sets(VideoCodec::H264).is_empty());
    }

    #[test]
    fn a_list_without_padding_is_read() {
        let text = "m=video 0 RTP/AVP 96\na=fmtp:96 packetization-mode=1; Sprop-Parameter-Sets = Z2QADazZQUGfnhAAAAMAEAAAAwMg8UKZYA, aOvjyyLA ;;\n";
        let track = track(&sections(text.as_bytes())[0], VideoCodec::H264).unwrap();
        assert_eq!((track.width, track.height), (320, 180));
    }

    #[test]
    fn start_codes_around_sets_are_read() {
        // Each set begins with one, as some cameras have it.
        let text = "m=video 0 RTP/AVP 96\na=fmtp:96 sprop-parameter-sets=AAAAAWdkAA2s2UFBn54QAAADABAAAAMDIPFCmWA=,AAAAAWjr48siwA==\n";
        let track = track(&sections(text.as_bytes())[0], VideoCodec::H264).unwrap();
        assert_eq!((track.width, track.height), (320, 180));
    }

    #[test]
    fn back_channels_are_found() {
        let sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:track1\r\na=recvonly\r\nm=audio 0 RTP/AVP 8\r\na=control:track2\r\na=sendonly\r\nm=audio 0 RTP/AVP 8\r\na=control:track3\r\n";
        let back: Vec<bool> = sections(sdp).iter().map(Section::is_back_channel).collect();
        assert_eq!(back, [false, true, false]);
        let url = |n| format!("rtsp://camera/track{n}");
        assert!(sections(sdp)[1].is_of("audio", 8, Some(&url(2))));
        assert!(!sections(sdp)[1].is_of("audio", 8, Some(&url(3))));
        assert!(sections(&[0xff, b'\n', b'm']).is_empty());
    }

    proptest! {
        #[test]
        fn no_description_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            lines in proptest::collection::vec("(m=video [0-9]{0,3} RTP/AVP|a=fmtp:96|a=control:|v=0)[ -~]{0,60}", 0..12),
        ) {
            for sdp in [bytes, lines.join("\n").into_bytes()] {
                for section in sections(&sdp) {
                    let _ = section.parameter_sets(VideoCodec::H264);
                    let _ = section.parameter_sets(VideoCodec::H265);
                    let _ = section.is_of("video", 96, Some("a"));
                }
            }
        }
    }
}
