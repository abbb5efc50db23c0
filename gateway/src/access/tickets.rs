//! Tickets: what a page shows to open a media session over QUIC, where no cookie goes. A ticket is 256 random bits, good once
//! and for [`LIFE`], and stands for the session that asked for it. Only its SHA-256 is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{RngCore, rngs::ThreadRng};
use sha2::{Digest, Sha256};

use super::sessions::Session;

/// How long a ticket is good.
pub const LIFE: Duration = Duration::from_secs(30);
/// Unused tickets of one session; the oldest gives way.
const MAX_PER_SESSION: usize = 16;
/// Unused tickets in all.
const MAX: usize = 10_000;

type Key = [u8; 32];

#[derive(Debug)]
struct Ticket {
    session: Arc<Session>,
    made: Instant,
}

/// All that are not used yet.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<Key, Ticket>>);

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one; none where there are too many.
    pub fn issue(&self, now: Instant, session: &Arc<Session>) -> Option<String> {
        let mut random = [0u8; 32];
        ThreadRng::default().fill_bytes(&mut random);
        let ticket = URL_SAFE_NO_PAD.encode(random);
        let mut all = self.lock();
        all.retain(|_, t| good(t, now));
        let own = |t: &Ticket| t.session.id == session.id;
        if all.values().filter(|t| own(t)).count() >= MAX_PER_SESSION {
            let oldest = all.iter().filter(|(_, t)| own(t));
            let oldest = oldest.min_by_key(|(_, t)| t.made).map(|(key, _)| *key);
            oldest.and_then(|key| all.remove(&key));
        }
        if all.len() >= MAX {
            return None;
        }
        let session = Arc::clone(session);
        all.insert(key(&ticket), Ticket { session, made: now });
        Some(ticket)
    }

    /// Takes a ticket: whose it is, once and in time.
    pub fn take(&self, now: Instant, ticket: &str) -> Option<Arc<Session>> {
        let taken = self.lock().remove(&key(ticket))?;
        good(&taken, now).then_some(taken.session)
    }
}

fn good(ticket: &Ticket, now: Instant) -> bool {
    now.saturating_duration_since(ticket.made) < LIFE && !ticket.session.revoked.is_cancelled()
}

fn key(ticket: &str) -> Key {
    Sha256::digest(ticket.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{super::Sessions, *};

    fn session(user: &str) -> Arc<Session> {
        let sessions = Sessions::new(Duration::from_secs(3600));
        let address = "127.0.0.1".parse().unwrap();
        sessions.start(Instant::now(), user, address).1
    }

    #[test]
    fn a_ticket_is_good_once_and_for_half_a_minute() {
        let (tickets, session, t) = (Tickets::default(), session("li"), Instant::now());
        let first = tickets.issue(t, &session).unwrap();
        assert_eq!(tickets.take(t + LIFE / 2, &first).unwrap().id, session.id);
        assert!(tickets.take(t + LIFE / 2, &first).is_none(), "used");
        let late = tickets.issue(t, &session).unwrap();
        assert!(tickets.take(t + LIFE, &late).is_none(), "run out");
        assert!(tickets.take(t, "nonsense").is_none());
    }

    #[test]
    fn a_ticket_ends_with_its_session() {
        let (tickets, session, t) = (Tickets::default(), session("li"), Instant::now());
        let ticket = tickets.issue(t, &session).unwrap();
        session.revoked.cancel();
        assert!(tickets.take(t, &ticket).is_none());
    }

    #[test]
    fn tickets_are_bounded_and_the_newest_are_good() {
        let (tickets, session, t) = (Tickets::default(), session("li"), Instant::now());
        let all: Vec<String> = (0..MAX_PER_SESSION as u64 + 3)
            .map(|i| {
                let at = t + Duration::from_millis(i);
                tickets.issue(at, &session).unwrap()
            })
            .collect();
        assert_eq!(tickets.lock().len(), MAX_PER_SESSION);
        let at = t + Duration::from_secs(1);
        assert!(all[..3].iter().all(|k| tickets.take(at, k).is_none()));
        assert!(all[3..].iter().all(|k| tickets.take(at, k).is_some()));
    }
}
