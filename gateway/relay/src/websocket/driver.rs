//! One task a connection: reads what comes, and asks the session what to send whenever the connection's worker
//! (`dispatch.rs`) could not hand it out by itself.

use std::{
    fmt,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::pin,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    task::Poll,
    time::Duration,
};

use media::ring::Bell;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{
    connection::{Connection, IDLE_TICK, Stop},
    line::{Open, Shell},
    outbox::{MAX_SLICES, Outbox},
};
use crate::{
    Close, End, Shared, Viewer,
    dispatch::{Line, Seat},
    session::Input,
};

const CLOSE: u8 = 0x8;
/// How long the other side has to take our close frame and answer it.
const CLOSE_TIME: Duration = Duration::from_secs(2);

pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S, viewer: Viewer) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(place) = shared.enter() else {
        let close = Close::new(Close::BUSY, "too many viewers are connected");
        return Box::pin(finish(stream, &mut Outbox::default(), close)).await;
    };
    let peer = viewer.peer;
    let listed = place.list(&viewer, "websocket");
    let live = Live(Arc::new(Shell::new(
        stream,
        Connection::new(&shared, viewer, listed),
    )));
    if let Some(open) = &live.0.lock().open {
        let task = Arc::new(Task(Arc::downgrade(&live.0)));
        open.connection.session.wake_for_recordings(task);
    }
    let mut seat = shared.dispatch().seat();
    let why = run(&shared, &live.0, &mut seat).await;
    drop(seat);
    let open = live.0.lock().open.take();
    // Its goodbye takes room that only those need who are leaving: in boxes.
    let end = match (why, open) {
        (Stop::End(end), _) => end,
        (_, None) => End::Left,
        (Stop::Close(close), Some(open)) => Box::pin(close_down(open, close)).await,
        (Stop::Left(code), Some(open)) => {
            // The close frame is answered with its own code (RFC 6455, 5.5.1).
            let close = Close::new(code.unwrap_or(Close::NORMAL), "");
            Box::pin(close_down(open, close)).await;
            End::Left
        }
    };
    tracing::debug!(%peer, %end, "viewer's WebSocket ended");
    end
}

/// What a recording that was read rings: the task, if it is still there.
struct Task<S>(Weak<Shell<S>>);

impl<S> fmt::Debug for Task<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

impl<S: Send> Bell for Task<S> {
    fn ring(&self) {
        if let Some(shell) = self.0.upgrade() {
            shell.bell.notify_one();
        }
    }
}

/// Ends the connection when its task is dropped, though a worker may still know it.
struct Live<S>(Arc<Shell<S>>);

impl<S> Drop for Live<S> {
    fn drop(&mut self) {
        let open = self.0.lock().open.take();
        drop(open);
    }
}

/// Runs the connection until there is a reason to stop.
pub(super) async fn run<S>(shared: &Shared, shell: &Arc<Shell<S>>, seat: &mut Seat) -> Stop
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = &shared.config;
    let revoked = match &shell.lock().open {
        Some(open) => open.connection.session.viewer().revoked.clone(),
        None => return Stop::End(End::Left),
    };
    let mut revoked = pin!(revoked.cancelled());
    // One of its own: waiting on the shared one would be a lock that all viewers meet at.
    let cancel = shared.cancel.child_token();
    let mut stopped = pin!(cancel.cancelled());
    let mut tick = pin!(sleep_until(Instant::now() + IDLE_TICK));
    let mut rung = pin!(shell.bell.notified());
    let mut followed = 0;
    let stop = poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            let close = Close::new(Close::GOING_AWAY, "the gateway is shutting down");
            return Poll::Ready(Stop::Close(close));
        }
        if revoked.as_mut().poll(cx).is_ready() {
            let close = Close::new(Close::POLICY, "the session has ended");
            return Poll::Ready(Stop::Close(close));
        }
        let mut hot = shell.lock();
        if hot.failed {
            let close = Close::new(Close::INTERNAL, "a fault in the gateway");
            return Poll::Ready(Stop::Close(close));
        }
        hot.land();
        let Some(Open { stream, connection }) = &mut hot.open else {
            return Poll::Ready(Stop::End(End::Left));
        };
        loop {
            // Armed again before anybody looks at what it rang for, so no ring is lost.
            while rung.as_mut().poll(cx).is_ready() {
                rung.set(shell.bell.notified());
            }
            let poll = connection.poll_streams(stream, cx, shared, tick.as_mut());
            if let Poll::Ready(stop) = poll {
                return Poll::Ready(stop);
            }
            let session = &mut connection.session;
            if followed != session.sources_version() {
                followed = session.sources_version();
                let many = session.tiles() >= config.gather_from_tiles as usize;
                let rings = session.rings().cloned().collect();
                let line = Arc::clone(shell) as Arc<dyn Line>;
                seat.follow(line, rings, many && config.gather_ms > 0);
            }
            if let Some(at) = session.wake_at()
                && tick.deadline() > at.into()
            {
                tick.as_mut().reset(at.into());
            }
            if connection.watches.poll_changed(cx).is_ready() {
                session.handle(Instant::now().into_std(), Input::Status);
                continue;
            }
            if tick.as_mut().poll(cx).is_pending() {
                break;
            }
            match connection.tick(shared) {
                Ok(next) => tick.as_mut().reset(next),
                Err(what) => return Poll::Ready(Stop::End(End::Silent(what))),
            }
        }
        hot.take_off();
        Poll::Pending
    })
    .await;
    if let Some(open) = &mut shell.lock().open {
        let counted = std::mem::take(&mut open.connection.tiles_counted);
        shared.counters.tiles.fetch_sub(counted, Relaxed);
    }
    stop
}

async fn close_down<S>(open: Open<S>, close: Close) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut outbox = open.connection.outbox;
    outbox.drop_media();
    finish(open.stream, &mut outbox, close).await
}

/// Sends the rest and a close frame, waits for the answer, and shuts down; all within [`CLOSE_TIME`].
async fn finish<S>(mut stream: S, outbox: &mut Outbox, close: Close) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut payload = close.code.to_be_bytes().to_vec();
    let mut cut = close.text.len().min(123);
    while !close.text.is_char_boundary(cut) {
        cut -= 1;
    }
    payload.extend_from_slice(&close.text.as_bytes()[..cut]);
    outbox.control(CLOSE, &payload);
    let closing = async {
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let n = outbox.gather(&mut slices);
            let written = stream.write_vectored(&slices[..n]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            outbox.advance(written);
        }
        stream.flush().await?;
        stream.shutdown().await?;
        // What comes until the other side closes too is of no interest; but a socket closed with unread bytes is reset,
        // and a reset may overtake our close frame.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    match timeout(CLOSE_TIME, closing).await {
        Ok(Err(error)) => tracing::debug!(%error, "closing a WebSocket"),
        Err(_) => tracing::debug!("a viewer does not answer the close frame"),
        Ok(Ok(())) => {}
    }
    End::Closed(close)
}
