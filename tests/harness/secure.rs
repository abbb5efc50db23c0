//! A demonstration over TLS and QUIC: what it says over HTTPS, and clients of ours.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use client::Trust;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Url;

use crate::{ADMIN, Demo, Options};

/// It ends only what hangs; nothing depends on how fast the machine is.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A running one, and a session of its administrator.
#[derive(Debug)]
pub struct Secure {
    /// The process.
    pub demo: Demo,
    /// On the loopback; TCP and UDP.
    pub address: SocketAddr,
    /// The session's token.
    pub token: String,
    /// Its cameras' codes.
    pub cameras: Vec<String>,
}

impl Secure {
    /// Starts one with these settings.
    pub async fn start(cameras: usize, settings: &'static str) -> anyhow::Result<Self> {
        let demo = Demo::start(Options {
            cameras,
            secure: true,
            settings: Some(settings),
            ..Options::default()
        })
        .await?;
        let address = SocketAddr::from(([127, 0, 0, 1], demo.port()));
        let token = sign_in(&url(address), demo.password()).await?;
        let mut secure = Self {
            demo,
            address,
            token,
            cameras: Vec::new(),
        };
        let cameras: Value = serde_json::from_str(&secure.get("/api/v1/cameras").await?)?;
        let codes = cameras.as_array().context("cameras")?.iter();
        secure.cameras = codes
            .filter_map(|c| c["code"].as_str().map(str::to_owned))
            .collect();
        Ok(secure)
    }

    /// Another session of the administrator.
    pub async fn sign_in(&self) -> anyhow::Result<String> {
        sign_in(&self.url(), self.demo.password()).await
    }

    /// Where it is on the loopback.
    pub fn url(&self) -> Url {
        url(self.address)
    }

    /// A TLS connection to it, with nothing sent yet.
    pub async fn tls(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let config = Trust::Anything.config(&[b"http/1.1"])?;
        let stream = TcpStream::connect(self.address).await?;
        let name = self.address.ip().into();
        Ok(TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?)
    }

    /// A request; the status and the body.
    pub async fn request(&self, method: &str, path: &str) -> anyhow::Result<(u16, String)> {
        self.request_by(&self.token, method, path).await
    }

    /// A request by another session.
    pub async fn request_by(
        &self,
        token: &str,
        method: &str,
        path: &str,
    ) -> anyhow::Result<(u16, String)> {
        let mut stream = self.tls().await?;
        // HTTP/1.0: the answer ends with the connection.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
            self.address, token
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        // Some close without TLS's goodbye, after all that they had to say.
        if let Err(error) = read.context("an answer within two minutes")? {
            ensure!(error.kind() == std::io::ErrorKind::UnexpectedEof, error);
        }
        let text = String::from_utf8(answer)?;
        let (head, body) = text.split_once("\r\n\r\n").context("a head")?;
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    /// GET, expecting 200.
    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        let (status, body) = self.request("GET", path).await?;
        ensure!(status == 200, "GET {path}: {status}: {body}");
        Ok(body)
    }

    /// One of its figures, without labels.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.get("/metrics").await?;
        let value = text.lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(' ')?;
            value.parse().ok()
        });
        value.with_context(|| format!("no {name} in {text}"))
    }

    /// Waits until a figure is as it should be, two minutes at most.
    pub async fn until(&self, name: &str, is: impl Fn(f64) -> bool) -> anyhow::Result<f64> {
        crate::eventually(name, DEADLINE, || async {
            Ok(Some(self.metric(name).await?).filter(|value| is(*value)))
        })
        .await
    }
}

impl Secure {
    /// Waits until a line of the log holds all of these.
    pub async fn logged(&self, parts: &[&str]) -> anyhow::Result<String> {
        let what = format!("a line of the log with {parts:?}");
        crate::eventually(&what, DEADLINE, || async {
            let log = self.demo.log();
            let found = log.lines().find(|l| parts.iter().all(|p| l.contains(p)));
            Ok(found.map(str::to_owned))
        })
        .await
    }
}

/// Where a gateway, or what stands before it, is.
pub fn url(address: SocketAddr) -> Url {
    format!("https://{address}/")
        .parse()
        .expect("an address makes a URL")
}

async fn sign_in(url: &Url, password: &str) -> anyhow::Result<String> {
    Ok(client::sign_in(url, ADMIN, password, &Trust::Anything).await?)
}
