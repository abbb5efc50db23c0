//! Packetising: a clip is cut into RTP packets once; a session writes a frame's packets with its own
//! channel, sequence number, timestamp and source.

use bytes::Bytes;

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

/// The packets of one track: where each frame is cut, and what goes before each piece. The pieces
/// are slices of the clip; no byte of it is kept twice.
#[derive(Debug, Default)]
pub(crate) struct Template {
    packets: Vec<Packet>,
    frames: Vec<std::ops::Range<usize>>,
}

#[derive(Debug)]
struct Packet {
    /// Marker and payload type: the second byte of the RTP header.
    kind: u8,
    /// Payload header: none, a fragment's, or that of an AAC frame.
    head: [u8; 4],
    head_len: u8,
    /// Whether `body` is the SEI that carries the moment of sending.
    stamp: bool,
    body: Bytes,
}

/// What differs from session to session and from round to round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patch {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Template {
    /// Writes the packets of frame `index` to the end of `out`, each with its interleaved header;
    /// adds to `starts` where each begins.
    pub(crate) fn write(
        &self,
        index: usize,
        patch: Patch,
        out: &mut Vec<u8>,
        starts: &mut Vec<usize>,
    ) {
        let packets = &self.packets[self.frames[index].clone()];
        out.reserve(
            packets
                .iter()
                .map(|p| FRAMING + RTP_HEADER + 4 + p.body.len())
                .sum(),
        );
        for (n, packet) in packets.iter().enumerate() {
            starts.push(out.len());
            let head = &packet.head[..packet.head_len.into()];
            let length = RTP_HEADER + head.len() + packet.body.len();
            let mut header = [0; FRAMING + RTP_HEADER];
            header[0] = b'$';
            header[1] = patch.channel;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            header[4] = 0x80;
            header[5] = packet.kind;
            header[6..8].copy_from_slice(&patch.sequence.wrapping_add(n as u16).to_be_bytes());
            header[8..12].copy_from_slice(&patch.timestamp.to_be_bytes());
            header[12..16].copy_from_slice(&patch.ssrc.to_be_bytes());
            out.extend_from_slice(&header);
            out.extend_from_slice(head);
            out.extend_from_slice(&packet.body);
            if packet.stamp {
                let end = out.len() - 1;
                stamp::patch(&mut out[end - stamp::DIGITS..end], stamp::now_ns());
            }
        }
    }

    /// Bytes of payload of a frame, as a sender report counts them.
    pub(crate) fn octets(&self, index: usize) -> u32 {
        let packets = &self.packets[self.frames[index].clone()];
        packets
            .iter()
            .map(|p| u32::from(p.head_len) + p.body.len() as u32)
            .sum()
    }

    fn packet(&mut self, pt: u8, marker: bool, head: &[u8], body: Bytes) {
        let mut packet = Packet {
            kind: pt | u8::from(marker) << 7,
            head: [0; 4],
            head_len: 0,
            stamp: false,
            body,
        };
        packet.head[..head.len()].copy_from_slice(head);
        packet.head_len = head.len() as u8;
        self.packets.push(packet);
    }

    /// What was added since the last frame is a frame.
    fn end_frame(&mut self) {
        let start = self.frames.last().map_or(0, |f| f.end);
        self.frames.push(start..self.packets.len());
    }
}

pub(crate) fn video(track: &Video, stamped: bool) -> Template {
    let mut out = Template::default();
    let sei = Bytes::from(stamp::sei(track.codec));
    for frame in &track.frames {
        let first_slice = frame
            .nals
            .iter()
            .position(|n| nal::is_slice(track.codec, n));
        for (i, unit) in frame.nals.iter().enumerate() {
            if stamped && Some(i) == first_slice {
                out.packet(VIDEO_PT, false, &[], sei.clone());
                out.packets.iter_mut().last().expect("just added").stamp = true;
            }
            let last = i + 1 == frame.nals.len();
            if unit.len() <= PAYLOAD_MAX {
                out.packet(VIDEO_PT, last, &[], unit.clone());
            } else {
                fragment(&mut out, track.codec, unit, last);
            }
        }
        out.end_frame();
    }
    out
}

/// FU-A of RFC 6184, 5.8, or fragmentation units of RFC 7798, 4.4.3.
fn fragment(out: &mut Template, codec: VideoCodec, unit: &Bytes, last_unit: bool) {
    let header = match codec {
        VideoCodec::H264 => 1,
        VideoCodec::H265 => 2,
    };
    let kind = nal::kind(codec, unit);
    let mut at = header;
    while at < unit.len() {
        let end = (at + PAYLOAD_MAX - 3).min(unit.len());
        let (first, last) = (at == header, end == unit.len());
        let fu = kind | u8::from(first) << 7 | u8::from(last) << 6;
        let marker = last && last_unit;
        match codec {
            VideoCodec::H264 => out.packet(
                VIDEO_PT,
                marker,
                &[unit[0] & 0xe0 | 28, fu],
                unit.slice(at..end),
            ),
            VideoCodec::H265 => {
                let head = [unit[0] & 0x81 | 49 << 1, unit[1], fu];
                out.packet(VIDEO_PT, marker, &head, unit.slice(at..end));
            }
        }
        at = end;
    }
}

pub(crate) fn audio(track: &Audio) -> Template {
    let mut out = Template::default();
    for frame in &track.frames {
        match track.codec {
            // RFC 3640, 3.3.6: one header of 16 bits, 13 of them the size of the frame.
            AudioCodec::Aac(_) => {
                let [a, b] = ((frame.len() as u16) << 3).to_be_bytes();
                out.packet(AAC_PT, true, &[0, 16, a, b], frame.clone());
            }
            AudioCodec::Pcma => out.packet(8, false, &[], frame.clone()),
            AudioCodec::Pcmu => out.packet(0, false, &[], frame.clone()),
        }
        out.end_frame();
    }
    out
}

#[cfg(test)]
mod tests {
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
