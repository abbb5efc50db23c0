//! One outgoing stream: chunks go straight to quinn where it takes them; what it does not take waits here, message by message.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use bytes::Bytes;
use quinn_proto::VarInt;

use super::engine::{SendStream, WriteError};

/// What a message is: of what is left out, frames are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// 1 for a frame, 0 for what is none.
    pub(super) frames: u64,
    /// How long it is shown, in milliseconds.
    pub(super) ms: u64,
    /// With it the group shows something.
    pub(super) picture: bool,
}

/// What a viewer will not get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) ms: u64,
}

impl Lost {
    fn add(&mut self, load: Load, bytes: usize) {
        self.frames += load.frames;
        self.ms += load.ms;
        self.bytes += bytes as u64;
    }
}

/// A message of which quinn has not taken all.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    left: usize,
    len: usize,
    load: Load,
}

pub(super) struct Outgoing {
    /// None until the other side has room for one more stream.
    stream: Option<SendStream>,
    chunks: VecDeque<Bytes>,
    /// The messages that `chunks` are of.
    waiting: VecDeque<Waiting>,
    /// Bytes in `chunks`.
    unwritten: usize,
    /// What quinn has taken.
    taken: Lost,
    /// Bytes that quinn has taken since it took the picture.
    since_picture: u64,
    priority: i32,
    /// Nothing more comes; the stream is finished when all is written.
    ending: bool,
    finished: bool,
    /// Nothing can be written any more: stopped by the other side, or the connection is gone.
    broken: bool,
}

impl Outgoing {
    /// A stream that is open.
    pub(super) fn of(stream: SendStream, priority: i32) -> Self {
        let mut outgoing = Self::unopened(priority);
        outgoing.opened(stream);
        outgoing
    }

    pub(super) fn unopened(priority: i32) -> Self {
        Self {
            stream: None,
            chunks: VecDeque::new(),
            waiting: VecDeque::new(),
            unwritten: 0,
            taken: Lost::default(),
            since_picture: 0,
            priority,
            ending: false,
            finished: false,
            broken: false,
        }
    }

    pub(super) fn opened(&mut self, stream: SendStream) {
        stream.set_priority(self.priority);
        self.stream = Some(stream);
    }

    pub(super) fn wants_stream(&self) -> bool {
        self.stream.is_none() && !self.broken
    }

    /// Bytes that quinn has not taken.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Whether its picture may not have left yet, where quinn holds `window` bytes.
    pub(super) fn owes_picture(&self, window: u64) -> bool {
        self.waiting.iter().any(|message| message.load.picture)
            || self.taken.frames > 0 && self.since_picture < window
    }

    /// Whether any of it is on its way.
    pub(super) fn has_begun(&self) -> bool {
        self.taken.bytes > 0
    }

    /// Writes a message after what waits already.
    pub(super) fn push<const N: usize>(
        &mut self,
        mut chunks: [Bytes; N],
        load: Load,
        cx: &mut Context<'_>,
    ) {
        if self.ending || self.broken {
            return;
        }
        let len = chunks.iter().map(Bytes::len).sum();
        let mut rest = 0;
        if self.chunks.is_empty()
            && let Some(stream) = &mut self.stream
        {
            while rest < N {
                match stream.poll_write_chunks(&mut chunks[rest..], cx) {
                    Poll::Ready(Ok(written)) => rest += written.chunks,
                    Poll::Ready(Err(error)) => return self.fail(&error),
                    Poll::Pending => break,
                }
            }
        }
        let left = chunks[rest..].iter().map(Bytes::len).sum();
        self.took(len - left);
        if left == 0 {
            return self.gone(load);
        }
        self.unwritten += left;
        self.chunks.extend(chunks.into_iter().skip(rest));
        self.waiting.push_back(Waiting { left, len, load });
    }

    fn took(&mut self, bytes: usize) {
        self.taken.bytes += bytes as u64;
        self.since_picture += bytes as u64;
    }

    fn gone(&mut self, load: Load) {
        self.taken.add(load, 0);
        if load.picture {
            self.since_picture = 0;
        }
    }

    /// Writes what goes of what waits. Whoever is left waiting is woken.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) {
        while !self.chunks.is_empty() {
            let Some(stream) = &mut self.stream else {
                return;
            };
            match stream.poll_write_chunks(self.chunks.make_contiguous(), cx) {
                Poll::Ready(Ok(written)) => {
                    self.chunks.drain(..written.chunks);
                    self.wrote(written.bytes);
                }
                Poll::Ready(Err(error)) => return self.fail(&error),
                Poll::Pending => return,
            }
        }
        if self.ending
            && !self.finished
            && let Some(stream) = &mut self.stream
        {
            self.finished = true;
            let _ = stream.finish();
        }
    }

    fn wrote(&mut self, mut bytes: usize) {
        self.unwritten -= bytes;
        while let Some(first) = self.waiting.front_mut() {
            let of_it = bytes.min(first.left);
            first.left -= of_it;
            bytes -= of_it;
            let (left, load) = (first.left, first.load);
            self.took(of_it);
            if left > 0 {
                return;
            }
            self.waiting.pop_front();
            self.gone(load);
        }
    }

    fn fail(&mut self, error: &WriteError) {
        tracing::debug!(%error, "QUIC stream");
        self.give_up();
    }

    /// There is no stream for it any more.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
        self.chunks.clear();
        self.waiting.clear();
        self.unwritten = 0;
    }

    pub(super) fn finish(&mut self, cx: &mut Context<'_>) {
        self.ending = true;
        self.write(cx);
    }

    pub(super) fn prioritise(&mut self, priority: i32) {
        self.priority = priority;
        if let Some(stream) = &self.stream {
            stream.set_priority(priority);
        }
    }

    /// Leaves out what waits behind the picture, but for a message that has begun.
    pub(super) fn cut_behind_picture(&mut self) -> Lost {
        let begun = self.waiting.front().is_some_and(|m| m.left < m.len);
        let picture = self.waiting.iter().rposition(|m| m.load.picture);
        let keep = picture.map_or(0, |at| at + 1).max(usize::from(begun));
        let mut lost = Lost::default();
        for message in self.waiting.drain(keep..) {
            lost.add(message.load, message.left);
        }
        let kept: usize = self.waiting.iter().map(|m| m.left).sum();
        // A message is whole chunks, so this comes out even.
        while self.unwritten > kept
            && let Some(chunk) = self.chunks.pop_back()
        {
            self.unwritten -= chunk.len();
        }
        lost
    }

    /// Resets the stream, if the other side does not have all of it. What is lost of what quinn has taken is known to `window`
    /// bytes only: as much as it may hold is taken to be.
    pub(super) fn reset(mut self, code: VarInt, window: u64) -> Lost {
        let mut lost = Lost::default();
        for message in &self.waiting {
            lost.add(message.load, message.left);
        }
        if self.taken.bytes > 0 {
            let held = window.min(self.taken.bytes);
            let part = |n: u64| (n * held).div_ceil(self.taken.bytes);
            lost.frames += part(self.taken.frames);
            lost.ms += part(self.taken.ms);
            lost.bytes += held;
        }
        if let Some(stream) = &mut self.stream {
            stream.reset(code);
        }
        lost
    }

    /// Whether nothing is left to do or to take back: all acknowledged, or broken.
    pub(super) fn is_over(&self) -> bool {
        let acknowledged = || self.stream.as_ref().is_some_and(SendStream::is_over);
        self.broken || self.finished && acknowledged()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A stream that was not opened yet, with these messages: a picture, or a frame after it.
    fn waiting(pictures: &[bool]) -> Outgoing {
        let mut outgoing = Outgoing::unopened(0);
        let mut cx = Context::from_waker(Waker::noop());
        for picture in pictures {
            let load = Load {
                frames: 1,
                ms: 40,
                picture: *picture,
            };
            let chunks = [Bytes::from_static(b"head"), Bytes::from_static(b"payload")];
            outgoing.push(chunks, load, &mut cx);
        }
        outgoing
    }

    #[test]
    fn what_waits_behind_the_picture_is_cut_and_counted() {
        let mut outgoing = waiting(&[true, false, false]);
        let lost = Lost {
            frames: 2,
            bytes: 22,
            ms: 80,
        };
        assert_eq!(outgoing.cut_behind_picture(), lost);
        assert_eq!(outgoing.unwritten(), 11);
        assert!(outgoing.owes_picture(0), "it is there still");
        assert_eq!(outgoing.cut_behind_picture(), Lost::default());
    }

    #[test]
    fn a_message_that_has_begun_is_not_cut() {
        let mut outgoing = waiting(&[true, false, false]);
        // The picture and a part of the next are gone.
        outgoing.chunks.drain(..3);
        outgoing.wrote(15);
        assert_eq!(outgoing.cut_behind_picture().frames, 1);
        assert_eq!(outgoing.unwritten(), 7);
        assert!(outgoing.owes_picture(5), "four bytes went after it");
        assert!(!outgoing.owes_picture(4));
    }

    #[test]
    fn what_is_given_up_is_counted_with_what_may_still_be_on_its_way() {
        let code = VarInt::from_u32(1);
        assert_eq!(waiting(&[true, false]).reset(code, 0).frames, 2);
        let mut outgoing = waiting(&[true, false, false, false]);
        outgoing.chunks.drain(..6);
        outgoing.wrote(33);
        // One waits; of three that are taken a third may not have left.
        assert_eq!(outgoing.reset(code, 11).frames, 2);
    }
}
