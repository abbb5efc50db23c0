//! What hyper hands over after the upgrade, taken out of its wrappings: a frame that goes to hundreds of viewers should not pass
//! two tables of functions and a box for each of them.

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures_util::future::BoxFuture;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use rustix::net::{self, SendFlags};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::serve;
use crate::{End, Shared, Viewer, plain::Plain};

/// Boxed by what it is: else the room for a viewer over TLS, which is the largest, would be every viewer's.
pub(crate) fn serve_upgraded(
    shared: Arc<Shared>,
    upgraded: Upgraded,
    viewer: Viewer,
) -> BoxFuture<'static, End> {
    let upgraded = match downcast::<TokioIo<Plain>>(upgraded) {
        Ok(parts) => {
            let stream = Begun::new(parts.read_buf, parts.io.into_inner().into_stream());
            return Box::pin(serve(shared, stream, viewer));
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => {
            let stream = Begun::new(parts.read_buf, parts.io.into_inner());
            return Box::pin(serve(shared, stream, viewer));
        }
        Err(upgraded) => upgraded,
    };
    match downcast::<TokioIo<TlsStream<TcpStream>>>(upgraded) {
        Ok(parts) => {
            let stream = Begun::new(parts.read_buf, parts.io.into_inner());
            Box::pin(serve(shared, stream, viewer))
        }
        Err(upgraded) => Box::pin(serve(shared, TokioIo::new(upgraded), viewer)),
    }
}

/// Sends on a plain TCP connection at once, past the runtime's books of who may write: two cache misses and a library call less for
/// each of hundreds of viewers. None where it is not plain TCP. `Some(0)`: the socket takes nothing now, or is broken, as whoever
/// writes through the runtime next will learn.
pub(super) fn send_now<S: 'static>(stream: &S, bytes: &[u8]) -> Option<usize> {
    let plain: &Begun<TcpStream> = (stream as &dyn Any).downcast_ref()?;
    Some(net::send(&plain.stream, bytes, SendFlags::NOSIGNAL).unwrap_or(0))
}

/// A stream of which the first bytes were read already.
struct Begun<S> {
    stream: S,
    read: Bytes,
}

impl<S> Begun<S> {
    fn new(read: Bytes, stream: S) -> Self {
        // A slice, even an empty one, would keep all of hyper's buffer: 16 kB a viewer.
        let read = Bytes::copy_from_slice(&read);
        Self { stream, read }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..n]);
        self.read.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_was_read_before_comes_first() {
        let mut begun = Begun::new(Bytes::from_static(b"hello "), &b"world"[..]);
        let mut piece = [0; 4];
        assert_eq!(begun.read(&mut piece).await.unwrap(), 4);
        let mut all = piece.to_vec();
        begun.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"hello world");
    }
}
