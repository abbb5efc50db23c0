//! One outgoing stream: a queue of shared chunks, and the future that writes them. Also used for the control stream.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use quinn::{Connection, SendStream, VarInt};
use tokio::sync::Notify;

/// Most chunks given to quinn at once.
const BATCH: usize = 32;

/// How a stream is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// When all is written.
    Finish,
    /// At once.
    Reset,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    /// Bytes not yet taken by quinn, those of the batch being written included.
    unwritten: usize,
    priority: i32,
    end: Option<End>,
    gone: bool,
    /// Error code where it is reset.
    stale: VarInt,
}

/// The driver's side of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Handle(Arc<(Mutex<Queue>, Notify)>);

impl Handle {
    /// A queue that begins with `head`, and whose stream is reset with the code `stale`.
    pub(super) fn new(priority: i32, stale: VarInt, head: Bytes) -> Self {
        let handle = Self::default();
        let mut queue = handle.lock();
        queue.priority = priority;
        queue.stale = stale;
        drop(queue);
        if !head.is_empty() {
            handle.push([head]);
        }
        handle
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues chunks. Bounded by the session's budget.
    pub(super) fn push(&self, chunks: impl IntoIterator<Item = Bytes>) {
        let mut queue = self.lock();
        if queue.gone || queue.end.is_some() {
            return;
        }
        for chunk in chunks {
            queue.unwritten += chunk.len();
            queue.chunks.push_back(chunk);
        }
        drop(queue);
        self.0.1.notify_one();
    }

    pub(super) fn prioritise(&self, priority: i32) {
        self.lock().priority = priority;
        self.0.1.notify_one();
    }

    pub(super) fn end(&self, end: End) {
        self.lock().end = Some(end);
        self.0.1.notify_one();
    }

    /// Bytes that quinn has not taken.
    pub(super) fn unwritten(&self) -> usize {
        self.lock().unwritten
    }

    /// Whether the stream is over: finished and acknowledged, reset, or stopped by the other side.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    /// Opens the stream, once the other side's limit allows, and writes until the end.
    pub(super) async fn write_to_new_stream(self, connection: Connection) {
        let opened = tokio::select! {
            stream = connection.open_uni() => stream.ok(),
            // Stale before there was room for it.
            () = self.reset_asked() => None,
        };
        match opened {
            Some(stream) => self.write_to(stream).await,
            None => self.leave(),
        }
    }

    async fn reset_asked(&self) {
        while self.lock().end != Some(End::Reset) {
            self.0.1.notified().await;
        }
    }

    pub(super) async fn write_to(self, mut stream: SendStream) {
        let mut batch: Vec<Bytes> = Vec::new();
        // Those of the batch that are wholly written.
        let mut first = 0;
        loop {
            let end = {
                let mut queue = self.lock();
                if first == batch.len() && queue.end != Some(End::Reset) {
                    let n = queue.chunks.len().min(BATCH);
                    batch.clear();
                    batch.extend(queue.chunks.drain(..n));
                    first = 0;
                }
                // Fails only for a stream that is over, which the next write finds out.
                let _ = stream.set_priority(queue.priority);
                queue.end
            };
            if end == Some(End::Reset) {
                let _ = stream.reset(self.lock().stale);
                return self.leave();
            }
            if first == batch.len() {
                if end == Some(End::Finish) {
                    let _ = stream.finish();
                    // Until all is acknowledged it can still become stale.
                    tokio::select! {
                        _ = stream.stopped() => {}
                        () = self.reset_asked() => { let _ = stream.reset(self.lock().stale); }
                    }
                    return self.leave();
                }
                self.0.1.notified().await;
                continue;
            }
            tokio::select! {
                written = stream.write_chunks(&mut batch[first..]) => match written {
                    Ok(written) => {
                        first += written.chunks;
                        self.lock().unwritten -= written.bytes;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "QUIC stream");
                        return self.leave();
                    }
                },
                () = self.0.1.notified() => {}
            }
        }
    }

    fn leave(&self) {
        let mut queue = self.lock();
        queue.gone = true;
        queue.unwritten = 0;
        queue.chunks.clear();
    }
}
