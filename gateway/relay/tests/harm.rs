//! No viewer can hurt another: whatever some do, one that reads gets every frame, in order, and soon.

use std::{sync::Arc, time::Duration};

use media::wire::{Header, Kind, ServerMessage};
use proptest::prelude::*;
use relay::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Camera, DEADLINE, FPS, TestHost, live,
    socket::{Rig, frame, open, receive},
    viewer,
};

/// What a bad neighbour does.
#[derive(Clone, Copy, Debug)]
enum Neighbour {
    /// Opens a tile and never reads.
    Deaf,
    /// Reads so many bytes a second.
    Slow(usize),
    /// Control messages as fast as they are taken, and never reads the answers.
    Flood,
    /// Opens every tile there is, and ten thousand that are not.
    Greedy,
    /// Comes and goes.
    Flaps,
    /// Pings as fast as they are taken.
    Pings,
    /// Begins a message and does not end it.
    HalfAMessage,
    /// Sends what is no WebSocket frame.
    Garbage,
}

const FRAME_TIME: Duration = Duration::from_millis(1000 / FPS as u64);

/// Lives for so long (virtual time), or until the relay ends it.
async fn neighbour(what: Neighbour, rig: Arc<Rig>, cameras: u32, life: Duration) {
    let (mut stream, _task) = rig.connect(16 * 1024, viewer());
    let until = Instant::now() + life;
    let text = |text: &str| frame(0x81, text.as_bytes());
    // A write that fails is the relay's right: it has closed.
    let result: std::io::Result<()> = async {
        match what {
            Neighbour::Deaf => stream.write_all(&text(&open(1, 0))).await?,
            Neighbour::Slow(rate) => {
                stream.write_all(&text(&open(1, 0))).await?;
                let mut bytes = vec![0; rate.div_ceil(10)];
                while Instant::now() < until {
                    take(&mut stream, &mut bytes).await?;
                    sleep(Duration::from_millis(100)).await;
                }
            }
            Neighbour::Flood | Neighbour::Pings => {
                let one = match what {
                    Neighbour::Pings => frame(0x89, &[7; 100]),
                    _ => text(r#"{"type":"pause","tile":9}"#),
                };
                let flood = async { while stream.write_all(&one).await.is_ok() {} };
                let _ = timeout(life, flood).await;
            }
            Neighbour::Greedy => {
                let ask = async {
                    for n in 0..10_000 {
                        let text = text(&open(n, n % (cameras * 2)));
                        if stream.write_all(&text).await.is_err() {
                            break;
                        }
                        let _ = take(&mut stream, &mut [0; 4096]).await;
                    }
                };
                let _ = timeout(life, ask).await;
            }
            Neighbour::Flaps => {
                while Instant::now() < until {
                    let (mut stream, _task) = rig.connect(16 * 1024, viewer());
                    stream.write_all(&text(&open(1, 0))).await?;
                    sleep(FRAME_TIME * 3).await;
                }
            }
            Neighbour::HalfAMessage => stream.write_all(&[0x01, 0xfe, 0x0f, 0xff, 1]).await?,
            Neighbour::Garbage => stream.write_all(&[0xff; 300]).await?,
        }
        Ok(())
    }
    .await;
    drop(result);
    sleep(until.saturating_duration_since(Instant::now())).await;
}

/// Reads what is there, without waiting for more.
async fn take(stream: &mut DuplexStream, bytes: &mut [u8]) -> std::io::Result<()> {
    match timeout(Duration::from_millis(1), stream.read(bytes)).await {
        Ok(read) => read.map(drop),
        Err(_) => Ok(()),
    }
}

/// Ten seconds of two cameras to one good viewer among such neighbours.
async fn among(neighbours: &[Neighbour]) {
    let mut cams: Vec<Camera> = (0..2).map(live).collect();
    cams.iter_mut().for_each(Camera::push);
    let host = TestHost::with(&cams.iter().collect::<Vec<_>>());
    let rig = Arc::new(Rig::with(&host, Config::default()));
    let life = Duration::from_secs(10);
    let bad: Vec<_> = neighbours
        .iter()
        .map(|what| tokio::spawn(neighbour(*what, Arc::clone(&rig), 2, life)))
        .collect();
    let (mut good, _task) = rig.client().await;
    for n in 0..2 {
        let text = Message::text(open(n, n));
        futures_util::SinkExt::send(&mut good, text).await.unwrap();
    }
    let (mut got, began) = (0u32, Instant::now());
    let mut next = [(0, 0); 2];
    while began.elapsed() < life {
        let pushed = Instant::now();
        while got < cams.iter().map(|cam| cam.frames).sum::<u32>() {
            match receive(&mut good).await {
                Message::Binary(bytes) => {
                    let (header, _) = Header::read(&bytes).unwrap();
                    if header.kind == Kind::Fragment {
                        let at = usize::from(header.feed != cams[0].feed.number);
                        if header.frame == 0 {
                            next[at] = (header.group, 0);
                        }
                        assert_eq!((header.group, header.frame), next[at], "in order");
                        next[at].1 += 1;
                        got += 1;
                    }
                }
                Message::Text(text) => match serde_json::from_str(&text).unwrap() {
                    ServerMessage::Skipped { .. } => panic!("the good one was made to skip"),
                    ServerMessage::Refused { .. } => panic!("the good one was refused"),
                    _ => {}
                },
                _ => {}
            }
        }
        // Virtual time: it passes only where somebody waits, so this holds on any machine.
        assert!(pushed.elapsed() < FRAME_TIME, "{:?}", pushed.elapsed());
        sleep(FRAME_TIME).await;
        cams.iter_mut().for_each(Camera::push);
    }
    for task in bad {
        timeout(DEADLINE, task).await.unwrap().unwrap();
    }
}

fn any_neighbour() -> impl Strategy<Value = Neighbour> {
    prop_oneof![
        Just(Neighbour::Deaf),
        (1usize..30_000).prop_map(Neighbour::Slow),
        Just(Neighbour::Flood),
        Just(Neighbour::Greedy),
        Just(Neighbour::Flaps),
        Just(Neighbour::Pings),
        Just(Neighbour::HalfAMessage),
        Just(Neighbour::Garbage),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_viewer_who_reads_gets_every_frame_whoever_else_is_there(
        neighbours in proptest::collection::vec(any_neighbour(), 1..8),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(among(&neighbours));
    }
}
