//! Why a session ended, as a value: what happened on the wire, told apart by what is to be done about it.

use std::{fmt, io};

use media::{Reason, ReasonCode};

/// A session that ended, or never began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: Kind,
    /// A sentence: what and where. Never holds a password.
    pub text: String,
}

/// What happened on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name has no address.
    Name,
    /// The host or its network cannot be reached.
    Route,
    /// The port is closed.
    Refused,
    /// No answer within the time for connecting.
    TimedOut,
    /// The camera's TLS is none that can be spoken, or its certificate is not one to trust.
    Tls,
    /// An RTSP answer that is no success; the number is its status (RFC 2326, 7.1.1).
    Status(u16),
    /// No video track.
    NoVideo,
    /// Video of a codec the gateway does not carry.
    Codec,
    /// Playing, and silent.
    NoPackets,
    /// The stream of bytes makes no sense any more.
    Framing,
    /// Closed or reset by the camera.
    Cut,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// From an error of retina, whose types tell only the status of an answer: the rest is in how its sentences begin (they are
    /// fixed in the version this crate is pinned to, and `tests/` meets each of them on a real socket).
    pub fn of(error: &retina::Error) -> Self {
        let text = error.to_string();
        // What follows the first line is where in the connection it happened, over several lines.
        let mut lines = text.lines().filter(|l| !l.is_empty());
        let first: String = lines.next().unwrap_or_default().chars().take(240).collect();
        let place: String = lines
            .find_map(|l| l.strip_prefix("conn: "))
            .map(|c| c.split('@').next().unwrap_or(c).chars().take(120).collect())
            .map_or_else(String::new, |c: String| format!(", connection {c}"));
        let kind = match error.status_code() {
            Some(status) => Kind::Status(status),
            None if text.starts_with("Unable to connect") => connect_kind(&first),
            None if text.starts_with("Error reading") || text.starts_with("Error writing") => {
                Kind::Cut
            }
            None if text.starts_with("Timeout") => Kind::TimedOut,
            // Cut off in the middle of a message, which retina reports as one it could not parse.
            None if text.contains("Incomplete RTSP message at EOF") => Kind::Cut,
            None if text.starts_with("Error receiving UDP packet") => Kind::Cut,
            None => Kind::Framing,
        };
        Self::new(kind, format!("{first}{place}"))
    }

    /// From an error of the operating system while connecting.
    pub fn connecting(error: &io::Error) -> Self {
        let text = error.to_string();
        Self::new(connect_kind(&text), text)
    }

    /// As others see it; `let_in` is whether the camera has played for us before with this user.
    pub fn reason(&self, let_in: bool) -> Reason {
        let code = match self.kind {
            Kind::Name => ReasonCode::NameNotResolved,
            Kind::Route => ReasonCode::NoRoute,
            Kind::Refused => ReasonCode::Refused,
            Kind::TimedOut => ReasonCode::TimedOut,
            // Cameras whose sessions are spent answer 401 to a password that was right a minute ago.
            Kind::Status(401) if let_in => ReasonCode::CameraBusy,
            Kind::Status(401) => ReasonCode::WrongPassword,
            // Not Enough Bandwidth, and Service Unavailable as HTTP has it.
            Kind::Status(453 | 503) => ReasonCode::CameraBusy,
            Kind::Status(404) => ReasonCode::NotFound,
            Kind::Status(_) | Kind::Tls => ReasonCode::RtspError,
            Kind::NoVideo => ReasonCode::NoVideo,
            Kind::Codec => ReasonCode::CodecUnsupported,
            Kind::NoPackets => ReasonCode::NoPackets,
            Kind::Framing => ReasonCode::FramingLost,
            Kind::Cut => ReasonCode::Cut,
        };
        Reason::new(code, self.text.clone())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for Failure {}

/// By the number Linux gives the error, which the standard library ends its text with.
fn connect_kind(text: &str) -> Kind {
    let number = text
        .rsplit_once("(os error ")
        .and_then(|(_, n)| n.split(')').next()?.parse::<i32>().ok());
    match number.map(|n| io::Error::from_raw_os_error(n).kind()) {
        Some(io::ErrorKind::ConnectionRefused) => Kind::Refused,
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => Kind::Route,
        Some(io::ErrorKind::TimedOut) => Kind::TimedOut,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Kind::Cut,
        None if text.contains("lookup address") => Kind::Name,
        _ => Kind::Route,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operating_system_errors_are_told_apart() {
        for (number, kind) in [
            (111, Kind::Refused),
            (113, Kind::Route),
            (101, Kind::Route),
            (110, Kind::TimedOut),
            (104, Kind::Cut),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(Failure::connecting(&error).kind, kind, "{error}");
        }
    }

    #[test]
    fn a_401_means_busy_once_the_password_was_right() {
        let failure = Failure::new(Kind::Status(401), "401 Unauthorized");
        assert_eq!(failure.reason(false).code, ReasonCode::WrongPassword);
        assert_eq!(failure.reason(true).code, ReasonCode::CameraBusy);
        let failure = Failure::new(Kind::Status(453), "453");
        assert_eq!(failure.reason(false).code, ReasonCode::CameraBusy);
    }
}
