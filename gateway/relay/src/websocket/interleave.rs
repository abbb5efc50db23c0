//! The hand-off between a viewer's own task and the worker that writes past it, in every order of their steps
//! (`dispatch/interleave.rs` runs them): whatever the line takes and whenever the task is woken, each frame comes once, in order.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use media::{
    Feed, FeedId, Lease, Profile, Reason, Ring, SourceState, SourceStatus, WallTime,
    wire::{Header, Kind},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Runtime,
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{connection::Connection, driver::run, line::Shell};
use crate::{
    Config, Host, Relay, Viewer, Wish,
    dispatch::interleave::{Actor, Crew, all_orders, frame, ring_deferred, step, wait},
};

/// A connection as a socket is one: one waker each way, the last who asked.
#[derive(Default)]
struct Pipe {
    to_server: Vec<u8>,
    reader: Option<Waker>,
    /// What the socket holds, and what the viewer has read.
    held: Vec<u8>,
    read: Vec<u8>,
    room: usize,
    writer: Option<Waker>,
}

#[derive(Clone, Default)]
struct Shared {
    pipe: Arc<Mutex<Pipe>>,
    /// There is something for the viewer to read.
    readable: Arc<AtomicBool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.pipe.lock().unwrap()
    }

    fn say(&self, opcode: u8, text: &[u8]) {
        let mut pipe = self.lock();
        pipe.to_server
            .extend([0x80 | opcode, 0x80 | text.len() as u8, 0, 0, 0, 0]);
        pipe.to_server.extend_from_slice(text);
        let waker = pipe.reader.take();
        drop(pipe);
        waker.inspect(Waker::wake_by_ref);
    }

    fn drain(&self) {
        self.readable.store(false, SeqCst);
        let mut pipe = self.lock();
        let held = std::mem::take(&mut pipe.held);
        pipe.read.extend(held);
        let waker = pipe.writer.take();
        drop(pipe);
        waker.inspect(Waker::wake_by_ref);
    }
}

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.lock();
        if pipe.to_server.is_empty() {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buf.put_slice(&std::mem::take(&mut pipe.to_server));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.lock();
        let taken = buf.len().min(pipe.room - pipe.held.len().min(pipe.room));
        if taken == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.held.extend_from_slice(&buf[..taken]);
        self.readable.store(true, SeqCst);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct OneFeed(Arc<Feed>);

impl Host for OneFeed {
    fn open(&self, _: &Viewer, _: &Wish) -> Result<Lease, Reason> {
        Ok(Lease::new(Arc::clone(&self.0), ()))
    }

    fn authenticate(&self, token: &str, _: std::net::SocketAddr) -> Result<Viewer, Reason> {
        panic!("nobody comes by QUIC: {token}")
    }
}

struct Flag(Arc<AtomicBool>);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A viewer's own task, polled by hand.
struct Task {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Arc<AtomicBool>,
}

impl Task {
    fn poll(&mut self) {
        self.woken.store(false, SeqCst);
        let waker = Waker::from(Arc::new(Flag(Arc::clone(&self.woken))));
        let poll = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending(), "it does not end");
    }
}

/// What the viewer does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Viewing {
    /// Its socket has room for a frame and a bit; it reads.
    Slowly,
    /// It says something, twice: its task is woken, and answers.
    Talking,
}

/// How many frames come while orders are tried.
const FRAMES: u32 = 2;

fn scene(
    viewing: Viewing,
    runtime: &Arc<Runtime>,
    stop: &Arc<AtomicBool>,
) -> (Vec<Actor>, Box<dyn FnOnce()>) {
    let _within = runtime.enter();
    let (_status, status) = watch::channel(SourceStatus {
        state: SourceState::Live,
        ..SourceStatus::idle(WallTime(0))
    });
    let camera = "44140300001320000001".parse().unwrap();
    let ring = Ring::new(Default::default());
    let feed = Feed {
        id: FeedId {
            camera,
            profile: Profile::Sub,
        },
        number: 1,
        ring: ring.clone(),
        status,
    };
    let host = Arc::new(OneFeed(Arc::new(feed)));
    let relay = Relay::new(Config::default(), host, CancellationToken::new()).0;
    let viewer = Viewer {
        user: String::new(),
        session: String::new(),
        peer: ([127, 0, 0, 1], 9).into(),
        revoked: CancellationToken::new(),
    };
    let line = Shared::default();
    line.lock().room = usize::MAX;
    line.say(
        0x1,
        format!(r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"sub"}}"#).as_bytes(),
    );
    let place = relay.enter().unwrap();
    let listed = place.list(&viewer, "websocket");
    let connection = Connection::new(&relay, viewer, listed);
    let shell = Arc::new(Shell::new(line.clone(), connection));
    let (mut crew, mut seat) = Crew::new();
    let mut task = Task {
        future: Box::pin(async move {
            run(&relay, &shell, &mut seat).await;
            drop((place, _status));
        }),
        woken: Arc::default(),
    };
    // The viewer becomes level: the first frame by its task, and the next from the worker's hands.
    ring.push(frame(0));
    for _ in 0..3 {
        task.poll();
        crew.turn();
    }
    task.poll();
    line.drain();
    if viewing == Viewing::Slowly {
        line.lock().room = 300;
    }
    let camera = {
        let woken = crew.woken();
        let stop = Arc::clone(stop);
        move || {
            for n in 1..=FRAMES {
                ring.push(frame(n));
                ring_deferred();
                crew.turn();
                step();
            }
            while !stop.load(SeqCst) {
                wait(Some(&woken));
                crew.turn();
            }
        }
    };
    let works = {
        let (runtime, stop) = (Arc::clone(runtime), Arc::clone(stop));
        move || {
            let _within = runtime.enter();
            while !stop.load(SeqCst) {
                task.poll();
                let woken = Arc::clone(&task.woken);
                wait(Some(&woken));
            }
        }
    };
    let views = {
        let (line, stop) = (line.clone(), Arc::clone(stop));
        move || match viewing {
            Viewing::Talking => {
                for _ in 0..2 {
                    line.say(0x9, b"");
                    step();
                }
            }
            Viewing::Slowly => {
                while !stop.load(SeqCst) {
                    wait(Some(&line.readable));
                    line.drain();
                }
            }
        }
    };
    let check = move || {
        line.drain();
        let bytes = std::mem::take(&mut line.lock().read);
        let numbers: Vec<u32> = (0..=FRAMES).collect();
        assert_eq!(fragments(&bytes), numbers, "each once, in order");
    };
    (
        vec![Box::new(camera), Box::new(works), Box::new(views)],
        Box::new(check),
    )
}

/// The numbers of the frames in what a viewer has read.
fn fragments(mut bytes: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let [opcode, len, rest @ ..] = bytes {
        let (len, rest) = match len {
            126 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            len => (usize::from(*len), rest),
        };
        let (payload, rest) = rest.split_at(len);
        if opcode & 0xf == 2 {
            let (header, _) = Header::read(payload).unwrap();
            if header.kind == Kind::Fragment {
                numbers.push(header.frame);
            }
        }
        bytes = rest;
    }
    numbers
}

fn in_all_orders(viewing: Viewing) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let runtime = Arc::new(runtime);
    let orders = all_orders(|stop| scene(viewing, &runtime, stop));
    println!("{orders} orders");
    assert!(orders > 200, "{orders}");
}

#[test]
fn a_viewer_whose_socket_fills_gets_each_frame_once() {
    in_all_orders(Viewing::Slowly);
}

#[test]
fn and_one_whose_task_is_busy_with_what_he_says() {
    in_all_orders(Viewing::Talking);
}
