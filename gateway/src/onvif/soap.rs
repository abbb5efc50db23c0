//! SOAP 1.2 as ONVIF speaks it: envelopes, the username token (WSS UsernameToken Profile 1.0), faults.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest;

use super::xml::{self, Node, escape};

/// Namespaces that bodies may use by these prefixes.
const NAMESPACES: &str = concat!(
    r#"xmlns:s="http://www.w3.org/2003/05/soap-envelope" "#,
    r#"xmlns:tds="http://www.onvif.org/ver10/device/wsdl" "#,
    r#"xmlns:trt="http://www.onvif.org/ver10/media/wsdl" "#,
    r#"xmlns:tt="http://www.onvif.org/ver10/schema""#,
);
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const DIGEST: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// What proves that a password is known, once.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// Whose.
    pub user: &'a str,
    /// Not sent.
    pub password: &'a str,
    /// Never used before.
    pub nonce: [u8; 16],
    /// The device's time, RFC 3339 in UTC: most devices refuse a token that is minutes old or ahead.
    pub created: String,
}

impl Token<'_> {
    /// Base64 of SHA-1 over nonce, time and password.
    pub fn digest(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(&self.nonce);
        hash.update(self.created.as_bytes());
        hash.update(self.password.as_bytes());
        STANDARD.encode(hash.finish())
    }

    fn header(&self) -> String {
        format!(
            r#"<s:Header><w:Security s:mustUnderstand="1" xmlns:w="{WSSE}" xmlns:u="{WSU}"><w:UsernameToken><w:Username>{}</w:Username><w:Password Type="{DIGEST}">{}</w:Password><w:Nonce EncodingType="{BASE64}">{}</w:Nonce><u:Created>{}</u:Created></w:UsernameToken></w:Security></s:Header>"#,
            escape(self.user),
            self.digest(),
            STANDARD.encode(self.nonce),
            self.created
        )
    }
}

/// An envelope around a body.
pub fn envelope(token: Option<&Token<'_>>, body: &str) -> String {
    let header = token.map(Token::header).unwrap_or_default();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><s:Envelope {NAMESPACES}>{header}<s:Body>{body}</s:Body></s:Envelope>"#
    )
}

/// What a device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The one element of the body.
    Body(Node),
    /// It did not like the account.
    NotAuthorized(String),
    /// It did not do it, and said why.
    Fault(String),
}

/// Reads an answer.
///
/// # Errors
/// What is no SOAP.
pub fn answer(bytes: &[u8]) -> Result<Answer, xml::Error> {
    let envelope = xml::parse(bytes)?;
    let body = envelope
        .child("Body")
        .filter(|_| envelope.name == "Envelope")
        .ok_or_else(|| xml::Error::Format("no SOAP envelope with a body".into()))?;
    let Some(first) = body.children.first() else {
        return Ok(Answer::Fault("an empty answer".into()));
    };
    if first.name != "Fault" {
        return Ok(Answer::Body(first.clone()));
    }
    let mut codes = Vec::new();
    let mut at = first.child("Code");
    while let Some(code) = at {
        let value = code.text_at(&["Value"]);
        codes.push(value.rsplit(':').next().unwrap_or_default().to_owned());
        at = code.child("Subcode");
    }
    let reason = first.text_at(&["Reason", "Text"]);
    let reason = match reason.is_empty() {
        true => first.text_at(&["faultstring"]),
        false => reason,
    };
    let text: String = format!("{} ({})", reason, codes.join(", "))
        .chars()
        .take(300)
        .collect();
    let refused = codes.iter().any(|c| {
        let c = c.to_ascii_lowercase();
        c == "notauthorized" || c == "failedauthentication" || c == "invalidsecurity"
    });
    Ok(match refused {
        true => Answer::NotAuthorized(text),
        false => Answer::Fault(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ONVIF's application programmer's guide (6.1.1.3).
    #[test]
    fn the_published_digest_is_met() {
        let nonce = STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        let token = Token {
            user: "user",
            password: "userpassword",
            nonce: nonce.try_into().unwrap(),
            created: "2010-09-16T07:50:45Z".into(),
        };
        assert_eq!(token.digest(), "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn faults_say_whether_it_was_the_account() {
        let fault = |code: &str| {
            let text = format!(
                r#"<e:Envelope><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:{code}</e:Value></e:Subcode></e:Code><e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"#
            );
            answer(text.as_bytes()).unwrap()
        };
        assert!(matches!(fault("NotAuthorized"), Answer::NotAuthorized(_)));
        assert_eq!(
            fault("ActionNotSupported"),
            Answer::Fault("no (Sender, ActionNotSupported)".into())
        );
        assert!(answer(b"<html/>").is_err());
    }
}
