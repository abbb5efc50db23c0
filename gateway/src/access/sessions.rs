//! Sessions: who is signed in. Held in memory: a restart signs everybody out, which a new sign-in mends.
//!
//! A token is 256 random bits. Only its SHA-256 is kept, so that a look into the process's memory or a core file yields none.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use media::EventId;
use rand::{RngCore, rngs::ThreadRng};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

type Key = [u8; 32];

/// What somebody without an account came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// A guest's link: which incident they came for, and their number in it.
    Incident(EventId, u32),
    /// A screen's link: the number of the wall, and the link's in it.
    Screen {
        /// The wall's number.
        wall: u32,
        /// The link's number.
        link: u32,
    },
}

/// One sign-in.
#[derive(Debug)]
pub struct Session {
    /// Tells sessions apart in logs without giving the token away.
    pub id: u64,
    /// Whose.
    pub user: String,
    /// Where from.
    pub address: IpAddr,
    /// What they came by, who has no account.
    pub guest: Option<Pass>,
    /// Cancelled when it ends, whatever the reason: streams that were opened with it end too.
    pub revoked: CancellationToken,
    used: Mutex<Instant>,
    /// Streams open now. They count as use: a wall of screens must not go dark after twelve hours.
    streams: AtomicUsize,
}

impl Session {
    /// Keeps the session from expiring as long as the guard lives.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Hold(Arc::clone(self))
    }

    fn touch(&self, now: Instant) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn expired(&self, now: Instant, idle: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(used) >= idle && self.streams.load(Ordering::Relaxed) == 0
    }
}

/// An open stream of a session.
#[derive(Debug)]
pub struct Hold(Arc<Session>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.touch(Instant::now());
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    idle: Duration,
    next: AtomicU64,
    all: Mutex<HashMap<Key, Arc<Session>>>,
}

/// Most sessions of one user; the one unused for longest ends when there are more.
const MAX_PER_USER: usize = 200;
/// Most sessions in all.
const MAX: usize = 20_000;

impl Sessions {
    /// None yet; each ends after so long without use.
    pub fn new(idle: Duration) -> Self {
        Self {
            idle,
            next: AtomicU64::new(1),
            all: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs a user in: the token to give out, once, and the session.
    pub fn start(&self, now: Instant, user: &str, address: IpAddr) -> (String, Arc<Session>) {
        self.begin(now, user, address, None)
    }

    /// Lets a guest in: the same for who has no account.
    pub fn start_guest(
        &self,
        now: Instant,
        name: &str,
        address: IpAddr,
        guest: Pass,
    ) -> (String, Arc<Session>) {
        self.begin(now, name, address, Some(guest))
    }

    fn begin(
        &self,
        now: Instant,
        user: &str,
        address: IpAddr,
        guest: Option<Pass>,
    ) -> (String, Arc<Session>) {
        let mut random = [0u8; 32];
        ThreadRng::default().fill_bytes(&mut random);
        let token = URL_SAFE_NO_PAD.encode(random);
        let session = Arc::new(Session {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            user: user.to_owned(),
            address: address.to_canonical(),
            guest,
            revoked: CancellationToken::new(),
            used: Mutex::new(now),
            streams: AtomicUsize::new(0),
        });
        let mut all = self.lock();
        make_room(&mut all, user);
        all.insert(key(&token), Arc::clone(&session));
        (token, session)
    }

    /// The session of a token, if it is still good; counts as use.
    pub fn get(&self, now: Instant, token: &str) -> Option<Arc<Session>> {
        let session = Arc::clone(self.lock().get(&key(token))?);
        if session.expired(now, self.idle) {
            self.end(token);
            return None;
        }
        session.touch(now);
        Some(session)
    }

    /// A session by its number.
    pub fn by_id(&self, id: u64) -> Option<Arc<Session>> {
        self.lock().values().find(|s| s.id == id).cloned()
    }

    /// Ends those of guests who are not welcome any more. Call it about once a second.
    pub fn end_guests(&self, mut is_welcome: impl FnMut(Pass) -> bool) {
        self.end_where(|s| s.guest.is_some_and(|pass| !is_welcome(pass)));
    }

    /// Whether an account has a page open.
    pub fn is_open(&self, user: &str) -> bool {
        let open = |s: &Arc<Session>| {
            s.guest.is_none() && s.user == user && s.streams.load(Ordering::Relaxed) > 0
        };
        self.lock().values().any(open)
    }

    /// Keeps a session from expiring, by its number.
    pub fn hold(&self, id: u64) -> Option<Hold> {
        let all = self.lock();
        let session = all.values().find(|s| s.id == id)?;
        Some(session.hold())
    }

    /// Signs out.
    pub fn end(&self, token: &str) {
        if let Some(session) = self.lock().remove(&key(token)) {
            session.revoked.cancel();
        }
    }

    /// Ends all of a user's sessions, except one if told so.
    pub fn end_user(&self, user: &str, except: Option<u64>) {
        self.end_where(|s| s.guest.is_none() && s.user == user && Some(s.id) != except);
    }

    /// Ends what has expired. Call it about once a minute.
    pub fn sweep(&self, now: Instant) {
        self.end_where(|s| s.expired(now, self.idle));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn end_where(&self, mut ends: impl FnMut(&Session) -> bool) {
        self.lock().retain(|_, s| {
            let goes = ends(s);
            if goes {
                s.revoked.cancel();
            }
            !goes
        });
    }
}

fn key(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

/// Ends the longest unused of the user, or of all, where the bound is reached.
fn make_room(all: &mut HashMap<Key, Arc<Session>>, user: &str) {
    let used = |s: &Session| *s.used.lock().unwrap_or_else(PoisonError::into_inner);
    let oldest = |all: &HashMap<Key, Arc<Session>>, of: Option<&str>| {
        all.iter()
            .filter(|(_, s)| of.is_none_or(|u| s.user == u))
            .min_by_key(|(_, s)| used(s))
            .map(|(k, _)| *k)
    };
    let victim = if all.values().filter(|s| s.user == user).count() >= MAX_PER_USER {
        oldest(all, Some(user))
    } else if all.len() >= MAX {
        oldest(all, None)
    } else {
        None
    };
    if let Some(session) = victim.and_then(|k| all.remove(&k)) {
        session.revoked.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn here() -> IpAddr {
        "127.0.0.1".parse().unwrap()
    }

    #[test]
    fn a_session_ends_after_twelve_hours_without_use() {
        let (sessions, t0) = (Sessions::new(12 * HOUR), Instant::now());
        let (token, first) = sessions.start(t0, "li", here());
        assert_eq!(token.len(), 43, "256 bits in base64url");
        assert!(sessions.get(t0 + 11 * HOUR, &token).is_some());
        assert!(sessions.get(t0 + 22 * HOUR, &token).is_some());
        assert!(sessions.get(t0 + 34 * HOUR, &token).is_none());
        assert!(first.revoked.is_cancelled());
        assert!(sessions.get(t0, "no such token").is_none());
    }

    #[test]
    fn an_open_stream_keeps_its_session() {
        let (sessions, t0) = (Sessions::new(12 * HOUR), Instant::now());
        let (token, session) = sessions.start(t0, "li", here());
        let hold = session.hold();
        sessions.sweep(t0 + 48 * HOUR);
        assert!(!session.revoked.is_cancelled());
        drop(hold);
        sessions.sweep(Instant::now() + 13 * HOUR);
        assert!(session.revoked.is_cancelled());
        assert!(sessions.get(Instant::now(), &token).is_none());
    }

    #[test]
    fn ending_a_users_sessions_leaves_others_and_the_one_that_asked() {
        let (sessions, t) = (Sessions::new(HOUR), Instant::now());
        let (_, mine) = sessions.start(t, "li", here());
        let (_, other) = sessions.start(t, "li", here());
        let (_, wang) = sessions.start(t, "wang", here());
        sessions.end_user("li", Some(mine.id));
        let ended: Vec<bool> = [&mine, &other, &wang]
            .iter()
            .map(|s| s.revoked.is_cancelled())
            .collect();
        assert_eq!(ended, [false, true, false]);
    }

    #[test]
    fn sessions_of_a_user_are_bounded() {
        let (sessions, t) = (Sessions::new(HOUR), Instant::now());
        let (_, first) = sessions.start(t, "li", here());
        for i in 0..MAX_PER_USER as u64 {
            sessions.start(t + Duration::from_millis(1 + i), "li", here());
        }
        assert_eq!(sessions.count(), MAX_PER_USER);
        assert!(first.revoked.is_cancelled());
    }
}
