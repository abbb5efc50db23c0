//! Cameras' passwords in the register's journal, and tokens of map sources: sealed with a key that lies beside it, in a file of its own that only the gateway's
//! user may read.
//!
//! A copy of the journal (a backup, a disk that was sent in, a file attached to a question) gives no password away; who reads
//! everything that the gateway's user reads has both. AES-256-GCM (NIST SP 800-38D) with a nonce drawn for each seal; the camera's
//! code is bound in, so that a sealed password cannot be moved to another camera's record.

use std::{
    fmt, fs,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use command::{Secret, Store, register::Change};
use media::{CameraId, WallTime};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use storage::DataDir;

use crate::tls;

/// The seal's key, ready for use.
pub struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
    path: PathBuf,
}

/// Why a password is not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key's file cannot be read.
    #[error("cannot read the key of the cameras' passwords, {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nor written.
    #[error("{0}")]
    Write(String),
    /// It holds something else.
    #[error("{} is no key of cameras' passwords, expected a line 'sightline-key-1 ' with 32 bytes in Base64; restore it from the backup, or move it away and enter the passwords anew", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// Another key sealed it, or it was changed.
    #[error("the password of camera {camera} cannot be opened with the key in {}; enter it anew", path.display())]
    Opened {
        /// Whose.
        camera: CameraId,
        /// With which key.
        path: PathBuf,
    },
    /// The system gives no random bytes, or the password is absurdly long.
    #[error("a password could not be sealed")]
    Sealing,
}

/// Begins the key's file, and what is sealed: where another cipher follows this one, both can be told apart.
const KEY_HEAD: &str = "sightline-key-1 ";
const SEALED_HEAD: &str = "v1:";
const KEY_BYTES: usize = 32;
/// A key's file is no longer than this.
const MAX_FILE: u64 = 1024;

impl Seal {
    /// The key of a data directory; made where there is none. Blocking.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or is no key: it is never replaced, since what it sealed would be lost.
    pub fn of(data: &DataDir) -> Result<Self, Error> {
        Self::at(&data.path().join("cameras.key"))
    }

    fn at(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let random = SystemRandom::new();
        let bytes = match fs::File::open(path) {
            Ok(file) => {
                let mut text = String::new();
                file.take(MAX_FILE)
                    .read_to_string(&mut text)
                    .map_err(read)?;
                key_of(&text).ok_or_else(|| Error::NoKey {
                    path: path.to_owned(),
                })?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut bytes = [0; KEY_BYTES];
                random.fill(&mut bytes).map_err(|_| Error::Sealing)?;
                let text = format!("{KEY_HEAD}{}\n", BASE64.encode(bytes));
                tls::write_secret(path, &text).map_err(|e| Error::Write(format!("{e:#}")))?;
                // Its name as well, before anything is sealed with it.
                let directory = path.parent().unwrap_or(Path::new("."));
                let synced = fs::File::open(directory).and_then(|d| d.sync_all());
                synced.map_err(read)?;
                bytes
            }
            Err(error) => return Err(read(error)),
        };
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| Error::Sealing)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random,
            path: path.to_owned(),
        })
    }

    /// Seals a camera's password.
    ///
    /// # Errors
    /// [`Error::Sealing`].
    pub fn seal(&self, camera: CameraId, password: &str) -> Result<Secret, Error> {
        self.seal_text(&of_camera(camera), password)
    }

    /// Seals a text for one purpose, which must be named again to open it.
    ///
    /// # Errors
    /// [`Error::Sealing`].
    pub fn seal_text(&self, purpose: &str, text: &str) -> Result<Secret, Error> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| Error::Sealing)?;
        let mut text = text.as_bytes().to_vec();
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(sealing, Aad::from(purpose), &mut text)
            .map_err(|_| Error::Sealing)?;
        let whole = [&nonce[..], &text].concat();
        Ok(Secret::sealed(format!(
            "{SEALED_HEAD}{}",
            BASE64.encode(whole)
        )))
    }

    /// A camera's password.
    ///
    /// # Errors
    /// [`Error::Opened`], which names the camera.
    pub fn open(&self, camera: CameraId, secret: &Secret) -> Result<String, Error> {
        self.open_text(&of_camera(camera), secret)
            .ok_or_else(|| Error::Opened {
                camera,
                path: self.path.clone(),
            })
    }

    /// What was sealed for this purpose, or stands in clear; none where another key or another purpose sealed it.
    pub fn open_text(&self, purpose: &str, secret: &Secret) -> Option<String> {
        if let Some(clear) = secret.as_clear() {
            return Some(clear.to_owned());
        }
        let text = secret.as_sealed()?.strip_prefix(SEALED_HEAD)?;
        let whole = BASE64.decode(text).ok()?;
        let (nonce, sealed) = whole.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let text = self
            .key
            .open_in_place(nonce, Aad::from(purpose), &mut sealed);
        String::from_utf8(text.ok()?.to_vec()).ok()
    }

    /// Seals what a register from before still holds in clear.
    ///
    /// # Errors
    /// Where sealing or the register's journal fails.
    pub async fn seal_all(
        &self,
        at: WallTime,
        register: &std::sync::Arc<Store<command::Register>>,
    ) -> anyhow::Result<()> {
        let mut sealed = 0;
        for camera in register.read().cameras() {
            let Some(clear) = camera.password.as_ref().and_then(Secret::as_clear) else {
                continue;
            };
            let mut new = command::Camera::clone(camera);
            new.password = Some(self.seal(camera.code, clear)?);
            register.change(at, Change::Replace(Box::new(new))).await?;
            sealed += 1;
        }
        if sealed > 0 {
            tracing::warn!(
                cameras = sealed,
                "passwords of cameras are sealed from now on; older records of the register's journal still hold them in clear"
            );
        }
        Ok(())
    }
}

fn of_camera(camera: CameraId) -> String {
    format!("sightline camera password {camera}")
}

fn key_of(text: &str) -> Option<[u8; KEY_BYTES]> {
    let text = text.trim_end().strip_prefix(KEY_HEAD)?;
    BASE64.decode(text).ok()?.try_into().ok()
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn camera(n: u32) -> CameraId {
        format!("441403000013260{n:05}").parse().unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_after_a_restart_for_this_camera_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cameras.key");
        let secret = Seal::at(&path)
            .unwrap()
            .seal(camera(1), "密码 hunter2")
            .unwrap();
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let seal = Seal::at(&path).unwrap();
        assert_eq!(seal.open(camera(1), &secret).unwrap(), "密码 hunter2");
        let moved = seal.open(camera(2), &secret).unwrap_err().to_string();
        assert!(moved.contains(camera(2).as_str()), "{moved}");
        // Twice the same password does not look the same.
        assert_ne!(seal.seal(camera(1), "密码 hunter2").unwrap(), secret);
    }

    #[test]
    fn what_was_changed_or_sealed_by_another_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::at(&dir.path().join("a.key")).unwrap();
        let other = Seal::at(&dir.path().join("b.key")).unwrap();
        let secret = seal.seal(camera(1), "hunter2").unwrap();
        assert!(other.open(camera(1), &secret).is_err());
        let text = secret.as_sealed().unwrap();
        for wrong in [
            "",
            "v1:",
            "v1:AAAA",
            "v2:AAAA",
            &text[..text.len() - 4],
            "v1:!",
        ] {
            let wrong = Secret::sealed(wrong.into());
            assert!(seal.open(camera(1), &wrong).is_err());
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cameras.key");
        fs::write(&path, "sightline-key-1 short\n").unwrap();
        let error = Seal::at(&path).unwrap_err().to_string();
        assert!(
            error.contains("cameras.key") && error.contains("backup"),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "sightline-key-1 short\n"
        );
    }
}
