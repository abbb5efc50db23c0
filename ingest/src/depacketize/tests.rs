//! What cameras do, right and wrong. Streams made at random: `any`; sound: `sound`.

mod any;
mod sound;

use std::time::Instant;

use media::{VideoCodec, VideoTrack};

use super::*;
use crate::bitstream::nal_units;

/// x264's parameters of a picture of 320x180, and those of one of 640x360.
const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
];
const PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
const SPS_640: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x50];
const SEI: &[u8] = &[0x06, 0x05, 0x01, 0x55, 0x80];
const KEY: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x21];
const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x6c];
/// x265's of 640x360.
const SETS_H265: [&[u8]; 3] = [
    &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0,
        0x3f, 0x95, 0x98, 0x09,
    ],
    &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3f, 0xa0, 5, 2, 1,
        0x69, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbf, 0xfc, 0, 0x40, 0, 5, 0xa8, 0x30, 0x30, 0x30,
        0x20, 0, 0, 3, 0, 0x20, 0, 0, 3, 3, 0x21,
    ],
    &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40],
];

/// A stream, and what became of it.
struct Stream {
    made: Depacketizer,
    units: Vec<AccessUnit>,
    errors: Vec<Error>,
    arrival: Instant,
}

impl Stream {
    fn new(made: Depacketizer) -> Self {
        Self {
            made,
            units: Vec::new(),
            errors: Vec::new(),
            arrival: Instant::now(),
        }
    }

    fn of(codec: VideoCodec) -> Self {
        Self::new(Depacketizer::video(codec, &[], 1_000_000))
    }

    fn h264() -> Self {
        Self::of(VideoCodec::H264)
    }

    /// A packet before which so many are lost.
    fn after(&mut self, lost: u16, mark: bool, timestamp: i64, payload: &[u8]) -> &mut Self {
        let packet = Packet {
            payload,
            mark,
            timestamp,
            lost,
            arrival: self.arrival,
        };
        if let Err(e) = self.made.push(&packet) {
            self.errors.push(e);
        }
        self.units.extend(std::iter::from_fn(|| self.made.next()));
        self
    }

    fn send(&mut self, mark: bool, timestamp: i64, payload: &[u8]) -> &mut Self {
        self.after(0, mark, timestamp, payload)
    }

    /// Times, losses and NAL units of what came, which is forgotten.
    fn units(&mut self) -> Vec<(i64, u16, Vec<Vec<u8>>)> {
        let units = self.units.drain(..);
        units.map(|u| (u.timestamp, u.lost, nals(&u))).collect()
    }

    fn tracks(&mut self) -> Vec<Option<VideoTrack>> {
        self.units.drain(..).map(|u| u.track).collect()
    }

    fn errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }
}

fn nals(unit: &AccessUnit) -> Vec<Vec<u8>> {
    let nals: Vec<_> = nal_units(&unit.data).map(<[u8]>::to_vec).collect();
    let bytes: usize = nals.iter().map(|n| n.len() + 4).sum();
    assert_eq!(bytes, unit.data.len(), "whole NAL units and nothing else");
    nals
}

/// An H.264 NAL unit in this many fragments.
fn fragments(nal: &[u8], count: usize) -> Vec<Vec<u8>> {
    let body = &nal[1..];
    let parts: Vec<_> = body.chunks(body.len().div_ceil(count)).collect();
    let last = parts.len() - 1;
    let fragment = |(n, part): (usize, &&[u8])| {
        let flags = u8::from(n == 0) << 7 | u8::from(n == last) << 6;
        [&[nal[0] & 0x60 | 28, flags | nal[0] & 0x1f], *part].concat()
    };
    parts.iter().enumerate().map(fragment).collect()
}

fn aggregate(head: &[u8], nals: &[&[u8]]) -> Vec<u8> {
    let sized = nals
        .iter()
        .flat_map(|n| [&(n.len() as u16).to_be_bytes()[..], n].concat());
    head.iter().copied().chain(sized).collect()
}

#[test]
fn h264_in_every_kind_of_packet() {
    let mut s = Stream::h264();
    s.send(false, 0, &aggregate(&[24], &[SPS, PPS, SEI]));
    for part in fragments(KEY, 3) {
        s.send(part[1] & 0x40 != 0, 0, &part);
    }
    s.send(false, 1, DELTA).send(true, 1, DELTA);
    let parsed = s.units[0].track.clone().unwrap();
    assert_eq!((parsed.width, parsed.height), (320, 180));
    assert!(s.units[1].track.is_none());
    let unit = |at, nals: &[&[u8]]| (at, 0, nals.iter().map(|n| n.to_vec()).collect());
    assert_eq!(s.units(), [unit(0, &[SEI, KEY]), unit(1, &[DELTA, DELTA])]);
    assert!(s.errors().is_empty());
}

#[test]
fn a_mark_on_every_packet_ends_no_nal_unit_and_no_parameter_sets() {
    let mut s = Stream::h264();
    for part in [SPS, PPS, SEI] {
        s.send(true, 5, part);
    }
    for part in fragments(KEY, 4) {
        s.send(true, 5, &part);
    }
    s.send(true, 6, DELTA);
    assert!(s.units[0].track.is_some());
    assert_eq!(
        s.units(),
        [
            (5, 0, vec![SEI.to_vec(), KEY.to_vec()]),
            (6, 0, vec![DELTA.to_vec()])
        ]
    );
    assert!(s.errors().is_empty());
}

#[test]
fn without_marks_time_ends_a_unit_but_not_after_parameter_sets() {
    let mut s = Stream::h264();
    let first = s.arrival;
    s.send(false, 1, SPS).send(false, 2, PPS);
    s.send(false, 3, KEY).send(false, 3, KEY);
    s.arrival += std::time::Duration::from_millis(40);
    s.send(false, 4, DELTA);
    assert_eq!(s.units[0].arrival, first, "of its own last packet");
    s.send(false, 5, DELTA);
    assert_eq!(
        s.units(),
        [
            (3, 0, vec![KEY.to_vec(), KEY.to_vec()]),
            (4, 0, vec![DELTA.to_vec()])
        ]
    );
}

#[test]
fn start_codes_and_zeros_within_packets_are_separators() {
    let start: &[u8] = &[0, 0, 0, 1];
    let all = [SPS, start, PPS, &[0, 0, 1], SEI, start, KEY, &[0, 0, 0]].concat();
    let expected = vec![(1, 0, vec![SEI.to_vec(), KEY.to_vec()])];
    let mut s = Stream::h264();
    assert_eq!(s.send(true, 1, &all).units(), expected);
    // From a start code on.
    let led = [start, &all].concat();
    assert_eq!(s.send(true, 1, &led).units(), expected);
    // Within an aggregate.
    assert_eq!(
        s.send(true, 1, &aggregate(&[24], &[&all])).units(),
        expected
    );
    // Wherever it is cut into fragments, also within a start code.
    for count in 2..all.len() {
        for part in fragments(&all, count) {
            s.send(part[1] & 0x40 != 0, 1, &part);
        }
        assert_eq!(s.units(), expected, "{count} fragments");
    }
    assert!(s.errors().is_empty());
    // Zeros after a NAL unit that comes in fragments.
    for part in fragments(&[DELTA, &[0; 7]].concat(), 3) {
        s.send(part[1] & 0x40 != 0, 2, &part);
    }
    assert_eq!(s.units(), [(2, 0, vec![DELTA.to_vec()])]);
}

#[test]
fn a_loss_costs_its_unit_and_is_told_with_the_next() {
    let mut s = Stream::h264();
    let parts = fragments(KEY, 4);
    s.send(false, 1, &parts[0]);
    s.after(2, false, 1, &parts[2]).send(true, 1, &parts[3]);
    s.send(true, 2, DELTA).send(true, 3, DELTA);
    assert_eq!(
        s.units(),
        [(2, 2, vec![DELTA.to_vec()]), (3, 0, vec![DELTA.to_vec()])]
    );
    // The end and the next one's beginning are lost.
    s.send(false, 4, &parts[0]);
    s.after(3, false, 5, &parts[2]).send(true, 5, &parts[3]);
    s.send(true, 6, DELTA);
    assert_eq!(s.units(), [(6, 3, vec![DELTA.to_vec()])]);
    assert!(s.errors().is_empty(), "a loss is no fault of a packet");
}

#[test]
fn fragments_that_do_not_fit_cost_their_unit() {
    let mut s = Stream::h264();
    let parts = fragments(KEY, 4);
    // Joined in the middle: one error, however many packets are left.
    for part in &parts[1..] {
        s.send(part[1] & 0x40 != 0, 1, part);
    }
    assert_eq!(s.errors(), [Odd::NoStart.into()]);
    // The end did not come: told by time, by another NAL unit, by another start.
    s.send(false, 2, &parts[0]).send(true, 3, DELTA);
    assert_eq!(s.errors(), [Odd::NoEnd.into()]);
    assert_eq!(s.units(), [(3, 2, vec![DELTA.to_vec()])]);
    for next in [DELTA, &aggregate(&[24], &[DELTA]), &parts[0]] {
        s.send(false, 4, &parts[0]).send(true, 4, next);
        assert_eq!(s.errors(), [Odd::NoEnd.into()]);
    }
    s.send(true, 5, DELTA);
    assert_eq!(s.units(), [(5, 3, vec![DELTA.to_vec()])]);
    // Time that ends a whole one, with a packet that makes no sense.
    s.send(false, 6, DELTA).send(false, 7, &parts[1]);
    s.send(true, 8, DELTA);
    assert_eq!(s.errors(), [Odd::NoStart.into()]);
    assert_eq!(
        s.units(),
        [(6, 0, vec![DELTA.to_vec()]), (8, 1, vec![DELTA.to_vec()])]
    );
}

#[test]
fn fragments_that_are_odd_and_complete_are_taken() {
    let mut s = Stream::h264();
    // Start and end in one.
    s.send(true, 1, &fragments(DELTA, 1)[0]);
    // Headers that differ, and a fragment of nothing.
    let mut parts = fragments(DELTA, 3);
    parts[1][0] = 28;
    s.send(false, 2, &parts[0]).send(false, 2, &[28, 1]);
    s.send(false, 2, &parts[1]).send(true, 2, &parts[2]);
    let delta = || vec![DELTA.to_vec()];
    assert_eq!(s.units(), [(1, 0, delta()), (2, 0, delta())]);
    assert!(s.errors().is_empty());
}

#[test]
fn a_packet_that_makes_no_sense_alone_leaves_the_others() {
    for (odd, error) in [
        (&[][..], Odd::Short),
        (&[0x1f, 1], Odd::Type(31)),
        (&[0x1e, 1], Odd::Type(30)),
        (&[25, 0, 0, 1], Odd::Type(25)),
        (&[0xff, 1], Odd::Header(0xff)),
        (&[24, 0], Odd::Short),
        (&[24, 0, 9, 0x41], Odd::Short),
        (&[24, 0, 0], Odd::Short),
        (&[28], Odd::Short),
    ] {
        let mut s = Stream::h264();
        s.send(false, 1, KEY).send(true, 1, odd);
        s.send(true, 2, DELTA);
        assert_eq!(s.errors(), [error.into()], "{odd:?}");
        assert_eq!(
            s.units(),
            [(1, 1, vec![KEY.to_vec()]), (2, 0, vec![DELTA.to_vec()])]
        );
    }
}

#[test]
fn parameters_are_told_when_they_change() {
    let sets = [SPS.to_vec(), PPS.to_vec()];
    let mut s = Stream::new(Depacketizer::video(VideoCodec::H264, &sets, 1_000_000));
    let mut group = |sets: &[&[u8]]| {
        for set in sets {
            s.send(false, 1, set);
        }
        let mut tracks = s.send(true, 1, KEY).tracks();
        (tracks.pop().flatten().map(|t| t.width), s.errors())
    };
    assert_eq!(group(&[SPS, PPS]), (None, vec![]), "as described");
    assert_eq!(group(&[SPS_640, PPS]), (Some(640), vec![]));
    assert_eq!(group(&[SPS_640]), (None, vec![]));
    assert_eq!(group(&[SPS]), (Some(320), vec![]), "one of them alone");
    // Two of a kind are the first, and not in turn.
    for _ in 0..2 {
        assert_eq!(group(&[SPS, PPS, &[0x68, 0xeb]]), (None, vec![]));
    }
    let unreadable = vec![Odd::Parameters.into()];
    assert_eq!(group(&[&[0x67, 0x64]]), (None, unreadable));
    assert_eq!(group(&[SPS, PPS]), (None, vec![]), "still in force");
}

#[test]
fn parameters_may_come_one_by_one() {
    let mut s = Stream::h264();
    s.send(false, 1, PPS).send(true, 1, DELTA);
    s.send(false, 2, SPS).send(true, 2, KEY);
    let known: Vec<_> = s.tracks().iter().map(Option::is_some).collect();
    assert_eq!(known, [false, true]);
}

#[test]
fn a_unit_that_outgrows_its_bound_is_given_up_at_once() {
    let mut s = Stream::new(Depacketizer::video(VideoCodec::H264, &[], 5000));
    s.send(false, 1, &[&[0x7c, 0x85][..], &[1; 1400]].concat());
    for _ in 0..2 {
        s.send(false, 1, &[&[0x7c, 5][..], &[1; 1400]].concat());
    }
    assert!(s.errors().is_empty());
    s.send(false, 1, &[&[0x7c, 5][..], &[1; 1400]].concat());
    assert_eq!(s.errors(), [Error::TooLarge(5000)]);
    // Of many small ones too, whether time goes on or not.
    for at in 0..3000 {
        s.send(true, at, SEI);
    }
    assert!(s.errors().contains(&Error::TooLarge(5000)));
}

#[test]
fn h265_in_every_kind_of_packet() {
    let key: &[u8] = &[0x26, 1, 0xaf, 0, 0, 3, 0, 9];
    let delta: &[u8] = &[2, 1, 0xd0, 7];
    let mut s = Stream::of(VideoCodec::H265);
    s.send(true, 1, SETS_H265[0]);
    s.send(true, 2, &aggregate(&[0x60, 1], &SETS_H265[1..]));
    s.send(true, 3, &[0x62, 1, 0x80 | 19, 0xaf, 0]);
    s.send(true, 3, &[0x62, 1, 19, 0, 3]);
    s.send(true, 3, &[0x62, 1, 0x40 | 19, 0, 9]);
    s.send(false, 4, delta).send(false, 5, delta);
    s.send(true, 5, &[0x62, 1, 0xc0 | 1, 0xd0, 7]);
    assert_eq!(s.units[0].track.as_ref().unwrap().width, 640);
    let delta = || delta.to_vec();
    assert_eq!(
        s.units(),
        [
            (3, 0, vec![key.to_vec()]),
            (4, 0, vec![delta()]),
            (5, 0, vec![delta(), delta()])
        ]
    );
    assert!(s.errors().is_empty());
}

#[test]
fn h265_that_makes_no_sense() {
    let delta: &[u8] = &[2, 1, 0xd0, 7];
    for (odd, error) in [
        (&[2][..], Odd::Short),
        (&[0x82, 1, 1], Odd::Header(0x82)),
        // The number of a temporal layer is from one.
        (&[2, 0, 1], Odd::Header(2)),
        // PACI, and reserved.
        (&[0x64, 1, 0, 0], Odd::Type(50)),
        (&[0x7e, 1, 0, 0], Odd::Type(63)),
        (&[0x60, 1, 0, 9, 1], Odd::Short),
        (&[0x62, 1], Odd::Short),
    ] {
        let mut s = Stream::of(VideoCodec::H265);
        s.send(false, 1, delta).send(true, 1, odd);
        assert_eq!(s.errors(), [error.into()], "{odd:?}");
        assert_eq!(s.units(), [(1, 1, vec![delta.to_vec()])]);
    }
    let mut s = Stream::of(VideoCodec::H265);
    s.send(false, 1, &[0x62, 1, 1, 9]).send(true, 1, delta);
    s.send(false, 2, &[0x62, 1, 0x81, 9]).send(true, 3, delta);
    assert_eq!(s.errors(), [Odd::NoStart.into(), Odd::NoEnd.into()]);
    assert_eq!(s.units(), [(3, 2, vec![delta.to_vec()])]);
}
