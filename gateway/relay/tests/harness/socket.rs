//! A relay and WebSockets to it over pipes in memory, so that virtual time holds.

use std::sync::Arc;

use futures_util::StreamExt;
use media::wire::ServerMessage;
use relay::{Config, End, Relay, Viewer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, TestHost, camera, viewer};

pub struct Rig {
    pub relay: Relay,
    pub cancel: CancellationToken,
}

impl Rig {
    pub fn new(host: &Arc<TestHost>) -> Self {
        Self::with(host, Config::default())
    }

    pub fn with(host: &Arc<TestHost>, config: Config) -> Self {
        let cancel = CancellationToken::new();
        let host = Arc::clone(host) as Arc<dyn relay::Host>;
        Self {
            relay: Relay::new(config, host, cancel.clone()),
            cancel,
        }
    }

    /// A connection whose transport holds `room` bytes.
    pub fn connect(&self, room: usize, viewer: Viewer) -> (DuplexStream, JoinHandle<End>) {
        let (ours, theirs) = duplex(room);
        let relay = self.relay.clone();
        let task = tokio::spawn(async move { relay.websocket(theirs, viewer).await });
        (ours, task)
    }

    pub async fn client(&self) -> (WebSocketStream<DuplexStream>, JoinHandle<End>) {
        let (stream, task) = self.connect(64 * 1024, viewer());
        let mut client = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        assert!(matches!(
            control(&mut client).await,
            ServerMessage::Hello {
                version: 1,
                max_tiles: 64,
                ..
            }
        ));
        (client, task)
    }
}

pub async fn receive(client: &mut WebSocketStream<DuplexStream>) -> Message {
    timeout(DEADLINE, client.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

pub async fn control(client: &mut WebSocketStream<DuplexStream>) -> ServerMessage {
    match receive(client).await {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("no control message but {other:?}"),
    }
}

pub fn open(tile: u32, n: u32) -> String {
    let camera = camera(n);
    format!(r#"{{"type":"open","tile":{tile},"camera":"{camera}","profile":"sub"}}"#)
}

/// A client's frame, by hand.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&[1, 2, 3, 4]);
    out.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ (i as u8 % 4 + 1)),
    );
    out
}

/// Sends bytes on a fresh connection and returns the code with which the server closes.
pub async fn close_code(bytes: Vec<u8>) -> u16 {
    let rig = Rig::new(&TestHost::with(&[]));
    let (mut stream, task) = rig.connect(64 * 1024, viewer());
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let end = timeout(DEADLINE, task).await.unwrap().unwrap();
    // Frames of the server: hello, perhaps more, then the close frame.
    let mut rest = &answer[..];
    loop {
        let (head, len) = match rest[1] {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            n => (2, usize::from(n)),
        };
        if rest[0] == 0x88 {
            assert_eq!(rest.len(), head + len, "nothing follows the close frame");
            let code = u16::from_be_bytes([rest[head], rest[head + 1]]);
            match end {
                End::Closed(close) => assert_eq!(close.code, code),
                // The client closed first: its code is echoed.
                other => assert!(matches!(other, End::Left) && code == 1000, "{other}"),
            }
            return code;
        }
        rest = &rest[head + len..];
    }
}
