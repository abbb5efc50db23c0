//! What QUIC's core takes by itself: connections without a socket, without a relay, in one thread. What the core takes, nobody who
//! stands on it can save.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig,
    StreamId, Transmit,
};
use sightline_bench::{
    process,
    source::{Camera, FPS, Rate},
    tls::{self, Identity},
    viewers,
};

/// Packets of a train: those of the relay.
const TRAIN: usize = 40;
/// How often clients and timers are looked at.
const STEP: Duration = Duration::from_millis(5);

/// CPU seconds that the core takes of a server a delivered GB, with so many viewers of one camera of 2 Mbit/s, for so long.
///
/// # Errors
/// The connections do not come about, or frames do not arrive.
pub(crate) fn cost(viewers: usize, time: Duration) -> Result<f64> {
    let identity = Identity::make()?;
    let config = relay::quic::server_config(
        identity.chain.clone(),
        identity.key.clone_key(),
        &relay::Config::default(),
    )?;
    let client = tls::client(&identity.certificate(), &[relay::quic::ALPN])?;
    let mut server = Side::new(Some(Arc::new(config)), ([127, 0, 0, 1], 1).into());
    let mut clients = Side::new(None, ([127, 0, 0, 1], 2).into());
    clients.connect(viewers, &viewers::quic::config_of(client)?, server.address)?;
    let began = Instant::now();
    while server.connected() < viewers || clients.connected() < viewers {
        ensure!(began.elapsed() < Duration::from_secs(20), "no connections");
        let now = Instant::now();
        clients.send(now);
        server.take(&mut clients, now);
        server.send(now);
        clients.take(&mut server, now);
    }
    let mut camera = Camera::new(1, Rate::Main);
    let (mut cpu, mut delivered, mut next) = (Duration::ZERO, 0, Instant::now());
    let warm = Duration::from_secs(2);
    let began = next;
    loop {
        let now = Instant::now();
        let measured = now.duration_since(began) >= warm;
        if now.duration_since(began) >= warm + time {
            break;
        }
        let frame = (now >= next).then(|| camera.frame());
        let (before, carried) = (process::cpu_of_this_thread(), server.carrying);
        if let Some(frame) = &frame {
            next += Duration::from_secs(1) / FPS;
            server.write(frame.key, &frame.data);
            server.send(now);
        }
        server.expire(now);
        if measured {
            let taken = process::cpu_of_this_thread().saturating_sub(before);
            cpu += taken.saturating_sub(server.carrying - carried);
        }
        clients.take(&mut server, now);
        let read = clients.read();
        delivered += if measured { read } else { 0 };
        clients.expire(now);
        clients.send(now);
        let before = process::cpu_of_this_thread();
        server.take(&mut clients, now);
        if measured {
            cpu += process::cpu_of_this_thread().saturating_sub(before);
        }
        crate::rows::pause(STEP);
    }
    let expected = 2e6 / 8.0 * viewers as f64 * time.as_secs_f64();
    let share = delivered as f64 / expected;
    ensure!((0.9..1.1).contains(&share), "{share:.2} of it arrived");
    Ok(cpu.as_secs_f64() / (delivered as f64 / 1e9))
}

/// All connections of one side.
struct Side {
    endpoint: Endpoint,
    address: SocketAddr,
    lines: HashMap<ConnectionHandle, Line>,
    order: Vec<ConnectionHandle>,
    /// One buffer for all trains, as in the relay.
    train: Vec<u8>,
    /// What copying trains out of it took: a socket's work, and not the core's.
    carrying: Duration,
}

struct Line {
    proto: Connection,
    stream: Option<StreamId>,
    /// Trains that wait for the other side.
    out: Vec<(Transmit, Vec<u8>)>,
    reads: Vec<StreamId>,
}

impl Side {
    fn new(config: Option<Arc<quinn_proto::ServerConfig>>, address: SocketAddr) -> Self {
        let endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), config, true, None);
        Self {
            endpoint,
            address,
            lines: HashMap::new(),
            order: Vec::new(),
            train: Vec::new(),
            carrying: Duration::ZERO,
        }
    }

    fn connect(&mut self, count: usize, config: &ClientConfig, to: SocketAddr) -> Result<()> {
        for _ in 0..count {
            let now = Instant::now();
            let made = self.endpoint.connect(now, config.clone(), to, "localhost");
            let (handle, proto) = made.context("connect")?;
            self.add(handle, proto);
        }
        Ok(())
    }

    fn add(&mut self, handle: ConnectionHandle, proto: Connection) {
        self.order.push(handle);
        let line = Line {
            proto,
            stream: None,
            out: Vec::new(),
            reads: Vec::new(),
        };
        self.lines.insert(handle, line);
    }

    fn connected(&self) -> usize {
        let is = |line: &&Line| !line.proto.is_handshaking();
        self.lines.values().filter(is).count()
    }

    /// A frame to all: a stream a group, as the relay does.
    fn write(&mut self, key: bool, data: &Bytes) {
        for line in self.lines.values_mut() {
            if key {
                if let Some(old) = line.stream.take() {
                    let _ = line.proto.send_stream(old).finish();
                }
                line.stream = line.proto.streams().open(Dir::Uni);
            }
            if let Some(stream) = line.stream {
                let _ = line
                    .proto
                    .send_stream(stream)
                    .write_chunks(&mut [data.clone()]);
            }
        }
    }

    /// Everything that is to be sent stands in the lines' trains then.
    fn send(&mut self, now: Instant) {
        for handle in &self.order {
            if let Some(line) = self.lines.get_mut(handle) {
                while let Some(event) = line.proto.poll_endpoint_events() {
                    if let Some(event) = self.endpoint.handle_event(*handle, event) {
                        line.proto.handle_event(event);
                    }
                }
                self.train.clear();
                while let Some(transmit) = line.proto.poll_transmit(now, TRAIN, &mut self.train) {
                    let begun = Instant::now();
                    line.out.push((transmit, self.train.clone()));
                    self.carrying += begun.elapsed();
                    self.train.clear();
                }
                while line.proto.poll().is_some() {}
            }
        }
    }

    /// Takes what the other side has sent, and answers.
    fn take(&mut self, other: &mut Self, now: Instant) {
        let mut answer = Vec::new();
        for line in other.lines.values_mut() {
            for (transmit, train) in line.out.drain(..) {
                let packets =
                    train[..transmit.size].chunks(transmit.segment_size.unwrap_or(transmit.size));
                for packet in packets {
                    let packet = BytesMut::from(packet);
                    let event =
                        self.endpoint
                            .handle(now, other.address, None, None, packet, &mut answer);
                    match event {
                        Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                            if let Some(line) = self.lines.get_mut(&handle) {
                                line.proto.handle_event(event);
                            }
                        }
                        Some(DatagramEvent::NewConnection(incoming)) => {
                            let made = self.endpoint.accept(incoming, now, &mut answer, None);
                            if let Ok((handle, proto)) = made {
                                self.add(handle, proto);
                            }
                        }
                        Some(DatagramEvent::Response(_)) | None => {}
                    }
                }
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        for line in self.lines.values_mut() {
            if line.proto.poll_timeout().is_some_and(|at| at <= now) {
                line.proto.handle_timeout(now);
            }
        }
    }

    /// Bytes of streams that have come.
    fn read(&mut self) -> usize {
        let mut bytes = 0;
        for line in self.lines.values_mut() {
            while let Some(id) = line.proto.streams().accept(Dir::Uni) {
                line.reads.push(id);
            }
            let proto = &mut line.proto;
            line.reads.retain(|id| {
                let mut stream = proto.recv_stream(*id);
                let Ok(mut chunks) = stream.read(true) else {
                    return false;
                };
                let goes_on = loop {
                    match chunks.next(usize::MAX) {
                        Ok(Some(chunk)) => bytes += chunk.bytes.len(),
                        Ok(None) => break false,
                        Err(error) => break matches!(error, quinn_proto::ReadError::Blocked),
                    }
                };
                let _ = chunks.finalize();
                goes_on
            });
        }
        bytes
    }
}
