//! Each switch does what it says, seen from the wire.

mod wire;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use camsim::{
    Auth, CameraConfig, CameraHandle, Clip, Desync, Faults, RefuseAt, SdpQuirks, Server,
    ServerConfig,
    scene::{QuickClip, Sound, quick_clip},
    stamp,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use wire::{Client, Stop, sequence, timestamp};

fn clip(want: QuickClip) -> Clip {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    quick_clip(&want, &cache).expect("GStreamer with x264")
}

fn small() -> QuickClip {
    QuickClip {
        seconds: 2,
        gop: 25,
        ..QuickClip::default()
    }
}

fn open(name: &str, clip: Clip) -> CameraConfig {
    CameraConfig {
        auth: Auth::None,
        ..CameraConfig::new(name, clip)
    }
}

async fn camera(config: CameraConfig) -> (Server, CameraHandle) {
    let server = Server::start(ServerConfig::default())
        .await
        .expect("a free port");
    let camera = server.add_camera(config);
    (server, camera)
}

#[tokio::test]
async fn sequence_and_time_go_on_across_the_loop_and_say_when_they_were_sent() {
    let (_server, camera) = camera(CameraConfig {
        stamp: true,
        ..open("a", clip(small()))
    })
    .await;
    let mut client = Client::play(&camera).await;
    let (packets, _) = client.packets(0, Duration::from_millis(4_500)).await;
    for pair in packets.windows(2) {
        assert_eq!(sequence(&pair[1]), sequence(&pair[0]).wrapping_add(1));
        let step = timestamp(&pair[1]).wrapping_sub(timestamp(&pair[0]));
        assert!(step == 0 || step == 3_600, "{step}");
    }
    let stamps: Vec<u64> = packets.iter().filter_map(|p| stamp::read(p)).collect();
    assert!(stamps.len() > 100, "{} stamps", stamps.len());
    assert!(stamps.is_sorted());
    assert!(stamp::now_ns() - stamps[stamps.len() - 1] < 2_000_000_000);
}

#[tokio::test]
async fn stall_keeps_the_connection_and_sends_nothing() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    assert!(
        !client
            .packets(0, Duration::from_millis(500))
            .await
            .0
            .is_empty()
    );
    camera.faults().change(|f| f.stall = true);
    client.packets(0, Duration::from_millis(200)).await;
    client.send("GET_PARAMETER", "", "").await;
    let (none, end) = client.packets(0, Duration::from_millis(700)).await;
    assert_eq!((none.len(), end), (0, None));
    camera.faults().clear();
    assert!(
        !client
            .packets(0, Duration::from_millis(500))
            .await
            .0
            .is_empty()
    );
}

#[tokio::test]
async fn cut_reset_and_flap_end_connections() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    camera.faults().cut();
    assert_eq!(client.end().await, Stop::Closed);
    let mut client = Client::play(&camera).await;
    camera.faults().reset();
    assert_eq!(client.end().await, Stop::Reset);
    camera.faults().set(Faults {
        flap_every_s: Some(0.5),
        ..Faults::default()
    });
    let started = Instant::now();
    let mut client = Client::play(&camera).await;
    assert_eq!(client.end().await, Stop::Closed);
    assert!((400..1_500).contains(&started.elapsed().as_millis()));
    assert_eq!((camera.stats().plays, camera.stats().playing()), (3, 0));
}

#[tokio::test]
async fn framing_is_lost_in_three_ways() {
    for how in [Desync::StrayByte, Desync::ShortLength, Desync::HugeLength] {
        let (_server, camera) = camera(open("a", clip(small()))).await;
        let mut client = Client::play(&camera).await;
        client.packets(0, Duration::from_millis(300)).await;
        camera.faults().desync(how);
        assert_eq!(client.end().await, Stop::OutOfStep, "{how:?}");
    }
}

#[tokio::test]
async fn timestamps_jump_wrap_and_go_back() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    let mut last = client.packets(0, Duration::from_millis(300)).await.0;
    for hours in [2.0, -5.0] {
        camera.faults().jump_timestamps(hours * 3_600.0);
        let mut times: Vec<u32> = last.last().map(|p| timestamp(p)).into_iter().collect();
        last = client.packets(0, Duration::from_millis(400)).await.0;
        times.extend(last.iter().map(|p| timestamp(p)));
        let steps: Vec<i32> = times
            .windows(2)
            .map(|t| t[1].wrapping_sub(t[0]) as i32)
            .collect();
        let jumps: Vec<&i32> = steps.iter().filter(|d| d.abs() > 90_000).collect();
        let [jump] = jumps[..] else {
            panic!("one jump, not {jumps:?}")
        };
        let off = f64::from(*jump) - hours * 3_600.0 * 90_000.0;
        assert!(off.abs() < 90_000.0, "{off}");
    }
    camera.faults().set(Faults {
        wrap_after_s: Some(0.4),
        ..Faults::default()
    });
    let mut client = Client::play(&camera).await;
    let times: Vec<u32> = client
        .packets(0, Duration::from_millis(900))
        .await
        .0
        .iter()
        .map(|p| timestamp(p))
        .collect();
    assert!(
        times[0] > u32::MAX - 90_000 && times[times.len() - 1] < 90_000,
        "{times:?}"
    );
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    for (status, at) in [
        (404, RefuseAt::Describe),
        (401, RefuseAt::Describe),
        (453, RefuseAt::Setup),
        (453, RefuseAt::Play),
    ] {
        camera.faults().set(Faults {
            refuse: Some(status),
            refuse_at: at,
            ..Faults::default()
        });
        let mut client = Client::connect(&camera).await;
        let mut got = client.ask("DESCRIBE", "", "").await.0;
        if got == 200 {
            got = client
                .ask(
                    "SETUP",
                    "/trackID=0",
                    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
                )
                .await
                .0;
        }
        if got == 200 {
            got = client.ask("PLAY", "", "").await.0;
        }
        assert_eq!(got, status);
    }
    camera.faults().set(Faults {
        refuse_tcp: true,
        ..Faults::default()
    });
    let mut client = Client::connect(&camera).await;
    assert_eq!(
        client
            .ask(
                "SETUP",
                "/trackID=0",
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            )
            .await
            .0,
        461
    );
    assert_eq!(
        client
            .ask(
                "SETUP",
                "/trackID=0",
                "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n"
            )
            .await
            .0,
        200
    );
    let mut client = Client::connect(&camera).await;
    client.url = client.url.replace("/a/", "/nobody/");
    assert_eq!(client.ask("DESCRIBE", "", "").await.0, 404);
    camera.faults().set(Faults {
        dead: true,
        ..Faults::default()
    });
    let mut client = Client::connect(&camera).await;
    client.send("DESCRIBE", "", "").await;
    assert_eq!(client.end().await, Stop::Closed);
    camera.faults().set(Faults {
        silent: true,
        ..Faults::default()
    });
    let mut client = Client::connect(&camera).await;
    client.send("OPTIONS", "", "").await;
    assert_eq!(
        client.item(Duration::from_millis(500)).await.err(),
        Some(Stop::Silence)
    );
}

#[tokio::test]
async fn sessions_are_limited_and_given_back() {
    for status in [453, 401] {
        let (_server, camera) = camera(CameraConfig {
            limit: Some(1),
            limit_status: status,
            ..open("a", clip(small()))
        })
        .await;
        let first = Client::play(&camera).await;
        assert_eq!(camera.stats().main, 1);
        let mut second = Client::connect(&camera).await;
        let mut got = second.ask("DESCRIBE", "", "").await.0;
        if status == 453 {
            assert_eq!(got, 200);
            got = second
                .ask(
                    "SETUP",
                    "/trackID=0",
                    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
                )
                .await
                .0;
        }
        assert_eq!(got, status);
        drop(first);
        let deadline = Instant::now() + Duration::from_secs(5);
        while camera.stats().playing() > 0 {
            assert!(
                Instant::now() < deadline,
                "the session ends with its connection"
            );
            tokio::task::yield_now().await;
        }
        Client::play(&camera).await;
    }
}

#[tokio::test]
async fn reports_tell_the_cameras_clock_or_are_left_out() {
    let config = CameraConfig {
        faults: Faults {
            no_sender_reports: true,
            ..Faults::default()
        },
        ..open("a", clip(small()))
    };
    let (_server, camera) = camera(config).await;
    assert!(
        Client::play(&camera)
            .await
            .packets(1, Duration::from_millis(400))
            .await
            .0
            .is_empty()
    );
    camera.faults().set(Faults {
        first_sender_report_after_s: 0.6,
        clock_offset_s: 3_600.0,
        ..Faults::default()
    });
    let mut client = Client::play(&camera).await;
    assert!(
        client
            .packets(1, Duration::from_millis(300))
            .await
            .0
            .is_empty(),
        "not yet"
    );
    let reports = client.packets(1, Duration::from_millis(700)).await.0;
    let [report] = &reports[..] else {
        panic!("{} reports", reports.len())
    };
    assert_eq!(report[1], 200);
    let ntp = f64::from(u32::from_be_bytes([
        report[8], report[9], report[10], report[11],
    ]));
    let unix = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    assert!((ntp - 2_208_988_800.0 - unix - 3_600.0).abs() < 3.0);
}

#[tokio::test]
async fn sound_comes_late_and_stops() {
    let faults = Faults {
        audio_after_s: 0.5,
        audio_until_s: Some(1.0),
        ..Faults::default()
    };
    let config = CameraConfig {
        faults,
        ..open(
            "a",
            clip(QuickClip {
                sound: Sound::Pcma,
                ..small()
            }),
        )
    };
    let (_server, camera) = camera(config).await;
    let mut client = Client::play(&camera).await;
    assert!(
        client
            .packets(2, Duration::from_millis(300))
            .await
            .0
            .is_empty()
    );
    let sound = client.packets(2, Duration::from_millis(1_500)).await.0;
    assert!(
        (5..20).contains(&sound.len()),
        "{} packets of 40 ms in half a second",
        sound.len()
    );
}

#[tokio::test]
async fn descriptions_are_odd_on_demand() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let quirks = SdpQuirks {
        no_address: true,
        fractional_framerate: true,
        metadata_track: true,
        back_channel: true,
        no_parameter_sets: true,
    };
    camera.faults().set(Faults {
        sdp: quirks,
        ..Faults::default()
    });
    let mut client = Client::connect(&camera).await;
    let (_, sdp) = client.ask("DESCRIBE", "", "").await;
    for line in [
        "IN IP4\r\n",
        "a=framerate:24.975025\r\n",
        "m=application",
        "vnd.onvif.metadata/90000",
        "a=sendonly",
    ] {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
    assert!(!sdp.contains("sprop"));
}

#[tokio::test]
async fn datagrams_are_lost_and_reordered() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let receive = |faults: Faults| {
        let camera = camera.clone();
        async move {
            camera.faults().set(faults);
            let socket = UdpSocket::bind("[::1]:0").await.expect("a free port");
            let port = socket.local_addr().expect("bound").port();
            let mut client = Client::connect(&camera).await;
            let transport = format!(
                "Transport: RTP/AVP;unicast;client_port={port}-{}\r\n",
                port.wrapping_add(1)
            );
            assert_eq!(client.ask("SETUP", "/trackID=0", &transport).await.0, 200);
            assert_eq!(client.ask("PLAY", "", "").await.0, 200);
            let mut got = Vec::new();
            let mut buffer = [0; 2_000];
            let deadline = Instant::now() + Duration::from_secs(2);
            while let Ok(Ok(n)) = timeout(
                deadline.saturating_duration_since(Instant::now()),
                socket.recv(&mut buffer),
            )
            .await
            {
                got.push(sequence(&buffer[..n]));
            }
            got
        }
    };
    let steps = |got: &[u16]| {
        let mut count = BTreeMap::new();
        for pair in got.windows(2) {
            *count
                .entry(pair[1].wrapping_sub(pair[0]) as i16)
                .or_insert(0) += 1;
        }
        count
    };
    let healthy = steps(&receive(Faults::default()).await);
    assert_eq!(healthy.keys().collect::<Vec<_>>(), [&1], "{healthy:?}");
    let lossy = steps(
        &receive(Faults {
            lose: 0.3,
            ..Faults::default()
        })
        .await,
    );
    assert!(
        lossy.keys().all(|&s| s > 0) && lossy.keys().any(|&s| s > 1),
        "{lossy:?}"
    );
    let mixed = steps(
        &receive(Faults {
            reorder: 0.3,
            ..Faults::default()
        })
        .await,
    );
    assert!(
        mixed.contains_key(&-1) && mixed.contains_key(&2),
        "{mixed:?}"
    );
}

#[tokio::test]
async fn pictures_change_size_in_mid_stream() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    let sets = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = packets
            .iter()
            .filter(|p| p[12] & 0x1f == 7)
            .map(|p| p[12..].to_vec())
            .collect();
        found.dedup();
        found
    };
    let before = sets(&client.packets(0, Duration::from_millis(1_300)).await.0);
    camera.faults().switch_main(clip(QuickClip {
        width: 480,
        height: 272,
        ..small()
    }));
    let (packets, end) = client.packets(0, Duration::from_millis(1_300)).await;
    let after = sets(&packets);
    assert_eq!((before.len(), end), (1, None), "the same session goes on");
    assert_ne!(before.last(), after.last(), "with other parameter sets");
    for pair in packets.windows(2) {
        assert!(
            matches!(
                timestamp(&pair[1]).wrapping_sub(timestamp(&pair[0])),
                0 | 3_600
            ),
            "no gap at the change"
        );
    }
}

#[tokio::test]
async fn fewer_pictures_come_than_are_declared() {
    let (_server, camera) =
        camera(open("a", clip(small()).delivered_at(21.0).expect("a rate"))).await;
    let mut client = Client::connect(&camera).await;
    assert!(
        client
            .ask("DESCRIBE", "", "")
            .await
            .1
            .contains("a=framerate:25\r\n")
    );
    let mut client = Client::play(&camera).await;
    let mut times: Vec<u32> = client
        .packets(0, Duration::from_secs(3))
        .await
        .0
        .iter()
        .map(|p| timestamp(p))
        .collect();
    times.dedup();
    assert!(
        (58..68).contains(&times.len()),
        "{} in three seconds",
        times.len()
    );
    assert!((4_285..=4_287).contains(&times[1].wrapping_sub(times[0])));
}

#[tokio::test]
async fn a_session_without_a_sign_of_life_is_ended() {
    let config = CameraConfig {
        session_timeout: Duration::from_secs(1),
        ..open("a", clip(small()))
    };
    let (_server, camera) = camera(config).await;
    let mut client = Client::play(&camera).await;
    let started = Instant::now();
    assert_eq!(client.end().await, Stop::Closed);
    assert!(started.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn the_control_port_switches_and_shows() {
    let config = ServerConfig {
        control: Some(([127, 0, 0, 1], 0).into()),
        ..ServerConfig::default()
    };
    let server = Server::start(config).await.expect("free ports");
    let camera = server.add_camera(open("a", clip(small())));
    let address = server.control_addr().expect("asked for");
    let http = async |request: &str, body: &str| {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let text = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        answer
    };
    assert!(http("GET /cameras", "").await.contains(r#""name":"a""#));
    assert!(
        http("POST /cameras/a/faults", r#"{"lose":0.25,"stall":true}"#)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(
        camera.faults().get(),
        Faults {
            lose: 0.25,
            stall: true,
            ..Faults::default()
        }
    );
    assert!(
        http("POST /cameras/a/faults", r#"{"stal":true}"#)
            .await
            .starts_with("HTTP/1.1 400")
    );
    assert!(
        http("DELETE /cameras/a/faults", "")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(camera.faults().get(), Faults::default());
    let mut client = Client::play(&camera).await;
    assert!(
        http("POST /cameras/a/do", r#"{"do":"reset"}"#)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(client.end().await, Stop::Reset);
    assert!(http("GET /cameras/b", "").await.starts_with("HTTP/1.1 404"));
    server.shutdown().await;
}
