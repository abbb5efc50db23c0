//! Bounds of the relay: per connection, and over all of them.

use std::time::Duration;

use media::ByteCount;
use serde::Deserialize;

/// The relay's bounds. Every key may be left out of a configuration file; unknown ones are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most connections of viewers at once, over all transports; one more is closed with 1013.
    pub max_viewers: usize,
    /// Most tiles of one connection.
    pub max_tiles: u32,
    /// How long a picture may wait for a viewer, in milliseconds, before the viewer skips to a newer key frame.
    pub max_delay_ms: u64,
    /// Most bytes of one viewer that are taken from the rings but not yet handed to the transport.
    pub viewer_budget: ByteCount,
    /// From this number of tiles on, a connection gathers what is ready within [`Config::gather_ms`] into one write.
    pub gather_from_tiles: u32,
    /// How long to gather, in milliseconds; adds as much delay at most.
    pub gather_ms: u64,
    /// The same where sixteen connections and more gather the same pictures: a write for each of them is what a beat costs.
    pub gather_many_ms: u64,
    /// A tile in `auto` whose picture has this many lines on the screen or more shows `main`, a smaller one `sub`.
    pub auto_main_lines: u16,
    /// By so many per cent a size must pass [`Config::auto_main_lines`], either way, before a tile changes its stream.
    pub auto_margin_percent: u8,
    /// After a viewer's line was found too thin for `main`, its tiles stay with `sub` for so many milliseconds at least.
    pub auto_wait_ms: u64,
    /// That time doubles with each return to `main` that fails, up to so many milliseconds.
    pub auto_wait_most_ms: u64,
    /// A return to `main` that held for so many milliseconds has not failed.
    pub auto_proof_ms: u64,
    /// How QUIC finds out how much a path carries.
    pub quic_congestion: Congestion,
    /// The largest QUIC packet that a path is probed for: what Ethernet carries, or more where the network has jumbo frames.
    pub quic_packet: PacketSize,
    /// For a QUIC connection's handshake, in milliseconds, and as much again for its first line.
    pub hello_ms: u64,
    /// A WebSocket is pinged after this long, in milliseconds.
    pub ping_ms: u64,
    /// A WebSocket from which nothing came for this long, in milliseconds, is gone.
    pub silence_ms: u64,
    /// A connection that takes not one byte for this long, in milliseconds, is gone.
    pub stall_ms: u64,
}

/// How QUIC finds out how much a path carries (measured in `docs/design/relay.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Congestion {
    /// By the rate at which the path delivers. A live picture goes on through loss that is no congestion (radio).
    #[default]
    Bbr,
    /// By loss: the network's usual share, and next to nothing where packets are lost for other reasons.
    Cubic,
}

/// Bytes of a UDP payload, without the heads of UDP and IP: 1,200 (RFC 9000, 14) to 65,527.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub struct PacketSize(u16);

impl PacketSize {
    const LEAST: u16 = 1_200;
    const MOST: u16 = 65_527;

    /// In bytes.
    pub fn bytes(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for PacketSize {
    type Error = String;

    fn try_from(bytes: u16) -> Result<Self, String> {
        if !(Self::LEAST..=Self::MOST).contains(&bytes) {
            return Err(format!(
                "a packet of {bytes} bytes, expected {} to {}",
                Self::LEAST,
                Self::MOST
            ));
        }
        Ok(Self(bytes))
    }
}

impl Default for PacketSize {
    /// Of Ethernet's 1,500 bytes, less the heads of IPv6 and UDP.
    fn default() -> Self {
        Self(1_452)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_viewers: 4096,
            max_tiles: 64,
            // A wall that is two seconds late is of no use to the one who directs a response by it.
            max_delay_ms: 2_000,
            // One key frame of a 4 Mbit/s camera is 100 to 200 kB: the next tile's must not wait for its write to end.
            viewer_budget: ByteCount(256 * 1024),
            gather_from_tiles: 4,
            gather_ms: 5,
            // Half of a picture's time: nobody sees it, and a row of walls costs half as much.
            gather_many_ms: 20,
            // Sub streams have 360 to 480 lines: from 480 on the eye sees that there is more to see.
            auto_main_lines: 480,
            auto_margin_percent: 12,
            auto_wait_ms: 10_000,
            auto_wait_most_ms: 300_000,
            auto_proof_ms: 60_000,
            quic_congestion: Congestion::Bbr,
            quic_packet: PacketSize::default(),
            hello_ms: 5_000,
            ping_ms: 15_000,
            silence_ms: 45_000,
            stall_ms: 30_000,
        }
    }
}

impl Config {
    pub(crate) fn max_delay(&self) -> Duration {
        Duration::from_millis(self.max_delay_ms)
    }
    pub(crate) fn gather(&self) -> Duration {
        Duration::from_millis(self.gather_ms)
    }
    pub(crate) fn gather_many(&self) -> Duration {
        self.gather()
            .max(Duration::from_millis(self.gather_many_ms))
    }
    pub(crate) fn hello(&self) -> Duration {
        Duration::from_millis(self.hello_ms)
    }
    pub(crate) fn ping(&self) -> Duration {
        Duration::from_millis(self.ping_ms)
    }
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_millis(self.stall_ms)
    }
}
