//! The book of events: the one place where an event is written. Tags are folded into events here, people's marks are put on
//! them here, one after the other, so that neither overwrites the other; and every change is told to the pages.

use std::{collections::HashMap, sync::Arc, time::Duration};

use command::{Register, Store};
use media::{CameraId, Event, EventId, EventKind, WallTime};
use storage::{Error, Events, events::Query};
use tagger::{Folding, Tag};
use tokio::sync::{Mutex, mpsc};

use crate::hub::Hub;

/// The book.
#[derive(Debug)]
pub struct Book {
    events: Events,
    folding: Folding,
    register: Arc<Store<Register>>,
    hub: Arc<Hub>,
    /// The newest event of each camera and kind; held while an event is written.
    newest: Mutex<HashMap<(CameraId, EventKind), Option<EventId>>>,
    /// Events that have begun, for rules and what else looks at each once.
    begun: mpsc::Sender<Event>,
    /// What people and other systems have told of, by sender and the sender's own mark.
    told: Mutex<HashMap<(String, String), EventId>>,
}

/// Events that may wait to be looked at by rules.
const BEGUN: usize = 4096;
/// Marks of senders that are remembered; past it they are forgotten all at once.
const MAX_TOLD: usize = 20_000;
/// How far back marks are read at a start.
const TOLD_BACK: Duration = Duration::from_secs(7 * 86_400);

impl Book {
    /// Over these events; repeats are folded so.
    pub fn new(
        events: Events,
        folding: Folding,
        register: Arc<Store<Register>>,
        hub: Arc<Hub>,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (begun, beginning) = mpsc::channel(BEGUN);
        let book = Self {
            events,
            folding,
            register,
            hub,
            newest: Mutex::default(),
            begun,
            told: Mutex::default(),
        };
        (book, beginning)
    }

    fn has_begun(&self, event: &Event) {
        if self.begun.try_send(event.clone()).is_err() {
            tracing::error!(event = %event.id, "events begin faster than rules look at them: this one is not looked at");
        }
    }

    /// To read them.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Ends what was left open when the gateway last stopped: when it was last seen is all that is known.
    ///
    /// # Errors
    /// The disk's.
    pub async fn close_left_open(&self) -> Result<usize, Error> {
        let (mut before, mut closed) = (None, 0);
        loop {
            let query = Query {
                open_only: true,
                before,
                limit: 500,
                ..Query::default()
            };
            let (open, next) = self.events.query(query).await?;
            for event in open {
                let end = event.last;
                self.change(event.id, |e| e.end = Some(end)).await?;
                closed += 1;
            }
            match next {
                Some(_) => before = next,
                None => return Ok(closed),
            }
        }
    }

    /// Takes a tag: a new event, or more of one.
    ///
    /// # Errors
    /// The disk's.
    pub async fn tag(&self, tag: Tag) -> Result<Event, Error> {
        let key = (tag.camera, tag.kind);
        let mut newest = self.newest.lock().await;
        let previous = match newest.get(&key) {
            Some(Some(id)) => self.events.get(*id).await?,
            Some(None) => None,
            None => {
                let query = Query {
                    camera: Some(tag.camera),
                    kind: Some(tag.kind),
                    limit: 1,
                    ..Query::default()
                };
                self.events.query(query).await?.0.pop()
            }
        };
        let mut event = self.folding.fold(&tag, previous.as_ref());
        let register = self.register.read();
        if event.region.is_none() {
            event.region = register.camera(&tag.camera).map(|c| c.region);
        }
        // The first picture of an event is the one that shows how it began.
        let had_picture = previous
            .as_ref()
            .is_some_and(|p| p.id == event.id && p.snapshot);
        let picture = tag.snapshot.filter(|_| !had_picture);
        let is_new = previous.as_ref().is_none_or(|p| p.id != event.id);
        self.events.put(event.clone(), picture).await?;
        newest.insert(key, Some(event.id));
        if let (true, Some(first)) = (is_new, event.repeats) {
            self.write(first, |first| first.count = first.count.saturating_add(1))
                .await?;
        }
        self.hub.event(&register, event.clone());
        if is_new {
            self.has_begun(&event);
        }
        Ok(event)
    }

    /// Writes down an event of the gateway itself: nothing is folded into it.
    ///
    /// # Errors
    /// The disk's.
    pub async fn own(&self, event: Event) -> Result<(), Error> {
        let _turn = self.newest.lock().await;
        self.events.put(event.clone(), None).await?;
        self.hub.event(&self.register.read(), event.clone());
        self.has_begun(&event);
        Ok(())
    }

    /// Writes down what a person or another system tells of, with `more.by` and `more.key` set. What the same sender has told
    /// of before under the same mark is `change`d instead; true where it is new.
    ///
    /// # Errors
    /// The disk's.
    pub async fn told(
        &self,
        event: Event,
        change: impl FnOnce(&mut Event) + Send,
    ) -> Result<(Event, bool), Error> {
        let mark = event.more.by.clone().zip(event.more.key.clone());
        // Held over the write, so that the same sent twice at once is one event.
        let mut told = self.told.lock().await;
        let known = mark.as_ref().and_then(|m| told.get(m)).copied();
        if let Some(id) = known
            && let Some(event) = self.change(id, change).await?
        {
            return Ok((event, false));
        }
        self.own(event.clone()).await?;
        if let Some(mark) = mark {
            if told.len() >= MAX_TOLD {
                told.clear();
            }
            told.insert(mark, event.id);
        }
        Ok((event, true))
    }

    /// The event that a sender told of under a mark of their own.
    pub async fn find_told(&self, by: &str, key: &str) -> Option<EventId> {
        let told = self.told.lock().await;
        told.get(&(by.to_owned(), key.to_owned())).copied()
    }

    /// Reads which marks senders have used lately, so that what they send again after a restart is no other event.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remember_told(&self, now: WallTime) -> Result<(), Error> {
        let mut found = HashMap::new();
        for kind in [EventKind::Manual, EventKind::External] {
            let mut before = None;
            loop {
                let query = Query {
                    from: Some(now - TOLD_BACK),
                    kind: Some(kind),
                    before,
                    limit: Query::MAX_LIMIT,
                    ..Query::default()
                };
                let (events, next) = self.events.query(query).await?;
                for event in events {
                    if let (Some(by), Some(key)) = (event.more.by, event.more.key) {
                        found.insert((by, key), event.id);
                    }
                }
                match next {
                    Some(_) if found.len() < MAX_TOLD => before = next,
                    _ => break,
                }
            }
        }
        *self.told.lock().await = found;
        Ok(())
    }

    /// Puts a picture to an event, and changes it with it; one that has a picture keeps it unless `over` says otherwise.
    ///
    /// # Errors
    /// The disk's.
    pub async fn picture(
        &self,
        id: EventId,
        jpeg: bytes::Bytes,
        over: bool,
        change: impl FnOnce(&mut Event) + Send,
    ) -> Result<Option<Event>, Error> {
        let _turn = self.newest.lock().await;
        let Some(mut event) = self.events.get(id).await? else {
            return Ok(None);
        };
        if event.snapshot && !over {
            return Ok(Some(event));
        }
        change(&mut event);
        event.snapshot = true;
        self.events.put(event.clone(), Some(jpeg)).await?;
        self.hub.event(&self.register.read(), event.clone());
        Ok(Some(event))
    }

    /// Changes one event; none where it is not there.
    ///
    /// # Errors
    /// The disk's.
    pub async fn change(
        &self,
        id: EventId,
        change: impl FnOnce(&mut Event) + Send,
    ) -> Result<Option<Event>, Error> {
        let _turn = self.newest.lock().await;
        self.write(id, change).await
    }

    /// The change itself; the caller holds the turn.
    async fn write(
        &self,
        id: EventId,
        change: impl FnOnce(&mut Event) + Send,
    ) -> Result<Option<Event>, Error> {
        let Some(mut event) = self.events.get(id).await? else {
            return Ok(None);
        };
        change(&mut event);
        self.events.put(event.clone(), None).await?;
        self.hub.event(&self.register.read(), event.clone());
        Ok(Some(event))
    }
}

/// Whether so much time has passed that what was told once may be told again. Bounded: past its size it forgets the oldest.
#[derive(Debug)]
pub struct Repeats<K> {
    every: Duration,
    told: std::sync::Mutex<HashMap<K, WallTime>>,
}

/// Most keys remembered.
const MAX_REPEATS: usize = 10_000;

impl<K: std::hash::Hash + Eq + Clone> Repeats<K> {
    /// The same is told at most this often.
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            told: std::sync::Mutex::default(),
        }
    }

    /// Whether this is the first time within the period.
    pub fn is_first(&self, key: K) -> bool {
        self.is_first_at(WallTime::now(), key)
    }

    fn is_first_at(&self, now: WallTime, key: K) -> bool {
        let mut told = self
            .told
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.get(&key).is_some_and(|at| now.since(*at) < self.every) {
            return false;
        }
        if told.len() >= MAX_REPEATS {
            told.retain(|_, at| now.since(*at) < self.every);
            if told.len() >= MAX_REPEATS {
                told.clear();
            }
        }
        told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_told_again_after_its_period_and_memory_is_bounded() {
        let repeats = Repeats::new(Duration::from_secs(600));
        let at = WallTime::from_secs;
        assert!(repeats.is_first_at(at(0), 1));
        assert!(!repeats.is_first_at(at(599), 1));
        assert!(repeats.is_first_at(at(600), 1));
        for n in 0..30_000 {
            repeats.is_first_at(at(700), n);
        }
        assert!(repeats.told.lock().unwrap().len() <= MAX_REPEATS);
    }
}
