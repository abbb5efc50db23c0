//! The hourly signature over the heads of all chains: who alters a recording and makes its whole chain anew cannot make this
//! anew, and who takes the newest segments out is found by it.
//!
//! The key (Ed25519) lies in the data directory, `keys/signing.pk8`, readable by its owner only; the public half beside it. A
//! copy of the public half, and of the signatures, kept elsewhere is what makes them proof against whoever has this machine.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use media::{CameraId, FeedId, Profile, WallTime};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    DataDir, Error,
    datadir::{sync_dir, write_whole},
    paths, recover,
};

/// Says what the signed bytes are, and keeps them from being taken for anything else.
const CONTEXT: &[u8] = b"sightline chain heads 1\n";
/// Largest file: 10,000 feeds.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The newest sealed segment of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// Its sequence.
    pub sequence: u64,
    /// Its seal's digest, hexadecimal.
    pub digest: String,
    /// The first of the segments that were sealed since the signature before, one behind the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// SHA-256 of their digests, one behind the other, hexadecimal: so that each of them can be shown to be among what was signed,
    /// without those between it and the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
}

impl Head {
    /// Whether these are the digests (hexadecimal) of all its segments since the signature before.
    pub(crate) fn lists(&self, digests: &[String]) -> bool {
        let all: Option<Vec<u8>> = digests.iter().try_fold(Vec::new(), |mut all, digest| {
            let digest = from_hex(digest).filter(|d| d.len() == 32)?;
            all.extend_from_slice(&digest);
            Some(all)
        });
        all.is_some_and(|all| self.list.as_ref() == Some(&hex(&Sha256::digest(all))))
    }
}

/// What is written every hour, and at every ordered end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Which gateway: as in the segments' heads.
    pub writer: u64,
    /// When.
    pub at: WallTime,
    /// SHA-256 of the file before this one, hexadecimal; empty for the first.
    pub previous: String,
    /// Every chain that grew since the file before, by camera and stream.
    pub heads: Vec<Head>,
    /// The public key, hexadecimal.
    pub key: String,
    /// Over all of the above, hexadecimal.
    pub signature: String,
}

impl Signed {
    /// The bytes that are signed.
    fn bytes(&self) -> Vec<u8> {
        let mut out = CONTEXT.to_vec();
        out.extend_from_slice(&self.writer.to_be_bytes());
        out.extend_from_slice(&self.at.0.to_be_bytes());
        for text in [&self.previous, &self.key] {
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        for head in &self.heads {
            out.extend_from_slice(head.camera.as_bytes());
            out.extend_from_slice(head.profile.as_str().as_bytes());
            out.extend_from_slice(&head.sequence.to_be_bytes());
            out.extend_from_slice(head.digest.as_bytes());
            // Those from before there were lists end here.
            if let (Some(since), Some(list)) = (head.since, &head.list) {
                out.extend_from_slice(&since.to_be_bytes());
                out.extend_from_slice(list.as_bytes());
            }
            out.push(b'\n');
        }
        out
    }

    /// The same with a key in hexadecimal.
    pub(crate) fn is_by(&self, key: &str) -> bool {
        from_hex(key).is_some_and(|key| self.is_genuine(&key))
    }

    /// Whether the signature is that of `key` over what is said.
    pub fn is_genuine(&self, key: &[u8]) -> bool {
        let signature = from_hex(&self.signature);
        let own = from_hex(&self.key).is_some_and(|own| own == key);
        own && signature.is_some_and(|signature| {
            UnparsedPublicKey::new(&ED25519, key)
                .verify(&self.bytes(), &signature)
                .is_ok()
        })
    }
}

/// Whether `signature` is that of `key` over `context` and `bytes`; all but the last two hexadecimal.
pub(crate) fn is_genuine(key: &str, signature: &str, context: &[u8], bytes: &[u8]) -> bool {
    let (Some(key), Some(signature)) = (from_hex(key), from_hex(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&[context, bytes].concat(), &signature)
        .is_ok()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > 1024 || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// Signs the heads of chains as they grow.
pub(crate) struct Signer {
    dir: PathBuf,
    key: Ed25519KeyPair,
    writer: u64,
    state: Mutex<State>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.dir.display())
    }
}

#[derive(Debug, Default)]
struct State {
    /// What grew since the last signature.
    grown: BTreeMap<FeedId, Grown>,
    /// Hour of the last signature.
    hour: Option<u32>,
    /// Digest of the file before.
    previous: String,
}

/// What was sealed of a feed since the last signature, one behind the other.
#[derive(Debug)]
struct Grown {
    since: u64,
    digests: Vec<[u8; 32]>,
}

/// So many digests of a feed are kept for a list: a day of minutes, should an hour's signature not be possible.
const MAX_LIST: usize = 1500;

impl Grown {
    fn new(sequence: u64, digest: [u8; 32]) -> Self {
        Self {
            since: sequence,
            digests: vec![digest],
        }
    }

    fn newest(&self) -> u64 {
        self.since + self.digests.len() as u64 - 1
    }

    fn head(&self, feed: FeedId) -> Head {
        let list = Sha256::digest(self.digests.concat());
        Head {
            camera: feed.camera,
            profile: feed.profile,
            sequence: self.newest(),
            digest: self.digests.last().map(|d| hex(d)).unwrap_or_default(),
            since: Some(self.since),
            list: Some(hex(&list)),
        }
    }
}

impl Signer {
    /// Takes the key, or makes one.
    pub(crate) fn open(data: &DataDir) -> Result<Self, Error> {
        let dir = dir(data);
        let newest = files(&dir)?.pop();
        let previous = match newest {
            Some(path) => {
                let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
                hex(&Sha256::digest(&bytes))
            }
            None => String::new(),
        };
        let state = State {
            previous,
            hour: Some(WallTime::now().hour()),
            ..State::default()
        };
        Ok(Self {
            dir,
            key: open_key(&data.path().join("keys"))?,
            writer: data.id() as u64,
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public key, hexadecimal.
    pub(crate) fn key(&self) -> String {
        hex(self.key.public_key().as_ref())
    }

    /// The signature over `context` and `bytes`, hexadecimal. The context keeps it from being taken for another.
    pub(crate) fn sign_bytes(&self, context: &[u8], bytes: &[u8]) -> String {
        hex(self.key.sign(&[context, bytes].concat()).as_ref())
    }

    /// Hands the signatures from a moment on to `each`, in order of time, with name and bytes of the file, until it says false or
    /// there were 1000. Blocking.
    pub(crate) fn since(
        &self,
        from: WallTime,
        mut each: impl FnMut(String, Vec<u8>, Signed) -> bool,
    ) -> Result<(), Error> {
        let from = from.to_string().replace(['-', ':'], "");
        let mut count = 0;
        for path in files(&self.dir)? {
            let name = path.file_stem().and_then(|n| n.to_str());
            let Some(name) = name.filter(|n| *n >= from.as_str()) else {
                continue;
            };
            let stat = fs::metadata(&path).map_err(|e| Error::io("stat", &path, e))?;
            if stat.len() > MAX_FILE {
                continue;
            }
            let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
            count += 1;
            // One that cannot be read is for `check` to tell.
            if let Ok(signed) = serde_json::from_slice::<Signed>(&bytes)
                && (!each(format!("{name}.json"), bytes, signed) || count >= 1000)
            {
                break;
            }
        }
        Ok(())
    }

    /// A chain has grown.
    pub(crate) fn sealed(&self, feed: FeedId, sequence: u64, digest: [u8; 32]) {
        let mut state = self.lock();
        match state.grown.get_mut(&feed) {
            Some(grown) if grown.newest() + 1 == sequence && grown.digests.len() < MAX_LIST => {
                grown.digests.push(digest);
            }
            // One that hung may be sealed after those behind it.
            Some(grown) if grown.newest() >= sequence => {}
            _ => {
                state.grown.insert(feed, Grown::new(sequence, digest));
            }
        }
    }

    /// Signs what grew, where the hour is another than at the last time, or `now` is the end. Blocking.
    pub(crate) fn sign(&self, at: WallTime, is_end: bool) -> Result<(), Error> {
        let mut state = self.lock();
        if state.grown.is_empty() || (!is_end && state.hour == Some(at.hour())) {
            return Ok(());
        }
        let heads = state.grown.iter().map(|(feed, grown)| grown.head(*feed));
        let mut signed = Signed {
            writer: self.writer,
            at,
            previous: state.previous.clone(),
            heads: heads.collect(),
            key: hex(self.key.public_key().as_ref()),
            signature: String::new(),
        };
        signed.signature = hex(self.key.sign(&signed.bytes()).as_ref());
        let text = serde_json::to_vec_pretty(&signed).map_err(|e| Error::Value {
            what: "a signature",
            why: e.to_string(),
        })?;
        let day = self.dir.join(paths::day(at));
        fs::create_dir_all(&day).map_err(|e| Error::io("create", &day, e))?;
        sync_dir(&self.dir)?;
        let name = at.to_string().replace(['-', ':'], "");
        write_whole(&day.join(format!("{name}.json")), &text)?;
        state.previous = hex(&Sha256::digest(&text));
        state.hour = Some(at.hour());
        state.grown.clear();
        Ok(())
    }
}

fn dir(data: &DataDir) -> PathBuf {
    data.path().join("signatures")
}

fn open_key(dir: &Path) -> Result<Ed25519KeyPair, Error> {
    let path = dir.join("signing.pk8");
    let pkcs8 = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => make_key(dir, &path)?,
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let key = Ed25519KeyPair::from_pkcs8(&pkcs8)
        .map_err(|e| Error::content(&path, 0, format!("this is no signing key: {e}")))?;
    let public = dir.join("signing.pub");
    if !public.exists() {
        write_whole(&public, hex(key.public_key().as_ref()).as_bytes())?;
    }
    Ok(key)
}

fn make_key(dir: &Path, path: &Path) -> Result<Vec<u8>, Error> {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| Error::Value {
        what: "a signing key",
        why: "the system gives no random numbers".into(),
    })?;
    fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
    let new = path.with_extension("new");
    let write = || {
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(made.as_ref())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|e| Error::io("write", &new, e))?;
    sync_dir(dir)?;
    Ok(made.as_ref().to_vec())
}

/// Signatures in order of time.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut out = Vec::new();
    for day in recover::list(dir)? {
        let files = recover::list(&day)?;
        out.extend(
            files
                .into_iter()
                .filter(|f| f.extension().is_some_and(|e| e == "json")),
        );
    }
    Ok(out)
}

/// Reads every signature of a data directory and hands each, genuine or not, to `each` with what is wrong with it. Gives how
/// many there are.
pub(crate) fn read_all(
    data: &DataDir,
    mut each: impl FnMut(&Path, Option<Signed>, Option<String>),
) -> Result<u64, Error> {
    let files = files(&dir(data))?;
    let public = data.path().join("keys").join("signing.pub");
    let key = match fs::read_to_string(&public) {
        Ok(text) => from_hex(text.trim()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(Error::io("read", &public, e)),
    };
    let mut previous: Option<String> = None;
    for path in &files {
        let len = fs::metadata(path)
            .map_err(|e| Error::io("stat", path, e))?
            .len();
        if len > MAX_FILE {
            each(path, None, Some(format!("{len} bytes are no signature")));
            continue;
        }
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        match serde_json::from_slice::<Signed>(&bytes) {
            Err(e) => each(path, None, Some(format!("this is no signature: {e}"))),
            Ok(signed) => {
                let genuine = key.as_ref().is_some_and(|key| signed.is_genuine(key));
                let follows = previous.as_ref().is_none_or(|p| *p == signed.previous);
                let wrong = match (genuine, follows) {
                    (false, _) => Some(
                        "its signature is not that of this gateway's key: it was altered"
                            .to_owned(),
                    ),
                    (true, false) => Some(
                        "it does not name the one before: one of them was altered or taken out"
                            .to_owned(),
                    ),
                    (true, true) => None,
                };
                each(path, Some(signed), wrong);
            }
        }
        previous = Some(hex(&Sha256::digest(&bytes)));
    }
    Ok(files.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_lists_what_was_sealed_one_behind_the_other() {
        let feed = FeedId {
            camera: "44140301001320000001".parse().unwrap(),
            profile: Profile::Main,
        };
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let signer = Signer::open(&data).unwrap();
        let head = || {
            let state = signer.lock();
            state.grown[&feed].head(feed)
        };
        for n in 4..=6u8 {
            signer.sealed(feed, n.into(), [n; 32]);
        }
        let digests = |from: u8, to: u8| (from..=to).map(|n| hex(&[n; 32])).collect::<Vec<_>>();
        assert!(head().lists(&digests(4, 6)) && head().since == Some(4));
        // One that hung comes late; one is missing between.
        signer.sealed(feed, 5, [9; 32]);
        assert!(head().lists(&digests(4, 6)));
        signer.sealed(feed, 8, [8; 32]);
        assert!(head().lists(&digests(8, 8)) && head().sequence == 8);
        for n in 0..MAX_LIST as u64 {
            signer.sealed(feed, 9 + n, [7; 32]);
        }
        assert!(signer.lock().grown[&feed].digests.len() <= MAX_LIST);
    }

    #[test]
    fn what_was_signed_cannot_be_altered_and_a_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let feed = FeedId {
            camera: "44140301001320000001".parse().unwrap(),
            profile: Profile::Main,
        };
        let signer = Signer::open(&data).unwrap();
        let now = WallTime::now();
        let hour = std::time::Duration::from_secs(3600);
        signer.sealed(feed, 1, [1; 32]);
        // Not within the hour in which it began, unless it ends.
        signer.sign(now, false).unwrap();
        signer.sign(now + hour, false).unwrap();
        // Nothing grew.
        signer.sign(now + hour * 2, false).unwrap();
        signer.sealed(feed, 2, [2; 32]);
        drop(signer);
        let signer = Signer::open(&data).unwrap();
        signer.sealed(feed, 2, [2; 32]);
        signer.sign(now + hour * 2, true).unwrap();
        let read = || {
            let mut out = Vec::new();
            read_all(&data, |_, signed, wrong| out.push((signed, wrong))).unwrap();
            out
        };
        let all = read();
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|(_, wrong)| wrong.is_none()), "{all:?}");
        let sequences = all
            .iter()
            .map(|(s, _)| s.as_ref().unwrap().heads[0].sequence);
        assert_eq!(sequences.collect::<Vec<_>>(), [1, 2]);
        let head = &all[0].0.as_ref().unwrap().heads[0];
        assert!(head.since == Some(1) && head.lists(&[hex(&[1; 32])]));
        assert!(!head.lists(&[hex(&[2; 32])]) && !head.lists(&[]));

        let key = data.path().join("keys/signing.pk8");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        // Each thing that is said is signed.
        let path = files(&super::dir(&data)).unwrap().remove(0);
        let text = fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("0101", "0102"),
            ("\"sequence\": 1", "\"sequence\": 7"),
            ("\"since\": 1", "\"since\": 0"),
            ("main", "sub"),
            ("000001\"", "000002\""),
        ] {
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let said = read();
            assert!(
                said[0].1.as_ref().unwrap().contains("altered"),
                "{from}: {said:?}"
            );
            assert!(said[1].1.is_some(), "{from}");
        }
        fs::write(&path, "{").unwrap();
        assert!(read()[0].1.as_ref().unwrap().contains("no signature"));
        fs::remove_file(&path).unwrap();
        // The first of those left may name one that is gone by age.
        assert_eq!(read()[0].1, None);
    }
}
