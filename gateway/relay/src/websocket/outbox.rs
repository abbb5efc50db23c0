//! What is on its way to one WebSocket: references to shared bytes, written many in a call.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use media::wire;

use crate::session::Message;

/// Most slices in one call. Linux takes 1,024; 64 hold 32 frames, beyond which a call's own cost no longer counts.
pub(super) const MAX_SLICES: usize = 64;

#[derive(Debug)]
enum Piece {
    /// Head and payload as all viewers get them.
    Media(Message),
    /// A whole control frame.
    Control(Bytes),
}

/// The queue. Bounded by who fills it: no more is put in once [`Outbox::is_full`].
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that are written.
    written: usize,
    media_bytes: usize,
}

impl Piece {
    fn slices(&self) -> [&[u8]; 2] {
        match self {
            Self::Media(message) => {
                let framed = message.framed();
                [framed.websocket_head(), framed.payload()]
            }
            Self::Control(bytes) => [bytes, &[]],
        }
    }

    fn len(&self) -> usize {
        let [a, b] = self.slices();
        a.len() + b.len()
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Enough for one call.
    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() * 2 >= MAX_SLICES
    }

    /// Bytes of media not yet written.
    pub(super) fn media_bytes(&self) -> usize {
        self.media_bytes
    }

    pub(super) fn media(&mut self, message: Message) {
        let piece = Piece::Media(message);
        self.media_bytes += piece.len();
        self.pieces.push_back(piece);
    }

    /// A control or text frame with this opcode.
    pub(super) fn control(&mut self, opcode: u8, payload: &[u8]) {
        let mut out = Vec::with_capacity(payload.len() + 10);
        wire::server_frame_header(opcode, payload.len(), &mut out);
        out.extend_from_slice(payload);
        self.pieces.push_back(Piece::Control(out.into()));
    }

    /// Drops all media that has not begun to be written: a close frame then follows soon.
    pub(super) fn drop_media(&mut self) {
        let (mut first, begun) = (true, self.written > 0);
        self.pieces.retain(|piece| {
            let keep = (std::mem::take(&mut first) && begun) || matches!(piece, Piece::Control(_));
            if !keep {
                self.media_bytes -= piece.len();
            }
            keep
        });
    }

    /// The next slices to write; returns how many were put into `out`.
    pub(super) fn gather<'a>(&'a self, out: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let (mut n, mut skip) = (0, self.written);
        for piece in &self.pieces {
            for slice in piece.slices() {
                let rest = &slice[skip.min(slice.len())..];
                skip -= slice.len() - rest.len();
                if !rest.is_empty() {
                    out[n] = IoSlice::new(rest);
                    n += 1;
                    if n == MAX_SLICES {
                        return n;
                    }
                }
            }
        }
        n
    }

    /// So many bytes are written; returns how many media messages that completes.
    pub(super) fn advance(&mut self, bytes: usize) -> u64 {
        self.written += bytes;
        let mut messages = 0;
        while let Some(piece) = self.pieces.front() {
            let len = piece.len();
            if self.written < len {
                break;
            }
            self.written -= len;
            if matches!(piece, Piece::Media(_)) {
                self.media_bytes -= len;
                messages += 1;
            }
            self.pieces.pop_front();
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However little a transport takes at a time, the bytes are those that were put in, in order.
        #[test]
        fn bytes_leave_as_they_came(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..100),
            takes in proptest::collection::vec(1usize..500, 1..20),
        ) {
            let (mut outbox, mut want, mut got) = (Outbox::default(), Vec::new(), Vec::new());
            for payload in &payloads {
                outbox.control(2, payload);
                wire::server_frame_header(2, payload.len(), &mut want);
                want.extend_from_slice(payload);
            }
            for take in takes.iter().cycle() {
                if outbox.is_empty() {
                    break;
                }
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let n = outbox.gather(&mut slices);
                let bytes: Vec<u8> = slices[..n].iter().flat_map(|s| s.iter().copied()).collect();
                let taken = bytes.len().min(*take);
                got.extend_from_slice(&bytes[..taken]);
                outbox.advance(taken);
            }
            prop_assert_eq!(got, want);
        }
    }
}
