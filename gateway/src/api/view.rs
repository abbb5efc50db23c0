//! How cameras, events and regions look in JSON.

use std::sync::Arc;

use ::media::{
    Event, EventId, EventKind, FeedId, Grade, Place, Profile, Reason, RegionCode, SourceState,
    SourceStatus, WallTime, event::Acknowledgement, id::Level,
};
use command::Register;
use ingest::transcode::{Kind, Running};
use serde::Serialize;

use crate::{gateway::Gateway, recording::recorders, visits};

/// A camera with its state.
#[derive(Debug, Serialize)]
pub struct Camera<'a> {
    code: ::media::CameraId,
    revision: u32,
    name: &'a str,
    region: RegionCode,
    region_name: &'a str,
    state: State,
    reason: Option<Reason>,
    since: WallTime,
    place: Option<Place>,
    heading: Option<u16>,
    view_angle: Option<u16>,
    view_distance: Option<u32>,
    site_class: &'a str,
    form: &'a str,
    maker: &'a str,
    address: &'a str,
    recording: bool,
    recording_state: recorders::State,
    profiles: Profiles<'a>,
    clock_offset_ms: Option<i64>,
    check: Option<visits::Check>,
    tags: &'a [String],
    asset: &'a command::Asset,
    transport: command::register::Transport,
    record: bool,
    keep_days: u32,
    tag: bool,
    always: bool,
    disabled: bool,
    zones: &'a [command::Zone],
}

/// A camera's state as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A feed plays.
    Live,
    /// Nobody needs it.
    Idle,
    /// It is being asked for the first time.
    Connecting,
    /// It does not deliver; the reason says why.
    Offline,
    /// Out of service.
    Disabled,
}

impl State {
    /// As in JSON.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "live" => Self::Live,
            "idle" => Self::Idle,
            "connecting" => Self::Connecting,
            "offline" => Self::Offline,
            "disabled" => Self::Disabled,
            _ => return None,
        })
    }
}

#[derive(Debug, Serialize)]
struct Profiles<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<Stream<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Stream<'a>>,
}

#[derive(Debug, Serialize)]
struct Stream<'a> {
    state: SourceState,
    codec: Option<&'a str>,
    width: Option<u16>,
    height: Option<u16>,
    bit_rate_bps: u64,
    frame_rate: f64,
    /// What is re-encoded of it just now, for viewers.
    transcodes: Vec<Transcode>,
}

/// A re-encoding that runs.
#[derive(Debug, Serialize)]
struct Transcode {
    kind: &'static str,
    encoder: &'static str,
    hardware: bool,
    state: SourceState,
    reason: Option<Reason>,
    codec: Option<String>,
    width: Option<u16>,
    height: Option<u16>,
    bit_rate_bps: u64,
    viewers: usize,
}

impl Transcode {
    fn of(running: Running) -> Self {
        let tracks = running.status.tracks.as_deref();
        let video = tracks
            .filter(|_| running.kind == Kind::Video)
            .map(|t| &t.video);
        let sound = tracks.filter(|_| running.kind == Kind::Sound);
        let sound = sound.and_then(|t| t.audio.as_ref());
        Self {
            kind: running.kind.as_str(),
            encoder: running.encoder,
            hardware: running.hardware,
            state: running.status.state,
            codec: video
                .map(|v| v.codec_string.clone())
                .or(sound.map(|a| a.codec_string.clone())),
            width: video.map(|v| v.width),
            height: video.map(|v| v.height),
            bit_rate_bps: running.status.bit_rate.0,
            viewers: running.viewers,
            reason: running.status.reason,
        }
    }
}

impl<'a> Stream<'a> {
    fn of(status: &'a SourceStatus, transcodes: Vec<Running>) -> Self {
        let video = status.tracks.as_ref().map(|t| &t.video);
        Self {
            state: status.state,
            codec: video.map(|v| v.codec_string.as_str()),
            width: video.map(|v| v.width),
            height: video.map(|v| v.height),
            bit_rate_bps: status.bit_rate.0,
            frame_rate: f64::from(status.frame_rate_x100) / 100.0,
            transcodes: transcodes.into_iter().map(Transcode::of).collect(),
        }
    }
}

/// State, reason and since of a camera, from its feeds'.
pub fn state(
    disabled: bool,
    started: WallTime,
    feeds: &[&SourceStatus],
) -> (State, Option<Reason>, WallTime) {
    if disabled {
        return (State::Disabled, None, started);
    }
    let of = |state: SourceState| feeds.iter().find(|s| s.state == state);
    if let Some(live) = of(SourceState::Live) {
        return (State::Live, None, live.since);
    }
    // While a broken feed is tried again it stays offline: it is not yet known to be otherwise.
    let broken = feeds.iter().find(|s| s.reason.is_some());
    if let Some(broken) = broken {
        return (State::Offline, broken.reason.clone(), broken.since);
    }
    let trying = of(SourceState::WaitingKeyFrame).or(of(SourceState::Connecting));
    if let Some(trying) = trying {
        return (State::Connecting, None, trying.since);
    }
    let since = feeds.iter().map(|s| s.since).max().unwrap_or(started);
    (State::Idle, None, since)
}

/// What is known of a camera's feeds.
pub struct Known {
    main: Option<SourceStatus>,
    sub: Option<SourceStatus>,
}

impl Known {
    /// Of one camera.
    pub fn of(gateway: &Gateway, camera: &command::Camera) -> Self {
        let status = |profile, url: &Option<String>| {
            url.as_ref()?;
            let feed = FeedId {
                camera: camera.code,
                profile,
            };
            Some(
                gateway
                    .feeds
                    .status(feed)
                    .unwrap_or_else(|| SourceStatus::idle(gateway.started)),
            )
        };
        Self {
            main: status(Profile::Main, &camera.main_url),
            sub: status(Profile::Sub, &camera.sub_url),
        }
    }

    /// By how much the camera's own clock is ahead of the gateway's, ms.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        let streams = [&self.main, &self.sub].into_iter().flatten();
        streams.filter_map(|s| s.clock_offset_ms).next()
    }

    /// State, reason and since.
    pub fn state(&self, gateway: &Gateway, disabled: bool) -> (State, Option<Reason>, WallTime) {
        let feeds: Vec<&SourceStatus> = [&self.main, &self.sub].into_iter().flatten().collect();
        state(disabled, gateway.started, &feeds)
    }
}

/// Calls `with` with the camera as it looks now.
pub fn camera<T>(
    gateway: &Gateway,
    register: &Register,
    camera: &command::Camera,
    with: impl FnOnce(&Camera<'_>) -> T,
) -> T {
    let known = Known::of(gateway, camera);
    let (state, reason, since) = known.state(gateway, camera.disabled);
    let recording_state = gateway.recorders.state(&camera.code);
    let region = register.region(&camera.region);
    let of = |profile| {
        gateway.transcodes.of(FeedId {
            camera: camera.code,
            profile,
        })
    };
    let (of_main, of_sub) = (of(Profile::Main), of(Profile::Sub));
    with(&Camera {
        code: camera.code,
        revision: register.revision(&camera.code),
        name: &camera.name,
        region: camera.region,
        region_name: region.map_or("", |r| &r.name),
        state,
        reason,
        since,
        place: camera.place,
        heading: camera.heading,
        view_angle: camera.view_angle,
        view_distance: camera.view_distance,
        site_class: &camera.site_class,
        form: &camera.form,
        maker: &camera.maker,
        address: &camera.address,
        recording: recording_state == recorders::State::Recording,
        recording_state,
        profiles: Profiles {
            main: known.main.as_ref().map(|s| Stream::of(s, of_main)),
            sub: known.sub.as_ref().map(|s| Stream::of(s, of_sub)),
        },
        clock_offset_ms: known.clock_offset_ms(),
        check: gateway.checks.of(&camera.code),
        tags: &camera.tags,
        asset: &camera.asset,
        transport: camera.transport,
        record: camera.record,
        keep_days: camera.keep_days,
        tag: camera.tag,
        always: camera.always,
        disabled: camera.disabled,
        zones: &camera.zones,
    })
}

/// A region.
#[derive(Debug, Serialize)]
pub struct Region {
    code: RegionCode,
    name: String,
    name_en: String,
    parent: Option<RegionCode>,
    level: Level,
    place: Option<Place>,
    revision: u32,
    cameras: usize,
}

impl Region {
    /// As it stands in the register, with how many cameras are in it and below.
    pub fn of(register: &Register, region: &command::Region, cameras: usize) -> Self {
        Self {
            code: region.code,
            name: region.name.clone(),
            name_en: region.name_en.clone(),
            parent: register.parent(&region.code),
            level: region.code.level(),
            place: region.place,
            revision: register.region_revision(&region.code),
            cameras,
        }
    }
}

/// An event.
#[derive(Debug, Serialize)]
pub struct EventView {
    id: EventId,
    kind: EventKind,
    camera: Option<::media::CameraId>,
    camera_name: Option<String>,
    region: Option<RegionCode>,
    place: Option<Place>,
    start: WallTime,
    end: Option<WallTime>,
    last: WallTime,
    count: u32,
    repeats: Option<EventId>,
    grade: Grade,
    score: f32,
    snapshot: Option<String>,
    text: String,
    acknowledged: Option<Acknowledgement>,
    incident: Option<String>,
    by: Option<String>,
    together: Option<EventId>,
    others: u32,
    rules: Vec<String>,
    popup: bool,
    exercise: bool,
    photo: Option<PhotoView>,
}

/// The photo that came with an event.
#[derive(Debug, Serialize)]
struct PhotoView {
    bytes: u64,
    sha256: String,
    url: String,
    taken_at: Option<Place>,
}

impl EventView {
    /// Where its photo was taken, by its own account: for those who may know.
    pub fn taken_at(&mut self, place: Option<Place>) {
        if let Some(photo) = &mut self.photo {
            photo.taken_at = place;
        }
    }

    /// With what the register adds.
    pub fn of(register: &Register, event: Event) -> Self {
        let camera = event
            .camera
            .and_then(|c| register.camera(&c).map(Arc::clone));
        Self {
            id: event.id,
            kind: event.kind,
            camera: event.camera,
            camera_name: camera.as_ref().map(|c| c.name.clone()),
            region: event.region,
            place: event.more.place.or(camera.and_then(|c| c.place)),
            start: event.start,
            end: event.end,
            last: event.last,
            count: event.count,
            repeats: event.repeats,
            grade: event.grade,
            score: event.score,
            snapshot: event
                .snapshot
                .then(|| format!("/api/v1/events/{}/snapshot.jpg", event.id)),
            text: event.text,
            acknowledged: event.acknowledged,
            incident: event.incident,
            by: event.more.by,
            together: event.more.together,
            others: event.more.others,
            rules: event.more.rules,
            popup: event.more.popup,
            exercise: event.more.exercise,
            photo: event.more.photo.map(|p| PhotoView {
                bytes: p.bytes,
                sha256: p.sha256,
                url: format!("/api/v1/events/{}/photo", event.id),
                taken_at: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::media::ReasonCode;

    fn status(state: SourceState, reason: Option<ReasonCode>) -> SourceStatus {
        SourceStatus {
            state,
            reason: reason.map(|c| Reason::new(c, "x")),
            ..SourceStatus::idle(WallTime::from_secs(5))
        }
    }

    #[test]
    fn one_live_feed_makes_a_camera_live_and_a_retry_does_not() {
        use SourceState::*;
        let at = WallTime::from_secs(0);
        let lost = Some(ReasonCode::NoPackets);
        let of = |feeds: &[SourceStatus]| {
            let feeds: Vec<&SourceStatus> = feeds.iter().collect();
            state(false, at, &feeds).0
        };
        assert_eq!(
            of(&[status(Backoff, lost), status(Live, None)]),
            State::Live
        );
        assert_eq!(
            of(&[status(Connecting, lost), status(Idle, None)]),
            State::Offline
        );
        assert_eq!(
            of(&[status(Connecting, None), status(Idle, None)]),
            State::Connecting
        );
        assert_eq!(of(&[status(Idle, None)]), State::Idle);
        assert_eq!(of(&[]), State::Idle);
        assert_eq!(state(true, at, &[&status(Live, None)]).0, State::Disabled);
    }
}
