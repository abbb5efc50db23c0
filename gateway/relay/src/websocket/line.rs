//! A connection as its worker sees it: while it is level, frames go from the worker's hands into the socket without the session.
//!
//! The connection's own task lands it first, does what it has to, and lets it take off again; so session and worker never act
//! at the same time, and what the worker may do is what the session would have done.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use media::wire::{Format, Framed};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::{connection::Connection, outbox::MAX_SLICES, upgraded::send_now};
use crate::{
    dispatch::{Due, Fresh, Line, Sent, step},
    session::{Cruise, Handed, Message, Part},
};

/// A connection that its own task and a worker share. Neither holds it for longer than it takes to write what goes without
/// waiting.
pub(super) struct Shell<S> {
    pub(super) bell: Notify,
    hot: Mutex<Hot<S>>,
}

/// What the worker needs stands together, in two cache lines: for hundreds of viewers a frame that is most of the cost beside
/// the system call.
pub(super) struct Hot<S> {
    /// The tile that is level, where there is one tile.
    one: Option<Cruise>,
    /// The tiles that are level, where there are many.
    many: Vec<Cruise>,
    /// The transport takes nothing; the task is woken when it does.
    blocked: bool,
    /// A worker panicked over it: nobody knows what is written.
    pub(super) failed: bool,
    /// Bytes that workers wrote since the task last looked.
    written: u64,
    /// None once the task has taken it to close it.
    pub(super) open: Option<Open<S>>,
}

pub(super) struct Open<S> {
    pub(super) stream: S,
    pub(super) connection: Box<Connection>,
}

impl<S> Shell<S> {
    pub(super) fn new(stream: S, connection: Connection) -> Self {
        let connection = Box::new(connection);
        Self {
            bell: Notify::new(),
            hot: Mutex::new(Hot {
                one: None,
                many: Vec::new(),
                blocked: false,
                failed: false,
                written: 0,
                open: Some(Open { stream, connection }),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Hot<S>> {
        step();
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Hot<S> {
    /// The session takes up what was sent without it.
    pub(super) fn land(&mut self) {
        if let Some(open) = &mut self.open {
            open.connection.taken += std::mem::take(&mut self.written);
            self.many.extend(self.one.take());
            open.connection.session.land(&mut self.many);
        }
    }

    /// Tiles that are level take frames without the session from here on.
    pub(super) fn take_off(&mut self) {
        let Some(open) = &self.open else { return };
        self.blocked = open.connection.is_blocked();
        if open.connection.is_idle() {
            open.connection.session.take_off(&mut self.many);
            if self.many.len() == 1 {
                self.one = self.many.pop();
            }
        }
    }

    fn cruise(&mut self, feed: u32, hint: usize) -> Option<&mut Cruise> {
        if let Some(one) = &mut self.one {
            return one.shows(feed).then_some(one);
        }
        let at = match self.many.get(hint) {
            Some(cruise) if cruise.shows(feed) => hint,
            _ => self.many.iter().position(|c| c.shows(feed))?,
        };
        self.many.get_mut(at)
    }
}

/// On its way: for which tile, and in which format.
type Taken<'a> = (u32, Format, &'a Fresh);

impl<S> Hot<S>
where
    S: AsyncWrite + Unpin + 'static,
{
    /// Takes frames and writes them. Also says whether the task must look: frames were left in the ring, or bytes in the
    /// outbox.
    fn offer(&mut self, frames: &[Fresh], due: Due<'_>) -> (Sent, bool) {
        if self.one.is_none() && self.many.is_empty() {
            // If it is blocked its task is woken when there is room again, and finds the frames in the ring.
            return (Sent::default(), !self.blocked);
        }
        let mut sent = Sent::default();
        if let (Due::All, [fresh]) = (due, frames) {
            let rest = match self.hand(fresh, 0) {
                Handed::Taken(tile, format) => {
                    let whole = fresh.whole.as_ref();
                    !self.write(&[(tile, format, fresh)], whole, &mut sent)
                }
                Handed::Unwanted => false,
                Handed::Behind => true,
            };
            return (sent, rest);
        }
        let (mut taken, mut rest) = (Vec::with_capacity(MAX_SLICES / 2), false);
        let mut parts = 0;
        for (fresh, hint) in due.of(frames) {
            match self.hand(fresh, hint) {
                Handed::Taken(tile, format) => taken.push((tile, format, fresh)),
                Handed::Unwanted => {}
                Handed::Behind => rest = true,
            }
            if taken.len() * 2 == MAX_SLICES {
                parts += 1;
                if !self.write(&taken, None, &mut sent) {
                    return (sent, true);
                }
                taken.clear();
            }
        }
        let whole = match due {
            Due::Joined(list, whole) if parts == 0 && taken.len() == list.len() => Some(whole),
            _ => None,
        };
        let all = taken.is_empty() || self.write(&taken, whole, &mut sent);
        (sent, rest || !all)
    }

    fn hand(&mut self, fresh: &Fresh, hint: usize) -> Handed {
        match self.cruise(fresh.frame.feed, hint) {
            Some(cruise) => cruise.hand(fresh.position, &fresh.frame),
            None => Handed::Behind,
        }
    }

    /// Writes frames, of which `whole` are the fragments in one piece; what does not go is left in the outbox, and false returned:
    /// nothing more goes until the task has looked.
    fn write(&mut self, taken: &[Taken<'_>], whole: Option<&Bytes>, sent: &mut Sent) -> bool {
        let Some(Open { stream, connection }) = &mut self.open else {
            return false;
        };
        // Whoever is not ready wakes nobody here: the task polls again, and is then woken.
        let mut cx = Context::from_waker(Waker::noop());
        let whole = whole.filter(|_| taken.iter().all(|(_, format, _)| *format == Format::Fmp4));
        let poll = match (taken, whole) {
            (_, Some(whole)) => match send_now(stream, whole) {
                Some(written) => Poll::Ready(Ok(written)),
                None => Pin::new(&mut *stream).poll_write(&mut cx, whole),
            },
            ([one], _) => Pin::new(&mut *stream).poll_write_vectored(&mut cx, &slices(one)),
            (many, _) => {
                let mut all = [IoSlice::new(&[]); MAX_SLICES];
                for (pair, taken) in all.chunks_exact_mut(2).zip(many) {
                    pair.copy_from_slice(&slices(taken));
                }
                Pin::new(&mut *stream).poll_write_vectored(&mut cx, &all[..many.len() * 2])
            }
        };
        let written = match poll {
            Poll::Ready(Ok(written)) => written,
            // The task meets the error, too.
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        let bytes: usize = taken.iter().flat_map(slices).map(|slice| slice.len()).sum();
        sent.calls += 1;
        sent.bytes += written as u64;
        self.written += written as u64;
        let flushed = written == bytes && Pin::new(stream).poll_flush(&mut cx).is_ready();
        if flushed {
            sent.messages += taken.len() as u64;
            return true;
        }
        let messages = taken.iter().map(|(tile, format, fresh)| Message {
            tile: *tile,
            part: match format {
                Format::Fmp4 => Part::Fragment,
                Format::Raw => Part::AccessUnit,
            },
            frame: Arc::clone(&fresh.frame),
        });
        sent.messages += connection.take_over(messages, written);
        self.land();
        false
    }
}

fn slices<'a>((_, format, fresh): &Taken<'a>) -> [IoSlice<'a>; 2] {
    let framed: &Framed = match format {
        Format::Fmp4 => fresh.frame.fragment(),
        Format::Raw => fresh.frame.raw(),
    };
    [
        IoSlice::new(framed.websocket_head()),
        IoSlice::new(framed.payload()),
    ]
}

impl<S> Line for Shell<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn warm(&self) -> bool {
        self.hot.is_poisoned()
    }

    fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent {
        let mut hot = self.lock();
        let (sent, rest) = hot.offer(frames, due);
        drop(hot);
        step();
        if rest {
            self.bell.notify_one();
        }
        sent
    }

    fn ring(&self) {
        self.bell.notify_one();
    }

    fn fail(&self) {
        self.lock().failed = true;
        self.bell.notify_one();
    }
}
