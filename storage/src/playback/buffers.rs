//! Buffers that a download's pieces are read into, and that are used again: fresh memory for each would cost more than the reading.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// No more of them are kept: who is sent to has one or two in hand.
const KEPT: usize = 3;

type Free = Mutex<Vec<Vec<u8>>>;

/// The buffers of one download.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers(Arc<Free>);

impl Buffers {
    /// One of this length, in which stands what was read before, or zeros.
    pub(super) fn take(&self, len: usize) -> Vec<u8> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = free.pop().unwrap_or_default();
        drop(free);
        buffer.resize(len, 0);
        buffer
    }

    /// What was read; its buffer comes back when the last one has let go of it.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            bytes,
            home: Arc::downgrade(&self.0),
        })
    }
}

struct Lent {
    bytes: Vec<u8>,
    home: Weak<Free>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut free = home.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_nobody_has_it_any_more() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(1000);
        buffer[..3].copy_from_slice(b"one");
        let place = buffer.as_ptr();
        let lent = buffers.lend(buffer);
        let part = lent.slice(1..3);
        drop(lent);
        let other = buffers.take(1000);
        assert_ne!(other.as_ptr(), place);
        assert_eq!(&part[..], b"ne");
        drop(part);
        let again = buffers.take(500);
        assert_eq!((again.len(), again.as_ptr()), (500, place));
        // One that outlives its download is only freed.
        let last = buffers.lend(again);
        drop(buffers);
        drop(last);
    }
}
