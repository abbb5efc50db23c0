//! The little of an RTSP client (RFC 2326, interleaved on TCP) that a viewer needs who discards, and a publisher who passes on
//! what another server sends.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use url::Url;

use super::url::{dial, head};

/// A description is a few kB.
const MAX_BODY: usize = 1 << 20;

/// A connection.
#[derive(Debug)]
pub struct Rtsp {
    stream: TcpStream,
    /// Without the password.
    url: Url,
    authorization: String,
    cseq: u32,
    session: String,
}

struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Rtsp {
    /// Connects; name and password of the URL are sent as Basic.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn connect(url: &Url) -> Result<Self> {
        let mut plain = url.clone();
        let authorization = match url.username() {
            "" => String::new(),
            user => {
                let pair = format!("{user}:{}", url.password().unwrap_or(""));
                format!("Authorization: Basic {}\r\n", BASE64.encode(pair))
            }
        };
        let _ = plain.set_username("");
        let _ = plain.set_password(None);
        Ok(Self {
            stream: dial(url, 554)?,
            url: plain,
            authorization,
            cseq: 0,
            session: String::new(),
        })
    }

    fn message(&self, method: &str, url: &str, extra: &str, body: &str) -> String {
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!("Session: {session}\r\n"),
        };
        let length = match body.len() {
            0 => String::new(),
            n => format!("Content-Length: {n}\r\n"),
        };
        format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: sightline-bench\r\n{}{session}{extra}{length}\r\n{body}",
            self.cseq, self.authorization
        )
    }

    fn ask(&mut self, method: &str, url: &str, extra: &str, body: &str) -> Result<Answer> {
        self.cseq += 1;
        let message = self.message(method, url, extra, body);
        self.stream.write_all(message.as_bytes())?;
        self.skip_media()?;
        let mut answer = Answer {
            head: "R".to_owned() + &head(&mut self.stream)?,
            body: String::new(),
        };
        ensure!(
            answer.head.starts_with("RTSP/1.0 200"),
            "{method} {url}: {}",
            answer.head.lines().next().unwrap_or("")
        );
        if let Some(length) = answer.field("Content-Length") {
            let length: usize = length.parse().context("Content-Length")?;
            ensure!(length <= MAX_BODY, "a description of {length} bytes");
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body)?;
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        if let Some(session) = answer.field("Session") {
            self.session = session.split(';').next().unwrap_or("").trim().to_owned();
        }
        Ok(answer)
    }

    /// Up to and with the first byte of an answer, an 'R': some servers send media before they have answered PLAY.
    fn skip_media(&mut self) -> Result<()> {
        loop {
            let mut first = [0];
            self.stream
                .read_exact(&mut first)
                .context("the server's answer")?;
            match first[0] {
                b'R' => return Ok(()),
                b'$' => {
                    let mut head = [0; 3];
                    self.stream.read_exact(&mut head)?;
                    let mut packet = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
                    self.stream.read_exact(&mut packet)?;
                }
                other => bail!("neither an answer nor media: byte {other}"),
            }
        }
    }

    /// Asks for all tracks and plays; the description.
    ///
    /// # Errors
    /// The server refuses, or does not speak RTP over this connection.
    pub fn play(&mut self) -> Result<String> {
        let url = self.url.to_string();
        let answer = self.ask("DESCRIBE", &url, "Accept: application/sdp\r\n", "")?;
        let base = answer
            .field("Content-Base")
            .or_else(|| answer.field("Content-Location"))
            .unwrap_or(&url)
            .to_owned();
        for (n, track) in tracks(&answer.body).enumerate() {
            let transport = format!(
                "Transport: RTP/AVP/TCP;unicast;interleaved={}-{}\r\n",
                2 * n,
                2 * n + 1
            );
            self.ask("SETUP", &control(&base, track), &transport, "")?;
        }
        self.ask("PLAY", &base, "Range: npt=0.000-\r\n", "")?;
        Ok(answer.body)
    }

    /// Announces a description and is ready to write its packets.
    ///
    /// # Errors
    /// The server refuses.
    pub fn record(&mut self, description: &str) -> Result<()> {
        let url = self.url.to_string();
        self.ask(
            "ANNOUNCE",
            &url,
            "Content-Type: application/sdp\r\n",
            description,
        )?;
        for (n, track) in tracks(description).enumerate() {
            let transport = format!(
                "Transport: RTP/AVP/TCP;unicast;interleaved={}-{};mode=record\r\n",
                2 * n,
                2 * n + 1
            );
            self.ask("SETUP", &control(&url, track), &transport, "")?;
        }
        self.ask("RECORD", &url, "Range: npt=0.000-\r\n", "")?;
        Ok(())
    }

    /// A request that keeps the session alive; its answer comes among the media.
    pub fn life(&mut self) -> Vec<u8> {
        self.cseq += 1;
        self.message("OPTIONS", self.url.as_str(), "", "")
            .into_bytes()
    }

    /// What is left to read are interleaved packets and answers to [`Rtsp::life`].
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// The `a=control` of every track.
fn tracks(description: &str) -> impl Iterator<Item = &str> {
    let media = description.find("\nm=").map_or("", |at| &description[at..]);
    media
        .lines()
        .filter_map(|line| line.trim().strip_prefix("a=control:"))
}

fn control(base: &str, track: &str) -> String {
    match track {
        "*" => base.to_owned(),
        track if track.contains("://") => track.to_owned(),
        track => format!("{}/{track}", base.trim_end_matches('/')),
    }
}

/// Publishes what `from` plays to `to`, for ever: packets are passed on as they are.
///
/// # Errors
/// Either server refuses or ends it.
pub fn publish(from: &Url, to: &Url) -> Result<()> {
    let mut source = Rtsp::connect(from)?;
    let description = source.play().with_context(|| from.to_string())?;
    let mut sink = Rtsp::connect(to)?;
    sink.record(&description).with_context(|| to.to_string())?;
    let (mut source, mut sink) = (source.into_stream(), sink.into_stream());
    let mut answers = sink.try_clone()?;
    std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    std::io::copy(&mut source, &mut sink).context("passing packets on")?;
    bail!("{from} ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_are_found_behind_the_first_media_line_only() {
        let text = "v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n\
                    m=audio 0 RTP/AVP 97\r\na=control:rtsp://h/x/1\r\n";
        let found: Vec<_> = tracks(text).map(|t| control("rtsp://h/x/", t)).collect();
        assert_eq!(found, ["rtsp://h/x/trackID=0", "rtsp://h/x/1"]);
        assert_eq!(tracks("v=0\r\na=control:*\r\n").count(), 0);
    }
}
