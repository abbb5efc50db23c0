//! The description of a stream (RFC 4566), with the oddities that cameras have.

use std::{fmt::Write as _, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::fault::SdpQuirks;
use crate::clip::{AudioCodec, Clip, VideoCodec};

/// Track numbers, as in the `control` attributes.
pub(crate) const VIDEO: u8 = 0;
pub(crate) const AUDIO: u8 = 1;
pub(crate) const METADATA: u8 = 2;
pub(crate) const BACK_CHANNEL: u8 = 3;

pub(crate) fn describe(clip: &Clip, quirks: &SdpQuirks, local: IpAddr) -> String {
    let (family, address, any) = match local {
        _ if quirks.no_address => ("IP4", String::new(), String::new()),
        IpAddr::V4(ip) => ("IP4", format!(" {ip}"), " 0.0.0.0".to_owned()),
        IpAddr::V6(ip) => ("IP6", format!(" {ip}"), " ::".to_owned()),
    };
    if quirks.unreadable {
        return "<html>not what you asked for</html>\r\n".into();
    }
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = out.write_fmt(text);
        out.push_str("\r\n");
    };
    line(format_args!("v=0"));
    line(format_args!("o=- 1700000000 1 IN {family}{address}"));
    line(format_args!("s=Media Server"));
    line(format_args!("c=IN {family}{any}"));
    line(format_args!("t=0 0"));
    line(format_args!("a=control:*"));
    line(format_args!("a=range:npt=now-"));

    if quirks.no_video {
        return out;
    }
    let video = clip.video();
    line(format_args!("m=video 0 RTP/AVP 96"));
    line(format_args!("b=AS:{}", (clip.bit_rate() / 1_000).max(1)));
    match video.codec {
        _ if quirks.other_codec => line(format_args!("a=rtpmap:96 MP4V-ES/90000")),
        VideoCodec::H264 => {
            line(format_args!("a=rtpmap:96 H264/90000"));
            let sets = clip.parameter_sets();
            let profile = sets
                .iter()
                .find(|s| s.len() > 3 && s[0] & 0x1f == 7)
                .map_or([0x42, 0, 0x1f], |s| [s[1], s[2], s[3]]);
            let [a, b, c] = profile;
            let sprop = sets
                .iter()
                .map(|s| STANDARD.encode(s))
                .collect::<Vec<_>>()
                .join(",");
            let sprop = if quirks.no_parameter_sets {
                String::new()
            } else {
                format!(";sprop-parameter-sets={sprop}")
            };
            line(format_args!(
                "a=fmtp:96 packetization-mode=1;profile-level-id={a:02X}{b:02X}{c:02X}{sprop}"
            ));
        }
        VideoCodec::H265 => {
            line(format_args!("a=rtpmap:96 H265/90000"));
            let of = |kind: u8| {
                clip.parameter_sets()
                    .iter()
                    .find(|s| s[0] >> 1 & 0x3f == kind)
                    .map(|s| STANDARD.encode(s))
                    .unwrap_or_default()
            };
            if !quirks.no_parameter_sets {
                line(format_args!(
                    "a=fmtp:96 sprop-vps={};sprop-sps={};sprop-pps={}",
                    of(32),
                    of(33),
                    of(34)
                ));
            }
        }
    }
    if quirks.fractional_framerate {
        line(format_args!(
            "a=framerate:{:.6}",
            video.declared_fps * 1_000.0 / 1_001.0
        ));
    } else {
        line(format_args!("a=framerate:{}", video.declared_fps));
    }
    line(format_args!(
        "a=x-dimensions:{},{}",
        video.width, video.height
    ));
    line(format_args!("a=recvonly"));
    line(format_args!("a=control:trackID={VIDEO}"));

    if let Some(audio) = clip.audio() {
        match &audio.codec {
            AudioCodec::Aac(config) => {
                line(format_args!("m=audio 0 RTP/AVP 97"));
                line(format_args!(
                    "a=rtpmap:97 mpeg4-generic/{}/{}",
                    audio.rate, audio.channels
                ));
                let config: String = config.iter().map(|b| format!("{b:02x}")).collect();
                line(format_args!(
                    "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
                ));
            }
            AudioCodec::Pcma => {
                line(format_args!("m=audio 0 RTP/AVP 8"));
                line(format_args!("a=rtpmap:8 PCMA/8000"));
            }
            AudioCodec::Pcmu => {
                line(format_args!("m=audio 0 RTP/AVP 0"));
                line(format_args!("a=rtpmap:0 PCMU/8000"));
            }
        }
        line(format_args!("a=recvonly"));
        line(format_args!("a=control:trackID={AUDIO}"));
    }
    if quirks.metadata_track {
        line(format_args!("m=application 0 RTP/AVP 107"));
        line(format_args!("a=rtpmap:107 vnd.onvif.metadata/90000"));
        line(format_args!("a=recvonly"));
        line(format_args!("a=control:trackID={METADATA}"));
    }
    if quirks.back_channel {
        line(format_args!("m=audio 0 RTP/AVP 0"));
        line(format_args!("a=rtpmap:0 PCMU/8000"));
        line(format_args!("a=sendonly"));
        line(format_args!("a=control:trackID={BACK_CHANNEL}"));
    }
    out
}
