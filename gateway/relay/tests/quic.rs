//! QUIC over loopback, with our own client and with bare quinn.

use std::time::Duration;

use client::{Client, Message, Trust};
use media::{
    ByteCount, Profile, SourceState,
    wire::{Header, Kind, ServerMessage},
};
use relay::{Config, PacketSize};
use tokio::time::timeout;

use crate::harness::{
    self, Camera, DEADLINE, GOP, TestHost, live,
    quic::{Deaf, Rig, next, open},
    thin::Thin,
};

#[tokio::test]
async fn groups_arrive_whole_and_in_order_with_audio() {
    let mut cam = live(1);
    cam.tracks = harness::tracks(0, true);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]), Config::default());
    let mut client = rig.client().await;
    client.open(open(1, 1)).await.unwrap();
    let (mut video, mut audio, mut opened) = (Vec::new(), Vec::new(), 0);
    while video.len() < 120 || audio.len() < 120 {
        match next(&mut client).await {
            Message::Control(ServerMessage::Opened {
                tile: 1,
                feed,
                tracks,
                ..
            }) => {
                assert_eq!((feed, tracks.len()), (cam.feed.number, 2));
                opened += 1;
            }
            Message::Control(other) => panic!("{other:?}"),
            Message::Media(h, payload) if h.kind == Kind::Fragment => {
                assert_eq!(opened, 1, "no media before it is announced");
                assert_eq!(&payload[4..8], b"moof");
                let list = match h.track {
                    media::TrackKind::Video => &mut video,
                    media::TrackKind::Audio => &mut audio,
                };
                list.push((h.group, h.frame));
                // As fast as they are taken: a new one for each.
                if h.track == media::TrackKind::Video && cam.frames < 120 {
                    cam.push();
                }
            }
            Message::Media(..) => {}
        }
    }
    let want = |odd| {
        (0..120)
            .map(|n| (n / GOP, n % GOP * 2 + odd))
            .collect::<Vec<_>>()
    };
    assert_eq!(video, want(0));
    assert_eq!(audio, want(1));
    client.shutdown().await;
}

#[tokio::test]
async fn a_wrong_token_is_closed_with_1008_and_a_wrong_authority_is_not_believed() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    let mut client = Client::connect_quic(&rig.url, "bad", &rig.trust)
        .await
        .unwrap();
    match timeout(DEADLINE, client.next()).await.unwrap() {
        Err(client::Error::Closed { code, text }) => {
            assert_eq!(code, 1008);
            assert!(text.contains("no such session"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    let stranger = Trust::Ca(other.cert.pem().into_bytes());
    let Err(error) = Client::connect_quic(&rig.url, "good", &stranger).await else {
        panic!("a stranger's certificate was believed")
    };
    assert!(matches!(error, client::Error::Quic(_)), "{error}");
    let Err(_) = Client::connect_quic(&rig.url, "good", &Trust::Pin([7; 32])).await else {
        panic!("another fingerprint was believed")
    };
}

#[tokio::test]
async fn the_gateways_end_is_told() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    let mut client = rig.client().await;
    rig.cancel.cancel();
    match timeout(DEADLINE, client.next()).await.unwrap() {
        Err(client::Error::Closed { code, .. }) => assert_eq!(code, 1001),
        other => panic!("{other:?}"),
    }
    timeout(DEADLINE, rig.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_slow_reader_gets_resets_and_another_is_not_harmed() {
    let mut cam = live(1);
    cam.push();
    // Virtual time and UDP do not go together: a short maximum delay keeps this test short. The good viewer asks for a long
    // one, so that it is not made to skip by a machine that stands still.
    let config = Config {
        max_delay_ms: 500,
        viewer_budget: ByteCount(64 * 1024),
        ..Config::default()
    };
    let rig = Rig::new(&TestHost::with(&[&cam]), config);
    let mut good = rig.client().await;
    good.open(open(1, 1)).await.unwrap();
    let deaf = Deaf::connect(&rig).await;
    let mut frames = 0;
    let mut pace = tokio::time::interval(Duration::from_millis(4));
    let started = tokio::time::Instant::now();
    // Ten times as fast as a camera, until a group is reset and the session skips.
    while rig.relay.stats().stale_groups == 0 || rig.relay.stats().skipped_frames == 0 {
        assert!(started.elapsed() < DEADLINE, "{:?}", rig.relay.stats());
        pace.tick().await;
        cam.push();
        while frames < cam.frames {
            match next(&mut good).await {
                Message::Media(h, _) => frames += u32::from(h.kind == Kind::Fragment),
                Message::Control(ServerMessage::Skipped { .. }) => {
                    panic!("the good one was made to skip")
                }
                Message::Control(_) => {}
            }
        }
    }
    // The first group's stream ends in a reset with code 1; or, where its key frame had not all left in time, behind that.
    let mut first = timeout(DEADLINE, deaf.connection.accept_uni())
        .await
        .unwrap()
        .unwrap();
    let end = timeout(DEADLINE, first.read_to_end(64 * 1024 * 1024))
        .await
        .unwrap();
    match end {
        Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code))) => {
            assert_eq!(code, 1u32.into())
        }
        Ok(bytes) => assert!(bytes.len() < 45_000, "a whole group: {}", bytes.len()),
        other => panic!("{:?}", other.map(|b| b.len())),
    }
}

/// One group is more than its budget and than its flow control takes: nothing that it was given is ever superseded by itself.
#[tokio::test]
async fn what_a_deaf_viewer_misses_is_counted_though_its_budget_is_spent_within_a_group() {
    let mut cam = live(1);
    cam.frame_bytes = 6000;
    cam.push();
    let config = Config {
        max_delay_ms: 300,
        viewer_budget: ByteCount(64 * 1024),
        ..Config::default()
    };
    let rig = Rig::new(&TestHost::with(&[&cam]), config);
    let deaf = Deaf::connect(&rig).await;
    let mut pace = tokio::time::interval(Duration::from_millis(4));
    let started = tokio::time::Instant::now();
    // More than once: what it holds is given up, and makes room for what comes.
    while rig.relay.stats().skipped_frames < 10 * u64::from(GOP) {
        assert!(started.elapsed() < DEADLINE, "{:?}", rig.relay.stats());
        pace.tick().await;
        cam.push();
    }
    deaf.connection.close(1000u32.into(), b"");
}

/// A phone leaves its Wi-Fi: the same connection goes on from another address.
#[tokio::test]
async fn a_viewer_who_moves_to_another_address_misses_nothing() {
    let mut cam = live(1);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]), Config::default());
    let mut client = rig.client().await;
    client.open(open(1, 1)).await.unwrap();
    let (mut got, all) = (0, 4 * GOP);
    while got < all {
        let Message::Media(h, _) = next(&mut client).await else {
            continue;
        };
        if h.kind != Kind::Fragment {
            continue;
        }
        assert_eq!((h.group, h.frame), (got / GOP, got % GOP));
        got += 1;
        // In the middle of a group, three times.
        if got % GOP == GOP / 2 && got < 3 * GOP {
            client.rebind().unwrap();
        }
        if cam.frames < all {
            cam.push();
        }
    }
    let stats = rig.relay.stats();
    assert_eq!((stats.viewers_total, stats.skipped_frames), (1, 0));
}

#[tokio::test]
async fn a_group_is_a_stream_of_its_own_that_begins_with_its_initialisation() {
    let mut cam = live(1);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]), Config::default());
    let raw = Deaf::connect(&rig).await;
    let mut first = timeout(DEADLINE, raw.connection.accept_uni())
        .await
        .unwrap()
        .unwrap();
    cam.push_many(GOP);
    let bytes = timeout(DEADLINE, first.read_to_end(1 << 20))
        .await
        .unwrap()
        .unwrap();
    let mut second = timeout(DEADLINE, raw.connection.accept_uni())
        .await
        .unwrap()
        .unwrap();
    let (mut rest, mut messages) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        messages.push(Header::read(&rest[4..4 + len]).unwrap().0);
        rest = &rest[4 + len..];
    }
    assert_eq!(messages.len(), GOP as usize + 1);
    assert_eq!(messages[0].kind, Kind::Initialisation);
    assert!(
        messages[1..]
            .iter()
            .all(|h| h.kind == Kind::Fragment && h.group == 0)
    );
    let mut head = [0; 36];
    timeout(DEADLINE, second.read_exact(&mut head))
        .await
        .unwrap()
        .unwrap();
    let (header, _) = Header::read(&head[4..]).unwrap();
    assert_eq!((header.kind, header.group), (Kind::Initialisation, 1));
}

/// Bytes of the largest datagram that a viewer was sent, where the gateway probes for `packet` and the viewer takes as much.
/// Frames go out until one is above `enough`.
async fn largest_datagram(packet: u16, enough: u64) -> u64 {
    let mut cam = live(1);
    (cam.key_bytes, cam.frame_bytes) = (60_000, 60_000);
    cam.push();
    let config = Config {
        quic_packet: PacketSize::try_from(packet).unwrap(),
        ..Config::default()
    };
    let rig = Rig::new(&TestHost::with(&[&cam]), config);
    let mut bounds = quinn::EndpointConfig::default();
    bounds.max_udp_payload_size(9_000).unwrap();
    let raw = Deaf::with(&rig, bounds, 6_000_000).await;
    let (mut largest, mut before) = (0, raw.connection.stats().udp_rx);
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..8 * GOP {
        cam.push();
        // A frame's packets, all but the last of one size.
        let whole = async {
            while raw.connection.stats().udp_rx.bytes < before.bytes + 60_000 {
                tokio::select! {
                    stream = raw.connection.accept_uni() => {
                        let mut stream = stream.unwrap();
                        streams.spawn(async move { stream.read_to_end(6_000_000).await });
                    }
                    () = tokio::time::sleep(Duration::from_millis(1)) => {}
                }
            }
        };
        timeout(DEADLINE, whole).await.unwrap();
        let now = raw.connection.stats().udp_rx;
        let packets = (now.datagrams - before.datagrams).max(1);
        largest = largest.max((now.bytes - before.bytes) / packets);
        before = now;
        if largest > enough {
            break;
        }
    }
    largest
}

#[tokio::test]
async fn packets_grow_to_what_the_path_carries_and_no_further_than_is_allowed() {
    // The loopback carries 65,536 bytes.
    assert!(largest_datagram(8_952, 5_000).await > 5_000);
    let largest = largest_datagram(1_452, 1_452).await;
    assert!((1_100..=1_452).contains(&largest), "{largest}");
    assert!(PacketSize::try_from(1_199).is_err() && PacketSize::try_from(65_528).is_err());
}

#[tokio::test]
async fn pause_resume_and_switch_go_over_quic_too() {
    let (mut sub, mut main) = (live(1), Camera::new(1, Profile::Main, SourceState::Live));
    sub.push_many(3);
    let rig = Rig::new(&TestHost::with(&[&sub, &main]), Config::default());
    let mut client = rig.client().await;
    client.open(open(1, 1)).await.unwrap();
    let until = async |client: &mut Client, feed: u32, frame: u32| loop {
        if let Message::Media(h, _) = next(client).await
            && h.kind == Kind::Fragment
            && (h.feed, h.frame) == (feed, frame)
        {
            return;
        }
    };
    until(&mut client, sub.feed.number, 2).await;
    client.pause(1).await.unwrap();
    while next(&mut client).await != Message::Control(ServerMessage::Paused { tile: 1 }) {}
    sub.push();
    client.resume(1).await.unwrap();
    // The same group again, from its key frame.
    until(&mut client, sub.feed.number, 0).await;
    until(&mut client, sub.feed.number, 3).await;
    client.profile(1, Profile::Main).await.unwrap();
    main.push_many(2);
    until(&mut client, main.feed.number, 1).await;
    client.close(1).await.unwrap();
    while next(&mut client).await != Message::Control(ServerMessage::Closed { tile: 1 }) {}
}

#[tokio::test]
async fn garbage_on_thecontrol_stream_is_closed_with_its_code() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    for (line, code) in [
        (vec![b'a'; 5000], 1009),
        (vec![0xff, b'\n'], 1007),
        (b"{}\n{}\n{}\n".to_vec(), 1002),
    ] {
        let mut bad = Deaf::connect(&rig).await;
        bad.control.0.write_all(&line).await.unwrap();
        match timeout(DEADLINE, bad.connection.closed()).await.unwrap() {
            quinn::ConnectionError::ApplicationClosed(close) => {
                assert_eq!(close.error_code.into_inner(), code, "{close}");
            }
            other => panic!("{other}"),
        }
    }
}

/// A key frame takes longer than a group lasts and may be late together. Each is then begun too late to be in time; but some must come
/// all the same, late as they are by WebSocket, and what is left out must be told.
#[tokio::test]
async fn a_line_too_thin_for_a_key_frame_a_group_shows_pictures_and_tells_what_is_left_out() {
    let mut cam = live(1);
    (cam.key_bytes, cam.frame_bytes) = (48_000, 6_000);
    let config = Config {
        max_delay_ms: 300,
        ..Config::default()
    };
    let rig = Rig::new(&TestHost::with(&[&cam]), config);
    // A group lasts 0.5 s here (fifty frames, 10 ms apart), a key frame takes 1.2 s.
    let thin = Thin::before(rig.address, 40_000.0).await;
    let url = format!("https://{}", thin.address).parse().unwrap();
    let mut client = Client::connect_quic(&url, "good", &rig.trust)
        .await
        .unwrap();
    client.open(open(1, 1)).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let (mut pictures, mut got, mut told) = (0, 0, 0);
    let end = tokio::time::Instant::now() + DEADLINE;
    while pictures < 4 || told == 0 {
        assert!(
            tokio::time::Instant::now() < end,
            "{pictures} pictures, {got} frames; {told} of {} told to be left out",
            cam.frames
        );
        tokio::select! {
            _ = pace.tick() => cam.push(),
            message = client.next() => match message.unwrap() {
                Message::Media(h, _) if h.kind == Kind::Fragment => {
                    got += 1;
                    pictures += u32::from(h.key);
                }
                Message::Control(ServerMessage::Skipped { tile: 1, frames, .. }) => told += frames,
                _ => {}
            },
        }
    }
    // What is neither here nor told is on its way, or waits: not more than the last groups.
    let open = u64::from(cam.frames).saturating_sub(told + got);
    assert!(
        open < 6 * u64::from(GOP),
        "{open} of {} frames are not accounted for",
        cam.frames
    );
}
