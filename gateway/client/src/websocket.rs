//! The viewer wire over WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Request, header};
use media::wire::{ClientMessage, Header, MAX_MEDIA_BYTES};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message as WsMessage, handshake::client::generate_key, protocol::WebSocketConfig,
    },
};
use url::Url;

use crate::{
    Error, Message, Trust,
    sign_in::authority,
    stream::{self, BoxedIo},
};

/// For the answer to the handshake.
const ANSWER_TIME: Duration = Duration::from_secs(10);

pub(crate) struct Connection(WebSocketStream<BoxedIo>);

impl Connection {
    pub(crate) async fn open(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        let stream = stream::connect(url, trust).await?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let authority = authority(url);
        let request = Request::get(format!("{scheme}://{authority}/api/v1/media"))
            .header(header::HOST, &authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(())
            .map_err(|e| Error::Protocol(e.to_string()))?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_MEDIA_BYTES))
            .max_frame_size(Some(MAX_MEDIA_BYTES));
        let handshake = client_async_with_config(request, stream, Some(limits));
        let (socket, _) = timeout(ANSWER_TIME, handshake)
            .await
            .map_err(|_| Error::Protocol("no answer to the WebSocket's handshake".into()))??;
        Ok(Self(socket))
    }

    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        loop {
            let Some(message) = self.0.next().await else {
                return Err(Error::Closed {
                    code: 1006,
                    text: "without a close frame".into(),
                });
            };
            match message? {
                WsMessage::Binary(bytes) => {
                    let (header, _) = Header::read(&bytes)?;
                    return Ok(Message::Media(header, bytes.slice(Header::LEN..)));
                }
                WsMessage::Text(text) => {
                    return Ok(Message::Control(serde_json::from_str(text.as_str())?));
                }
                WsMessage::Close(frame) => {
                    let (code, text) = frame.map_or((1005, String::new()), |f| {
                        (f.code.into(), f.reason.as_str().to_owned())
                    });
                    return Err(Error::Closed { code, text });
                }
                WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
            }
        }
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Result<(), Error> {
        let text = serde_json::to_string(message)?;
        Ok(self.0.send(WsMessage::text(text)).await?)
    }

    pub(crate) async fn shutdown(mut self) {
        if let Err(error) = self.0.close(None).await {
            tracing::debug!(%error, "closing the WebSocket");
        }
    }
}
