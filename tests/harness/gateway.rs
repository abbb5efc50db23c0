//! A demonstration district in a process of its own, and its HTTP API.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::tools::sightline;

/// The demonstration's administrator.
pub const ADMIN: &str = "admin";
const PASSWORD: &str = "correct horse battery staple";

/// What every configuration needs.
const DISTRICT: &str = "[district]\ncode = \"441403\"\nname = \"梅县区\"\n[data]\ndir = \"demo\"\n";

/// How a demonstration is started.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Simulated cameras.
    pub cameras: usize,
    /// Longest time until it serves; the first start of a machine draws and encodes its scenes.
    pub ready_within: Duration,
    /// TLS and QUIC on all addresses, in place of plain HTTP on the loopback.
    pub secure: bool,
    /// Settings (TOML) in place of the demonstration's own.
    pub settings: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cameras: 4,
            ready_within: Duration::from_secs(240),
            secure: false,
            settings: None,
        }
    }
}

/// A running `sightline demo`.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    /// Where it serves, such as `http://127.0.0.1:41234/`.
    pub url: url::Url,
    dir: TempDir,
}

impl Demo {
    /// Starts one on a new data directory.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, options).await
    }

    /// Starts one on the data directory of an earlier one.
    pub async fn start_in(dir: TempDir, options: Options) -> anyhow::Result<Self> {
        let password = dir.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(sightline()?)
            .arg("demo")
            .arg("--json")
            .args(["--cameras", &options.cameras.to_string()])
            .arg("--data")
            .arg(dir.path().join("data"))
            .arg("--password-file")
            .arg(&password)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.path().join("stderr.log"))?)
            .kill_on_drop(true);
        match options.secure {
            true => command.args(["--listen", "[::]:0"]),
            false => command.args(["--listen", "127.0.0.1:0", "--plain-http"]),
        };
        if let Some(settings) = options.settings {
            let file = dir.path().join("sightline.toml");
            std::fs::write(&file, format!("{DISTRICT}{settings}"))?;
            command.arg("--config").arg(file);
        }
        // It must not outlive the tests. The kernel watches the thread that starts it, so that is one of the runtime's
        // workers, which live as long as the process, and not the thread of one test.
        let mut child = tokio::spawn(async move { command.spawn() })
            .await?
            .context("start sightline demo")?;
        let stdout = child.stdout.take().context("its standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(options.ready_within, lines.next_line()).await;
        let line = match line {
            Ok(Ok(Some(line))) => line,
            other => bail!(
                "no ready line ({other:?}); it said: {}",
                std::fs::read_to_string(dir.path().join("stderr.log")).unwrap_or_default()
            ),
        };
        let ready: Value =
            serde_json::from_str(&line).with_context(|| format!("ready line '{line}'"))?;
        ensure!(
            ready["ready"] == true && ready["user"] == ADMIN,
            "ready line '{line}'"
        );
        let url = ready["url"]
            .as_str()
            .context("url in the ready line")?
            .parse()?;
        Ok(Self { child, url, dir })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The administrator's password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("stderr.log")).unwrap_or_default()
    }

    /// Signs in as the administrator.
    pub async fn admin(&self) -> anyhow::Result<Api> {
        Api::sign_in(&self.url, ADMIN, PASSWORD).await
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it with SIGTERM; returns its status.
    pub async fn terminate(mut self) -> anyhow::Result<(ExitStatus, TempDir)> {
        self.signal(rustix::process::Signal::TERM)?;
        let status = timeout(Duration::from_secs(60), self.child.wait())
            .await
            .context("ends within a minute")??;
        Ok((status, self.dir))
    }

    /// Ends it as a power cut would end the process.
    pub async fn kill(mut self) -> anyhow::Result<TempDir> {
        self.child.kill().await?;
        Ok(self.dir)
    }

    fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = self.child.id().context("it runs")?;
        let pid = rustix::process::Pid::from_raw(pid as i32).context("a process id")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }
}

/// A signed-in client of the HTTP API.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    base: url::Url,
    /// The session's token, for programs.
    pub token: String,
}

impl Api {
    /// Signs in; the cookie is kept.
    pub async fn sign_in(url: &url::Url, user: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .timeout(Duration::from_secs(60))
            .build()?;
        let base = url.join("/api/v1/")?;
        let answer = http
            .post(base.join("session?token=1")?)
            .json(&json!({"user": user, "password": password}))
            .send()
            .await?;
        ensure!(
            answer.status() == StatusCode::OK,
            "sign-in: {} {}",
            answer.status(),
            answer.text().await?
        );
        let body: Value = answer.json().await?;
        let token = body["token"].as_str().context("token")?.to_owned();
        Ok(Self { http, base, token })
    }

    /// The base of the API.
    pub fn base(&self) -> &url::Url {
        &self.base
    }

    /// A request; the path is relative to `/api/v1/`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(
            method,
            self.base.join(path).expect("paths in tests are valid"),
        )
    }

    /// GET, expecting 200 and JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.expect(Method::GET, path, None, StatusCode::OK).await
    }

    /// POST, expecting a status.
    pub async fn post(&self, path: &str, body: Value, status: StatusCode) -> anyhow::Result<Value> {
        self.expect(Method::POST, path, Some(body), status).await
    }

    /// Any method, expecting a status and JSON (null where the body is empty).
    pub async fn expect(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: StatusCode,
    ) -> anyhow::Result<Value> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (got, text) = (answer.status(), answer.text().await?);
        ensure!(
            got == status,
            "{method} {path}: {got}, expected {status}: {text}"
        );
        if text.is_empty() {
            Ok(Value::Null)
        } else {
            Ok(serde_json::from_str(&text)?)
        }
    }

    /// Fetches a body into a file; returns the headers.
    pub async fn download(
        &self,
        path: &str,
        to: &Path,
    ) -> anyhow::Result<reqwest::header::HeaderMap> {
        let answer = self.request(Method::GET, path).send().await?;
        ensure!(
            answer.status() == StatusCode::OK,
            "GET {path}: {} {}",
            answer.status(),
            answer.text().await?
        );
        let headers = answer.headers().clone();
        std::fs::write(to, answer.bytes().await?)?;
        Ok(headers)
    }
}
