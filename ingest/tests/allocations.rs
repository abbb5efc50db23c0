//! What is allocated: an admission's share does not grow with the cameras that have asked before; a picture takes its own size
//! once, however many packets it comes in; one that is larger than what is kept for it some more.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Instant,
};

use ingest::{
    budget::{Link, Links},
    depacketize::{Depacketizer, Packet},
};
use media::{BitRate, CameraId, FeedId, Priority, Profile, RegionCode, VideoCodec};

struct Counting;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.with(|b| b.set(b.get() + layout.size()));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn feed(n: u32) -> FeedId {
    let camera: CameraId = format!("44140300001326{n:06}").parse().unwrap();
    FeedId {
        camera,
        profile: Profile::Sub,
    }
}

/// The most bytes of one decision of each kind, once so many cameras were refused: there is room, refused, others give way.
fn most(cameras: u32) -> [usize; 3] {
    let village: RegionCode = "441403102201".parse().unwrap();
    let line = Link::usual("441403102".parse().unwrap(), "town");
    let mut links = Links::new(vec![line]);
    let now = Instant::now();
    for n in 0..60 {
        let got = links.admit(
            now,
            feed(n),
            village,
            BitRate::kilobits(512),
            Priority::Viewer,
        );
        assert!(got.is_ok());
    }
    for n in 0..cameras {
        let got = links.admit(
            now,
            feed(1000 + n),
            village,
            BitRate::megabits(900),
            Priority::Viewer,
        );
        assert!(got.is_err());
    }
    let mut worst = [0; 3];
    let kinds = [
        (BitRate::kilobits(512), Priority::Wall),
        (BitRate::megabits(900), Priority::Viewer),
        (BitRate::megabits(40), Priority::Incident),
    ];
    for (worst, (rate, priority)) in worst.iter_mut().zip(kinds) {
        for n in 0..20 {
            let feed = feed(500_000 + n);
            let before = BYTES.with(Cell::get);
            let got = links.admit(now, feed, village, rate, priority);
            let spent = BYTES.with(Cell::get) - before;
            *worst = spent.max(*worst);
            drop(got);
            links.end(feed);
        }
    }
    worst
}

#[test]
fn what_a_decision_allocates_does_not_grow_with_the_cameras() {
    let (few, many) = (most(350), most(3_500));
    // A node of a tree more or less; ten times the cameras would be ten times the bytes.
    for (few, many) in few.iter().zip(&many) {
        assert!(*many <= few + 4096, "350 cameras {few} bytes, 3,500 {many}");
    }
}

#[test]
fn a_picture_takes_its_own_size_once() {
    let mut units = Depacketizer::video(VideoCodec::H264, &[], 1 << 20);
    let part = [&[0x7c, 1][..], &[0x55; 1400]].concat();
    let start = [&[0x7c, 0x81][..], &[0x55; 1400]].concat();
    let end = [&[0x7c, 0x41][..], &[0x55; 700]].concat();
    let mut spent = Vec::new();
    // Of growing and of falling size; the first makes the buffer for all. The one of 70 kB has one of its own.
    for (at, parts) in [6, 3, 4, 5, 6, 6, 3, 48, 3, 6, 1].into_iter().enumerate() {
        let payloads = std::iter::once(&start)
            .chain(std::iter::repeat_n(&part, parts))
            .chain([&end]);
        let before = BYTES.with(Cell::get);
        let mut size = 0;
        for payload in payloads {
            let pushed = units.push(&Packet {
                payload,
                mark: *payload == end,
                timestamp: at as i64,
                lost: 0,
                arrival: Instant::now(),
            });
            pushed.unwrap();
            size += units.next().map_or(0, |unit| unit.data.len());
        }
        assert_eq!(size, 4 + 1 + 1400 * (1 + parts) + 700);
        spent.push((BYTES.with(Cell::get) - before, size));
    }
    for pair in spent.windows(2) {
        let [(_, before), (spent, size)] = pair else {
            continue;
        };
        // Grown by doubling: a large one, and the next, whose buffer is made anew.
        let grows = *before.max(size) > 16 << 10;
        let most = if grows { 5 * size } else { size + 64 };
        assert!(*spent <= most, "{spent} bytes for {size}");
    }
}
