//! Memory in which access units grow: a thread's own, lent to whichever of its streams has one in the making.
//!
//! A camera's packets are taken in one go, picture after picture, so one piece does for all cameras of a thread. It has grown to what
//! the largest picture needs, and is in the processor's cache. A buffer a stream would be neither.

use std::cell::RefCell;

/// A thread keeps so many pieces.
const KEPT: usize = 2;
/// No larger ones: the key frame of a 4K camera.
const KEPT_BYTES: usize = 1 << 20;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An access unit in the making.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    data: Vec<u8>,
    /// The memory is the thread's.
    lent: bool,
}

impl Scratch {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if !self.lent {
            let mut data = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
            data.extend_from_slice(&self.data);
            (self.data, self.lent) = (data, true);
        }
        self.data.extend_from_slice(bytes);
    }

    /// Nothing more comes for a while: what is there so far is kept in memory of its own size.
    pub(super) fn rest(&mut self) {
        if self.lent {
            let own = self.data.as_slice().to_vec();
            self.clear();
            self.data = own;
        }
    }

    /// Forgets what is there.
    pub(super) fn clear(&mut self) {
        let mut data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.lent) && data.capacity() <= KEPT_BYTES {
            data.clear();
            FREE.with_borrow_mut(|free| {
                if free.len() < KEPT {
                    free.push(data);
                }
            });
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.data.truncate(len);
    }
}

impl std::ops::Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.data
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_serves_all_streams_of_a_thread() {
        let (mut one, mut other) = (Scratch::default(), Scratch::default());
        one.extend(&[1; 5000]);
        let piece = one.as_ptr();
        one.rest();
        other.extend(&[2; 300]);
        assert_eq!(other.as_ptr(), piece);
        one.extend(&[1; 10]);
        assert_eq!((&one[..], &other[..]), (&[1; 5010][..], &[2; 300][..]));
        other.clear();
        one.clear();
        assert!(one.is_empty() && other.is_empty());
        assert_eq!(FREE.with_borrow(Vec::len), 2);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut many: Vec<Scratch> = (0..5).map(|_| Scratch::default()).collect();
        for one in &mut many {
            one.extend(&[0; 100]);
        }
        many.iter_mut().for_each(Scratch::clear);
        assert_eq!(FREE.with_borrow(Vec::len), KEPT);
        let mut large = Scratch::default();
        large.extend(&vec![0; KEPT_BYTES + 1]);
        large.clear();
        let kept = FREE.with_borrow(|free| free.iter().map(Vec::capacity).max());
        assert!(kept <= Some(KEPT_BYTES));
    }
}
