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
use wire::{Client, PATIENCE, PICTURES, REPORTS, SOUND, Stop, of, passed, sequence, timestamp};

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
    // However late it sends, it sends everything.
    let camera = server.add_camera(CameraConfig {
        lag_max: PATIENCE,
        ..config
    });
    (server, camera)
}

#[tokio::test]
async fn sequence_and_time_go_on_across_the_loop_and_say_when_they_were_sent() {
    let (_server, camera) = camera(CameraConfig {
        stamp: true,
        ..open("a", clip(small()))
    })
    .await;
    let begun = stamp::now_ns();
    let mut client = Client::play(&camera).await;
    let packets = of(client.media(4.5).await, PICTURES);
    for pair in packets.windows(2) {
        assert_eq!(sequence(&pair[1]), sequence(&pair[0]).wrapping_add(1));
        let step = timestamp(&pair[1]).wrapping_sub(timestamp(&pair[0]));
        assert!(step == 0 || step == 3_600, "{step}");
    }
    let stamps: Vec<u64> = packets.iter().filter_map(|p| stamp::read(p)).collect();
    assert!(stamps.len() > 100, "{} stamps", stamps.len());
    assert!(stamps.is_sorted());
    assert!(begun <= stamps[0] && stamps[stamps.len() - 1] <= stamp::now_ns());
}

#[tokio::test]
async fn stall_keeps_the_connection_and_sends_nothing() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    client.pictures(5).await;
    camera.faults().change(|f| f.stall = true);
    // What was under way.
    while !client.is_silent(Duration::from_millis(300)).await {}
    let sent = camera.stats().frames;
    client.send("GET_PARAMETER", "", "").await;
    assert!(client.is_silent(Duration::from_millis(700)).await);
    assert_eq!(camera.stats().frames, sent);
    camera.faults().clear();
    client.pictures(5).await;
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
    let mut client = Client::play(&camera).await;
    let (packets, end) = client.until(|_, _| false).await;
    assert_eq!(end, Some(Stop::Closed));
    let pictures = of(packets, PICTURES);
    let last = &pictures[pictures.len() - 1];
    let played = passed(timestamp(&pictures[0]), timestamp(last));
    assert!((0.45..=0.5).contains(&played), "{played} s of pictures");
    assert_eq!((camera.stats().plays, camera.stats().playing()), (3, 0));
}

#[tokio::test]
async fn framing_is_lost_in_three_ways() {
    for how in [Desync::StrayByte, Desync::ShortLength, Desync::HugeLength] {
        let (_server, camera) = camera(open("a", clip(small()))).await;
        let mut client = Client::play(&camera).await;
        client.pictures(5).await;
        camera.faults().desync(how);
        assert_eq!(client.end().await, Stop::OutOfStep, "{how:?}");
    }
}

#[tokio::test]
async fn timestamps_jump_wrap_and_go_back() {
    let (_server, camera) = camera(open("a", clip(small()))).await;
    let mut client = Client::play(&camera).await;
    let mut last = client.pictures(5).await;
    for hours in [2.0, -5.0] {
        camera.faults().jump_timestamps(hours * 3_600.0);
        let mut times: Vec<u32> = last.last().map(|p| timestamp(p)).into_iter().collect();
        // Those under way are from before it.
        let mut jumped = None;
        let before = times.clone();
        let done = |channel, packet: &[u8]| {
            let at = timestamp(packet);
            let far = before
                .first()
                .is_some_and(|b| passed(*b, at).abs() > 1_800.0);
            let after = jumped.get_or_insert(0);
            *after += usize::from(far && channel == PICTURES);
            *after > 10
        };
        last = of(client.until(done).await.0, PICTURES);
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
    let packets = of(client.media(0.9).await, PICTURES);
    let times: Vec<u32> = packets.iter().map(|p| timestamp(p)).collect();
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
        let deadline = Instant::now() + PATIENCE;
        while camera.stats().playing() > 0 {
            assert!(
                Instant::now() < deadline,
                "the session ends with its connection"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
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
    let none = of(Client::play(&camera).await.media(1.0).await, REPORTS);
    assert!(none.is_empty());
    camera.faults().set(Faults {
        first_sender_report_after_s: 0.6,
        clock_offset_s: 3_600.0,
        ..Faults::default()
    });
    let mut client = Client::play(&camera).await;
    // Everything that is due before it goes before it.
    let (mut packets, end) = client.until(|channel, _| channel == REPORTS).await;
    assert_eq!(end, None);
    let (_, report) = packets.pop().expect("the report");
    let pictures = of(packets, PICTURES);
    let before = passed(
        timestamp(&pictures[0]),
        timestamp(&pictures[pictures.len() - 1]),
    );
    assert!(before > 0.5, "not yet: {before}");
    assert_eq!(report[1], 200);
    let ntp = f64::from(u32::from_be_bytes([
        report[8], report[9], report[10], report[11],
    ]));
    let unix = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    assert!((ntp - 2_208_988_800.0 - unix - 3_600.0).abs() < 300.0);
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
    let packets = client.media(2.0).await;
    let first = packets.iter().position(|(c, _)| *c == SOUND);
    let silent = &packets[..first.expect("sound")];
    let seen = silent.iter().filter(|(c, _)| *c == PICTURES);
    let times: Vec<u32> = seen.map(|(_, p)| timestamp(p)).collect();
    let late = passed(times[0], times[times.len() - 1]);
    assert!((0.4..=0.55).contains(&late), "{late}");
    let sound = of(packets, SOUND);
    assert!(
        (12..=13).contains(&sound.len()),
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
        ..SdpQuirks::default()
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
            while got.len() < 80 {
                let received = timeout(PATIENCE, socket.recv(&mut buffer)).await;
                let n = received.expect("pictures go on").expect("it is bound");
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
    let before = sets(&of(client.media(1.3).await, PICTURES));
    camera.faults().switch_main(clip(QuickClip {
        width: 480,
        height: 272,
        ..small()
    }));
    assert_eq!(before.len(), 1);
    let other = |channel, packet: &[u8]| {
        channel == PICTURES && packet[12] & 0x1f == 7 && packet[12..] != before[0]
    };
    let (packets, end) = client.until(other).await;
    assert_eq!(end, None, "the same session goes on, with other parameters");
    let packets = of(packets, PICTURES);
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
    let packets = of(client.media(3.0).await, PICTURES);
    let mut times: Vec<u32> = packets.iter().map(|p| timestamp(p)).collect();
    times.dedup();
    // The first and the 63 within three seconds of it.
    assert_eq!(times.len(), 64);
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
