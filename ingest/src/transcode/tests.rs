//! What cannot be done from outside: breaking a pipeline that works.

use std::{path::PathBuf, sync::Arc, time::Duration};

use camsim::{
    CameraConfig, Server, ServerConfig,
    clip::VideoCodec,
    scene::{QuickClip, quick_clip},
};
use gstreamer::prelude::*;
use media::{CameraId, Clock, FeedId, Next, Priority, Profile, ReasonCode, SourceState, TrackKind};
use tokio::sync::Notify;

use super::*;
use crate::{Camera, Source, budget::Links};

const DEADLINE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_pipeline_that_is_killed_is_begun_anew_and_viewers_are_told() {
    let want = QuickClip {
        codec: VideoCodec::H265,
        gop: 25,
        ..QuickClip::default()
    };
    let cache = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/clips");
    let clip = quick_clip(&want, &cache).unwrap();
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let camera = server.add_camera(CameraConfig {
        lag_max: DEADLINE,
        ..CameraConfig::new("a", clip)
    });
    let config = crate::Config {
        connect_timeout: DEADLINE,
        packet_timeout: DEADLINE,
        ..crate::Config::default()
    };
    let clock = Arc::new(Mutex::new(Clock::system()));
    let links = Links::new(Vec::new());
    let ingest = Supervisor::start(config, links, clock, CancellationToken::new());
    let id: CameraId = "44140300132000000001".parse().unwrap();
    ingest.upsert(Camera {
        id,
        region: "441403102201".parse().unwrap(),
        main: Some(Source::parse(&camera.url_with_password(camsim::Profile::Main)).unwrap()),
        sub: None,
        always: false,
        disabled: false,
    });
    let transcodes = Transcodes::start(Config::default(), &ingest);
    transcodes.ready().await;
    let feed = FeedId {
        camera: id,
        profile: Profile::Main,
    };
    let pulled = ingest.pull(feed, Priority::Viewer).unwrap();
    let lease = transcodes.open(pulled, Kind::Video).unwrap();
    let mut status = lease.feed.status.clone();
    let mut cursor = lease.feed.ring.cursor_at_start(Arc::new(Notify::new()));
    let mut next = async |what: &str| loop {
        let next = tokio::time::timeout(DEADLINE, cursor.next()).await;
        match next {
            Ok(Next::Frame(frame)) if frame.track == TrackKind::Video => return frame,
            Ok(Next::Frame(_)) => {}
            other => panic!("{what}: {other:?}"),
        }
    };
    let mut last = next("the first").await;
    for _ in 0..20 {
        last = next("it plays").await;
    }
    let key = (feed, Kind::Video);
    let pipeline = {
        let state = transcodes.0.lock();
        let seen = state.entries[&key].seen.lock().unwrap();
        seen.clone().expect("it has begun")
    };
    pipeline.set_state(gstreamer::State::Null).unwrap();
    let told = tokio::time::timeout(
        DEADLINE,
        status.wait_for(|s| s.state == SourceState::Backoff),
    );
    let told = told.await.expect("told in time").unwrap().clone();
    let reason = told.reason.unwrap();
    assert_eq!(reason.code, ReasonCode::TranscodeFailed, "{reason}");
    assert!(told.retry_at.is_some());
    // What was made before it was killed is still to be read; then it goes on at a key frame, on the same timeline.
    let again = loop {
        let frame = next("it recovers").await;
        assert!(frame.dts > last.dts);
        last = frame;
        if last.discontinuity {
            break last;
        }
    };
    assert!(again.key);
    assert_eq!(transcodes.totals().failures, 1);
    let back = tokio::time::timeout(DEADLINE, status.wait_for(|s| s.state == SourceState::Live));
    assert!(back.await.expect("back in time").unwrap().reason.is_none());
}
