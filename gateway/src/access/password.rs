//! Passwords: argon2id (RFC 9106) with its own salt each. Hashing takes tens of milliseconds on purpose: call it off the
//! runtime's threads, through [`Hasher`], which bounds how many run at once.

use argon2::{
    Argon2, PasswordHash, PasswordVerifier,
    password_hash::{PasswordHasher, SaltString},
};
use rand::{RngCore, rngs::ThreadRng};
use tokio::sync::Semaphore;

/// Fewest characters of a password.
pub const MIN_CHARS: usize = 8;
/// Most bytes of a password: more is refused before it is hashed.
pub const MAX_BYTES: usize = 256;

/// Hashes and verifies on blocking threads, two at a time: 19 MiB of memory each, so that a flood of sign-ins cannot take it all.
#[derive(Debug)]
pub struct Hasher {
    turns: Semaphore,
    /// What an unknown user's password is verified against, so that the answer takes as long.
    decoy: String,
}

/// A password that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Weak(String);

/// Whether a new password is acceptable.
///
/// # Errors
/// [`Weak`] says what is wrong.
pub fn check(user: &str, password: &str) -> Result<(), Weak> {
    let chars = password.chars().count();
    if chars < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(Weak(format!(
            "{chars} characters, expected {MIN_CHARS} to {MAX_BYTES}"
        )));
    }
    if password.eq_ignore_ascii_case(user) {
        return Err(Weak("is the user's own name".into()));
    }
    Ok(())
}

/// Hashes on the calling thread (command line, tests).
pub fn hash(password: &str) -> String {
    let mut salt = [0u8; 16];
    ThreadRng::default().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt of valid length");
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .expect("default parameters and a valid salt hash any password")
        .to_string()
}

fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|h| {
        Argon2::default()
            .verify_password(password.as_bytes(), &h)
            .is_ok()
    })
}

impl Hasher {
    /// Ready to hash.
    pub fn new() -> Self {
        Self {
            turns: Semaphore::new(2),
            decoy: hash("no account has this one"),
        }
    }

    /// The hash of a password.
    pub async fn hash(&self, password: String) -> String {
        self.run(move || hash(&password)).await.unwrap_or_default()
    }

    /// Whether the password fits; with no hash it takes as long and does not.
    pub async fn verify(&self, password: String, hash: Option<String>) -> bool {
        if password.len() > MAX_BYTES {
            return false;
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        self.run(move || verify(&password, &hash))
            .await
            .unwrap_or(false)
            && known
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _turn = self.turns.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// A password nobody could guess: 20 characters of 32 kinds, 100 bits, without letters that look alike.
pub fn generate() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0u8; 20];
    ThreadRng::default().fill_bytes(&mut random);
    random
        .iter()
        .map(|b| char::from(LETTERS[usize::from(b % 32)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let hasher = Hasher::new();
        let hash = hasher.hash("correct horse".into()).await;
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(
            hasher
                .verify("correct horse".into(), Some(hash.clone()))
                .await
        );
        assert!(!hasher.verify("correct hors".into(), Some(hash)).await);
        assert!(!hasher.verify("no account has this one".into(), None).await);
        assert!(!hasher.verify("x".into(), Some("garbage".into())).await);
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        assert_eq!(
            check("li", "short").unwrap_err().to_string(),
            "5 characters, expected 8 to 256"
        );
        assert!(check("administrator", "Administrator").is_err());
        assert!(check("li", &generate()).is_ok());
        assert_ne!(generate(), generate());
    }
}
