//! A feed as everybody behind `ingest` sees it: a ring, a state, and a lease that keeps it running.

use std::{any::Any, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    id::FeedId, reason::Reason, ring::Ring, time::WallTime, track::Tracks, units::BitRate,
};

/// Why a pull is wanted; the most urgent first. A higher one takes the room of a lower one on a full link.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Background checks of every camera.
    Diagnosis,
    /// Somebody looks.
    #[default]
    Viewer,
    /// The tagger looks for events. It comes back by itself when there is room again; a recording that is not made is lost.
    Tagging,
    /// The recorder.
    Recording,
    /// The command centre's wall.
    Wall,
    /// An open incident.
    Incident,
}

/// Where a camera session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// Nobody asked.
    Idle,
    /// Resolving, connecting, DESCRIBE, SETUP, PLAY.
    Connecting,
    /// PLAY was answered; no key frame yet.
    WaitingKeyFrame,
    /// Frames flow.
    Live,
    /// It failed; the next try is at a set time.
    Backoff,
}

/// State of a feed's source, with all that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceStatus {
    /// Where it stands.
    pub state: SourceState,
    /// Why it is not live; kept while connecting again.
    pub reason: Option<Reason>,
    /// Since when it has been in this state.
    pub since: WallTime,
    /// When it is tried again, in `Backoff`.
    pub retry_at: Option<WallTime>,
    /// How many sessions were started since the feed began.
    pub attempts: u64,
    /// Measured over the last seconds; zero when not live.
    pub bit_rate: BitRate,
    /// Measured frames a second, times 100.
    pub frame_rate_x100: u32,
    /// The camera's clock minus the gateway's, milliseconds, from RTCP sender reports; none without one.
    pub clock_offset_ms: Option<i64>,
    /// What it carries, once known.
    #[serde(skip)]
    pub tracks: Option<Arc<Tracks>>,
}

impl SourceStatus {
    /// Nobody asked yet.
    pub fn idle(since: WallTime) -> Self {
        Self {
            state: SourceState::Idle,
            reason: None,
            since,
            retry_at: None,
            attempts: 0,
            bit_rate: BitRate(0),
            frame_rate_x100: 0,
            clock_offset_ms: None,
            tracks: None,
        }
    }
}

/// One camera in one profile, being pulled.
#[derive(Debug)]
pub struct Feed {
    /// Which.
    pub id: FeedId,
    /// Its number on the viewer wire; never used again for another feed while the process lives.
    pub number: u32,
    /// Its frames.
    pub ring: Ring,
    /// Its source's state.
    pub status: watch::Receiver<SourceStatus>,
}

/// Keeps a feed running; the last one dropped lets it end after a grace period.
pub struct Lease {
    /// The feed.
    pub feed: Arc<Feed>,
    /// Its pictures are a re-encoding of the camera's, shared by all who cannot decode those.
    pub transcoded: bool,
    /// Dropped with the lease: whoever gave the lease learns of it by its `Drop`.
    _guard: Box<dyn Any + Send + Sync>,
}

impl Lease {
    /// A lease whose end `guard` notices by being dropped.
    pub fn new(feed: Arc<Feed>, guard: impl Any + Send + Sync) -> Self {
        Self {
            feed,
            transcoded: false,
            _guard: Box::new(guard),
        }
    }

    /// The same, of a feed whose pictures are a re-encoding.
    pub fn transcoded(feed: Arc<Feed>, guard: impl Any + Send + Sync) -> Self {
        Self {
            transcoded: true,
            ..Self::new(feed, guard)
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.feed.id)
    }
}
