//! How the gateway is: for people, for Prometheus, and the certificate to trust.

use ::media::WallTime;
use http::{HeaderValue, header};
use ingest::transcode::Kind;
use serde::Serialize;

use super::{Answer, Call, Problem, bytes, json, view};
use crate::{access::Action, metrics};

#[derive(Serialize)]
struct Status {
    version: &'static str,
    started: WallTime,
    now: WallTime,
    cameras: Cameras,
    viewers: u64,
    feeds: usize,
    recording: usize,
    ingest_bps: u64,
    egress_bps: u64,
    transcode: Transcode,
    disk: Disk,
    cpu_seconds: f64,
    memory_bytes: u64,
}

#[derive(Default, Serialize)]
struct Cameras {
    total: usize,
    live: usize,
    idle: usize,
    offline: usize,
    disabled: usize,
}

/// Re-encoding for viewers.
#[derive(Serialize)]
struct Transcode {
    /// None while encoders are tried, and where there is none.
    video_encoder: Option<&'static str>,
    hardware: bool,
    sound_encoder: Option<&'static str>,
    video: usize,
    max_video: usize,
    sound: usize,
    max_sound: usize,
}

impl Transcode {
    fn of(transcodes: &ingest::Transcodes) -> Self {
        let found = transcodes.encoders();
        let video = found.as_ref().and_then(|f| f.video);
        let running = transcodes.running();
        let count = |kind| running.iter().filter(|r| r.kind == kind).count();
        Self {
            video_encoder: video.map(|v| v.name),
            hardware: video.is_some_and(|v| v.hardware),
            sound_encoder: found.and_then(|f| f.sound).map(|s| s.name),
            video: count(Kind::Video),
            max_video: transcodes.config().max_video,
            sound: count(Kind::Sound),
            max_sound: transcodes.config().max_sound,
        }
    }
}

#[derive(Serialize)]
struct Disk {
    used_bytes: u64,
    free_bytes: u64,
}

/// `GET /status`.
pub(super) async fn status(call: Call) -> Answer {
    let gateway = &call.gateway;
    let mut cameras = Cameras::default();
    let register = gateway.register.read();
    for camera in register
        .cameras()
        .filter(|c| call.sees(Action::Look, c.region))
    {
        cameras.total += 1;
        let (state, _, _) = view::Known::of(gateway, camera).state(gateway, camera.disabled);
        match state {
            view::State::Live => cameras.live += 1,
            view::State::Idle => cameras.idle += 1,
            view::State::Offline | view::State::Connecting => cameras.offline += 1,
            view::State::Disabled => cameras.disabled += 1,
        }
    }
    let usage = gateway.archive.usage();
    let feeds = gateway.feeds.live();
    json(&Status {
        version: env!("CARGO_PKG_VERSION"),
        started: gateway.started,
        now: call.gateway.now(),
        cameras,
        viewers: gateway.relay_stats().viewers,
        feeds: feeds.len(),
        recording: gateway.recorders.recording(),
        ingest_bps: feeds.iter().map(|(_, s)| s.bit_rate.0).sum(),
        egress_bps: gateway.egress.bits_per_second(),
        transcode: Transcode::of(&gateway.transcodes),
        disk: Disk {
            used_bytes: usage.used.0,
            free_bytes: usage.free.0,
        },
        cpu_seconds: metrics::cpu_seconds(),
        memory_bytes: metrics::memory_bytes(),
    })
}

/// `GET /metrics`.
pub(super) async fn metrics(call: Call) -> Answer {
    let text = metrics::render(&call.gateway);
    let mut response = bytes("text/plain; version=0.0.4", text);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /ca.crt`.
pub(super) async fn authority(call: Call) -> Answer {
    let pem = call.gateway.authority.clone();
    let pem = pem.ok_or_else(|| {
        Problem::not_found("this gateway has no certificate authority of its own")
    })?;
    let mut response = bytes("application/x-x509-ca-cert", pem);
    response.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"sightline-ca.crt\""),
    );
    Ok(response)
}
