//! The built `sightline serve`, a process of its own with an empty district, and its HTTP interface.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use client::{Client, Trust};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;
use url::Url;

use crate::{serve::Doors, tls};

const PASSWORD: &str = "bench-district-password";

/// The server under measurement; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    url: Url,
    data: PathBuf,
}

impl Gateway {
    /// A new district in `dir`, served in clear.
    ///
    /// # Errors
    /// The program does not run, or does not listen within 20 s.
    pub async fn start(program: &Path, dir: &Path) -> Result<Self> {
        let password = dir.join("password");
        std::fs::write(&password, PASSWORD)?;
        let added = Command::new(program)
            .args([
                "user",
                "add",
                "admin",
                "--role",
                "administrator",
                "--region",
                "441403",
                "--new-password-file",
            ])
            .arg(&password)
            .arg("--data")
            .arg(dir.join("data"))
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("run {}", program.display()))?;
        ensure!(added.success(), "sightline user add: {added}");
        Self::serve(program, dir, false).await
    }

    /// The district in `dir` again, over TLS and QUIC with `secure`.
    ///
    /// # Errors
    /// The program does not run, or does not listen within 20 s.
    pub async fn serve(program: &Path, dir: &Path, secure: bool) -> Result<Self> {
        let data = dir.join("data");
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = dir.join("sightline.toml");
        let plain = !secure;
        std::fs::write(
            &config,
            format!(
                "[district]\ncode = \"441403\"\nname = \"Bench\"\n[data]\ndir = {data:?}\n\
                 [listen]\naddress = \"127.0.0.1:{port}\"\nplain_http = {plain}\n[log]\nlevel = \"error\"\n"
            ),
        )?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()?;
        let scheme = if secure { "https" } else { "http" };
        let gateway = Self {
            child,
            url: format!("{scheme}://127.0.0.1:{port}/").parse()?,
            data,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            ensure!(Instant::now() < deadline, "the gateway does not listen");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(gateway)
    }

    /// Where viewers of a gateway that serves with `secure` go.
    ///
    /// # Errors
    /// It has no authority of its own, or lets nobody in.
    pub async fn doors(&self) -> Result<Doors> {
        let path = self.data.join("tls/ca.pem");
        let authority = CertificateDer::from_pem_file(&path)
            .with_context(|| format!("{}: no certificate", path.display()))?;
        let port = self.url.port().context("it was given one")?;
        Ok(Doors {
            ws: 0,
            wss: port,
            quic: port,
            certificate: tls::text(&authority),
            token: self.token().await?,
        })
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Of a new session of the administrator's.
    ///
    /// # Errors
    /// It lets nobody in.
    pub async fn token(&self) -> Result<String> {
        Ok(client::sign_in(&self.url, "admin", PASSWORD, &Trust::Anything).await?)
    }

    /// The administrator's password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A viewer over WebSocket.
    ///
    /// # Errors
    /// It lets nobody in.
    pub async fn viewer(&self) -> Result<Client> {
        Ok(Client::connect_ws(&self.url, &self.token().await?, &Trust::Anything).await?)
    }

    /// Its HTTP interface; in clear only.
    ///
    /// # Errors
    /// It lets nobody in.
    pub async fn api(&self) -> Result<Api> {
        Ok(Api {
            http: reqwest::Client::new(),
            base: self.url.join("/api/v1/")?,
            token: self.token().await?,
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The HTTP interface of a gateway, signed in.
#[derive(Debug)]
pub struct Api {
    http: reqwest::Client,
    base: Url,
    token: String,
}

impl Api {
    /// Registers a camera.
    ///
    /// # Errors
    /// What is wrong with it, in the gateway's words.
    pub async fn add(&self, camera: &Value) -> Result<()> {
        let answer = self
            .http
            .post(self.base.join("cameras")?)
            .bearer_auth(&self.token)
            .json(camera)
            .send()
            .await?;
        ensure!(
            answer.status().is_success(),
            "add a camera: {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Where its page is.
    pub fn page(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// The gateway's words.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let asked = self.http.get(self.base.join(path)?);
        answered(path, asked.bearer_auth(&self.token).send().await?).await
    }

    /// Sends something.
    ///
    /// # Errors
    /// The gateway's words.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let asked = self.http.post(self.base.join(path)?).json(body);
        answered(path, asked.bearer_auth(&self.token).send().await?).await
    }

    /// What changes, as it changes: server-sent events.
    ///
    /// # Errors
    /// The gateway's words.
    pub async fn stream(
        &self,
    ) -> Result<impl futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin> {
        // A client of its own, as every seat is a browser of its own.
        let asked = reqwest::Client::new().get(self.base.join("stream")?);
        let answer = asked.bearer_auth(&self.token).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        Ok(Box::pin(answer.bytes_stream()))
    }

    /// Waits until so many cameras are live.
    ///
    /// # Errors
    /// They are not after a minute.
    pub async fn wait_live(&self, want: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let cameras: Value = self
                .http
                .get(self.base.join("cameras")?)
                .bearer_auth(&self.token)
                .send()
                .await?
                .json()
                .await?;
            let live = cameras
                .as_array()
                .into_iter()
                .flatten()
                .filter(|c| c["state"] == "live")
                .count();
            if live >= want {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{live} of {want} cameras live after a minute"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Replaces a thing of the register.
    ///
    /// # Errors
    /// What is wrong with it, in the gateway's words.
    pub async fn put(&self, path: &str, body: &Value) -> Result<()> {
        let request = self.http.put(self.base.join(path)?).json(body);
        self.asked(path, request).await?;
        Ok(())
    }

    /// Sends a file; what is said of it.
    ///
    /// # Errors
    /// It is refused.
    pub async fn upload(&self, path: &str, file: Vec<u8>) -> Result<Value> {
        let request = self.http.post(self.base.join(path)?).body(file);
        Ok(serde_json::from_str(&self.asked(path, request).await?)?)
    }

    /// An answer, whole.
    ///
    /// # Errors
    /// There is none.
    pub async fn text(&self, path: &str) -> Result<String> {
        self.asked(path, self.http.get(self.base.join(path)?)).await
    }

    async fn asked(&self, path: &str, request: reqwest::RequestBuilder) -> Result<String> {
        let answer = request.bearer_auth(&self.token).send().await?;
        let good = answer.status().is_success();
        let text = answer.text().await?;
        ensure!(good, "{path}: {text}");
        Ok(text)
    }
}

async fn answered(path: &str, answer: reqwest::Response) -> Result<Value> {
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
