//! What to pull: a camera, its streams, and where they are.

use std::fmt;

pub use media::Transport;
use media::{BitRate, CameraId, Profile, RegionCode, Words, words};
use url::Url;

/// A camera as the register gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its code.
    pub id: CameraId,
    /// Where it stands: decides the links its pulls go over.
    pub region: RegionCode,
    /// The full picture.
    pub main: Option<Source>,
    /// The small picture.
    pub sub: Option<Source>,
    /// Pulled without anybody asking (the main stream, else the sub stream).
    pub always: bool,
    /// Out of service: nothing is pulled.
    pub disabled: bool,
}

impl Camera {
    /// Its stream in a profile.
    pub fn source(&self, profile: Profile) -> Option<&Source> {
        match profile {
            Profile::Main => self.main.as_ref(),
            Profile::Sub => self.sub.as_ref(),
        }
    }
}

/// One stream of a camera.
#[derive(Clone, PartialEq)]
pub struct Source {
    /// `rtsp`, or `rtsps` (by TLS), without user name and password: see [`parse_camera_url`].
    pub url: Url,
    /// Whom to sign in as.
    pub username: Option<String>,
    /// With what. Never in a log or an error.
    pub password: Option<String>,
    /// How packets come.
    pub transport: Transport,
    /// What it is configured to send; decides the room it takes on a link until it has been measured.
    pub declared: Option<BitRate>,
    /// Whether its sound is wanted.
    pub audio: bool,
}

impl Source {
    /// From a URL as people write it, with TCP (UDP where the camera insists) and sound.
    ///
    /// # Errors
    /// As [`parse_camera_url`].
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (url, user) = parse_camera_url(url)?;
        let (username, password) = user.unzip();
        Ok(Self {
            url,
            username,
            password,
            transport: Transport::Auto,
            declared: None,
            audio: true,
        })
    }

    /// Whether a session with the one serves the other: all but what is declared.
    pub fn same_session(&self, other: &Self) -> bool {
        (&self.url, &self.username, &self.password)
            == (&other.url, &other.username, &other.password)
            && (self.transport, self.audio) == (other.transport, other.audio)
    }

    /// Host and port, for logs.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or("?");
        format!("{host}:{}", self.port())
    }

    /// The port, the scheme's own where the URL has none: 554, and 322 for `rtsps` (RFC 7826, 22.13).
    pub fn port(&self) -> u16 {
        let usual = if self.is_tls() { 322 } else { 554 };
        self.url.port().unwrap_or(usual)
    }

    /// Whether the camera is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "rtsps"
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("url", &self.url.as_str())
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("transport", &self.transport)
            .field("declared", &self.declared)
            .field("audio", &self.audio)
            .finish()
    }
}

/// Why a text is no camera URL. The text itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error(
        "not a URL such as rtsp://192.0.2.10:554/stream1: {text} (a password's '@', ':', '/', '#' and '%' are written %40, %3A, %2F, %23 and %25)"
    )]
    Parse {
        /// What was wrong.
        text: String,
    },
    /// A scheme the gateway does not speak.
    #[error("scheme '{scheme}' is not carried, expected rtsp or rtsps")]
    Scheme {
        /// The scheme given.
        scheme: String,
    },
    /// Nowhere to connect to.
    #[error("the URL names no host")]
    Host,
    /// A user name or password that is no UTF-8 after decoding.
    #[error("user name or password is not UTF-8 after percent-decoding")]
    Credentials,
    /// Longer than any camera's.
    #[error("the URL is {length} bytes long, at most {MAX_URL} are taken")]
    Length {
        /// Its length.
        length: usize,
    },
}

impl UrlError {
    /// The same for a page.
    pub fn words(&self) -> Words {
        match self {
            Self::Parse { .. } => words!("url"),
            Self::Scheme { scheme } => words!("url-scheme", scheme = scheme),
            Self::Host => words!("url-host"),
            Self::Credentials => words!("url-account"),
            Self::Length { length } => words!("url-length", n = length, most = MAX_URL),
        }
    }
}

/// Longest URL taken, in bytes.
pub const MAX_URL: usize = 2048;

/// Takes user name and password out of a camera's URL.
///
/// # Errors
/// [`UrlError`] says what is wrong; none of its texts holds a password.
pub fn parse_camera_url(text: &str) -> Result<(Url, Option<(String, String)>), UrlError> {
    let text = text.trim();
    if text.len() > MAX_URL {
        return Err(UrlError::Length { length: text.len() });
    }
    let mut url = Url::parse(text).map_err(|e| UrlError::Parse {
        text: e.to_string(),
    })?;
    if !matches!(url.scheme(), "rtsp" | "rtsps") {
        return Err(UrlError::Scheme {
            scheme: url.scheme().chars().take(16).collect(),
        });
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(UrlError::Host);
    }
    let decode = |part: &str| percent_decode(part).ok_or(UrlError::Credentials);
    let user = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some((decode(user)?, decode(password.unwrap_or_default())?)),
    };
    // These fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok((url, user))
}

/// RFC 3986, 2.1.
fn percent_decode(text: &str) -> Option<String> {
    let hex = |b: u8| (b as char).to_digit(16);
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(b) = bytes.get(i) {
        let pair = bytes.get(i + 1).zip(bytes.get(i + 2));
        match pair.and_then(|(high, low)| Some((hex(*high)?, hex(*low)?))) {
            Some((high, low)) if *b == b'%' => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            _ => {
                out.push(*b);
                i += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_leave_the_url() {
        let (url, user) =
            parse_camera_url("rtsp://admin:p%40ss%3A1@192.0.2.7/Streaming/101?x=1").unwrap();
        assert_eq!(url.as_str(), "rtsp://192.0.2.7/Streaming/101?x=1");
        assert_eq!(user, Some(("admin".into(), "p@ss:1".into())));
        let (url, user) = parse_camera_url("rtsp://[2001:db8::1]:8554/a").unwrap();
        assert_eq!((url.port(), user), (Some(8554), None));
    }

    #[test]
    fn each_scheme_has_its_port() {
        let port = |url| Source::parse(url).map(|s| (s.port(), s.is_tls()));
        assert_eq!(port("rtsp://192.0.2.7/a"), Ok((554, false)));
        assert_eq!(port("rtsps://192.0.2.7/a"), Ok((322, true)));
        assert_eq!(port("rtsps://admin:x@192.0.2.7:8322/a"), Ok((8322, true)));
    }

    #[test]
    fn what_is_no_camera_url_says_why() {
        let why = |text: &str| parse_camera_url(text).unwrap_err().to_string();
        assert!(why("192.0.2.7/a").starts_with("not a URL such as rtsp://"));
        assert_eq!(
            why("http://192.0.2.7/a"),
            "scheme 'http' is not carried, expected rtsp or rtsps"
        );
        assert_eq!(why("rtsp:///a"), "the URL names no host");
        assert!(why(&format!("rtsp://a/{}", "x".repeat(3000))).contains("3009 bytes"));
    }

    #[test]
    fn a_password_is_never_printed() {
        let source = Source::parse("rtsp://admin:hunter2@192.0.2.7/a").unwrap();
        assert_eq!(source.password.as_deref(), Some("hunter2"));
        assert!(!format!("{source:?}").contains("hunter2"));
        let bad = parse_camera_url("rtsp://admin:hunter2@192.0.2.7:99999/a").unwrap_err();
        assert!(!format!("{bad} {bad:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = parse_camera_url(&text);
            let _ = parse_camera_url(&format!("rtsp://{text}"));
        }

        #[test]
        fn any_password_survives(password in "[^%\\pC]{1,20}") {
            let mut url = Url::parse("rtsp://camera.test/a").unwrap();
            url.set_username("admin").unwrap();
            url.set_password(Some(&password)).unwrap();
            let (clean, user) = parse_camera_url(url.as_str()).unwrap();
            prop_assert_eq!(clean.as_str(), "rtsp://camera.test/a");
            prop_assert_eq!(user, Some(("admin".to_owned(), password)));
        }
    }
}
