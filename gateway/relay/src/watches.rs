//! Wakes a connection's task when one of its sources changes state.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{
    StreamExt,
    future::{AbortHandle, BoxFuture, abortable},
    stream::FuturesUnordered,
};
use media::{ReasonCode, SourceState, SourceStatus};
use tokio::sync::watch;

use crate::session::Session;

type Change = Option<(u32, watch::Receiver<SourceStatus>)>;

/// One waiter a feed. Rates change every second and wake nobody: only the state and the reason's code do.
#[derive(Default)]
pub(crate) struct Watches {
    waiting: FuturesUnordered<BoxFuture<'static, Change>>,
    handles: HashMap<u32, AbortHandle>,
    version: u64,
}

impl Watches {
    /// Follows what the session now has open. True if that is something new: its status may have changed between its
    /// opening and now, so the session must look.
    pub(crate) fn follow(&mut self, session: &Session) -> bool {
        if self.version == session.sources_version() {
            return false;
        }
        self.version = session.sources_version();
        let mut old = std::mem::take(&mut self.handles);
        for (feed, status) in session.sources() {
            match old.remove(&feed) {
                Some(handle) => {
                    self.handles.insert(feed, handle);
                }
                None => self.wait(feed, status.clone()),
            }
        }
        for handle in old.into_values() {
            handle.abort();
        }
        true
    }

    fn wait(&mut self, feed: u32, mut status: watch::Receiver<SourceStatus>) {
        let seen = key(&status.borrow_and_update());
        let (wait, handle) = abortable(async move {
            loop {
                if status.changed().await.is_err() {
                    // The source is gone for good; its ring says so.
                    return None;
                }
                if key(&status.borrow_and_update()) != seen {
                    return Some((feed, status));
                }
            }
        });
        self.handles.insert(feed, handle);
        self.waiting
            .push(Box::pin(async move { wait.await.ok().flatten() }));
    }

    /// Ready when a source changed. Pending for ever when there is none.
    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.waiting).poll_next_unpin(cx) {
                Poll::Ready(Some(Some((feed, status)))) => {
                    if self.handles.contains_key(&feed) {
                        self.wait(feed, status);
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(Some(None)) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for handle in self.handles.values() {
            handle.abort();
        }
    }
}

fn key(status: &SourceStatus) -> (SourceState, Option<ReasonCode>) {
    (status.state, status.reason.as_ref().map(|r| r.code))
}
