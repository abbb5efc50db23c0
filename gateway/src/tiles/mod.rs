//! Tiles of the map's ground: fetched by the gateway alone, since pages see no other origin and tokens are nobody's business.
//!
//! ```text
//! GET /map/tiles/SOURCE/Z/X/Y -> Source (grid, address) -> cache on the disk, still good? -> Fetcher (listed hosts, bounded)
//!                                                             ^ an old one, where the server gives none now
//! ```
//! A tile that cannot be had is a [`Fault`] with a code; the page shows the sketch there and says why. A source that fails several times
//! in a row is left alone for a few seconds: fifty seats that pan must not wait for a dead server fifty times a second.

pub mod cache;
mod fault;
pub mod fetch;
pub mod hosts;
pub mod kept;
pub mod source;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::WallTime;

pub use fault::Fault;
pub use source::{Grid, Kind, Source};

use cache::{Cache, Head, Key};
use fetch::{Fetched, Fetcher, Got};

use crate::{config::Map, seal::Seal};

/// A tile is good for at least this, whatever its server says: panning back and forth must not ask again.
const LEAST_GOOD: Duration = Duration::from_secs(3600);
/// And at most this: streets are built.
const MOST_GOOD: Duration = Duration::from_secs(90 * 86_400);
/// That a tile is not there is remembered for so long.
const NONE_FOR: Duration = Duration::from_secs(300);
/// Tiles of which that is remembered.
const MAX_NONE: usize = 20_000;
/// So many failures in a row, and a source rests.
const FAILURES: u32 = 5;
/// For so long.
const REST: Duration = Duration::from_secs(10);
/// A source that is tried out is forgotten after this.
const DRAFT_FOR: Duration = Duration::from_secs(900);
/// Sources that are tried out at once.
const MAX_DRAFTS: usize = 20;

/// A tile, as it is given to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// `image/png` and the like.
    pub media_type: String,
    /// The picture.
    pub bytes: Bytes,
    /// How long it is good for.
    pub good_for: Duration,
    /// Its server gives none now: this is the one from before.
    pub stale: bool,
}

/// What a source did last.
#[derive(Clone, Debug)]
pub struct Failing {
    /// Why.
    pub fault: Fault,
    /// When.
    pub at: WallTime,
    since: Instant,
    in_a_row: u32,
}

/// Tiles that are being fetched.
type Turns = Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>;

/// A source that somebody tries out: nothing of it is kept.
struct Draft {
    id: String,
    source: Arc<Source>,
    token: String,
    since: Instant,
}

/// All of it.
pub struct Tiles {
    fetcher: Fetcher,
    cache: Arc<Cache>,
    /// Of the configuration.
    fixed: Vec<Arc<Source>>,
    /// Of the page.
    pub kept: Arc<kept::Kept>,
    keep_for: Duration,
    none: Mutex<HashMap<Key, Instant>>,
    failing: Mutex<HashMap<String, Failing>>,
    /// One lock for each tile that is being fetched, so that it is fetched once.
    fetching: Turns,
    drafts: Mutex<Vec<Draft>>,
}

impl std::fmt::Debug for Tiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tiles({} of the configuration)", self.fixed.len())
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tiles {
    /// Opens the cache. Blocking.
    ///
    /// # Errors
    /// The disk's, or what the configuration has wrong.
    pub fn open(config: &Map, dir: PathBuf, kept: Arc<kept::Kept>) -> anyhow::Result<Self> {
        let hosts = config.hosts().map_err(anyhow::Error::msg)?;
        let patience = Duration::from_secs(config.timeout_s);
        Ok(Self {
            fetcher: Fetcher::new(hosts, &config.authorities, patience, config.at_once),
            cache: Arc::new(Cache::open(dir, config.cache.0)?),
            fixed: config.source.iter().cloned().map(Arc::new).collect(),
            kept,
            keep_for: Duration::from_secs(u64::from(config.keep_hours) * 3600),
            none: Mutex::default(),
            failing: Mutex::default(),
            fetching: Mutex::default(),
            drafts: Mutex::default(),
        })
    }

    /// The list of hosts.
    pub fn hosts(&self) -> &hosts::Hosts {
        self.fetcher.hosts()
    }

    /// Every source, those of the configuration first, and whether it is one of them.
    pub fn sources(&self) -> Vec<(Arc<Source>, bool)> {
        let kept = self.kept.read();
        let fixed = self.fixed.iter().map(|s| (Arc::clone(s), true));
        let ids: Vec<&str> = self.fixed.iter().map(|s| s.id.as_str()).collect();
        let said = kept.all().filter(|s| !ids.contains(&s.id.as_str()));
        fixed.chain(said.map(|s| (Arc::clone(s), false))).collect()
    }

    /// Whether the configuration says it.
    pub fn is_fixed(&self, id: &str) -> bool {
        self.fixed.iter().any(|s| s.id == id)
    }

    /// A source by its id.
    pub fn source(&self, id: &str) -> Option<Arc<Source>> {
        let fixed = self.fixed.iter().find(|s| s.id == id);
        fixed.or(self.kept.read().get(id)).cloned()
    }

    /// Why a source gives nothing just now.
    pub fn failing(&self, id: &str) -> Option<Failing> {
        lock(&self.failing).get(id).cloned()
    }

    /// A source was changed: what it did before says nothing of it now.
    pub fn changed(&self, id: &str) {
        lock(&self.failing).remove(id);
        lock(&self.none).retain(|key, _| key.source.rsplit_once('-').is_none_or(|(i, _)| i != id));
    }

    /// Deletes a source's tiles.
    pub async fn clear(&self, id: &str) {
        let (cache, id) = (Arc::clone(&self.cache), id.to_owned());
        let _ = tokio::task::spawn_blocking(move || cache.clear(&id)).await;
    }

    /// The token of a source.
    ///
    /// # Errors
    /// Where it was sealed with another key.
    pub fn token(seal: &Seal, source: &Source) -> Result<String, Fault> {
        let Some(secret) = &source.token else {
            return Ok(String::new());
        };
        seal.open_text(&bound_to(&source.id), secret)
            .ok_or_else(|| {
                Fault::Source(format!(
                    "the token of map source '{}' cannot be opened; enter it anew",
                    source.id
                ))
            })
    }

    /// A source to try out, under a name that only those who are told know.
    pub fn try_out(&self, source: Source, token: String) -> String {
        let id = format!("draft-{:016x}", rand::random::<u64>());
        let mut drafts = lock(&self.drafts);
        drafts.retain(|d| d.since.elapsed() < DRAFT_FOR);
        if drafts.len() >= MAX_DRAFTS {
            drafts.remove(0);
        }
        drafts.push(Draft {
            id: id.clone(),
            source: Arc::new(source),
            token,
            since: Instant::now(),
        });
        id
    }

    /// A tile of a source that is tried out: always asked for anew, and not kept. None where there is no such source.
    pub async fn drafted(&self, id: &str, z: u8, x: u32, y: u32) -> Option<Result<Tile, Fault>> {
        let (source, token) = {
            let drafts = lock(&self.drafts);
            let one = drafts
                .iter()
                .find(|d| d.id == id && d.since.elapsed() < DRAFT_FOR)?;
            (Arc::clone(&one.source), one.token.clone())
        };
        Some(
            self.ask(&source, &token, z, x, y, None)
                .await
                .and_then(|got| match got {
                    Got::Tile(tile) => Ok(Tile {
                        media_type: tile.media_type.to_owned(),
                        bytes: tile.bytes,
                        good_for: Duration::ZERO,
                        stale: false,
                    }),
                    Got::Unchanged(_) => Err(Fault::None),
                }),
        )
    }

    async fn ask(
        &self,
        source: &Source,
        token: &str,
        z: u8,
        x: u32,
        y: u32,
        known: Option<&str>,
    ) -> Result<Got, Fault> {
        let url = source.address(token, z, x, y);
        let url = url.map_err(|e| Fault::Source(e.to_string()))?;
        let got = self.fetcher.fetch(&url, &source.referer, known).await;
        got.map_err(|fault| fault.without(token))
    }

    /// A tile of a source: kept, or fetched.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn tile(
        &self,
        seal: &Seal,
        now: WallTime,
        source: &Source,
        (z, x, y): (u8, u32, u32),
    ) -> Result<Tile, Fault> {
        let key = Key {
            source: format!("{}-{}", source.id, source.version()),
            z,
            x,
            y,
        };
        let kept = self.kept_tile(&key).await;
        if let Some(kept) = kept.as_ref().filter(|k| now < k.head.until) {
            return Ok(give(kept, now, false));
        }
        let old = |fault: Fault| match &kept {
            Some(kept) => Ok(give(kept, now, true)),
            None => Err(fault),
        };
        if let Some(fault) = self.known_fault(&key, &source.id) {
            return old(fault);
        }
        let turn = Turn::of(&self.fetching, &key);
        let held = turn.lock.lock().await;
        let fetched = self.fetch(seal, now, source, &key, kept.as_ref()).await;
        drop(held);
        fetched.or_else(old)
    }

    async fn fetch(
        &self,
        seal: &Seal,
        now: WallTime,
        source: &Source,
        key: &Key,
        old: Option<&cache::Kept>,
    ) -> Result<Tile, Fault> {
        // Somebody else has fetched it, or found out that there is none, while this one waited.
        if let Some(kept) = self.kept_tile(key).await.filter(|k| now < k.head.until) {
            return Ok(give(&kept, now, false));
        }
        if let Some(fault) = self.known_fault(key, &source.id) {
            return Err(fault);
        }
        let known = old.and_then(|k| k.head.etag.clone());
        let token = Self::token(seal, source)?;
        let got = self
            .ask(source, &token, key.z, key.x, key.y, known.as_deref())
            .await;
        let (bytes, media_type, etag, good_for) = match (got, old) {
            (
                Ok(Got::Tile(Fetched {
                    media_type,
                    bytes,
                    etag,
                    good_for,
                })),
                _,
            ) => (bytes, media_type.to_owned(), etag, good_for),
            (Ok(Got::Unchanged(good_for)), Some(kept)) => (
                kept.bytes.clone(),
                kept.head.media_type.clone(),
                kept.head.etag.clone(),
                good_for,
            ),
            (Ok(Got::Unchanged(_)), None) => return Err(Fault::None),
            (Err(fault), _) => {
                self.remember(key, &source.id, &fault, now);
                return Err(fault);
            }
        };
        lock(&self.failing).remove(&source.id);
        let good_for = good_for
            .unwrap_or(self.keep_for)
            .clamp(LEAST_GOOD, MOST_GOOD);
        let kept = cache::Kept {
            head: Head {
                media_type,
                etag,
                until: now + good_for,
            },
            bytes,
        };
        let tile = give(&kept, now, false);
        let (cache, key) = (Arc::clone(&self.cache), key.clone());
        let _ = tokio::task::spawn_blocking(move || cache.put(&key, &kept)).await;
        Ok(tile)
    }

    async fn kept_tile(&self, key: &Key) -> Option<cache::Kept> {
        let (cache, key) = (Arc::clone(&self.cache), key.clone());
        tokio::task::spawn_blocking(move || cache.get(&key))
            .await
            .ok()?
    }

    fn known_fault(&self, key: &Key, source: &str) -> Option<Fault> {
        if lock(&self.none)
            .get(key)
            .is_some_and(|at| at.elapsed() < NONE_FOR)
        {
            return Some(Fault::None);
        }
        let failing = lock(&self.failing);
        let one = failing.get(source)?;
        let rests = one.in_a_row >= FAILURES && one.since.elapsed() < REST;
        rests.then(|| one.fault.clone())
    }

    fn remember(&self, key: &Key, source: &str, fault: &Fault, now: WallTime) {
        if *fault == Fault::None {
            let mut none = lock(&self.none);
            if none.len() >= MAX_NONE {
                none.retain(|_, at| at.elapsed() < NONE_FOR);
            }
            if none.len() < MAX_NONE {
                none.insert(key.clone(), Instant::now());
            }
            return;
        }
        let mut failing = lock(&self.failing);
        let in_a_row = failing.get(source).map_or(0, |f| f.in_a_row) + 1;
        if in_a_row == 1 || in_a_row % 1000 == FAILURES {
            tracing::warn!(source, in_a_row, %fault, "a map source gives no tile");
        }
        let one = Failing {
            fault: fault.clone(),
            at: now,
            since: Instant::now(),
            in_a_row,
        };
        failing.insert(source.to_owned(), one);
    }
}

/// Waiting for one's turn to fetch a tile. The last one who waits takes the lock away, also where its page has gone.
struct Turn<'a> {
    all: &'a Turns,
    key: &'a Key,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Turn<'a> {
    fn of(all: &'a Turns, key: &'a Key) -> Self {
        let one = Arc::clone(lock(all).entry(key.clone()).or_default());
        Self {
            all,
            key,
            lock: one,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = lock(self.all);
        // This one's and the map's own.
        if Arc::strong_count(&self.lock) <= 2 {
            all.remove(self.key);
        }
    }
}

/// What a token is sealed for: it cannot be moved to another source.
pub fn bound_to(source: &str) -> String {
    format!("sightline map source {source}")
}

fn give(kept: &cache::Kept, now: WallTime, stale: bool) -> Tile {
    let good_for = match stale {
        true => Duration::from_secs(60),
        false => kept.head.until.since(now),
    };
    Tile {
        media_type: kept.head.media_type.clone(),
        bytes: kept.bytes.clone(),
        good_for,
        stale,
    }
}
