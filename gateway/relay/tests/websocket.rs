//! The WebSocket against a foreign client (tungstenite), and against bytes that no good client sends.

use std::time::Duration;

use futures_util::SinkExt;
use media::{
    Profile, SourceState,
    wire::{Header, Kind, ServerMessage},
};
use relay::{Close, Config, End};
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, frame::coding::CloseCode},
    },
};

use crate::harness::{
    self, Camera, DEADLINE, GOP, TestHost, live,
    socket::{Rig, close_code, control, frame, open, receive},
    viewer,
};

#[tokio::test]
async fn a_foreign_client_receives_every_frame_in_order() {
    let mut cam = live(1);
    cam.tracks = harness::tracks(0, true);
    cam.push_many(3);
    let rig = Rig::new(&TestHost::with(&[&cam]));
    let (mut client, _task) = rig.client().await;
    client.send(Message::text(open(4, 1))).await.unwrap();
    assert!(matches!(
        control(&mut client).await,
        ServerMessage::Opened {
            tile: 4,
            feed: 3,
            ..
        }
    ));
    let mut numbers = Vec::new();
    for n in 0..100 {
        while numbers.len() < 2 * (n + 3) as usize {
            let Message::Binary(bytes) = receive(&mut client).await else {
                panic!()
            };
            let (header, payload) = Header::read(&bytes).unwrap();
            match header.kind {
                Kind::Initialisation => assert_eq!(&payload[4..8], b"ftyp"),
                _ => {
                    assert_eq!(&payload[4..8], b"moof");
                    numbers.push((header.group, header.frame));
                }
            }
        }
        cam.push();
    }
    let want: Vec<_> = (0..numbers.len() as u32)
        .map(|n| (n / (2 * GOP), n % (2 * GOP)))
        .collect();
    assert_eq!(numbers, want);
    let stats = rig.relay.stats();
    assert_eq!(
        (stats.viewers, stats.tiles, stats.skipped_frames),
        (1, 1, 0)
    );
    client.close(None).await.unwrap();
}

#[tokio::test]
async fn pings_are_answered_and_a_close_is_echoed() {
    let rig = Rig::new(&TestHost::with(&[]));
    let (mut client, task) = rig.client().await;
    client.send(Message::Ping("you?".into())).await.unwrap();
    assert_eq!(receive(&mut client).await, Message::Pong("you?".into()));
    client
        .close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: CloseCode::Library(4321),
            reason: "bye".into(),
        }))
        .await
        .unwrap();
    match receive(&mut client).await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 4321),
        other => panic!("{other:?}"),
    }
    drop(client);
    assert!(matches!(
        timeout(DEADLINE, task).await.unwrap().unwrap(),
        End::Left
    ));
    assert_eq!(rig.relay.stats().viewers, 0);
}

#[tokio::test]
async fn a_message_in_fragments_with_a_ping_between_is_understood() {
    let rig = Rig::new(&TestHost::with(&[]));
    let (mut stream, _task) = rig.connect(64 * 1024, viewer());
    let text = open(1, 9);
    let (a, b) = text.as_bytes().split_at(20);
    let bytes = [frame(0x01, a), frame(0x89, b"!"), frame(0x80, b)].concat();
    // One byte at a time.
    for byte in bytes {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut client = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    control(&mut client).await;
    assert_eq!(receive(&mut client).await, Message::Pong("!".into()));
    assert!(matches!(
        control(&mut client).await,
        ServerMessage::Refused { tile: 1, .. }
    ));
}

#[tokio::test]
async fn what_the_standard_forbids_is_closed_with_its_code() {
    assert_eq!(
        close_code(vec![0x81, 2, b'h', b'i']).await,
        1002,
        "unmasked"
    );
    assert_eq!(close_code(frame(0x81, &[0xff])).await, 1007, "not UTF-8");
    assert_eq!(
        close_code(frame(0x81, &[b'a'; 4097])).await,
        1009,
        "too big"
    );
    assert_eq!(close_code(frame(0x82, b"binary")).await, 1002, "binary");
    let garbage = frame(0x81, b"?").repeat(3);
    assert_eq!(close_code(garbage).await, 1002, "three errors");
    assert_eq!(
        close_code(frame(0x88, &[])).await,
        1000,
        "closed without a code"
    );
}

#[tokio::test]
async fn the_end_of_a_session_and_of_the_gateway_have_their_codes() {
    let rig = Rig::new(&TestHost::with(&[]));
    let who = viewer();
    let (stream, _task) = rig.connect(4096, who.clone());
    let mut revoked = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let (mut other, _other_task) = rig.client().await;
    control(&mut revoked).await;
    who.revoked.cancel();
    match receive(&mut revoked).await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), Close::POLICY),
        end => panic!("{end:?}"),
    }
    rig.cancel.cancel();
    match receive(&mut other).await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), Close::GOING_AWAY),
        end => panic!("{end:?}"),
    }
}

#[tokio::test]
async fn one_viewer_too_many_is_told_so() {
    let config = Config {
        max_viewers: 1,
        ..Config::default()
    };
    let rig = Rig::with(&TestHost::with(&[]), config);
    let (_first, _task) = rig.client().await;
    let (stream, _task) = rig.connect(4096, viewer());
    let mut second = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    match receive(&mut second).await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), Close::BUSY),
        end => panic!("{end:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_harms_nobody_and_is_gone_in_time() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let rig = Rig::new(&host);
    let (mut dead, dead_task) = rig.connect(8 * 1024, viewer());
    dead.write_all(&frame(0x81, open(1, 1).as_bytes()))
        .await
        .unwrap();
    let (mut good, _good_task) = rig.client().await;
    good.send(Message::text(open(1, 1))).await.unwrap();
    let started = tokio::time::Instant::now();
    let mut frames = 0;
    while !dead_task.is_finished() {
        assert!(started.elapsed() < Duration::from_secs(60));
        cam.push();
        // The good one gets every frame while virtual time goes on.
        while frames < cam.frames {
            match receive(&mut good).await {
                Message::Binary(b) => {
                    frames += u32::from(Header::read(&b).unwrap().0.kind == Kind::Fragment)
                }
                Message::Text(text) => assert!(!text.contains("skipped"), "{text}"),
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let lived = started.elapsed();
    assert!(lived >= Duration::from_secs(30), "{lived:?}");
    assert!(matches!(dead_task.await.unwrap(), End::Silent(_)));
    assert_eq!(rig.relay.stats().viewers, 1);
    drop(dead);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_skips_to_a_key_frame_and_is_told() {
    let mut cam = live(1);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]));
    let (mut slow, _task) = rig.connect(4 * 1024, viewer());
    slow.write_all(&frame(0x81, open(1, 1).as_bytes()))
        .await
        .unwrap();
    for _ in 0..20 * 25 {
        cam.push();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    // It was not read from for 20 s; what waited for it is bounded by the budget and the transport.
    let mut client = WebSocketStream::from_raw_socket(slow, Role::Client, None).await;
    let (mut before, mut skip, mut first_after) = (0, None, None);
    while first_after.is_none() {
        match receive(&mut client).await {
            Message::Binary(b) => {
                let (header, _) = Header::read(&b).unwrap();
                match skip {
                    None => before += b.len(),
                    Some(_) => first_after = Some(header),
                }
            }
            Message::Text(text) => {
                if let ServerMessage::Skipped { frames, ms, .. } =
                    serde_json::from_str(&text).unwrap()
                {
                    skip = Some((frames, ms));
                }
            }
            _ => {}
        }
    }
    let budget = Config::default().viewer_budget.0 as usize;
    assert!(before < budget + 16 * 1024, "{before} bytes were waiting");
    let (frames, ms) = skip.unwrap();
    assert!(frames > 100 && ms > 4_000, "{frames} frames, {ms} ms");
    let first = first_after.unwrap();
    assert!(first.key && first.frame == 0);
    assert_eq!(rig.relay.stats().skipped_frames, frames);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_left_without_a_goodbye_is_gone_in_time() {
    let cam = Camera::new(1, Profile::Sub, SourceState::Connecting);
    let host = TestHost::with(&[&cam]);
    let rig = Rig::new(&host);
    let (mut client, task) = rig.client().await;
    client.send(Message::text(open(1, 1))).await.unwrap();
    control(&mut client).await;
    assert_eq!(rig.relay.stats().tiles, 1);
    let started = tokio::time::Instant::now();
    // The transport stays up, but nobody is there: not even a pong comes.
    let end = task.await.unwrap();
    assert!(matches!(end, End::Silent(_)), "{end}");
    let lived = started.elapsed().as_secs();
    assert!((45..=51).contains(&lived), "{lived} s");
    assert_eq!(host.log(), ["open sub", "closed sub"]);
    assert_eq!((rig.relay.stats().viewers, rig.relay.stats().tiles), (0, 0));
    // It had been pinged.
    assert_eq!(receive(&mut client).await, Message::Ping(Vec::new().into()));
}

#[tokio::test]
async fn a_change_of_state_reaches_the_viewer_while_no_frame_does() {
    let mut cam = live(1);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]));
    let (mut client, _task) = rig.client().await;
    client.send(Message::text(open(1, 1))).await.unwrap();
    for _ in 0..3 {
        receive(&mut client).await;
    }
    cam.set(SourceState::Backoff, Some(media::ReasonCode::Cut));
    assert!(matches!(
        control(&mut client).await,
        ServerMessage::Lost { tile: 1, .. }
    ));
    cam.set(SourceState::Live, None);
    assert!(matches!(
        control(&mut client).await,
        ServerMessage::Back { tile: 1 }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_walls_frames_are_gathered_into_few_writes_but_never_wait_long() {
    let mut cams: Vec<Camera> = (0..8).map(live).collect();
    cams.iter_mut().for_each(Camera::push);
    let rig = Rig::new(&TestHost::with(&cams.iter().collect::<Vec<_>>()));
    let (mut client, _task) = rig.client().await;
    for n in 0..8 {
        client.send(Message::text(open(n, n))).await.unwrap();
    }
    let mut frames = 0;
    while frames < 8 {
        if let Message::Binary(b) = receive(&mut client).await {
            frames += u32::from(Header::read(&b).unwrap().0.kind == Kind::Fragment);
        }
    }
    let before = rig.relay.stats();
    // A frame of some camera every 2 ms, without a lull.
    let (sent, mut longest) = (400, Duration::ZERO);
    let (out, mut pushed) = tokio::sync::mpsc::channel(1000);
    tokio::spawn(async move {
        for n in 0..sent {
            cams[n % 8].push();
            out.send(tokio::time::Instant::now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        cams
    });
    for _ in 0..sent {
        let Message::Binary(_) = receive(&mut client).await else {
            panic!()
        };
        longest = longest.max(pushed.recv().await.unwrap().elapsed());
    }
    let stats = rig.relay.stats();
    assert_eq!(stats.sent_messages - before.sent_messages, sent as u64);
    let writes = stats.writes - before.writes;
    assert!(writes <= sent as u64 / 2, "{writes} writes");
    assert!(longest <= Duration::from_millis(8), "{longest:?}");
}
