//! A camera's recordings read on and on, as a player that seeks wants them: forwards picture by picture, or key frames alone in
//! either direction; across segments, streams, codecs and holes.
//!
//! A reel has one segment open at a time and keeps it from deletion for so long. Each answer is one read of at most a fragment
//! (a group, seconds or a megabyte) or of some key frames, and its pictures share those bytes.

mod film;

use std::{path::PathBuf, sync::Arc, time::Duration};

use media::{
    CameraId, FeedId, MediaTime, Profile, Reason, ReasonCode, WallTime,
    recorded::{Ask, Clip, Found, Hole, What, moment, wall},
    wire::Decodes,
};

use self::film::{Film, Place};
use super::candidates;
use crate::{Error, archive::Shared, index::Entry};

/// Which recordings a reel plays.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Whose.
    pub camera: CameraId,
    /// Which stream where both are recorded.
    pub profile: Profile,
    /// Codecs that the player has; what is in another is a hole.
    pub decodes: Decodes,
    /// Sound as well.
    pub audio: bool,
}

/// See the module. Reads block.
#[derive(Debug)]
pub struct Reel {
    shared: Arc<Shared>,
    choice: Choice,
    film: Option<Film>,
    /// What [`What::On`] gives next; none at the end of the film.
    next: Option<Place>,
    /// Behind the last picture that was given, or where a hole ends.
    end: Option<MediaTime>,
    /// Segments that could not be opened since the last seek: passed over, so that a hole ends behind them.
    bad: Vec<PathBuf>,
}

/// A segment that begins so much later than the one before ended follows it: the timeline says the same.
const JOIN: Duration = Duration::from_secs(2);
/// As for a file of a range: frames of one segment may seem to last a little into the next.
const OVERLAP: Duration = Duration::from_millis(500);
/// A hole is this long, so that what is asked at its end is behind what it is of.
const LEAST: MediaTime = MediaTime(900);
/// How far is looked for what follows, first.
const NEAR: Duration = Duration::from_secs(3600);
/// What a recorder may hold that is in no file yet.
const HELD: Duration = Duration::from_secs(20);

/// A segment that may be played, and until when.
type Candidate = (FeedId, Entry, PathBuf, WallTime);

impl Reel {
    pub(crate) fn new(shared: &Arc<Shared>, choice: Choice) -> Self {
        Self {
            shared: Arc::clone(shared),
            choice,
            film: None,
            next: None,
            end: None,
            bad: Vec::new(),
        }
    }

    /// Answers an ask. Blocking. After an error [`What::On`] goes on at the next key frame.
    ///
    /// # Errors
    /// The disk's and the index's.
    pub fn read(&mut self, ask: Ask) -> Result<Found, Error> {
        match ask.what {
            What::From(at) => self.from(at, ask.keys),
            What::On => self.on(ask.keys),
            What::Back(before) => self.back(before),
            What::Beside { at, frames } => self.beside(at, frames).map(Found::Beside),
        }
    }

    fn from(&mut self, at: MediaTime, keys: bool) -> Result<Found, Error> {
        self.end = Some(at);
        self.next = None;
        self.bad.clear();
        let mut undecoded = None;
        for candidate in self.covering(at)? {
            if !self.open(candidate)? {
                continue;
            }
            let Some(film) = &self.film else { continue };
            if let Err(reason) = film.fits(self.choice.decodes) {
                undecoded = Some(Hole {
                    from: at,
                    to: Some(film.end().max(at + LEAST)),
                    reason,
                });
                continue;
            }
            self.next = film.key_before(at);
            if self.next.is_some() {
                return self.on(keys);
            }
        }
        match undecoded {
            Some(hole) => Ok(Found::Hole(hole)),
            None => self.hole(at),
        }
    }

    fn on(&mut self, keys: bool) -> Result<Found, Error> {
        // Each turn leaves a film behind it.
        loop {
            if let (Some(film), Some(place)) = (&self.film, self.next) {
                let given = match keys {
                    true => film.keys_on(place),
                    false => film.pictures(place, self.choice.audio),
                };
                let given = given.inspect_err(|_| self.next = film.key_behind(place))?;
                if let Some((clip, next)) = given {
                    self.next = next;
                    self.end = Some(end_of(&clip).max(self.end.unwrap_or(MediaTime(i64::MIN))));
                    return Ok(Found::Clip(clip));
                }
                self.next = None;
            }
            if let Some(found) = self.advance()? {
                return Ok(found);
            }
        }
    }

    /// To what follows `end`; an answer where that is no film.
    fn advance(&mut self) -> Result<Option<Found>, Error> {
        let Some(end) = self.end else {
            return Ok(Some(Found::Edge));
        };
        if let Some(next) = self.regrown()? {
            self.next = Some(next);
            return Ok(None);
        }
        let now = self.film.as_ref().map(|f| (f.feed, f.path().clone()));
        let begun = self.film.as_ref().map(Film::start);
        let limit = wall(end) + JOIN;
        let mut undecoded: Option<Hole> = None;
        for candidate in self.listed(wall(end) - JOIN, wall(end) + NEAR)? {
            let (feed, entry, path, until) = &candidate;
            let is_other = now.as_ref().is_none_or(|(_, p)| p != path);
            let lasts = (*until).min(entry.end) > wall(end) + OVERLAP / 2;
            let goes_on = entry.start <= limit && lasts;
            // A segment of the same stream that began before this one has been played.
            let is_later = now
                .as_ref()
                .is_none_or(|(f, _)| f != feed || begun.is_none_or(|begun| entry.start > begun));
            if !(is_other && goes_on && is_later) {
                continue;
            }
            let played = self.film.take();
            if !self.open(candidate)? {
                self.film = played;
                continue;
            }
            let Some(film) = &self.film else { continue };
            if let Err(reason) = film.fits(self.choice.decodes) {
                // The camera's other stream may be one that can be decoded.
                undecoded = undecoded.or(Some(Hole {
                    from: end,
                    to: Some(film.end().max(end + LEAST)),
                    reason,
                }));
                self.film = played;
                continue;
            }
            let early = MediaTime::from_duration(OVERLAP);
            self.next = film.key_from(end - early);
            if self.next.is_some() {
                return Ok(None);
            }
        }
        if let Some(hole) = undecoded {
            self.end = hole.to;
            return Ok(Some(Found::Hole(hole)));
        }
        self.hole(end).map(Some)
    }

    /// The place that comes next in the open film, if its file has grown.
    fn regrown(&mut self) -> Result<Option<Place>, Error> {
        let Some(film) = &self.film else {
            return Ok(None);
        };
        let (had, path) = (film.fragments(), film.path().clone());
        let (from, to) = (wall(film.first()), wall(film.end()) + NEAR);
        let grown = self
            .listed(from, to)?
            .into_iter()
            .find(|(_, entry, p, _)| *p == path && entry.bytes > film.bytes());
        let Some(candidate) = grown else {
            return Ok(None);
        };
        if !self.open(candidate)? {
            return Ok(None);
        }
        let film = self.film.as_ref();
        Ok(film.and_then(|film| film.begin_of(had)))
    }

    fn back(&mut self, before: MediaTime) -> Result<Found, Error> {
        self.next = None;
        self.end = Some(before);
        let mut at = before;
        // The stream that cannot be decoded there, and what is said where the other one has nothing.
        let mut passed: Option<(FeedId, Hole)> = None;
        loop {
            let is_here = self
                .film
                .as_ref()
                .is_some_and(|f| f.first() < at && at <= f.end());
            if !is_here {
                let not = passed.as_ref().map(|(feed, _)| *feed);
                let Some(candidate) = self.earlier(at, not)? else {
                    return match passed {
                        Some((_, hole)) => Ok(Found::Hole(hole)),
                        None => self.hole_back(before),
                    };
                };
                let (start, until) = (candidate.1.start, candidate.3.min(candidate.1.end));
                let until = moment(until);
                if at - until > MediaTime::from_duration(JOIN) {
                    let hole = match passed {
                        Some((_, hole)) => hole,
                        None => Hole {
                            from: before,
                            to: Some(until),
                            reason: self.why(start, wall(before))?,
                        },
                    };
                    return Ok(Found::Hole(hole));
                }
                if !self.open(candidate)? {
                    at = moment(start);
                    continue;
                }
            }
            let Some(film) = &self.film else {
                return self.hole_back(before);
            };
            if let Err(reason) = film.fits(self.choice.decodes) {
                if let Some((_, hole)) = passed {
                    return Ok(Found::Hole(hole));
                }
                let to = Some(film.first());
                let from = before;
                passed = Some((film.feed, Hole { from, to, reason }));
                self.film = None;
                continue;
            }
            if let Some(clip) = film.keys_before(at)? {
                return Ok(Found::Clip(clip));
            }
            // Behind nothing of this one any more.
            at = film.first().min(moment(film.start()));
            passed = None;
        }
    }

    fn beside(&mut self, at: MediaTime, frames: i32) -> Result<Option<MediaTime>, Error> {
        self.next = None;
        let mut opened = false;
        for candidate in self.covering(at)? {
            let decodes = self.choice.decodes;
            let fits = |film: &Film| film.fits(decodes).is_ok();
            if self.open(candidate)? && self.film.as_ref().is_some_and(fits) {
                opened = true;
                break;
            }
        }
        if !opened {
            return Ok(None);
        }
        let Some(film) = &self.film else {
            return Ok(None);
        };
        let (first, end, mut shown) = (film.first(), film.end(), film.moments());
        // The picture on the screen is the last one shown at or before `at`: with pictures that are reordered it may be of the
        // segment before, whose last ones are shown when this one has begun.
        let place = |shown: &[MediaTime]| shown.partition_point(|t| *t <= at) as i64 - 1;
        let current = place(&shown);
        if current + i64::from(frames.min(0)) < 0
            && let Some(candidate) = self.earlier(first, None)?
            && self.open(candidate)?
        {
            shown.extend(self.film.as_ref().map(Film::moments).unwrap_or_default());
        } else if current + i64::from(frames) >= shown.len() as i64
            && let Some(candidate) = self.later(end)?
            && self.open(candidate)?
        {
            shown.extend(self.film.as_ref().map(Film::moments).unwrap_or_default());
        }
        shown.sort_unstable();
        let most = shown.len().saturating_sub(1);
        let wanted = (place(&shown) + i64::from(frames)).clamp(0, most as i64);
        Ok(shown.get(wanted as usize).copied())
    }

    /// What there is at a moment, or begins a little later; the wished stream first.
    fn covering(&self, at: MediaTime) -> Result<Vec<Candidate>, Error> {
        let (at, soon) = (wall(at), wall(at) + JOIN);
        let mut found: Vec<Candidate> = self
            .listed(at, soon)?
            .into_iter()
            .filter(|(_, entry, _, until)| (*until).min(entry.end) > at)
            .collect();
        // Of one stream the newest that has begun; what only begins comes last, of either stream.
        found.sort_by_key(|(feed, entry, ..)| {
            let begins = entry.start > at;
            let newest = match begins {
                true => entry.start.0,
                false => -entry.start.0,
            };
            (begins, feed.profile != self.choice.profile, newest)
        });
        Ok(found)
    }

    /// The segment to play before a moment, of another stream than `not`.
    fn earlier(&self, at: MediaTime, not: Option<FeedId>) -> Result<Option<Candidate>, Error> {
        let mut best: Option<Entry> = None;
        for feed in self.feeds().into_iter().filter(|f| Some(*f) != not) {
            let indexed = self
                .shared
                .segments
                .before(feed, wall(at) - Duration::from_micros(12))?;
            let head = self.shared.live_now(feed).head.map(|head| head.entry);
            for entry in head.into_iter().chain(indexed) {
                let begun = moment(entry.start) < at;
                let better = best.is_none_or(|b| entry.end.min(wall(at)) > b.end.min(wall(at)));
                if begun && better {
                    best = Some(entry);
                }
            }
        }
        let Some(best) = best else { return Ok(None) };
        let listed = self.listed(best.start, best.end.max(best.start + OVERLAP))?;
        let feeds = |c: &Candidate| c.0.profile == self.choice.profile;
        let mut same: Vec<Candidate> = listed
            .into_iter()
            .filter(|(feed, ..)| Some(*feed) != not)
            .filter(|(_, entry, _, _)| entry.start == best.start && moment(entry.start) < at)
            .collect();
        same.sort_by_key(|c| !feeds(c));
        Ok(same.into_iter().next())
    }

    /// The first segment that begins at or behind a moment.
    fn later(&self, at: MediaTime) -> Result<Option<Candidate>, Error> {
        let from = wall(at) - OVERLAP;
        let now = WallTime::now();
        let mut reach = NEAR;
        loop {
            let mut listed = self.listed(from, from + reach)?;
            listed.retain(|(_, entry, ..)| entry.start >= from && entry.end > wall(at));
            listed.sort_by_key(|(feed, entry, ..)| {
                (entry.start, feed.profile != self.choice.profile)
            });
            if let Some(first) = listed.into_iter().next() {
                return Ok(Some(first));
            }
            if from + reach > now + NEAR {
                return Ok(None);
            }
            reach *= 4;
        }
    }

    fn hole(&mut self, from: MediaTime) -> Result<Found, Error> {
        let next = self.later(from)?;
        let now = WallTime::now();
        let Some((_, entry, ..)) = next else {
            let records = |feed: FeedId| {
                let live = self.shared.live_now(feed);
                live.recorders > 0 && live.waiting.is_none()
            };
            if now.since(wall(from)) < HELD && self.feeds().into_iter().any(records) {
                return Ok(Found::Edge);
            }
            return Ok(Found::Hole(Hole {
                from,
                to: None,
                reason: self.why(wall(from), now)?,
            }));
        };
        let to = moment(entry.start).max(from);
        self.end = Some(to);
        Ok(Found::Hole(Hole {
            from,
            to: Some(to),
            reason: self.why(wall(from), entry.start)?,
        }))
    }

    fn hole_back(&self, from: MediaTime) -> Result<Found, Error> {
        let to = wall(from);
        Ok(Found::Hole(Hole {
            from,
            to: None,
            reason: self.why(to - NEAR, to)?,
        }))
    }

    /// Why nothing is recorded between two moments.
    fn why(&self, from: WallTime, to: WallTime) -> Result<Reason, Error> {
        // The whole of what is asked may lie in the future.
        let from = from.min(to - Duration::from_millis(1));
        let timeline = self.shared.timeline(self.choice.camera, from, to)?;
        let longest = timeline
            .gaps
            .into_iter()
            .max_by_key(|g| g.end.since(g.start));
        let gone = || timeline.spans.iter().find_map(|s| s.unavailable.clone());
        Ok(longest.map(|g| g.reason).or_else(gone).unwrap_or_else(|| {
            Reason::new(ReasonCode::NotRecording, "nothing is recorded there yet")
        }))
    }

    fn feeds(&self) -> [FeedId; 2] {
        let mut feeds = Shared::feeds(self.choice.camera);
        feeds.sort_by_key(|f| f.profile != self.choice.profile);
        feeds
    }

    /// The segments of both streams between two moments, the wished stream's first.
    fn listed(&self, from: WallTime, to: WallTime) -> Result<Vec<Candidate>, Error> {
        let mut out = Vec::new();
        for feed in self.feeds() {
            let mut of = candidates(&self.shared, feed, from, to.max(from + OVERLAP))?;
            of.retain(|(_, path, _)| !self.bad.contains(path));
            out.extend(of.into_iter().map(|(entry, path, until)| {
                // `to` is where was looked, not where it ends.
                let until = if until >= to {
                    WallTime(i64::MAX)
                } else {
                    until
                };
                (feed, entry, path, until)
            }));
        }
        Ok(out)
    }

    /// Opens a segment, unless it is open as it is; false where it cannot be read: deleted under our eyes, or damaged.
    fn open(&mut self, (feed, entry, path, until): Candidate) -> Result<bool, Error> {
        let until = moment(until);
        if let Some(film) = &mut self.film
            && *film.path() == path
            && film.bytes() == entry.bytes
        {
            film.until = until;
            return Ok(true);
        }
        let pin = self.shared.pins.pin(&path);
        match Film::open(feed, &path, entry.bytes, until, pin) {
            Ok(film) => {
                self.film = Some(film);
                Ok(true)
            }
            Err(error) => {
                tracing::warn!(%feed, %error, "playback: a segment is left out");
                self.bad.push(path);
                Ok(false)
            }
        }
    }
}

/// Behind the last picture.
fn end_of(clip: &Clip) -> MediaTime {
    let ends = clip.shots.iter().map(|s| s.dts + s.duration);
    ends.max().unwrap_or_default()
}
