//! A running gateway, by its API: shared by the commands that ask one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use client::Trust;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use url::Url;

/// For a connection with its handshake, and for the head of an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer in JSON, in bytes: 20,000 cameras.
const MAX_JSON: usize = 32 * 1024 * 1024;

/// How to sign in, and whom to trust.
#[derive(Debug, clap::Args)]
pub(super) struct SignIn {
    /// Who signs in
    #[arg(
        long,
        value_name = "NAME",
        default_value = "admin",
        env = "SIGHTLINE_USER"
    )]
    user: String,
    /// File with the password in its first line; asked for if not given
    #[arg(long, value_name = "FILE", env = "SIGHTLINE_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// Certificate of the district's authority (PEM), from https://HOST:PORT/ca.crt
    #[arg(long, value_name = "FILE", env = "SIGHTLINE_CA")]
    ca: Option<PathBuf>,
    /// Trust any certificate: only for trying things out
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

impl SignIn {
    /// The gateway's URL from what people type: a URL, or a host with or without a port.
    pub(super) fn url(text: &str) -> Result<Url> {
        let text = text.trim();
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut url = Url::parse(&whole).with_context(|| format!("'{text}' is no URL or host"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            bail!("'{text}' is no gateway's URL, expected https://HOST:PORT");
        }
        // A bare host means the gateway's own port.
        if !text.contains("://") && url.port().is_none() {
            let _ = url.set_port(Some(8443));
        }
        url.set_path("/");
        url.set_query(None);
        Ok(url)
    }

    pub(super) fn trust(&self, url: &Url) -> Result<Trust> {
        match &self.ca {
            _ if self.insecure || url.scheme() == "http" => Ok(Trust::Anything),
            Some(path) => {
                Ok(Trust::Ca(std::fs::read(path).with_context(|| {
                    format!("cannot read {}", path.display())
                })?))
            }
            None => bail!(
                "whom to trust? Give --ca FILE (the certificate from {url}ca.crt, compared with what the gateway prints at its start), or --insecure"
            ),
        }
    }

    /// Signs in; the session's token.
    pub(super) async fn token(&self, url: &Url, trust: &Trust) -> Result<String> {
        let prompt = format!("Password of {} at {url}", self.user);
        let password = super::password(self.password_file.as_ref(), &prompt)?;
        client::sign_in(url, &self.user, &password, trust)
            .await
            .with_context(|| format!("cannot sign in to {url} as {}", self.user))
    }
}

/// A signed-in session over HTTP. Each request has a connection of its own: a command makes two or three.
pub(super) struct Api {
    url: Url,
    trust: Trust,
    token: String,
}

impl Api {
    pub(super) async fn open(url: &Url, sign_in: &SignIn) -> Result<Self> {
        let trust = sign_in.trust(url)?;
        let token = sign_in.token(url, &trust).await?;
        Ok(Self {
            url: url.clone(),
            trust,
            token,
        })
    }

    /// Sends a request; `path` is relative to `/api/v1/`. An answer that is no success is an error with its detail.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>> {
        let body = Bytes::from(body.map(Value::to_string).unwrap_or_default());
        let response = self
            .exchange(method, path, "application/json", body, PATIENCE)
            .await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem = whole(response).await.unwrap_or_default();
        let problem: Value = serde_json::from_slice(&problem).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => bail!("{detail} ({status})"),
            None => bail!("the gateway answered {status}"),
        }
    }

    /// Sends a file; the answer's status and JSON, whatever the status.
    pub(super) async fn upload(&self, path: &str, file: Vec<u8>) -> Result<(StatusCode, Value)> {
        let patience = 6 * PATIENCE;
        let response = self
            .exchange(
                Method::POST,
                path,
                "application/octet-stream",
                file.into(),
                patience,
            )
            .await?;
        let status = response.status();
        Ok((status, serde_json::from_slice(&whole(response).await?)?))
    }

    /// The bytes of an answer that is no JSON.
    pub(super) async fn bytes(&self, path: &str) -> Result<Bytes> {
        whole(self.send(Method::GET, path, None).await?).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Response<Incoming>> {
        let stream = timeout(PATIENCE, connect(&self.url, &self.trust))
            .await
            .with_context(|| format!("no answer from {}", self.url))??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the answer's body, or when the sender is dropped.
        tokio::spawn(connection);
        let host = self.url.host_str().unwrap_or_default();
        let host = match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::HOST, host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body))?;
        let response = timeout(patience, sender.send_request(request))
            .await
            .context("the gateway does not answer")??;
        Ok(response)
    }

    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let response = self.send(method, path, body).await?;
        Ok(serde_json::from_slice(&whole(response).await?)?)
    }

    /// Signs out: a session of a command ends with it.
    pub(super) async fn close(self) {
        // The session expires by itself where this does not arrive.
        let _ = self.send(Method::DELETE, "session", None).await;
    }
}

async fn whole(response: Response<Incoming>) -> Result<Bytes> {
    let body = Limited::new(response.into_body(), MAX_JSON).collect().await;
    Ok(body.map_err(|e| anyhow::anyhow!(e))?.to_bytes())
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(url: &Url, trust: &Trust) -> Result<Box<dyn Stream>> {
    let host = url.host_str().context("a URL with a host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().context("a port")?;
    let stream = TcpStream::connect((host, port))
        .await
        .with_context(|| format!("cannot connect to {host}:{port}"))?;
    if url.scheme() == "http" {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned()).context("the host's name")?;
    let config = Arc::new(trust.config(&[])?);
    let stream = tokio_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await
        .with_context(|| format!("no TLS with {host}:{port}"))?;
    Ok(Box::new(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_as_people_type_it() {
        let url = |t: &str| SignIn::url(t).map(|u| u.to_string());
        assert_eq!(url("gw.example").unwrap(), "https://gw.example:8443/");
        assert_eq!(url("gw.example:9000").unwrap(), "https://gw.example:9000/");
        assert_eq!(
            url("https://gw.example/wall?x").unwrap(),
            "https://gw.example/"
        );
        assert_eq!(url("http://127.0.0.1:80").unwrap(), "http://127.0.0.1/");
        assert_eq!(url("[::1]:8443").unwrap(), "https://[::1]:8443/");
        assert!(url("ftp://x").is_err());
        assert!(url("").is_err());
    }
}
