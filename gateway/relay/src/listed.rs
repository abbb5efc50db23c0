//! Who watches now: the relay's own list of its connections.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use media::WallTime;
use serde::Serialize;

use crate::{Viewer, session::Session};

/// One connection, as it was at its last tick: at most five seconds ago, a quarter of one where it is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watching {
    /// The connection's number, rising by one; never used again while the process lives.
    pub connection: u64,
    /// The account.
    pub user: String,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// `websocket`, `quic` or `webtransport`.
    pub transport: &'static str,
    /// When it began.
    pub since: WallTime,
    /// Tiles open.
    pub tiles: u64,
    /// Bits a second that its transport took lately.
    pub rate_bps: u64,
    /// How old the oldest frame is that its transport has not taken, in milliseconds.
    pub delay_ms: u64,
    /// Its transport's round trip, in milliseconds, where it is known.
    pub rtt_ms: Option<u64>,
    /// Frames left out since it began.
    pub skipped_frames: u64,
    /// A tile shows less than it would on a better line.
    pub congested: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct List(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    by_number: BTreeMap<u64, Arc<Mutex<Watching>>>,
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(
        self: &Arc<Self>,
        viewer: &Viewer,
        transport: &'static str,
        since: WallTime,
    ) -> Listed {
        let mut all = self.lock();
        let connection = all.next;
        all.next += 1;
        let entry = Arc::new(Mutex::new(Watching {
            connection,
            user: viewer.user.clone(),
            peer: viewer.peer,
            transport,
            since,
            tiles: 0,
            rate_bps: 0,
            delay_ms: 0,
            rtt_ms: None,
            skipped_frames: 0,
            congested: false,
        }));
        all.by_number.insert(connection, Arc::clone(&entry));
        Listed {
            list: Arc::clone(self),
            connection,
            entry,
        }
    }

    /// Each, by number.
    pub(crate) fn read(&self) -> Vec<Watching> {
        let entries: Vec<_> = self.lock().by_number.values().cloned().collect();
        let read =
            |entry: &Mutex<Watching>| entry.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.iter().map(|entry| read(entry)).collect()
    }
}

/// A connection's line in the list; struck out when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    list: Arc<List>,
    connection: u64,
    entry: Arc<Mutex<Watching>>,
}

impl Listed {
    /// Writes down what the session found at its last tick.
    pub(crate) fn publish(&self, session: &Session) {
        let figures = session.figures();
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        entry.tiles = session.tiles() as u64;
        entry.rate_bps = figures.rate_bps;
        entry.delay_ms = figures.delay.as_millis() as u64;
        entry.rtt_ms = figures.rtt.map(|rtt| rtt.as_millis() as u64);
        entry.skipped_frames = figures.skipped;
        entry.congested = figures.congested;
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.lock().by_number.remove(&self.connection);
    }
}
