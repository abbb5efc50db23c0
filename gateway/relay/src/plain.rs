//! A connection in clear whose answers may stand in files: the system sends those from its page cache, and no byte of them passes
//! through this process.
//!
//! hyper owns the connection and takes bodies as bytes only. So what stands in files goes through it as a slice of a memory that
//! stands for nothing, as long as the part is: its place among all that is sent is right, and when it comes to be written, what
//! was put into the connection's [`Lane`] is sent instead. For HTTP/1.1 alone, which writes a body's bytes as they are and in order.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
};

/// A part of a file that is to be sent.
#[derive(Clone)]
pub struct Part {
    /// The file; open as long as this is.
    pub file: Arc<dyn AsFd + Send + Sync>,
    /// Where the part begins in it, bytes.
    pub offset: u64,
    /// How long it is, bytes.
    pub len: u64,
}

/// What stands behind the hollow bytes of one connection, in their order.
#[derive(Clone, Debug, Default)]
pub struct Lane(Arc<Mutex<VecDeque<Job>>>);

/// A TCP connection with its [`Lane`].
#[derive(Debug)]
pub struct Plain {
    stream: TcpStream,
    lane: Lane,
    state: State,
    /// The socket again, for the thread that sends from files; since its first file.
    socket: Option<Arc<OwnedFd>>,
    /// How much the system takes before it can be sent, as it was before files were sent: bytes.
    unsent: u32,
}

/// Parts that are sent in the place of one slice.
#[derive(Debug)]
struct Job {
    parts: VecDeque<Part>,
    left: u64,
}

#[derive(Debug, Default)]
enum State {
    /// What is written is written as it is.
    #[default]
    Bytes,
    /// The next bytes are those of this job.
    Files(Job),
    /// A thread sends.
    Sending(JoinHandle<(Job, io::Result<u64>)>),
}

/// The most that one slice may stand for: what a thread of the disk's sends in one go, 2 MB of a camera are 8 s.
pub const MOST: usize = 2 << 20;
/// Bytes of a file's answer that the system takes before it can send them: else each is sent by many a thread's turn.
const UNSENT: u32 = 1 << 20;

/// Memory that nobody has written to, and so takes none.
static HOLLOW: LazyLock<Bytes> = LazyLock::new(|| vec![0; MOST].into());

impl Lane {
    /// The bytes to give to hyper for these parts, as many as they have: [`MOST`] at most. Each must be written, once, and in the
    /// order in which they were asked for, or the connection be given up.
    ///
    /// # Errors
    /// The parts, where they are longer than that or nothing at all.
    pub fn stand_in(&self, parts: Vec<Part>) -> Result<Bytes, Vec<Part>> {
        let left: u64 = parts.iter().map(|part| part.len).sum();
        match usize::try_from(left) {
            Ok(len @ 1..=MOST) => {
                let parts = parts.into();
                self.queue().push_back(Job { parts, left });
                Ok(HOLLOW.slice(..len))
            }
            _ => Err(parts),
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plain {
    /// A connection, of which the system takes `unsent` bytes before it can send them.
    pub fn new(stream: TcpStream, unsent: u32) -> Self {
        Self {
            stream,
            lane: Lane::default(),
            state: State::Bytes,
            socket: None,
            unsent,
        }
    }

    /// What goes out by it.
    pub fn lane(&self) -> Lane {
        self.lane.clone()
    }

    /// The connection as it was.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends what stands behind a hollow slice of `len` bytes, as far as it can be sent now.
    fn poll_files(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Bytes => {
                    let job = self.lane.queue().pop_front();
                    let job = job.filter(|job| job.left == len as u64);
                    let job =
                        job.ok_or_else(|| io::Error::other("nothing stands behind a slice"))?;
                    self.begin()?;
                    self.state = State::Files(job);
                }
                State::Files(mut job) => {
                    if job.left != len as u64 {
                        let what = "a slice is not what stands behind it";
                        return Poll::Ready(Err(io::Error::other(what)));
                    }
                    match self.poll_room(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => {
                            self.state = State::Files(job);
                            return Poll::Pending;
                        }
                    }
                    let socket = self.socket()?;
                    self.state = State::Sending(tokio::task::spawn_blocking(move || {
                        let sent = job.send(&socket);
                        (job, sent)
                    }));
                }
                State::Sending(mut thread) => {
                    let Poll::Ready(ended) = Pin::new(&mut thread).poll(cx) else {
                        self.state = State::Sending(thread);
                        return Poll::Pending;
                    };
                    let (job, sent) = ended.map_err(io::Error::other)?;
                    let sent = sent.inspect_err(|error| match error.kind() {
                        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {}
                        _ => tracing::error!(%error, "a file that was being sent broke off"),
                    })?;
                    if job.left > 0 {
                        self.state = State::Files(job);
                    }
                    if sent > 0 {
                        return Poll::Ready(Ok(sent as usize));
                    }
                }
            }
        }
    }

    /// Until the socket takes something. That it was full is asked of the system: the thread that saw it cannot tell the runtime.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let has_room = || {
                let mut sockets = [PollFd::new(&self.stream, PollFlags::OUT)];
                match rustix::event::poll(&mut sockets, Some(&Timespec::default())) {
                    Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            };
            match self.stream.try_io(Interest::WRITABLE, has_room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Whole packets, and a queue that a thread's turn is worth, as long as files are sent.
    fn begin(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(Arc::new(self.stream.as_fd().try_clone_to_owned()?));
            let socket = socket2::SockRef::from(&self.stream);
            let _ = socket.set_tcp_cork(true);
            let _ = socket.set_tcp_notsent_lowat(UNSENT);
        }
        Ok(())
    }

    /// What follows is no file: it waits for nothing.
    fn end(&mut self) {
        if self.socket.take().is_some() {
            let socket = socket2::SockRef::from(&self.stream);
            let _ = socket.set_tcp_notsent_lowat(self.unsent);
            let _ = socket.set_tcp_cork(false);
        }
    }

    fn socket(&self) -> io::Result<Arc<OwnedFd>> {
        let socket = self.socket.as_ref().map(Arc::clone);
        socket.ok_or_else(|| io::Error::other("no socket to send files to"))
    }
}

impl Job {
    /// Sends until all is sent or the socket takes no more, and gives how many bytes. Blocks for the disk alone.
    fn send(&mut self, socket: &OwnedFd) -> io::Result<u64> {
        let mut sent = 0;
        while let Some(part) = self.parts.front_mut() {
            let mut offset = part.offset;
            let len = usize::try_from(part.len).unwrap_or(usize::MAX);
            match rustix::fs::sendfile(socket, part.file.as_fd(), Some(&mut offset), len) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    let n = n as u64;
                    (part.offset, part.len) = (offset, part.len - n);
                    self.left -= n;
                    sent += n;
                    if part.len == 0 {
                        self.parts.pop_front();
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }
}

fn is_hollow(bytes: &[u8]) -> bool {
    let hollow = HOLLOW.as_ptr_range();
    !bytes.is_empty() && hollow.contains(&bytes.as_ptr())
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let empty = slices.iter().take_while(|slice| slice.is_empty()).count();
        let slices = &slices[empty..];
        match slices.iter().position(|slice| is_hollow(slice)) {
            Some(0) => self.poll_files(cx, slices[0].len()),
            first => {
                let slices = &slices[..first.unwrap_or(slices.len())];
                Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
            }
        }
    }

    /// It is: hyper would copy the hollow bytes else.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.state, State::Bytes) && self.lane.queue().is_empty() {
            self.end();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {} bytes)", self.offset, self.len)
    }
}
