//! The text of RTSP 1.0 (RFC 2326), read and written. No I/O here.

use std::fmt::Write as _;

use bytes::{Buf, Bytes, BytesMut};

/// Longest head, and longest body, of a request.
const HEAD_MAX: usize = 16 << 10;
const BODY_MAX: usize = 64 << 10;

/// What a client sent.
#[derive(Debug)]
pub(crate) enum Input {
    Request(Request),
    /// Data on an interleaved channel: a client's RTCP, as a rule.
    Data {
        channel: u8,
        data: Bytes,
    },
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) uri: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value; names are told apart without regard to case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The path of the URI without slashes at its ends: `CODE/main` or `CODE/main/trackID=0`.
    pub(crate) fn path(&self) -> &str {
        let rest = self
            .uri
            .split_once("://")
            .map_or(self.uri.as_str(), |(_, r)| {
                r.split_once('/').map_or("", |(_, p)| p)
            });
        rest.split(['?', '#'])
            .next()
            .unwrap_or("")
            .trim_matches('/')
    }
}

/// The bytes are no RTSP.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not RTSP: {0}")]
pub(crate) struct NotRtsp(pub(crate) &'static str);

/// Takes the next whole input off the buffer; `None` until more has come.
pub(crate) fn parse(buffer: &mut BytesMut) -> Result<Option<Input>, NotRtsp> {
    while matches!(buffer.first(), Some(b'\r' | b'\n')) {
        buffer.advance(1);
    }
    if buffer.first() == Some(&b'$') {
        if buffer.len() < 4 {
            return Ok(None);
        }
        let length = u16::from_be_bytes([buffer[2], buffer[3]]) as usize;
        if buffer.len() < 4 + length {
            return Ok(None);
        }
        let channel = buffer[1];
        buffer.advance(4);
        return Ok(Some(Input::Data {
            channel,
            data: buffer.split_to(length).freeze(),
        }));
    }
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
        return if buffer.len() > HEAD_MAX {
            Err(NotRtsp("a head without an end"))
        } else {
            Ok(None)
        };
    };
    let head =
        std::str::from_utf8(&buffer[..end]).map_err(|_| NotRtsp("a head that is no text"))?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(NotRtsp("a request line without three words"));
    };
    if !version.starts_with("RTSP/1.") {
        return Err(NotRtsp("another protocol or version"));
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        .collect();
    let request = Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        headers,
    };
    let body = match request.header("Content-Length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(n)) if n <= BODY_MAX => n,
        Some(_) => return Err(NotRtsp("an illegal Content-Length")),
    };
    if buffer.len() < end + 4 + body {
        return Ok(None);
    }
    buffer.advance(end + 4 + body);
    Ok(Some(Input::Request(request)))
}

/// A response being written.
#[derive(Debug)]
pub(crate) struct Response {
    text: String,
}

impl Response {
    pub(crate) fn new(status: u16, request: &Request) -> Self {
        let mut text = format!("RTSP/1.0 {status} {}\r\n", reason(status));
        let _ = write!(
            text,
            "CSeq: {}\r\nServer: Sightline camera simulator\r\n",
            request.header("CSeq").unwrap_or("0")
        );
        Self { text }
    }

    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let _ = write!(self.text, "{name}: {value}\r\n");
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }

    pub(crate) fn body(self, kind: &str, body: &str) -> Vec<u8> {
        let mut out = self
            .header("Content-Type", kind)
            .header("Content-Length", body.len())
            .end();
        out.extend_from_slice(body.as_bytes());
        out
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        461 => "Unsupported Transport",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

/// A transport that a client offers (RFC 2326, 12.39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Interleaved { rtp: u8, rtcp: u8 },
    Udp { rtp: u16, rtcp: u16 },
}

/// The transports of a `Transport` header in the client's order; what is not understood is left out.
pub(crate) fn transports(header: &str) -> Vec<Transport> {
    header.split(',').filter_map(transport).collect()
}

fn transport(spec: &str) -> Option<Transport> {
    let mut parts = spec.trim().split(';').map(str::trim);
    let protocol = parts.next()?.to_ascii_uppercase();
    let mut pair = None;
    let mut multicast = false;
    for part in parts {
        match part.split_once('=') {
            Some(("interleaved" | "client_port", range)) => pair = Some(range),
            None if part.eq_ignore_ascii_case("multicast") => multicast = true,
            _ => {}
        }
    }
    let (first, second) = match pair {
        Some(range) => {
            let (a, b) = range.split_once('-').unwrap_or((range, ""));
            let a: u16 = a.parse().ok()?;
            (a, b.parse().ok().unwrap_or(a.wrapping_add(1)))
        }
        None if protocol == "RTP/AVP/TCP" => (0, 1),
        None => return None,
    };
    match protocol.as_str() {
        "RTP/AVP/TCP" => Some(Transport::Interleaved {
            rtp: first.try_into().ok()?,
            rtcp: second.try_into().ok()?,
        }),
        "RTP/AVP" | "RTP/AVP/UDP" if !multicast => Some(Transport::Udp {
            rtp: first,
            rtcp: second,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_requests_and_interleaved_data_however_they_are_cut() {
        let wire = b"OPTIONS rtsp://[::1]:8554/a/main/ RTSP/1.0\r\nCSeq: 7\r\n\r\n$\x01\x00\x02ab\r\nSET_PARAMETER * RTSP/1.0\r\ncontent-length: 3\r\n\r\nx:y";
        for cut in 1..wire.len() {
            let mut buffer = BytesMut::new();
            let mut got = Vec::new();
            for part in [&wire[..cut], &wire[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(input) = parse(&mut buffer).unwrap() {
                    got.push(input);
                }
            }
            assert!(buffer.is_empty());
            let [
                Input::Request(a),
                Input::Data { channel: 1, data },
                Input::Request(b),
            ] = &got[..]
            else {
                panic!("{got:?}")
            };
            assert_eq!(
                (a.path(), a.header("cseq"), &data[..], b.method.as_str()),
                ("a/main", Some("7"), &b"ab"[..], "SET_PARAMETER")
            );
        }
    }

    #[test]
    fn refuses_what_is_no_rtsp() {
        for wire in [
            "GET / HTTP/1.1\r\n\r\n",
            "x\r\n\r\n",
            "A b RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert!(parse(&mut BytesMut::from(wire)).is_err(), "{wire}");
        }
        assert!(parse(&mut BytesMut::from(&vec![b'a'; HEAD_MAX + 1][..])).is_err());
    }

    #[test]
    fn reads_transports() {
        let got = transports(
            "RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;unicast;interleaved=2-3,RTP/AVP;multicast;client_port=1-2",
        );
        assert_eq!(
            got,
            [
                Transport::Udp {
                    rtp: 5_000,
                    rtcp: 5_001
                },
                Transport::Interleaved { rtp: 2, rtcp: 3 }
            ]
        );
    }
}
