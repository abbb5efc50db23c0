//! Why there is no tile, in words for whoever set the source up. None of them holds an address beyond its host, so that no token is in them.

use std::{net::IpAddr, time::Duration};

use super::fetch::MAX_TILE;

/// Why there is no tile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server has none there: outside of what it covers.
    #[error("the map server has no tile there")]
    None,
    /// Its host is not on the list.
    #[error("{0}")]
    NotListed(String),
    /// The name leads to an address inside.
    #[error(
        "{0} leads to the private address {1}, which is not asked unless map.private allows it"
    )]
    Private(String, IpAddr),
    /// The name is not known.
    #[error("the name of the map server {0} is not found: {1}")]
    NoName(String, String),
    /// Nobody answers there.
    #[error("the map server {0} is not reached: {1}")]
    Unreachable(String, String),
    /// Its certificate is not trusted, or it speaks no TLS.
    #[error("no trusted connection to the map server {0}: {1}")]
    Untrusted(String, String),
    /// The file of authorities cannot be used.
    #[error("no map server can be trusted: {0}")]
    Authorities(String),
    /// It takes too long.
    #[error("the map server {0} did not answer within {s} s", s = .1.as_secs())]
    Slow(String, Duration),
    /// It broke off.
    #[error("the map server {0} broke off: {1}")]
    Broken(String, String),
    /// It refuses, or fails.
    #[error("the map server {0} answers HTTP {1}")]
    Status(String, u16),
    /// It sends the gateway elsewhere.
    #[error("the map server {0} sends on to {1}, where the gateway does not follow")]
    Elsewhere(String, String),
    /// More bytes than a tile has.
    #[error("the map server {0} sends more than {mib} MiB for one tile", mib = MAX_TILE / 1_048_576)]
    Large(String),
    /// A page, mostly, that says what is wrong with the request.
    #[error("the map server {host} answers with {kind} instead of a picture{words}", kind = if declared.is_empty() { "nothing known" } else { declared.as_str() }, words = if says.is_empty() { String::new() } else { format!(": {says}") })]
    NoPicture {
        /// Who.
        host: String,
        /// What it says that it is.
        declared: String,
        /// Its first words.
        says: String,
    },
    /// The source's address or token cannot be used.
    #[error("{0}")]
    Source(String),
}

impl Fault {
    /// For programs, and for the page's own words.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "no-tile",
            Self::NotListed(_) => "host-not-listed",
            Self::Private(..) => "private-address",
            Self::NoName(..) => "unknown-host",
            Self::Unreachable(..) => "unreachable",
            Self::Untrusted(..) => "untrusted",
            Self::Authorities(_) => "no-authorities",
            Self::Slow(..) => "slow",
            Self::Broken(..) => "broken-off",
            Self::Status(_, 401 | 403) => "refused",
            Self::Status(_, 429) => "too-often",
            Self::Status(..) => "server-failed",
            Self::Elsewhere(..) => "redirected",
            Self::Large(_) => "too-large-tile",
            Self::NoPicture { .. } => "no-image",
            Self::Source(_) => "bad-source",
        }
    }

    /// The same without a token that the server repeats in its words.
    #[must_use]
    pub fn without(self, token: &str) -> Self {
        match self {
            Self::NoPicture {
                host,
                declared,
                says,
            } if !token.is_empty() => Self::NoPicture {
                host,
                declared,
                says: says.replace(token, "***"),
            },
            other => other,
        }
    }
}
