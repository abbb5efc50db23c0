//! Who may look: Basic (RFC 7617) and Digest with MD5 (RFC 2069 and RFC 7616), as cameras speak them.

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};

use super::rtsp::{Request, Response};

/// What a camera asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Nothing: everybody may look.
    None,
    /// The password itself, encoded.
    Basic,
    /// Proof that the password is known.
    #[default]
    Digest,
    /// Either, both offered at once, Basic first.
    Both,
}

const REALM: &str = "IP Camera(D1602)";

/// The challenge of one connection.
#[derive(Debug)]
pub(crate) struct Challenge {
    nonce: String,
}

impl Challenge {
    pub(crate) fn new() -> Self {
        Self {
            nonce: format!("{:032x}", rand::random::<u128>()),
        }
    }

    /// Whether the request carries the right credentials.
    pub(crate) fn passes(&self, auth: Auth, user: &str, password: &str, request: &Request) -> bool {
        if auth == Auth::None {
            return true;
        }
        let Some((scheme, rest)) = request
            .header("Authorization")
            .and_then(|h| h.split_once(' '))
        else {
            return false;
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" if auth != Auth::Digest => STANDARD
                .decode(rest.trim())
                .is_ok_and(|got| got == format!("{user}:{password}").as_bytes()),
            "digest" if auth != Auth::Basic => {
                self.digest_passes(user, password, &request.method, rest)
            }
            _ => false,
        }
    }

    /// Adds the challenge to a 401.
    pub(crate) fn ask(&self, auth: Auth, mut response: Response) -> Response {
        if matches!(auth, Auth::Basic | Auth::Both) {
            response = response.header("WWW-Authenticate", format_args!("Basic realm=\"{REALM}\""));
        }
        if matches!(auth, Auth::Digest | Auth::Both) {
            let value = format!(
                "Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=\"MD5\"",
                self.nonce
            );
            response = response.header("WWW-Authenticate", value);
        }
        response
    }

    fn digest_passes(&self, user: &str, password: &str, method: &str, fields: &str) -> bool {
        let field = |name: &str| {
            split_fields(fields)
                .into_iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| v)
        };
        let (Some(response), Some(uri)) = (field("response"), field("uri")) else {
            return false;
        };
        if field("username").as_deref() != Some(user)
            || field("nonce").as_deref() != Some(&self.nonce)
        {
            return false;
        }
        let secret = hash(&format!("{user}:{REALM}:{password}"));
        let what = hash(&format!("{method}:{uri}"));
        let expected = match (field("qop"), field("nc"), field("cnonce")) {
            (Some(qop), Some(nc), Some(cnonce)) => hash(&format!(
                "{secret}:{}:{nc}:{cnonce}:{qop}:{what}",
                self.nonce
            )),
            _ => hash(&format!("{secret}:{}:{what}", self.nonce)),
        };
        expected == response.to_ascii_lowercase()
    }
}

/// `a="b, c", d=e` in pairs; commas inside quotes separate nothing.
fn split_fields(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .filter_map(|f| f.split_once('='))
    .map(|(n, v)| (n.trim().to_owned(), v.trim().trim_matches('"').to_owned()))
    .collect()
}

fn hash(text: &str) -> String {
    Md5::digest(text)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::serve::rtsp::{Input, parse};

    fn request(authorization: &str) -> Request {
        let text =
            format!("DESCRIBE rtsp://h/a RTSP/1.0\r\nAuthorization: {authorization}\r\n\r\n");
        match parse(&mut BytesMut::from(text.as_bytes())).unwrap() {
            Some(Input::Request(r)) => r,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_example_of_rfc_2617_holds() {
        // RFC 2617, 3.5, with its own realm put together by hand.
        let ha1 = hash("Mufasa:testrealm@host.com:Circle Of Life");
        let ha2 = hash("GET:/dir/index.html");
        let response = hash(&format!(
            "{ha1}:dcd98b7102dd2f0e8b11d0f600bfb0c093:00000001:0a4f113b:auth:{ha2}"
        ));
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn right_passes_and_wrong_does_not() {
        let challenge = Challenge::new();
        let answer = |password: &str| {
            let ha1 = hash(&format!("admin:{REALM}:{password}"));
            let response = hash(&format!(
                "{ha1}:{}:{}",
                challenge.nonce,
                hash("DESCRIBE:rtsp://h/a")
            ));
            format!(
                "Digest username=\"admin\", realm=\"{REALM}\", nonce=\"{}\", uri=\"rtsp://h/a\", response=\"{response}\"",
                challenge.nonce
            )
        };
        assert!(challenge.passes(Auth::Digest, "admin", "secret", &request(&answer("secret"))));
        assert!(challenge.passes(Auth::Both, "admin", "secret", &request(&answer("secret"))));
        assert!(!challenge.passes(Auth::Digest, "admin", "secret", &request(&answer("guess"))));
        assert!(!challenge.passes(Auth::Basic, "admin", "secret", &request(&answer("secret"))));
        assert!(
            !Challenge::new().passes(Auth::Digest, "admin", "secret", &request(&answer("secret"))),
            "another nonce"
        );
        assert!(challenge.passes(Auth::Both, "a", "b", &request("Basic YTpi")));
        assert!(!challenge.passes(Auth::Digest, "a", "b", &request("Basic YTpi")));
    }
}
