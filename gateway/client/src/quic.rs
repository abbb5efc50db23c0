//! The viewer wire over QUIC: a control stream of JSON lines, a unidirectional stream a group.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use media::wire::{ClientMessage, Header, MAX_MEDIA_BYTES, ServerMessage};
use quinn::{
    ConnectionError, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime, VarInt,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use url::Url;

use crate::{
    Error, Message, Trust,
    order::{Key, Order},
    stream::host_and_port,
};

const ALPN: &[u8] = b"sightline/1";
/// The longest control line of a gateway: `opened` of a feed is a few hundred bytes.
const MAX_LINE: usize = 64 * 1024;
/// Two tracks of 64 tiles, each with a group that ends and one that begins, twice over.
const MAX_STREAMS: u32 = 512;
/// What waits between the streams and the caller, in messages. Beyond it nothing is read and the gateway's flow control holds.
const QUEUE: usize = 64;
/// A gateway that is silent for so long is gone, for a client that has nowhere else to go; keep-alives go out three times as
/// often.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Connection {
    endpoint: Endpoint,
    connection: quinn::Connection,
    control: SendStream,
    arrivals: mpsc::Receiver<Arrival>,
    order: Order,
    _tasks: JoinSet<()>,
}

enum Arrival {
    Control(ServerMessage),
    Media(Header, Bytes),
    Done(Key),
    Failed(Error),
}

impl Connection {
    /// `silence`: a gateway that is silent for so long is gone; milliseconds to minutes.
    pub(crate) async fn open(
        url: &Url,
        token: &str,
        trust: &Trust,
        silence: Duration,
    ) -> Result<Self, Error> {
        let (host, port) = host_and_port(url)?;
        let failed = |what, source| Error::Io {
            what,
            address: format!("{host}, port {port}"),
            source,
        };
        let config = client_config(trust, silence)?;
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|e| failed("resolving", e))?
            .collect();
        let mut last = Error::Quic(format!("{host} has no address"));
        for address in addresses {
            let endpoint = endpoint(any(address.is_ipv6()))
                .map_err(|e| failed("opening a UDP socket for", e))?;
            let connecting = endpoint
                .connect_with(config.clone(), address, &host)
                .map_err(|e| Error::Quic(e.to_string()))?;
            match connecting.await {
                Ok(connection) => return Self::begin(endpoint, connection, token).await,
                Err(error) => last = ended(error),
            }
        }
        Err(last)
    }

    async fn begin(
        endpoint: Endpoint,
        connection: quinn::Connection,
        token: &str,
    ) -> Result<Self, Error> {
        let (mut control, answers) = connection.open_bi().await.map_err(ended)?;
        write_line(
            &mut control,
            &ClientMessage::Auth {
                token: token.to_owned(),
            },
        )
        .await?;
        let (out, arrivals) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(read_control(answers, out.clone(), connection.clone()));
        tasks.spawn(accept_groups(connection.clone(), out));
        Ok(Self {
            endpoint,
            connection,
            control,
            arrivals,
            order: Order::default(),
            _tasks: tasks,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        let mut patience = interval(Duration::from_millis(100));
        patience.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(message) = self.order.poll(Instant::now().into_std()) {
                return Ok(message);
            }
            let arrival = tokio::select! {
                arrival = self.arrivals.recv() => arrival,
                _ = patience.tick(), if self.order.is_waiting() => continue,
            };
            // After the wait: a group's patience begins when it comes.
            let now = Instant::now().into_std();
            match arrival {
                Some(Arrival::Control(message)) => self.order.control(message),
                Some(Arrival::Media(header, payload)) => self.order.media(now, header, payload),
                Some(Arrival::Done(key)) => self.order.done(key),
                Some(Arrival::Failed(error)) => return Err(error),
                None => return Err(ended(self.connection.closed().await)),
            }
        }
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Result<(), Error> {
        if let ClientMessage::Delay { max_ms } = message {
            self.order
                .set_patience(Duration::from_millis(u64::from(*max_ms)));
        }
        write_line(&mut self.control, message).await
    }

    pub(crate) fn rebind(&self) -> Result<(), Error> {
        let failed = |source| Error::Io {
            what: "opening another UDP socket for",
            address: self.connection.remote_address().to_string(),
            source,
        };
        let any = any(self.connection.remote_address().is_ipv6());
        let socket = std::net::UdpSocket::bind(any).map_err(failed)?;
        self.endpoint.rebind(socket).map_err(failed)
    }

    pub(crate) async fn shutdown(self) {
        self.connection.close(VarInt::from_u32(1000), b"");
        // The close frame leaves with the endpoint's last packets.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }
}

/// What a network with jumbo frames (9,000 bytes) carries in a packet. A gateway that is told to probes whether the path does.
const LARGEST_PACKET: u16 = 8_972;

fn endpoint(local: SocketAddr) -> std::io::Result<Endpoint> {
    let mut config = EndpointConfig::default();
    config
        .max_udp_payload_size(LARGEST_PACKET)
        .map_err(std::io::Error::other)?;
    let socket = std::net::UdpSocket::bind(local)?;
    Endpoint::new(config, None, socket, Arc::new(TokioRuntime))
}

/// Any local address of the family.
fn any(ipv6: bool) -> SocketAddr {
    if ipv6 {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    }
}

fn client_config(trust: &Trust, silence: Duration) -> Result<quinn::ClientConfig, Error> {
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(trust.config(&[ALPN])?)
        .map_err(|e| Error::Trust(e.to_string()))?;
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .keep_alive_interval(Some(silence / 3))
        .max_idle_timeout(Some(
            quinn::IdleTimeout::try_from(silence).map_err(|e| Error::Quic(e.to_string()))?,
        ));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

async fn write_line(stream: &mut SendStream, message: &ClientMessage) -> Result<(), Error> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream
        .write_all(&line)
        .await
        .map_err(|e| Error::Quic(e.to_string()))
}

fn ended(error: ConnectionError) -> Error {
    match error {
        ConnectionError::ApplicationClosed(close) => Error::Closed {
            code: u16::try_from(close.error_code.into_inner()).unwrap_or(u16::MAX),
            text: String::from_utf8_lossy(&close.reason).into_owned(),
        },
        ConnectionError::LocallyClosed => Error::Closed {
            code: 1000,
            text: "by ourselves".into(),
        },
        error => Error::Quic(error.to_string()),
    }
}

/// Lines of control messages, until the stream or the connection ends.
async fn read_control(
    mut stream: RecvStream,
    out: mpsc::Sender<Arrival>,
    connection: quinn::Connection,
) {
    let mut line = BytesMut::new();
    let mut searched = 0;
    let error = loop {
        if let Some(end) = line[searched..].iter().position(|b| *b == b'\n') {
            let text = line.split_to(searched + end + 1);
            searched = 0;
            match serde_json::from_slice(&text) {
                Ok(message) => {
                    if out.send(Arrival::Control(message)).await.is_err() {
                        return;
                    }
                }
                Err(error) => break error.into(),
            }
            continue;
        }
        searched = line.len();
        if line.len() > MAX_LINE {
            break Error::Quic(format!("a control line above {MAX_LINE} bytes"));
        }
        match stream.read_chunk(MAX_LINE, true).await {
            Ok(Some(chunk)) => line.extend_from_slice(&chunk.bytes),
            Ok(None) | Err(_) => break ended(connection.closed().await),
        }
    };
    let _ = out.send(Arrival::Failed(error)).await;
}

async fn accept_groups(connection: quinn::Connection, out: mpsc::Sender<Arrival>) {
    let mut groups = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(stream) => { groups.spawn(read_group(stream, out.clone())); }
                // How it ended is told by the control stream's reader.
                Err(_) => return,
            },
            Some(_) = groups.join_next() => {}
        }
    }
}

/// A group: length and message, again and again. A reset ends it like its end.
async fn read_group(mut stream: RecvStream, out: mpsc::Sender<Arrival>) {
    let mut key = None;
    let failed = loop {
        let mut len = [0; 4];
        if stream.read_exact(&mut len).await.is_err() {
            break None;
        }
        let len = u32::from_be_bytes(len) as usize;
        if !(Header::LEN..=MAX_MEDIA_BYTES).contains(&len) {
            break Some(Error::Quic(format!("a media message of {len} bytes")));
        }
        let Some(message) = read_message(&mut stream, len).await else {
            break None;
        };
        match Header::read(&message) {
            Ok((header, _)) => {
                key = Some(Key::of(&header));
                let arrival = Arrival::Media(header, message.slice(Header::LEN..));
                if out.send(arrival).await.is_err() {
                    return;
                }
            }
            Err(error) => break Some(error.into()),
        }
    };
    if let Some(key) = key {
        let _ = out.send(Arrival::Done(key)).await;
    }
    if let Some(error) = failed {
        let _ = out.send(Arrival::Failed(error)).await;
    }
}

/// Memory grows with what has arrived, not with what was announced.
async fn read_message(stream: &mut RecvStream, len: usize) -> Option<Bytes> {
    let mut message = BytesMut::new();
    while message.len() < len {
        let chunk = stream.read_chunk(len - message.len(), true).await.ok()??;
        if chunk.bytes.len() == len {
            return Some(chunk.bytes);
        }
        message.extend_from_slice(&chunk.bytes);
    }
    Some(message.freeze())
}
