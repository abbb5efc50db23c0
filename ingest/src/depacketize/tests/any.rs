//! Streams at random: access units packed in any legal way come out as they went in; no packet breaks what always holds.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// A NAL unit as an encoder writes it: no start code within (ITU-T H.264, 7.4.1.1), never a zero at its end.
fn nal(head: &[u8], raw: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    let mut zeros = 0;
    for b in raw {
        if zeros == 2 && *b <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *b == 0 { zeros + 1 } else { 0 };
        out.push(*b);
    }
    out.push(0x80);
    out
}

/// Bytes as of coded video, with more zeros.
fn raw(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![4 => any::<u8>(), 1 => 0u8..4], 0..most)
}

#[derive(Clone, Debug)]
struct Picture {
    delimiter: bool,
    note: Option<Vec<u8>>,
    key: bool,
    slices: Vec<Vec<u8>>,
}

fn picture() -> impl Strategy<Value = Picture> {
    let slices = vec(prop_oneof![raw(60), raw(3000)], 1..4);
    (
        any::<bool>(),
        proptest::option::of(raw(40)),
        any::<bool>(),
        slices,
    )
        .prop_map(|(delimiter, note, key, slices)| Picture {
            delimiter,
            note,
            key,
            slices,
        })
}

impl Picture {
    fn nals(&self, codec: VideoCodec) -> Vec<Vec<u8>> {
        let (delimiter, note, slice): (&[u8], &[u8], &[u8]) = match codec {
            VideoCodec::H264 if self.key => (&[9], &[6], &[0x65]),
            VideoCodec::H264 => (&[9], &[6], &[0x41]),
            VideoCodec::H265 if self.key => (&[0x46, 1], &[0x4e, 1], &[0x26, 1]),
            VideoCodec::H265 => (&[0x46, 1], &[0x4e, 1], &[2, 1]),
        };
        let delimiter = self.delimiter.then(|| nal(delimiter, &[0x10]));
        let note = self.note.as_ref().map(|raw| nal(note, raw));
        let slices = self.slices.iter().map(|raw| nal(slice, raw));
        delimiter.into_iter().chain(note).chain(slices).collect()
    }
}

/// Payloads of one unit: small NAL units together, large ones in fragments, cut where chance has it.
fn pack(codec: VideoCodec, nals: &[Vec<u8>], room: usize, cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut cuts = cuts.iter().cycle();
    let mut cut = |of: usize| cuts.next().map_or(0, |c| c.index(of));
    let mut nals = nals;
    while let Some((first, rest)) = nals.split_first() {
        let mut together = 1;
        let mut size = 4 + first.len();
        while nals
            .get(together)
            .is_some_and(|n| size + 2 + n.len() <= room)
        {
            size += 2 + nals[together].len();
            together += 1;
        }
        together = 1 + cut(together);
        if together > 1 {
            let these: Vec<&[u8]> = nals[..together].iter().map(Vec::as_slice).collect();
            let head: &[u8] = match codec {
                VideoCodec::H264 => &[24],
                VideoCodec::H265 => &[0x60, 1],
            };
            out.push(aggregate(head, &these));
            nals = &nals[together..];
            continue;
        }
        nals = rest;
        if first.len() <= room && cut(3) > 0 {
            out.push(first.clone());
            continue;
        }
        let head = match codec {
            VideoCodec::H264 => 1,
            VideoCodec::H265 => 2,
        };
        let mut body = &first[head..];
        let mut start = true;
        while start || !body.is_empty() {
            let (part, after) = body.split_at(body.len().min(1 + cut(room)));
            let flags = u8::from(start) << 7 | u8::from(after.is_empty()) << 6;
            let mut payload = match codec {
                VideoCodec::H264 => vec![first[0] & 0x60 | 28, flags | first[0] & 0x1f],
                VideoCodec::H265 => vec![49 << 1, first[1], flags | first[0] >> 1],
            };
            payload.extend(part);
            out.push(payload);
            (start, body) = (false, after);
        }
    }
    out
}

/// A packet of chance: mark, time, loss, payload that begins as some kind of packet does.
fn packet() -> impl Strategy<Value = (bool, i64, u16, Vec<u8>)> {
    let head = prop_oneof![
        Just(vec![24]),
        Just(vec![0x7c, 0x85]),
        Just(vec![0x7c, 5]),
        Just(vec![0x7c, 0x45]),
        Just(vec![0x60, 1]),
        Just(vec![0x62, 1, 0x93]),
        Just(vec![0x62, 1, 19]),
        Just(vec![0x62, 1, 0x53]),
        Just(vec![0, 0, 0, 1]),
        Just(vec![0, 16]),
        Just(SPS.to_vec()),
        Just(PPS.to_vec()),
        vec(any::<u8>(), 0..3),
    ];
    let body = vec(prop_oneof![3 => any::<u8>(), 2 => 0u8..4], 0..300);
    let lost = prop_oneof![8 => Just(0u16), 1 => 1u16..3, 1 => Just(u16::MAX)];
    (any::<bool>(), 0i64..4, lost, head, body)
        .prop_map(|(mark, at, lost, head, body)| (mark, at, lost, [head, body].concat()))
}

proptest! {
    #[test]
    fn what_went_in_comes_out(
        pictures in vec(picture(), 1..6),
        h265 in any::<bool>(),
        marks in any::<bool>(),
        room in 40usize..1500,
        cuts in vec(any::<Index>(), 1..40),
    ) {
        let codec = if h265 { VideoCodec::H265 } else { VideoCodec::H264 };
        let mut s = Stream::of(codec);
        let mut sent = Vec::new();
        for (at, picture) in (1..).zip(&pictures) {
            let nals = picture.nals(codec);
            let packets = pack(codec, &nals, room, &cuts);
            for (n, packet) in packets.iter().enumerate() {
                s.send(marks && n + 1 == packets.len(), at, packet);
            }
            sent.push((at, 0, nals));
        }
        // Time goes on, which ends the last.
        s.send(false, 1000, &[2, 1, 0]);
        prop_assert_eq!(s.errors(), []);
        prop_assert_eq!(s.units(), sent);
    }

    #[test]
    fn what_always_holds(packets in vec(packet(), 0..60)) {
        for (codec, most) in [(VideoCodec::H264, 1500), (VideoCodec::H265, 40), (VideoCodec::H264, 0)] {
            let mut s = Stream::new(Depacketizer::video(codec, &[], most));
            for (mark, at, lost, payload) in &packets {
                s.after(*lost, *mark, *at, payload);
            }
            for unit in s.units {
                prop_assert!(!unit.data.is_empty() && unit.data.len() <= most);
                for nal in nals(&unit) {
                    let kind = match codec {
                        VideoCodec::H264 => nal[0] & 0x1f,
                        VideoCodec::H265 => nal[0] >> 1,
                    };
                    let sets = match codec {
                        VideoCodec::H264 => 7..=8,
                        VideoCodec::H265 => 32..=34,
                    };
                    prop_assert!(!sets.contains(&kind));
                    prop_assert!(!nal.windows(3).any(|w| w == [0, 0, 1]) && nal.last() != Some(&0));
                }
            }
        }
        for made in [Depacketizer::aac(1024), Depacketizer::g711()] {
            let mut s = Stream::new(made);
            for (mark, at, lost, payload) in &packets {
                s.after(*lost, *mark, *at, payload);
            }
            prop_assert!(s.units.iter().all(|u| u.data.len() < 1 << 13));
        }
    }
}
