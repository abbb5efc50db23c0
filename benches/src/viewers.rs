//! Viewers: they connect, open their tiles, and discard what comes.

pub mod messages;
pub mod quic;
pub mod rtsp;
pub mod tcp;
pub mod udp;
pub mod url;

use std::ops::RangeInclusive;

use crate::source::camera_id;

/// The control message that opens a camera in the tile of the same number.
pub fn open_message(tile: u32) -> String {
    format!(
        r#"{{"type":"open","tile":{tile},"camera":"{}","profile":"sub"}}"#,
        camera_id(tile)
    )
}

/// The tiles of viewer `n` (from 0) of some who share `cameras` evenly, `tiles` each; all have the same if there are not more.
pub fn tiles_of(n: usize, tiles: u32, cameras: u32) -> RangeInclusive<u32> {
    let first = (n as u32 * tiles) % cameras.max(1) + 1;
    first..=(first + tiles - 1).min(cameras)
}

/// The bench must not go on with fewer viewers than it says.
pub fn fail(why: &str) -> ! {
    eprintln!("viewers: {why}");
    std::process::exit(1)
}
