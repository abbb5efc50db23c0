//! Asks one device: clock first, then what it is, its network, its profiles and where they are played.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use media::{Said, WallTime, said, words};
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use super::{
    reading::{self, Authentication, Reading},
    soap::{self, Answer, Token},
    xml::{self, Node, escape},
};

/// For one question, connection and all.
const PATIENCE: Duration = Duration::from_secs(5);
/// For all of them: a device that answers each one slowly is given up.
const ALTOGETHER: Duration = Duration::from_secs(30);
/// Profiles whose address is asked for.
const MOST_STREAMS: usize = 8;
/// Where the device service is, where nothing else is known.
const SERVICE: &str = "/onvif/device_service";

/// Why a device was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error(
        "'{0}' is no address of a device, expected a host, HOST:PORT, or http://HOST/onvif/device_service"
    )]
    Address(String),
    /// It could not be reached.
    #[error("{host}: {text}")]
    Unreachable {
        /// Which.
        host: String,
        /// Why.
        text: String,
    },
    /// It does not know the account.
    #[error("the device refuses the user or the password: {0}")]
    Account(String),
    /// It is no ONVIF device.
    #[error("no ONVIF answer to {question}: {text}")]
    Foreign {
        /// What was asked.
        question: &'static str,
        /// What is wrong with the answer.
        text: String,
    },
}

impl Error {
    /// The same for a page. What a system or a device said in its own words is in the English only.
    pub fn said(&self) -> Said {
        let words = match self {
            Self::Address(value) => words!("device-address", value = value),
            Self::Unreachable { host, .. } => words!("device-unreachable", host = host),
            Self::Account(_) => words!("device-account"),
            Self::Foreign { question, .. } => words!("device-foreign", question = question),
        };
        let text = self.to_string();
        Said { text, words }
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Account {
    /// The user; empty: nobody.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    host: url::Host<String>,
    port: u16,
    path: String,
}

impl Device {
    /// From what people type, or what discovery found.
    ///
    /// # Errors
    /// What is no address.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Address(text.chars().take(100).collect());
        let text = text.trim();
        let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
        let whole = match (text.contains("://"), bare_v6) {
            (true, _) => text.to_owned(),
            (false, true) => format!("http://[{text}]"),
            (false, false) => format!("http://{text}"),
        };
        let url = Url::parse(&whole).map_err(|_| wrong())?;
        if url.scheme() != "http" {
            return Err(wrong());
        }
        let path = match url.path() {
            "" | "/" => SERVICE.to_owned(),
            path => path.to_owned(),
        };
        Ok(Self {
            host: url.host().ok_or_else(wrong)?.to_owned(),
            port: url.port().unwrap_or(80),
            path,
        })
    }

    fn authority(&self) -> String {
        match self.port {
            80 => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// Another service of the same device: only the path of what it names is used.
    fn service(&self, named: &str) -> Self {
        let path = Url::parse(named).map(|u| u.path().to_owned());
        Self {
            path: path.unwrap_or_else(|_| self.path.clone()),
            ..self.clone()
        }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        match &self.host {
            url::Host::Domain(name) => TcpStream::connect((name.as_str(), self.port)).await,
            url::Host::Ipv4(ip) => TcpStream::connect((*ip, self.port)).await,
            url::Host::Ipv6(ip) => TcpStream::connect((*ip, self.port)).await,
        }
    }
}

/// Reads a device. `now` is the gateway's time.
///
/// # Errors
/// [`Error`]: what it does not answer beyond its streams is a note of the reading, and no error.
pub async fn read(
    device: &Device,
    account: &Account,
    now: impl Fn() -> WallTime + Sync,
) -> Result<Reading, Error> {
    let mut asking = Asking {
        device,
        account,
        now: &now,
        offset_us: 0,
        way: Authentication::None,
        challenge: None,
    };
    match timeout(ALTOGETHER, asking.all()).await {
        Ok(reading) => reading,
        Err(_) => Err(Error::Unreachable {
            host: device.authority(),
            text: format!("not done after {} s", ALTOGETHER.as_secs()),
        }),
    }
}

struct Asking<'a> {
    device: &'a Device,
    account: &'a Account,
    now: &'a (dyn Fn() -> WallTime + Sync),
    /// What the device's clock is ahead.
    offset_us: i64,
    way: Authentication,
    /// The last challenge for HTTP Digest.
    challenge: Option<String>,
}

impl Asking<'_> {
    async fn all(&mut self) -> Result<Reading, Error> {
        let mut reading = Reading::default();
        let before = (self.now)();
        let clock = self
            .ask(
                self.device,
                "GetSystemDateAndTime",
                "<tds:GetSystemDateAndTime/>",
            )
            .await?;
        let between = i64::midpoint(before.0, (self.now)().0);
        match reading::clock(&clock) {
            // A device tells whole seconds: half of one is what its time is on average.
            Some(theirs) => {
                self.offset_us = theirs.0 + 500_000 - between;
                reading.clock_offset_ms = Some(self.offset_us / 1000);
            }
            None => {
                let said = said!("clock-not-utc", "its clock is not told in UTC");
                reading.notes.push(said);
            }
        }
        let body = self
            .ask(
                self.device,
                "GetDeviceInformation",
                "<tds:GetDeviceInformation/>",
            )
            .await?;
        reading::device(&mut reading, &body);
        let question = "GetNetworkInterfaces";
        match self
            .ask(self.device, question, "<tds:GetNetworkInterfaces/>")
            .await
        {
            Ok(body) => reading::network(&mut reading, &body),
            Err(error) => reading.notes.push(error.said()),
        }
        let body = "<tds:GetCapabilities><tds:Category>Media</tds:Category></tds:GetCapabilities>";
        let media = match self.ask(self.device, "GetCapabilities", body).await {
            Ok(body) => {
                let address = body.text_at(&["Capabilities", "Media", "XAddr"]).to_owned();
                self.device.service(&address)
            }
            Err(error) => {
                reading.notes.push(error.said());
                self.device.clone()
            }
        };
        let body = self
            .ask(&media, "GetProfiles", "<trt:GetProfiles/>")
            .await?;
        reading.streams = reading::profiles(&body);
        self.addresses(&media, &mut reading).await;
        reading::choose(&mut reading);
        reading.authentication = self.way;
        Ok(reading)
    }

    async fn addresses(&mut self, media: &Device, reading: &mut Reading) {
        for i in 0..reading.streams.len().min(MOST_STREAMS) {
            let token = escape(&reading.streams[i].token);
            let body = format!(
                "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup><trt:ProfileToken>{token}</trt:ProfileToken></trt:GetStreamUri>"
            );
            match self.ask(media, "GetStreamUri", &body).await {
                Ok(answer) => match self.playable(answer.text_at(&["MediaUri", "Uri"])) {
                    Ok((url, note)) => {
                        reading.streams[i].url = Some(url);
                        if let Some(note) = note.filter(|n| !reading.notes.contains(n)) {
                            reading.notes.push(note);
                        }
                    }
                    Err(said) => reading.notes.push(said),
                },
                Err(error) => reading.notes.push(error.said()),
            }
        }
    }

    /// The stream's address as the gateway can reach it, without credentials.
    fn playable(&self, text: &str) -> Result<(String, Option<Said>), Said> {
        let (mut url, _) = ingest::parse_camera_url(text).map_err(|e| {
            said!(
                "stream-address",
                "the address of a stream is not understood: {text}",
                text = e
            )
        })?;
        let named = url.host_str().unwrap_or_default().to_owned();
        let host = self.device.host.to_string();
        if named == host {
            return Ok((url.to_string(), None));
        }
        // Behind another address the device does not know where it is reached.
        if url.set_host(Some(&host)).is_err() {
            return Ok((url.to_string(), None));
        }
        let note = said!(
            "names-another",
            "it names {named} for its streams; {host} is taken, where it was asked",
            named = named,
            host = host
        );
        Ok((url.to_string(), Some(note)))
    }

    /// Asks a question, with the account in the way that the device wants.
    async fn ask(
        &mut self,
        at: &Device,
        question: &'static str,
        body: &str,
    ) -> Result<Node, Error> {
        let foreign = |text: String| Error::Foreign { question, text };
        let mut refused = String::new();
        let ways = match self.way {
            Authentication::None => &[
                Authentication::None,
                Authentication::Token,
                Authentication::Digest,
            ][..],
            Authentication::Token => &[Authentication::Token, Authentication::Digest],
            Authentication::Digest => &[Authentication::Digest],
        };
        let known = self.challenge.is_some();
        for way in ways {
            if *way != Authentication::None && self.account.user.is_empty() {
                break;
            }
            let (status, asked_for, bytes) =
                match self.post(at, *way, &self.challenge, body).await? {
                    Some(answer) => answer,
                    None => continue,
                };
            self.challenge = asked_for.or(self.challenge.take());
            if status == StatusCode::UNAUTHORIZED {
                refused = "HTTP 401".into();
                // A challenge for Digest is answered with Digest; it comes first then. A nonce that was used before may have grown old.
                let answerable = *way != Authentication::Digest || known;
                if let (Some(_), true) = (&self.challenge, answerable)
                    && !self.account.user.is_empty()
                    && let Some((status, _, bytes)) = self
                        .post(at, Authentication::Digest, &self.challenge, body)
                        .await?
                    && status != StatusCode::UNAUTHORIZED
                {
                    self.way = Authentication::Digest;
                    return self.read_body(question, &bytes);
                }
                continue;
            }
            match soap::answer(&bytes) {
                Ok(Answer::NotAuthorized(text)) => refused = text,
                Ok(Answer::Body(node)) => {
                    self.way = *way;
                    return Ok(node);
                }
                Ok(Answer::Fault(text)) => return Err(foreign(text)),
                Err(_) if !status.is_success() => return Err(foreign(format!("HTTP {status}"))),
                Err(error) => return Err(foreign(error.to_string())),
            }
        }
        Err(Error::Account(match self.account.user.is_empty() {
            true => "it wants a user".into(),
            false => refused,
        }))
    }

    fn read_body(&self, question: &'static str, bytes: &[u8]) -> Result<Node, Error> {
        let foreign = |text: String| Error::Foreign { question, text };
        match soap::answer(bytes) {
            Ok(Answer::Body(node)) => Ok(node),
            Ok(Answer::NotAuthorized(text)) => Err(Error::Account(text)),
            Ok(Answer::Fault(text)) => Err(foreign(text)),
            Err(error) => Err(foreign(error.to_string())),
        }
    }

    /// One request; none where this way is not possible (no challenge to answer).
    async fn post(
        &self,
        at: &Device,
        way: Authentication,
        challenge: &Option<String>,
        body: &str,
    ) -> Result<Option<(StatusCode, Option<String>, Bytes)>, Error> {
        let Account { user, password } = self.account;
        let token = (way == Authentication::Token).then(|| Token {
            user,
            password,
            nonce: rand::random(),
            created: seconds(WallTime((self.now)().0 + self.offset_us)),
        });
        let authorization = match (way, challenge) {
            (Authentication::Digest, None) => return Ok(None),
            (Authentication::Digest, Some(challenge)) => {
                let Ok(mut client) = http_auth::PasswordClient::try_from(challenge.as_str()) else {
                    return Ok(None);
                };
                let answer = client.respond(&http_auth::PasswordParams {
                    username: user,
                    password,
                    uri: &at.path,
                    method: "POST",
                    body: None,
                });
                match answer {
                    Ok(answer) => Some(answer),
                    Err(_) => return Ok(None),
                }
            }
            _ => None,
        };
        let envelope = soap::envelope(token.as_ref(), body);
        let failed = |text: String| Error::Unreachable {
            host: at.authority(),
            text,
        };
        let exchange = async {
            let stream = at.connect().await.map_err(|e| e.to_string())?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|e| e.to_string())?;
            // Ends with the answer, or when the sender is dropped.
            let connection = tokio::spawn(connection);
            let mut request = Request::post(at.path.as_str())
                .header(header::HOST, at.authority())
                .header(header::CONTENT_TYPE, "application/soap+xml; charset=utf-8")
                .header(header::CONNECTION, "close");
            if let Some(authorization) = authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let request = request
                .body(Full::new(Bytes::from(envelope)))
                .map_err(|e| e.to_string())?;
            let answer = sender
                .send_request(request)
                .await
                .map_err(|e| e.to_string())?;
            let read = whole(answer).await;
            connection.abort();
            read
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(text)) => Err(failed(text)),
            Err(_) => Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

async fn whole(answer: Response<Incoming>) -> Result<(StatusCode, Option<String>, Bytes), String> {
    let status = answer.status();
    let wanted = answer
        .headers()
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .find(|v| {
            v.trim_start()
                .get(..6)
                .is_some_and(|s| s.eq_ignore_ascii_case("digest"))
        })
        .map(str::to_owned);
    let body = Limited::new(answer.into_body(), xml::MAX_BYTES)
        .collect()
        .await
        .map_err(|e| e.to_string())?;
    Ok((status, wanted, body.to_bytes()))
}

/// RFC 3339 in UTC, whole seconds.
fn seconds(at: WallTime) -> String {
    let text = at.to_string();
    let whole = text.split('.').next().unwrap_or_default();
    format!("{}Z", whole.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_people_type_it() {
        let of = |t: &str| Device::parse(t).map(|d| (d.authority(), d.path));
        assert_eq!(of("10.0.0.9").unwrap(), ("10.0.0.9".into(), SERVICE.into()));
        assert_eq!(of("cam:8000").unwrap(), ("cam:8000".into(), SERVICE.into()));
        assert_eq!(of("2001:db8::9").unwrap().0, "[2001:db8::9]");
        assert_eq!(
            of("http://[::1]:81/x").unwrap(),
            ("[::1]:81".into(), "/x".into())
        );
        for bad in ["", "ftp://x", "https://x", "http://", "a b"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_service_elsewhere_is_asked_here() {
        let device = Device::parse("10.0.0.9:8000").unwrap();
        let media = device.service("http://evil.example/onvif/Media");
        assert_eq!(
            (media.authority(), media.path.as_str()),
            ("10.0.0.9:8000".into(), "/onvif/Media")
        );
        assert_eq!(device.service("nonsense"), device);
    }

    #[test]
    fn tokens_have_whole_seconds() {
        let at: WallTime = "2026-11-30T08:05:09.123Z".parse().unwrap();
        assert_eq!(seconds(at), "2026-11-30T08:05:09Z");
    }
}
