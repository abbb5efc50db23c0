//! A viewer on the page's WebSocket, by a library that is not ours.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use media::wire::{Header, ServerMessage};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::gateway::Api;

/// One connection.
#[derive(Debug)]
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a viewer receives.
#[derive(Debug)]
pub enum Received {
    /// A control message.
    Control(ServerMessage),
    /// A media message: its header and the length of its payload.
    Media(Header, Vec<u8>),
    /// The connection was closed, with this code.
    Closed(Option<u16>),
}

impl Viewer {
    /// Connects with a session.
    pub async fn connect(api: &Api) -> anyhow::Result<Self> {
        let mut url = api.base().join("media")?;
        url.set_scheme("ws")
            .map_err(|()| anyhow::anyhow!("no ws scheme for {url}"))?;
        let mut request = url.as_str().into_client_request()?;
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {}", api.token).parse()?);
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self { socket })
    }

    /// Sends a control message.
    pub async fn send(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }

    /// What comes next, within a minute.
    pub async fn next(&mut self) -> anyhow::Result<Received> {
        loop {
            let message = timeout(Duration::from_secs(60), self.socket.next())
                .await
                .context("a message within a minute")?;
            return Ok(match message {
                Some(Ok(Message::Text(text))) => Received::Control(serde_json::from_str(&text)?),
                Some(Ok(Message::Binary(bytes))) => {
                    let (header, payload) = Header::read(&bytes)?;
                    Received::Media(header, payload.to_vec())
                }
                Some(Ok(Message::Close(frame))) => Received::Closed(frame.map(|f| f.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(error)) => bail!(error),
                None => Received::Closed(None),
            });
        }
    }

    /// The next control message that `pick` takes; media and others are passed over, bounded by three minutes.
    pub async fn control<T>(
        &mut self,
        mut pick: impl FnMut(&ServerMessage) -> Option<T>,
    ) -> anyhow::Result<T> {
        timeout(Duration::from_secs(180), async {
            loop {
                match self.next().await? {
                    Received::Control(message) => {
                        if let Some(found) = pick(&message) {
                            return Ok(found);
                        }
                    }
                    Received::Media(..) => {}
                    Received::Closed(code) => bail!("closed with {code:?}"),
                }
            }
        })
        .await
        .context("the control message within three minutes")?
    }

    /// The next media message that is a frame (no initialisation).
    pub async fn frame(&mut self) -> anyhow::Result<(Header, Vec<u8>)> {
        loop {
            match self.next().await? {
                Received::Media(header, payload)
                    if header.kind != media::wire::Kind::Initialisation =>
                {
                    return Ok((header, payload));
                }
                Received::Closed(code) => bail!("closed with {code:?}"),
                _ => {}
            }
        }
    }
}
