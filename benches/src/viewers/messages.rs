//! The media messages in a server's WebSocket frames.

use media::wire::Header;

/// Finds them without keeping their payload.
#[derive(Debug, Default)]
pub struct Messages {
    /// WebSocket header and media header of the frame being read, as far as they are here.
    head: Vec<u8>,
    /// Payload bytes still to come after the head.
    rest: u64,
    header: Option<Header>,
}

impl Messages {
    /// More bytes; calls `whole` for every media message that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut whole: impl FnMut(&Header)) {
        loop {
            let skip = self.rest.min(bytes.len() as u64);
            bytes = &bytes[skip as usize..];
            self.rest -= skip;
            if self.rest > 0 {
                return;
            }
            if let Some(header) = self.header.take() {
                whole(&header);
            }
            let Some((byte, after)) = bytes.split_first() else {
                return;
            };
            self.head.push(*byte);
            bytes = after;
            let (ws, len) = match self.head[..] {
                [_, 126, a, b, ..] => (4, u64::from(u16::from_be_bytes([a, b]))),
                [_, 127, a, b, c, d, e, f, g, h, ..] => {
                    (10, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
                }
                [_, n @ 0..126, ..] => (2, u64::from(n)),
                _ => continue,
            };
            let is_media = self.head[0] == 0x82;
            let want = if is_media { ws + Header::LEN } else { ws };
            if self.head.len() >= want {
                if is_media {
                    self.header = Header::read(&self.head[ws..]).ok().map(|(h, _)| h);
                }
                self.rest = len - (self.head.len() - ws) as u64;
                self.head.clear();
            }
        }
    }
}
