//! The halves of a stream.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use quinn_proto::{ConnectionError, FinishError, StreamId, VarInt, Written};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Half, Handle};

/// Why nothing is written any more.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum WriteError {
    #[error("the other side wants no more of the stream (code {0})")]
    Stopped(VarInt),
    #[error("the stream is over")]
    Closed,
    #[error(transparent)]
    Lost(#[from] ConnectionError),
}

/// Why nothing is read any more.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ReadError {
    #[error("the other side has reset the stream (code {0})")]
    Reset(VarInt),
    #[error("the stream is over")]
    Closed,
    #[error(transparent)]
    Lost(#[from] ConnectionError),
}

/// A half that writes. One that is dropped ends where it is.
pub(in super::super) struct SendStream {
    handle: Arc<Handle>,
    id: StreamId,
}

impl SendStream {
    pub(super) fn new(handle: Arc<Handle>, id: StreamId) -> Self {
        Self { handle, id }
    }

    pub(in super::super) fn id(&self) -> StreamId {
        self.id
    }

    /// Takes what goes of these; what is taken is cut off them.
    pub(in super::super) fn poll_write_chunks(
        &mut self,
        chunks: &mut [Bytes],
        cx: &Context<'_>,
    ) -> Poll<Result<Written, WriteError>> {
        use quinn_proto::WriteError as Why;
        let inner = self.handle.inner();
        let mut state = inner.lock();
        if let Some(error) = &state.error {
            return Poll::Ready(Err(error.clone().into()));
        }
        match state.proto.send_stream(self.id).write_chunks(chunks) {
            Ok(written) => {
                inner.touch_locked(&mut state);
                Poll::Ready(Ok(written))
            }
            Err(Why::Blocked) => {
                state.park(self.id, Half::Writes, cx);
                Poll::Pending
            }
            Err(Why::Stopped(code)) => Poll::Ready(Err(WriteError::Stopped(code))),
            Err(Why::ClosedStream) => Poll::Ready(Err(WriteError::Closed)),
        }
    }

    /// Takes all of this. Not to be given up in between.
    pub(in super::super) async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), WriteError> {
        let mut chunks = [chunk];
        while !chunks[0].is_empty() {
            poll_fn(|cx| self.poll_write_chunks(&mut chunks, cx)).await?;
        }
        Ok(())
    }

    /// Nothing more comes.
    pub(in super::super) fn finish(&mut self) -> Result<(), WriteError> {
        let inner = self.handle.inner();
        let mut state = inner.lock();
        match state.proto.send_stream(self.id).finish() {
            Ok(()) => {
                inner.touch_locked(&mut state);
                Ok(())
            }
            Err(FinishError::Stopped(code)) => Err(WriteError::Stopped(code)),
            Err(FinishError::ClosedStream) => Err(WriteError::Closed),
        }
    }

    /// What has not arrived need not. Nothing happens where all has.
    pub(in super::super) fn reset(&mut self, code: VarInt) {
        let inner = self.handle.inner();
        let mut state = inner.lock();
        if state.proto.send_stream(self.id).reset(code).is_ok() {
            inner.touch_locked(&mut state);
        }
    }

    /// The higher goes first. Nothing happens to a stream that is over.
    pub(in super::super) fn set_priority(&self, priority: i32) {
        let mut state = self.handle.inner().lock();
        let _ = state.proto.send_stream(self.id).set_priority(priority);
    }

    /// Whether the other side has all of it, or wants no more, or is gone.
    pub(in super::super) fn is_over(&self) -> bool {
        let mut state = self.handle.inner().lock();
        state.error.is_some() || !matches!(state.proto.send_stream(self.id).stopped(), Ok(None))
    }

    /// Until [`SendStream::is_over`].
    pub(in super::super) async fn stopped(&self) {
        poll_fn(|cx| {
            if self.is_over() {
                return Poll::Ready(());
            }
            let mut state = self.handle.inner().lock();
            state.park(self.id, Half::Writes, cx);
            Poll::Pending
        })
        .await;
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let chunk = &mut [Bytes::copy_from_slice(bytes)];
        let written = ready!(self.get_mut().poll_write_chunks(chunk, cx));
        Poll::Ready(written.map(|w| w.bytes).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().finish().map_err(io::Error::other))
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        let inner = self.handle.inner();
        let mut state = inner.lock();
        state.forget(self.id, Half::Writes);
        if state.error.is_some() {
            return;
        }
        let mut stream = state.proto.send_stream(self.id);
        let changed = match stream.finish() {
            Ok(()) => true,
            Err(FinishError::Stopped(code)) => stream.reset(code).is_ok(),
            Err(FinishError::ClosedStream) => false,
        };
        if changed {
            inner.touch_locked(&mut state);
        }
    }
}

/// A half that reads. One that is dropped before its end tells the other side to stop.
pub(in super::super) struct RecvStream {
    handle: Arc<Handle>,
    id: StreamId,
    /// Read to its end, or known to have none.
    over: bool,
}

impl RecvStream {
    pub(super) fn new(handle: Arc<Handle>, id: StreamId) -> Self {
        Self {
            handle,
            id,
            over: false,
        }
    }

    /// What comes next, in order, so many bytes at most; none at the end.
    pub(in super::super) fn poll_chunk(
        &mut self,
        most: usize,
        cx: &Context<'_>,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        use quinn_proto::{ReadError as Why, ReadableError};
        if self.over {
            return Poll::Ready(Ok(None));
        }
        let inner = self.handle.inner();
        let mut guard = inner.lock();
        let state = &mut *guard;
        let mut stream = state.proto.recv_stream(self.id);
        let mut chunks = match stream.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => {
                return Poll::Ready(Err(ReadError::Closed));
            }
        };
        let next = chunks.next(most);
        // Room for more is told to the other side.
        if chunks.finalize().should_transmit() {
            inner.touch_locked(state);
        }
        match next {
            Ok(Some(chunk)) => Poll::Ready(Ok(Some(chunk.bytes))),
            Ok(None) => {
                self.over = true;
                Poll::Ready(Ok(None))
            }
            Err(Why::Reset(code)) => {
                self.over = true;
                Poll::Ready(Err(ReadError::Reset(code)))
            }
            Err(Why::Blocked) => match &state.error {
                Some(error) => Poll::Ready(Err(error.clone().into())),
                None => {
                    state.park(self.id, Half::Reads, cx);
                    Poll::Pending
                }
            },
        }
    }

    pub(in super::super) async fn read_chunk(
        &mut self,
        most: usize,
    ) -> Result<Option<Bytes>, ReadError> {
        poll_fn(|cx| self.poll_chunk(most, cx)).await
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let chunk = ready!(self.get_mut().poll_chunk(buf.remaining(), cx));
        Poll::Ready(match chunk {
            Ok(chunk) => {
                buf.put_slice(&chunk.unwrap_or_default());
                Ok(())
            }
            Err(error) => Err(io::Error::other(error)),
        })
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        let inner = self.handle.inner();
        let mut state = inner.lock();
        state.forget(self.id, Half::Reads);
        if state.error.is_some() || self.over {
            return;
        }
        let mut stream = state.proto.recv_stream(self.id);
        if stream.stop(VarInt::from_u32(0)).is_ok() {
            inner.touch_locked(&mut state);
        }
    }
}
