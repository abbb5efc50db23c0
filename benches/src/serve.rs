//! The servers under load, each a process of its own: the relay with all of the product's layers around it, and the floors.

mod floor;
mod relay;

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::source::{self, Camera, Rate};

/// How viewers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Plain WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// QUIC, as native clients.
    Quic,
    /// QUIC, as browsers.
    Webtransport,
}

impl Way {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Quic => "quic",
            Self::Webtransport => "webtransport",
        }
    }
}

/// What the server process is started with.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Not the relay but the least that any server would have to do over this way.
    #[arg(long)]
    pub floor: Option<Way>,
    /// How many cameras.
    #[arg(long)]
    pub cameras: u32,
    /// 512 kbit/s a camera, not 2 Mbit/s.
    #[arg(long)]
    pub sub: bool,
    /// How long the relay gathers, in milliseconds; its own default without.
    #[arg(long)]
    pub gather_ms: Option<u64>,
    /// The largest QUIC packet, and the floor's datagrams, in bytes; those of Ethernet without.
    #[arg(long)]
    pub packet: Option<u16>,
    /// Viewers that the floor waits for.
    #[arg(long, default_value_t = 0)]
    pub viewers: usize,
    /// Cameras that each of the floor's viewers gets, one after the other; all by default.
    #[arg(long)]
    pub tiles: Option<u32>,
}

/// Ports on 127.0.0.1, and whom to believe; the server prints it as its first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Doors {
    /// TCP: plain WebSocket, or the floor of it.
    pub ws: u16,
    /// TCP: WebSocket over TLS, or the floor of it.
    pub wss: u16,
    /// UDP.
    pub quic: u16,
    /// For [`crate::tls::client`]; empty for a floor.
    pub certificate: String,
    /// Of the viewers' session.
    pub token: String,
}

impl Doors {
    fn announce(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(std::io::stdout().flush()?)
    }
}

/// Serves until the process is killed.
///
/// # Errors
/// No port, no certificate.
pub fn run(args: &Args) -> Result<()> {
    answer()?;
    let rate = if args.sub { Rate::Sub } else { Rate::Main };
    let mut cameras: Vec<_> = (1..=args.cameras).map(|n| Camera::new(n, rate)).collect();
    match args.floor {
        None => {
            cameras.iter_mut().for_each(Camera::fill);
            relay::run(cameras, args)
        }
        Some(Way::Ws) => floor::plain(cameras, args.viewers, args.tiles),
        Some(Way::Wss) => floor::records(cameras, args.viewers),
        Some(Way::Quic | Way::Webtransport) => floor::datagrams(cameras, args.viewers, args.packet),
    }
}

/// Answers each line by how much CPU time making the frames has taken so far, in nanoseconds.
fn answer() -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("asked".into());
    thread.spawn(|| {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            println!("{}", source::made().as_nanos());
        }
    })?;
    Ok(())
}
