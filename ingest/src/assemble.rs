//! From depacketised access units to [`Frame`]s: groups, numbers, damage, parameters, times. One a feed, kept over reconnects.
//! No I/O; the driver hands in arrivals.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    AudioTrack, BitRate, ByteCount, Frame, MediaTime, TrackKind, Tracks, VideoTrack, WallTime,
    frame::Package,
};

use crate::{bitstream, config::MAX_BEAT, parameters, timeline::Timeline};

/// One access unit as it came.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Unwrapped RTP time.
    pub rtp: i64,
    /// Units of RTP time a second.
    pub rate: u32,
    /// Packets lost before or in it.
    pub lost: u16,
    /// Payload, as [`media::track`] has it.
    pub data: Bytes,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// The same on the gateway's clock.
    pub captured: WallTime,
}

/// Builds the frames of one feed.
#[derive(Debug)]
pub struct Assembler {
    feed: u32,
    began: Instant,
    timeline: Timeline,
    tracks: Option<Arc<Tracks>>,
    /// In force from the next key frame on.
    next_video: Option<VideoTrack>,
    audio: Option<AudioTrack>,
    /// Of the running group; none before the first key frame ever.
    group: Option<u32>,
    number: u32,
    /// Nothing is passed on before a key frame: at the start, after a reconnect, after parameters changed within a group.
    waiting: bool,
    damaged: bool,
    /// A discontinuity that no frame has carried on yet.
    broken: [bool; 2],
    /// Of the last frame of each track.
    captured: [WallTime; 2],
    offsets: Offsets,
    rates: Rates,
}

impl Assembler {
    /// For the feed of this number, beginning now.
    pub fn new(feed: u32, began: Instant) -> Self {
        Self {
            feed,
            began,
            timeline: Timeline::new(),
            tracks: None,
            next_video: None,
            audio: None,
            group: None,
            number: 0,
            waiting: true,
            damaged: false,
            broken: [false; 2],
            captured: [WallTime(0); 2],
            offsets: Offsets::default(),
            rates: Rates::default(),
        }
    }

    /// A session begins, with this audio track or none.
    pub fn begin(&mut self, audio: Option<AudioTrack>) {
        self.timeline.restart();
        self.audio = audio;
        self.next_video = None;
        self.waiting = true;
        self.damaged = false;
        self.broken = [self.group.is_some(); 2];
        self.offsets = Offsets::default();
        self.rates = Rates::default();
    }

    /// The camera's parameters, known or changed: in force from the next key frame on.
    pub fn parameters(&mut self, video: VideoTrack) {
        let same = self.tracks.as_ref().is_some_and(|t| t.video == video);
        self.timeline
            .set_reorder(parameters::reorder_depth(video.codec, &video.config));
        // Pictures between new parameters and the key frame they belong to cannot be decoded with the old ones.
        self.waiting |= !same;
        self.next_video = Some(video);
    }

    /// What the feed carries now.
    pub fn tracks(&self) -> Option<&Arc<Tracks>> {
        self.tracks.as_ref()
    }

    /// The camera says what its clock was at an RTP time. Returns that clock minus the gateway's, in milliseconds.
    pub fn report(
        &mut self,
        kind: TrackKind,
        rtp: i64,
        rate: u32,
        ntp: u64,
        now: WallTime,
    ) -> Option<i64> {
        let camera = unix_us(ntp)?;
        self.timeline.report(kind, rtp, rate, camera);
        Some(self.offsets.add((camera - now.0) / 1000))
    }

    /// A video access unit; none where it cannot be passed on.
    pub fn video(&mut self, unit: Unit) -> Option<Arc<Frame>> {
        self.rates.add(unit.arrival, unit.data.len(), true);
        let codec = self
            .next_video
            .as_ref()
            .or(self.tracks.as_ref().map(|t| &t.video))?
            .codec;
        let stamp = self.stamp(TrackKind::Video, &unit);
        if !bitstream::has_picture(codec, &unit.data) {
            return None;
        }
        let key = bitstream::is_key(codec, &unit.data);
        if key {
            self.damaged = false;
            self.start_group();
        }
        self.damaged |= unit.lost > 0;
        if self.waiting {
            return None;
        }
        Some(self.frame(TrackKind::Video, key, stamp, unit))
    }

    /// An audio access unit; none before the first key frame.
    pub fn audio(&mut self, unit: Unit) -> Option<Arc<Frame>> {
        self.rates.add(unit.arrival, unit.data.len(), false);
        let stamp = self.stamp(TrackKind::Audio, &unit);
        let carried = self.tracks.as_ref().is_some_and(|t| t.audio.is_some());
        if self.waiting || !carried || unit.data.is_empty() {
            return None;
        }
        Some(self.frame(TrackKind::Audio, false, stamp, unit))
    }

    /// Bit rate and frames a second (times 100) over the last seconds.
    pub fn rates(&mut self, now: Instant) -> (BitRate, u32) {
        self.rates.measure(now)
    }

    fn stamp(&mut self, kind: TrackKind, unit: &Unit) -> crate::timeline::Stamp {
        let arrival = MediaTime::from_duration(unit.arrival.saturating_duration_since(self.began));
        let stamp = self.timeline.stamp(kind, unit.rtp, unit.rate, arrival);
        self.broken[kind as usize] |= stamp.discontinuity && self.group.is_some();
        stamp
    }

    fn start_group(&mut self) {
        let video = self
            .next_video
            .take()
            .or_else(|| self.tracks.as_ref().map(|t| t.video.clone()));
        if let Some(video) = video {
            let tracks = Tracks {
                video,
                audio: self.audio.clone(),
            };
            // The same parameters again are the same pointer: nobody begins a new initialisation segment for nothing.
            if self.tracks.as_deref() != Some(&tracks) {
                self.tracks = Some(Arc::new(tracks));
            }
            self.group = Some(self.group.map_or(0, |g| g.wrapping_add(1)));
            self.number = 0;
            self.waiting = false;
        }
    }

    fn frame(
        &mut self,
        track: TrackKind,
        key: bool,
        stamp: crate::timeline::Stamp,
        unit: Unit,
    ) -> Arc<Frame> {
        let tracks = self
            .tracks
            .clone()
            .expect("a group has begun, so tracks are known");
        let number = self.number;
        self.number += 1;
        // What it waited for on its way is taken off; never behind the frame before, where that was not later than this one came.
        let early = unit.captured - stamp.late.to_duration().min(MAX_BEAT);
        let last = &mut self.captured[track as usize];
        let captured = early.max(unit.captured.min(*last));
        *last = captured;
        Arc::new(Frame {
            feed: self.feed,
            tracks,
            track,
            key,
            discontinuity: std::mem::take(&mut self.broken[track as usize]),
            damaged: self.damaged && track == TrackKind::Video
                || unit.lost > 0 && track == TrackKind::Audio,
            group: self.group.unwrap_or_default(),
            number,
            dts: stamp.dts,
            pts: stamp.pts,
            duration: stamp.duration,
            captured,
            data: unit.data,
            package: Package::default(),
        })
    }
}

/// NTP time (RFC 3550, 4) as UTC microseconds; none for the zero of a camera that has no clock.
fn unix_us(ntp: u64) -> Option<i64> {
    // Seconds from 1900 to 1970.
    const EPOCH: i64 = 2_208_988_800;
    if ntp >> 32 == 0 {
        return None;
    }
    let mut seconds = (ntp >> 32) as i64;
    // Era 1 begins in 2036; no camera lives before 1970.
    if seconds < EPOCH {
        seconds += 1 << 32;
    }
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    Some((seconds - EPOCH) * 1_000_000 + micros as i64)
}

/// What the camera's clock was seen to differ by, lately. A report that waited on its way says too little, never too much.
#[derive(Debug, Default)]
struct Offsets {
    /// Milliseconds, the newest first.
    last: VecDeque<i64>,
}

impl Offsets {
    /// So many reports are looked at: cameras send one in about five seconds.
    const MOST: usize = 4;

    /// One more; gives the most of the last ones. A clock that was set is believed at once.
    fn add(&mut self, ms: i64) -> i64 {
        let most = self.last.iter().copied().max().unwrap_or(ms);
        if most.saturating_sub(ms) > MAX_BEAT.as_millis() as i64 {
            self.last.clear();
        }
        self.last.truncate(Self::MOST - 1);
        self.last.push_front(ms);
        self.last.iter().copied().max().unwrap_or(ms)
    }
}

/// Bytes and frames by second, over the last [`Rates::WINDOW`].
#[derive(Debug, Default)]
struct Rates {
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    start: Instant,
    bytes: u64,
    frames: u32,
}

impl Rates {
    const WINDOW: Duration = Duration::from_secs(5);

    fn add(&mut self, now: Instant, bytes: usize, video: bool) {
        let fresh = self.slots.back().is_none_or(|slot| {
            now.saturating_duration_since(slot.start) >= Duration::from_millis(500)
        });
        if fresh {
            self.forget(now);
            self.slots.push_back(Slot {
                start: now,
                bytes: 0,
                frames: 0,
            });
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.bytes += bytes as u64;
            slot.frames += u32::from(video);
        }
    }

    fn forget(&mut self, now: Instant) {
        while self
            .slots
            .front()
            .is_some_and(|s| now.saturating_duration_since(s.start) > Self::WINDOW)
        {
            self.slots.pop_front();
        }
    }

    fn measure(&mut self, now: Instant) -> (BitRate, u32) {
        self.forget(now);
        let Some(first) = self.slots.front() else {
            return (BitRate(0), 0);
        };
        // What has just begun cannot be divided by next to nothing.
        let over = now
            .saturating_duration_since(first.start)
            .max(Duration::from_millis(500));
        let bytes = self.slots.iter().map(|s| s.bytes).sum();
        let frames: u32 = self.slots.iter().map(|s| s.frames).sum();
        let rate = f64::from(frames) * 100.0 / over.as_secs_f64();
        (BitRate::of(ByteCount(bytes), over), rate as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{AudioCodec, VideoCodec};

    fn video(width: u16) -> VideoTrack {
        VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
            width,
            height: 360,
        }
    }

    fn audio() -> AudioTrack {
        AudioTrack {
            codec: AudioCodec::PcmA,
            codec_string: "alaw".into(),
            config: Bytes::new(),
            rate: 8000,
            channels: 1,
        }
    }

    struct Camera {
        began: Instant,
        out: Assembler,
        n: i64,
    }

    impl Camera {
        fn new() -> Self {
            let began = Instant::now();
            Self {
                began,
                out: Assembler::new(7, began),
                n: 0,
            }
        }

        fn unit(&mut self, data: &'static [u8], lost: u16) -> Unit {
            self.n += 1;
            Unit {
                rtp: self.n * 3600,
                rate: 90_000,
                lost,
                data: Bytes::from_static(data),
                arrival: self.began + Duration::from_millis(self.n as u64 * 40),
                captured: WallTime(self.n * 40_000),
            }
        }

        fn send(&mut self, data: &'static [u8], lost: u16) -> Option<Arc<Frame>> {
            let unit = self.unit(data, lost);
            self.out.video(unit)
        }
    }

    const KEY: &[u8] = &[0, 0, 0, 2, 0x65, 1];
    const DELTA: &[u8] = &[0, 0, 0, 2, 0x41, 1];
    const SEI: &[u8] = &[0, 0, 0, 2, 0x06, 1];

    #[test]
    fn groups_begin_at_key_frames_and_carry_the_audio() {
        let mut camera = Camera::new();
        camera.out.begin(Some(audio()));
        camera.out.parameters(video(640));
        assert!(camera.send(DELTA, 0).is_none(), "joined in mid-group");
        let mut sound = camera.unit(&[0x55; 160], 0);
        sound.rate = 8000;
        assert!(camera.out.audio(sound.clone()).is_none());
        let key = camera.send(KEY, 0).unwrap();
        assert!(key.key && !key.discontinuity && key.feed == 7);
        assert_eq!((key.group, key.number), (0, 0));
        let heard = camera.out.audio(sound).unwrap();
        assert_eq!(
            (heard.group, heard.number, heard.track),
            (0, 1, TrackKind::Audio)
        );
        assert!(camera.send(SEI, 0).is_none(), "no picture in it");
        assert_eq!(camera.send(DELTA, 0).unwrap().number, 2);
        let next = camera.send(KEY, 0).unwrap();
        assert_eq!((next.group, next.number), (1, 0));
        assert!(Arc::ptr_eq(&next.tracks, &key.tracks));
        assert!(next.tracks.audio.is_some());
    }

    #[test]
    fn what_waited_for_a_beat_is_dated_as_it_was_captured() {
        let mut camera = Camera::new();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        // 25 pictures a second, which are looked at 30 ms after every 200th.
        let off: Vec<i64> = (0..200)
            .map(|n| {
                let seen = Duration::from_millis((n * 40u64).next_multiple_of(200) + 30);
                let mut unit = camera.unit(KEY, 0);
                unit.arrival = camera.began + seen;
                unit.captured = WallTime::from_secs(1000) + seen;
                let frame = camera.out.video(unit).unwrap();
                (frame.captured - Duration::from_millis(n * 40)).0 / 1000 - 1_000_000
            })
            .collect();
        assert!(off.iter().all(|off| *off == 30), "{off:?}");
        // What comes a second late is not dated back by more than a beat may take.
        let mut unit = camera.unit(KEY, 0);
        unit.arrival = camera.began + Duration::from_secs(9);
        unit.captured = WallTime::from_secs(1009);
        let frame = camera.out.video(unit).unwrap();
        assert_eq!(frame.captured, WallTime::from_secs(1009) - MAX_BEAT);
    }

    #[test]
    fn a_clock_is_off_by_what_the_report_that_waited_least_says() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.add(-120), -120);
        assert_eq!(offsets.add(-10), -10);
        for late in [-190, -200, -150] {
            assert_eq!(offsets.add(late), -10);
        }
        assert_eq!(offsets.add(-160), -150, "that of ten is forgotten");
        assert_eq!(offsets.add(-60_000), -60_000, "set back");
        assert_eq!(offsets.add(5_000), 5_000, "set on");
    }

    #[test]
    fn a_broken_group_is_marked_to_its_end() {
        let mut camera = Camera::new();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        let units = [
            (KEY, 0),
            (DELTA, 0),
            (DELTA, 2),
            (DELTA, 0),
            (KEY, 0),
            (DELTA, 0),
        ];
        let damaged: Vec<bool> = units
            .iter()
            .map(|(data, lost)| camera.send(data, *lost).unwrap().damaged)
            .collect();
        assert_eq!(damaged, [false, false, true, true, false, false]);
    }

    #[test]
    fn new_parameters_begin_with_their_key_frame() {
        let mut camera = Camera::new();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        let old = camera.send(KEY, 0).unwrap();
        camera.out.parameters(video(1920));
        assert!(camera.send(DELTA, 0).is_none(), "belongs to neither");
        let new = camera.send(KEY, 0).unwrap();
        assert_eq!(
            (old.tracks.video.width, new.tracks.video.width),
            (640, 1920)
        );
        camera.out.parameters(video(1920));
        assert!(
            camera.send(DELTA, 0).is_some(),
            "said again, nothing changed"
        );
        assert!(Arc::ptr_eq(
            &new.tracks,
            &camera.send(KEY, 0).unwrap().tracks
        ));
    }

    #[test]
    fn a_reconnect_is_one_discontinuity_on_its_first_frame() {
        let mut camera = Camera::new();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        let before = camera.send(KEY, 0).unwrap();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        camera.n += 1_000_000;
        assert!(camera.send(DELTA, 0).is_none());
        let after = camera.send(KEY, 0).unwrap();
        assert!(after.discontinuity && after.group == 1 && after.dts > before.dts);
        assert!(Arc::ptr_eq(&before.tracks, &after.tracks));
        assert!(!camera.send(DELTA, 0).unwrap().discontinuity);
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut camera = Camera::new();
        camera.out.begin(None);
        camera.out.parameters(video(640));
        for _ in 0..25 * 20 {
            camera.send(KEY, 0);
        }
        let now = camera.began + Duration::from_millis(camera.n as u64 * 40);
        let (bits, frames) = camera.out.rates(now);
        assert!((2400..=2600).contains(&frames), "{frames}");
        assert!((1150..=1250).contains(&bits.0), "{bits:?}");
        assert_eq!(
            camera.out.rates(now + Duration::from_secs(60)),
            (BitRate(0), 0)
        );
    }

    #[test]
    fn a_cameras_clock_is_measured() {
        let mut out = Assembler::new(1, Instant::now());
        let now = WallTime::from_secs(1_700_000_000);
        let ntp = |unix: i64| ((unix + 2_208_988_800) as u64) << 32 | 0x8000_0000;
        let kind = TrackKind::Video;
        assert_eq!(
            out.report(kind, 0, 90_000, ntp(1_700_000_300), now),
            Some(300_500)
        );
        assert_eq!(
            out.report(kind, 0, 90_000, ntp(1_699_999_940), now),
            Some(-59_500)
        );
        assert_eq!(out.report(kind, 0, 90_000, 5, now), None, "no clock at all");
        assert!(out.report(kind, 0, 90_000, 1 << 40, now).is_some());
    }
}
