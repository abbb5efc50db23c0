//! A password as it stands in a journal: sealed, by whoever holds the key. Here it is opaque.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A camera's password, sealed; or in clear, as journals from before there was a key have it. Absent from `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Stored);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Sealed { sealed: String },
    Clear(String),
}

impl Secret {
    /// What a seal made of a password. The only way to make one: nothing new comes into a journal in clear.
    pub fn sealed(sealed: String) -> Self {
        Self(Stored::Sealed { sealed })
    }

    /// What the seal made.
    pub fn as_sealed(&self) -> Option<&str> {
        match &self.0 {
            Stored::Sealed { sealed } => Some(sealed),
            Stored::Clear(_) => None,
        }
    }

    /// The password, where it was written before there was a seal.
    pub fn as_clear(&self) -> Option<&str> {
        match &self.0 {
            Stored::Sealed { .. } => None,
            Stored::Clear(clear) => Some(clear),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_and_old_records_are_told_apart() {
        let sealed = Secret::sealed("v1:x".into());
        let text = serde_json::to_string(&sealed).unwrap();
        assert_eq!(text, r#"{"sealed":"v1:x"}"#);
        assert_eq!(serde_json::from_str::<Secret>(&text).unwrap(), sealed);
        let old: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!((old.as_clear(), old.as_sealed()), (Some("hunter2"), None));
        assert!(!format!("{old:?}{sealed:?}").contains("hunter2"));
    }
}
