//! Packetising: a clip is cut into RTP packets once; a session copies a frame's packets and
//! patches channel, sequence number, timestamp and source into the copy.

use super::{Audio, AudioCodec, Video, VideoCodec, nal};
use crate::stamp;

/// Payload of one packet at most: leaves room for IPv6, UDP and RTP headers in 1,500 bytes.
const PAYLOAD_MAX: usize = 1_400;
/// Interleaved header (RFC 2326, 10.12), then the RTP header (RFC 3550, 5.1).
pub(crate) const FRAMING: usize = 4;
const RTP_HEADER: usize = 12;

/// Payload type of pictures.
pub(crate) const VIDEO_PT: u8 = 96;
/// Payload type of AAC; G.711 has types of its own.
pub(crate) const AAC_PT: u8 = 97;

/// All packets of one track, each with its interleaved header, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    packets: Vec<u32>,
    frames: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    packets: std::ops::Range<usize>,
    bytes: std::ops::Range<usize>,
    /// Where the sixteen digits of the stamp go, from the start of `bytes`.
    stamp: Option<usize>,
}

/// What a session writes into its copy of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patch {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Template {
    /// Copies frame `index` to the end of `out`, patched; returns where its packets begin in
    /// `out`, interleaved headers included.
    pub(crate) fn write(
        &self,
        index: usize,
        patch: Patch,
        out: &mut Vec<u8>,
        starts: &mut Vec<usize>,
    ) {
        let span = &self.frames[index];
        let base = out.len();
        out.extend_from_slice(&self.bytes[span.bytes.clone()]);
        for (n, &at) in self.packets[span.packets.clone()].iter().enumerate() {
            let at = base + at as usize - span.bytes.start;
            out[at + 1] = patch.channel;
            out[at + 6..at + 8]
                .copy_from_slice(&patch.sequence.wrapping_add(n as u16).to_be_bytes());
            out[at + 8..at + 12].copy_from_slice(&patch.timestamp.to_be_bytes());
            out[at + 12..at + 16].copy_from_slice(&patch.ssrc.to_be_bytes());
            starts.push(at);
        }
        if let Some(at) = span.stamp {
            stamp::patch(&mut out[base + at..][..stamp::DIGITS], stamp::now_ns());
        }
    }

    /// Bytes of payload of a frame, as a sender report counts them.
    pub(crate) fn octets(&self, index: usize) -> u32 {
        let span = &self.frames[index];
        (span.bytes.len() - span.packets.len() * (FRAMING + RTP_HEADER)) as u32
    }

    fn frame(&mut self, build: impl FnOnce(&mut Self) -> Option<usize>) {
        let (packet, byte) = (self.packets.len(), self.bytes.len());
        let stamp = build(self).map(|at| at - byte);
        self.frames.push(Span {
            packets: packet..self.packets.len(),
            bytes: byte..self.bytes.len(),
            stamp,
        });
    }

    fn packet(&mut self, pt: u8, marker: bool, parts: &[&[u8]]) {
        let length = RTP_HEADER + parts.iter().map(|p| p.len()).sum::<usize>();
        self.packets.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(&[b'$', 0]);
        self.bytes.extend_from_slice(&(length as u16).to_be_bytes());
        self.bytes
            .extend_from_slice(&[0x80, pt | u8::from(marker) << 7]);
        self.bytes.extend_from_slice(&[0; 10]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }
}

pub(crate) fn video(track: &Video, stamped: bool) -> Template {
    let mut out = Template::default();
    for frame in &track.frames {
        out.frame(|out| {
            let first_slice = frame
                .nals
                .iter()
                .position(|n| nal::is_slice(track.codec, n));
            let mut stamp_at = None;
            for (i, unit) in frame.nals.iter().enumerate() {
                if stamped && Some(i) == first_slice {
                    let sei = stamp::sei(track.codec);
                    out.packet(VIDEO_PT, false, &[&sei]);
                    stamp_at = Some(out.bytes.len() - 1 - stamp::DIGITS);
                }
                let last = i + 1 == frame.nals.len();
                if unit.len() <= PAYLOAD_MAX {
                    out.packet(VIDEO_PT, last, &[unit]);
                } else {
                    fragment(out, track.codec, unit, last);
                }
            }
            stamp_at
        });
    }
    out
}

/// FU-A of RFC 6184, 5.8, or fragmentation units of RFC 7798, 4.4.3.
fn fragment(out: &mut Template, codec: VideoCodec, unit: &[u8], last_unit: bool) {
    let header = match codec {
        VideoCodec::H264 => 1,
        VideoCodec::H265 => 2,
    };
    let kind = nal::kind(codec, unit);
    let body = &unit[header..];
    let pieces = body.len().div_ceil(PAYLOAD_MAX - 3);
    for (i, piece) in body.chunks(PAYLOAD_MAX - 3).enumerate() {
        let (first, last) = (i == 0, i + 1 == pieces);
        let fu = kind | u8::from(first) << 7 | u8::from(last) << 6;
        match codec {
            VideoCodec::H264 => out.packet(
                VIDEO_PT,
                last && last_unit,
                &[&[unit[0] & 0xe0 | 28, fu], piece],
            ),
            VideoCodec::H265 => {
                let head = [unit[0] & 0x81 | 49 << 1, unit[1], fu];
                out.packet(VIDEO_PT, last && last_unit, &[&head, piece]);
            }
        }
    }
}

pub(crate) fn audio(track: &Audio) -> Template {
    let mut out = Template::default();
    for frame in &track.frames {
        out.frame(|out| {
            match track.codec {
                // RFC 3640, 3.3.6: one header of 16 bits, 13 of them the size of the frame.
                AudioCodec::Aac(_) => {
                    let size = (frame.len() as u16) << 3;
                    let [a, b] = size.to_be_bytes();
                    out.packet(AAC_PT, true, &[&[0, 16, a, b], frame]);
                }
                AudioCodec::Pcma => out.packet(8, false, &[frame]),
                AudioCodec::Pcmu => out.packet(0, false, &[frame]),
            }
            None
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clip::Frame;

    fn track(codec: VideoCodec, nals: Vec<Bytes>) -> Video {
        let frame = Frame {
            dts_90k: 0,
            pts_90k: 0,
            key: true,
            nals,
        };
        Video {
            codec,
            width: 16,
            height: 16,
            declared_fps: 25.0,
            duration_90k: 3_600,
            frames: vec![frame],
        }
    }

    #[test]
    fn a_big_unit_is_cut_and_comes_together_again() {
        let unit: Vec<u8> = [0x65]
            .into_iter()
            .chain((0..5_000u32).map(|i| i as u8))
            .collect();
        let template = video(
            &track(
                VideoCodec::H264,
                vec![Bytes::from_static(&[0x67, 1]), unit.clone().into()],
            ),
            false,
        );
        let (mut out, mut starts) = (Vec::new(), Vec::new());
        let patch = Patch {
            channel: 6,
            sequence: 65_534,
            timestamp: 77,
            ssrc: 0xdead_beef,
        };
        template.write(0, patch, &mut out, &mut starts);
        assert_eq!(starts.len(), 5, "a parameter set and four fragments");
        let mut joined = vec![0x65];
        for (n, &at) in starts.iter().enumerate() {
            let length = u16::from_be_bytes([out[at + 2], out[at + 3]]) as usize;
            let rtp = &out[at + 4..at + 4 + length];
            assert_eq!((out[at], out[at + 1]), (b'$', 6));
            assert_eq!(
                u16::from_be_bytes([rtp[2], rtp[3]]),
                65_534u16.wrapping_add(n as u16)
            );
            assert_eq!(
                rtp[1] >> 7 == 1,
                n == 4,
                "the marker is on the last packet alone"
            );
            if n > 0 {
                assert_eq!(rtp[12] & 0x1f, 28);
                assert_eq!(rtp[13] >> 6, [0, 2, 0, 0, 1][n]);
                joined.extend_from_slice(&rtp[14..]);
            }
        }
        assert_eq!(joined, unit);
    }

    #[test]
    fn the_stamp_stands_before_the_first_slice() {
        for codec in [VideoCodec::H264, VideoCodec::H265] {
            let slice = match codec {
                VideoCodec::H264 => Bytes::from_static(&[0x65, 9, 9]),
                VideoCodec::H265 => Bytes::from_static(&[19 << 1, 1, 9]),
            };
            let template = video(&track(codec, vec![slice]), true);
            let (mut out, mut starts) = (Vec::new(), Vec::new());
            let before = stamp::now_ns();
            template.write(
                0,
                Patch {
                    channel: 0,
                    sequence: 0,
                    timestamp: 0,
                    ssrc: 0,
                },
                &mut out,
                &mut starts,
            );
            let read = stamp::read(&out).expect("a stamp");
            assert!((before..=stamp::now_ns()).contains(&read));
        }
    }
}
