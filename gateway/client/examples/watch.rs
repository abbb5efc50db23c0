//! Watches cameras for a while and says what came, and by what: the smallest program on this crate.
//!
//! ```text
//! cargo run -p client --example watch -- https://127.0.0.1:8443 PASSWORD-FILE 44140300001326000001 44140300001326000002
//! ```

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, Instant},
};

use client::{Client, Message, Open, Trust, sign_in};
use media::wire::{Kind, ServerMessage};
use url::Url;

const USAGE: &str = "usage: watch URL PASSWORD-FILE CAMERA...";
/// How often to say what came.
const EVERY: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url: Url = args.next().ok_or(USAGE)?.parse()?;
    let password = std::fs::read_to_string(args.next().ok_or(USAGE)?)?;
    // An example on one's own machine. A program that matters asks for the district's authority: `Trust::Ca`.
    let trust = Trust::Anything;
    let token = sign_in(&url, "admin", password.trim_end(), &trust).await?;
    let mut client = Client::connect_any(&url, &token, &trust).await?;
    println!("connected by {}", client.transport());
    for (tile, camera) in (0..).zip(args) {
        client.open(Open::new(tile, camera.parse()?)).await?;
    }

    let (mut frames, mut tiles) = (BTreeMap::<u32, (u32, usize)>::new(), BTreeMap::new());
    let mut told = Instant::now();
    loop {
        let message = client.next().await?;
        if let Some(moved) = client.moved() {
            println!("by {} from here: {}", moved.to, moved.why);
        }
        match message {
            Message::Control(ServerMessage::Opened { tile, feed, .. }) => {
                println!("tile {tile} is open");
                tiles.insert(feed, tile);
            }
            Message::Control(ServerMessage::Refused { tile, reason }) => {
                println!("tile {tile} is refused: {reason}");
            }
            Message::Control(ServerMessage::Skipped { tile, ms, .. }) => {
                println!("tile {tile}: too slow, {ms} ms were left out");
            }
            Message::Control(_) => {}
            Message::Media(header, payload) => {
                if header.kind != Kind::Initialisation {
                    let sum = frames.entry(header.feed).or_default();
                    *sum = (sum.0 + 1, sum.1 + payload.len());
                }
            }
        }
        if told.elapsed() >= EVERY {
            for (feed, (count, bytes)) in std::mem::take(&mut frames) {
                let tile = tiles.get(&feed).copied().unwrap_or_default();
                println!("tile {tile}: {count} frames, {} kB", bytes / 1000);
            }
            told = Instant::now();
        }
    }
}
