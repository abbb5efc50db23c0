//! Cameras that refuse, die, flap, hang and lose step: the reason is named, and they are live again soon after their return.

mod harness;

use std::time::{Duration, Instant};

use camsim::{CameraConfig, Desync, Profile as CamProfile, RefuseAt, scene::QuickClip};
use harness::{Bench, Pull, clip, config, impatient, registered, status, supervisor, until};
use ingest::{Config, Source};
use media::{Priority, ReasonCode, SourceState};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
};

fn camera() -> CameraConfig {
    CameraConfig::new(
        "a",
        clip(QuickClip {
            gop: 10,
            ..QuickClip::default()
        }),
    )
}

/// So many bytes a second that those which a false length swallows are there soon.
fn dense() -> QuickClip {
    QuickClip {
        width: 640,
        height: 360,
        fps: 50,
        gop: 5,
        ..QuickClip::default()
    }
}

/// Waits shorter than in the field, in the same proportions.
fn hasty() -> Config {
    let mut config = config();
    config.retry.busy_first = Duration::from_millis(400);
    config.retry.busy_longest = Duration::from_secs(1);
    config.retry.settled = Duration::from_secs(1);
    config
}

async fn reason_of(url: &str) -> media::Reason {
    let ingest = supervisor(
        Config {
            connect_timeout: Duration::from_secs(1),
            ..config()
        },
        Vec::new(),
    );
    ingest.upsert(registered(1, url));
    let _pull = Pull::of(&ingest, 1);
    until("a reason", || status(&ingest, 1).reason).await
}

#[tokio::test]
async fn every_way_not_to_connect_has_its_name() {
    // Case 29.
    let name = reason_of("rtsp://no-such-camera.invalid/a").await;
    assert_eq!(name.code, ReasonCode::NameNotResolved);
    assert!(name.text.contains("no-such-camera.invalid"), "{name}");

    // Nobody listens on it, and nobody else can.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = taken.local_addr().unwrap();
    let refused = reason_of(&format!("rtsp://{closed}/a")).await;
    assert_eq!(refused.code, ReasonCode::Refused);
    assert!(refused.text.contains(&closed.to_string()), "{refused}");

    // Takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timed_out = reason_of(&format!("rtsp://{}/a", silent.local_addr().unwrap())).await;
    assert_eq!(timed_out.code, ReasonCode::TimedOut);

    // No connection leads to everybody: whatever networks there are, the system knows no route for one.
    let nowhere = reason_of("rtsp://127.255.255.255/a").await;
    assert_eq!(nowhere.code, ReasonCode::NoRoute);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (status, at, code) in [
        (404, RefuseAt::Describe, ReasonCode::NotFound),
        (453, RefuseAt::Setup, ReasonCode::CameraBusy),
        (453, RefuseAt::Play, ReasonCode::CameraBusy),
        (500, RefuseAt::Describe, ReasonCode::RtspError),
    ] {
        let bench = Bench::with(camera(), hasty()).await;
        bench.camera.faults().change(|f| {
            f.refuse = Some(status);
            f.refuse_at = at;
        });
        let mut pull = bench.pull();
        let reason = bench.reason(code).await.reason.unwrap();
        assert!(reason.text.contains(&status.to_string()), "{reason}");
        // And when it no longer refuses, it plays.
        bench.camera.faults().clear();
        pull.video().await;
        bench.well().await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_shown_and_not_hammered() {
    // Case 8.
    let mut slow = config();
    slow.retry.password_first = 4 * harness::DEADLINE;
    slow.retry.password_longest = 4 * harness::DEADLINE;
    let bench = Bench::with(camera(), slow).await;
    let url = bench
        .camera
        .url_with_password(CamProfile::Main)
        .replace(":camsim@", ":wrong-secret@");
    bench.ingest.upsert(registered(1, &url));
    let mut pull = bench.pull();
    let status = bench.reason(ReasonCode::WrongPassword).await;
    assert!(!format!("{status:?}").contains("wrong-secret"));
    assert_eq!(status.state, SourceState::Backoff);
    // A quarter of jitter either way; the clock is read twice.
    let wait = status.retry_at.unwrap().since(status.since);
    assert!(wait > 2 * harness::DEADLINE, "{wait:?}");
    assert!(
        bench.camera.stats().unauthorized <= 2,
        "one try is one challenge and one refusal"
    );
    // The right one, entered in the register, does not wait for that.
    let url = bench.camera.url_with_password(CamProfile::Main);
    bench.ingest.upsert(registered(1, &url));
    pull.video().await;
}

#[tokio::test]
async fn a_camera_whose_sessions_are_spent_is_busy_and_not_wrong() {
    // Case 7, with the status that some cameras have for it.
    for limit_status in [401, 453] {
        let bench = Bench::with(
            CameraConfig {
                limit: Some(1),
                limit_status,
                ..camera()
            },
            hasty(),
        )
        .await;
        let mut pull = bench.pull();
        pull.video().await;
        // Somebody else takes its only session while ours is cut.
        bench.camera.faults().cut();
        let other = supervisor(hasty(), Vec::new());
        bench
            .camera
            .faults()
            .change(|f| f.refuse = Some(limit_status));
        let status = bench.reason(ReasonCode::CameraBusy).await;
        assert_eq!(status.state, SourceState::Backoff);
        // It goes on being tried, and no storm: three waits of 0.4 s and more, less a quarter of jitter.
        let (before, begun) = (bench.status().attempts, Instant::now());
        until("four more attempts", || {
            (bench.status().attempts >= before + 4).then_some(())
        })
        .await;
        assert!(begun.elapsed() > 3 * Duration::from_millis(300));
        bench.camera.faults().clear();
        let frame = pull.video().await;
        assert!(frame.discontinuity);
        drop(other);
    }
}

#[tokio::test]
async fn lost_framing_is_named_and_mended() {
    // Case 6.
    for how in [Desync::StrayByte, Desync::ShortLength, Desync::HugeLength] {
        let bench = Bench::new(CameraConfig::new("a", clip(dense()))).await;
        let mut changes = bench.ingest.changes();
        let mut pull = bench.pull();
        pull.videos(5).await;
        bench.camera.faults().desync(how);
        let named = harness::within("a reason", async {
            loop {
                let (_, status) = changes.recv().await.unwrap();
                if status.state == SourceState::Backoff {
                    return status.reason.unwrap();
                }
            }
        })
        .await;
        assert_eq!(named.code, ReasonCode::FramingLost, "{how:?}: {named}");
        let back = pull.until_frame(|f| f.discontinuity).await;
        assert!(back.key, "{how:?}");
        pull.videos(20).await;
        assert!(pull.feed().ring.held().0 < 4 << 20);
    }
}

#[tokio::test]
async fn a_camera_that_talks_for_ever_without_an_end_is_dropped() {
    // A line without its end, a body larger than any: what is held is bounded by the packet time-out.
    for flood in [
        "RTSP/1.0 200 ",
        "RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0u8; 512];
                let _ = socket.read(&mut request).await;
                if socket.write_all(flood.as_bytes()).await.is_err() {
                    continue;
                }
                while socket.write_all(&[b'x'; 1000]).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        let reason = reason_of(&format!("rtsp://{address}/a")).await;
        assert!(
            matches!(reason.code, ReasonCode::TimedOut | ReasonCode::FramingLost),
            "{reason}"
        );
        server.abort();
    }
}

#[tokio::test]
async fn a_camera_that_dies_is_live_again_after_its_return() {
    // Case 11: gone, hung without a FIN, reset.
    for way in ["dead", "hung", "reset"] {
        let bench = Bench::with(camera(), impatient()).await;
        let mut pull = bench.pull();
        let number = pull.feed().number;
        pull.videos(5).await;
        let expected = match way {
            "dead" => {
                bench.camera.faults().change(|f| f.dead = true);
                bench.camera.faults().cut();
                ReasonCode::Cut
            }
            "hung" => {
                bench.camera.faults().change(|f| f.stall = true);
                ReasonCode::NoPackets
            }
            _ => {
                bench.camera.faults().change(|f| f.dead = true);
                bench.camera.faults().reset();
                ReasonCode::Cut
            }
        };
        let gone = bench.reason(expected).await;
        until("another attempt in vain", || {
            let status = bench.status();
            assert_ne!(status.state, SourceState::Live);
            (status.attempts > gone.attempts + 1).then_some(())
        })
        .await;
        // How long the gateway then waits at most is the back-off's arithmetic, and tested there.
        bench.camera.faults().clear();
        let frame = pull.until_frame(|f| f.discontinuity).await;
        assert!(
            frame.key && frame.feed == number,
            "{way}: the same feed goes on"
        );
        bench.well().await;
    }
}

#[tokio::test]
async fn a_flapping_camera_costs_the_same_after_many_rounds() {
    // Case 11: flaps all the time; the ring, the tasks and the numbers go on as ever.
    let bench = Bench::new(camera()).await;
    bench.camera.faults().change(|f| f.flap_every_s = Some(0.6));
    let mut pull = bench.pull();
    let mut returns = 0;
    while returns < 5 {
        let frame = pull.next().await;
        returns += u32::from(frame.discontinuity);
        assert!(pull.feed().ring.held().0 < 8 << 20);
    }
    let stats = bench.camera.stats();
    assert!(stats.plays >= 6 && stats.playing() <= 1, "{stats:?}");
}

#[tokio::test]
async fn a_new_address_takes_effect_on_the_same_feed() {
    let bench = Bench::new(camera()).await;
    let mut pull = bench.pull();
    pull.videos(3).await;
    let other = bench.server.add_camera(CameraConfig::new(
        "b",
        clip(QuickClip {
            width: 160,
            height: 96,
            ..QuickClip::default()
        }),
    ));
    let mut changed = registered(1, "rtsp://127.0.0.1/");
    changed.main = Some(Source::parse(&other.url_with_password(CamProfile::Main)).unwrap());
    bench.ingest.upsert(changed);
    let frame = pull.until_frame(|f| f.tracks.video.width == 160).await;
    assert!(frame.key && frame.discontinuity);
    until("the goodbye", || {
        (bench.camera.stats().playing() == 0).then_some(())
    })
    .await;
    // The same again changes nothing.
    let mut changed = registered(1, "rtsp://127.0.0.1/");
    changed.main = Some(Source::parse(&other.url_with_password(CamProfile::Main)).unwrap());
    bench.ingest.upsert(changed);
    pull.videos(30).await;
    assert_eq!(other.stats().plays, 1);
    assert!(
        bench
            .ingest
            .pull(harness::feed_id(1), Priority::Viewer)
            .is_ok()
    );
}
