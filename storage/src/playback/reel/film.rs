//! One segment, open to be played: where on the timeline its fragments are, and their pictures.

use std::{fs::File, path::PathBuf, sync::Arc};

use media::{
    FeedId, MediaTime, Reason, ReasonCode, TrackKind, Tracks,
    recorded::{Clip, Shot, moment},
    wire::Decodes,
};

use crate::{
    Error,
    playback::{Pin, read_piece},
    segment::{Fragment, Layout},
};

/// A picture of a film: fragment, and number in its video run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    fragment: usize,
    sample: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) feed: FeedId,
    /// Where the next segment has the same again.
    pub(super) until: MediaTime,
    path: PathBuf,
    file: File,
    bytes: u64,
    fragments: Vec<Fragment>,
    /// Of each fragment: where its file time 0 would be on the timeline.
    shifts: Vec<MediaTime>,
    tracks: Arc<Tracks>,
    _pin: Pin,
}

/// Key frames of one answer, and their bytes.
const KEYS: usize = 8;
const KEY_BYTES: u64 = 1024 * 1024;
/// More is in no fragment that a recorder writes.
const MAX_FRAGMENT: u64 = 64 * 1024 * 1024;
/// Wall time that differs by more from what media time says is a jump of one of the clocks; as for a file of a range.
const JUMP: i64 = 27_000;

impl Film {
    /// Opens the first `bytes` of a segment's file.
    pub(super) fn open(
        feed: FeedId,
        path: &PathBuf,
        bytes: u64,
        until: MediaTime,
        pin: Pin,
    ) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let layout = Layout::read(path, &file, Some(bytes))?;
        let shifts = shifts(&layout.fragments);
        Ok(Self {
            feed,
            until,
            path: path.clone(),
            file,
            bytes,
            shifts,
            tracks: Arc::new(layout.tracks),
            fragments: layout.fragments,
            _pin: pin,
        })
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
    pub(super) fn fragments(&self) -> usize {
        self.fragments.len()
    }
    pub(super) fn start(&self) -> media::WallTime {
        self.fragments
            .first()
            .map_or(media::WallTime(i64::MIN), |f| f.wall)
    }

    /// Its first picture's moment.
    pub(super) fn first(&self) -> MediaTime {
        self.keys().next().map_or(self.until, |(_, time)| time)
    }

    /// Behind its last picture.
    pub(super) fn end(&self) -> MediaTime {
        let end = self.fragments.iter().zip(&self.shifts).next_back();
        let end = end.and_then(|(fragment, shift)| {
            let (time, sample, _) = fragment.video.timed().last()?;
            Some(time + sample.duration + *shift)
        });
        end.unwrap_or(self.until).min(self.until)
    }

    /// Whether its pictures can be decoded.
    pub(super) fn fits(&self, decodes: Decodes) -> Result<(), Reason> {
        match decodes.shows(&self.tracks) {
            true => Ok(()),
            false => Err(Reason::new(
                ReasonCode::Codec,
                format!(
                    "{} was recorded in {}, which this viewer cannot decode",
                    self.feed, self.tracks.video.codec_string
                ),
            )),
        }
    }

    /// All key frames, with the moments they are decoded at.
    fn keys(&self) -> impl Iterator<Item = (Place, MediaTime)> + '_ {
        self.fragments
            .iter()
            .enumerate()
            .flat_map(move |(n, fragment)| {
                let keys = fragment.video.timed().enumerate();
                keys.filter(|(_, (_, sample, _))| sample.sync)
                    .map(move |(sample, (time, ..))| {
                        let place = Place {
                            fragment: n,
                            sample,
                        };
                        (place, time + self.shifts[n])
                    })
            })
    }

    /// The last key frame at or before a moment, else the first.
    pub(super) fn key_before(&self, at: MediaTime) -> Option<Place> {
        let mut keys = self.keys().take_while(|(_, time)| *time < self.until);
        let first = keys.next()?;
        let last = keys.take_while(|(_, time)| *time <= at).last();
        Some(last.unwrap_or(first).0)
    }

    /// The first key frame at or behind a moment.
    pub(super) fn key_from(&self, at: MediaTime) -> Option<Place> {
        let mut keys = self.keys();
        keys.find(|(_, time)| *time >= at).map(|(place, _)| place)
    }

    /// The first key frame of a later fragment.
    pub(super) fn key_behind(&self, place: Place) -> Option<Place> {
        let mut keys = self.keys().map(|(key, _)| key);
        keys.find(|key| key.fragment > place.fragment)
    }

    /// The first picture of a fragment.
    pub(super) fn begin_of(&self, fragment: usize) -> Option<Place> {
        (fragment < self.fragments.len()).then_some(Place {
            fragment,
            sample: 0,
        })
    }

    /// When its pictures are shown, in order.
    pub(super) fn moments(&self) -> Vec<MediaTime> {
        let all = self.fragments.iter().zip(&self.shifts);
        let mut shown: Vec<MediaTime> = all
            .flat_map(|(fragment, shift)| {
                let timed = fragment.video.timed();
                timed.map(move |(time, sample, _)| time + sample.composition + *shift)
            })
            .filter(|time| *time < self.until)
            .collect();
        shown.sort_unstable();
        shown
    }

    /// The rest of a fragment from a place on, and what follows it; none where nothing is left.
    pub(super) fn pictures(
        &self,
        place: Place,
        audio: bool,
    ) -> Result<Option<(Clip, Option<Place>)>, Error> {
        let Some(fragment) = self.fragments.get(place.fragment) else {
            return Ok(None);
        };
        let shift = self.shifts[place.fragment];
        let video = || fragment.video.timed().skip(place.sample);
        let first = video().next().map(|(time, ..)| time);
        let sound = fragment
            .audio
            .timed()
            .filter(|(time, ..)| audio && (place.sample == 0 || first.is_none_or(|f| *time >= f)));
        let of = |track| move |(time, sample, offset)| (track, time, sample, offset);
        let wanted = video()
            .map(of(TrackKind::Video))
            .chain(sound.map(of(TrackKind::Audio)))
            .filter(|(_, time, ..)| *time + shift < self.until);
        let next = Some(Place {
            fragment: place.fragment + 1,
            sample: 0,
        });
        let all: Vec<_> = wanted.collect();
        let from = all.iter().map(|(.., offset)| *offset).min();
        let to = all
            .iter()
            .map(|(_, _, s, offset)| offset + u64::from(s.size))
            .max();
        let (Some(from), Some(to)) = (from, to) else {
            return Ok(None);
        };
        if to - from > MAX_FRAGMENT {
            return Err(Error::content(
                &self.path,
                from,
                "a fragment that is too long",
            ));
        }
        let bytes = read_piece(&self.file, &self.path, from, (to - from) as usize)?;
        let mut shots: Vec<Shot> = all
            .into_iter()
            .map(|(track, time, sample, offset)| {
                let at = (offset - from) as usize;
                Shot {
                    track,
                    key: sample.sync && track == TrackKind::Video,
                    dts: time + shift,
                    pts: time + sample.composition + shift,
                    duration: sample.duration,
                    captured: fragment.wall_at(time),
                    data: bytes.slice(at..at + sample.size as usize),
                }
            })
            .collect();
        shots.sort_by_key(|shot| shot.dts);
        Ok(Some((self.clip(shots), next)))
    }

    /// Key frames from a place on, and the place behind them; none where there are no more.
    pub(super) fn keys_on(&self, place: Place) -> Result<Option<(Clip, Option<Place>)>, Error> {
        let mut shots = Vec::new();
        let mut bytes = 0;
        let mut next = None;
        let all = || self.keys().take_while(|(_, time)| *time < self.until);
        let ends = all().skip(1).map(|(_, time)| time).chain([self.end()]);
        for ((at, time), end) in all().zip(ends).filter(|((at, _), _)| *at >= place) {
            if shots.len() == KEYS || bytes >= KEY_BYTES {
                next = Some(at);
                break;
            }
            let shot = self.key(at, end - time)?;
            bytes += shot.data.len() as u64;
            shots.push(shot);
        }
        // Behind the last one: what is left has none, until the file has grown.
        let next = next.or(Some(Place {
            fragment: self.fragments.len(),
            sample: 0,
        }));
        Ok((!shots.is_empty()).then(|| (self.clip(shots), next)))
    }

    /// Key frames before a moment, the newest first; none where there are no more.
    pub(super) fn keys_before(&self, at: MediaTime) -> Result<Option<Clip>, Error> {
        let at = at.min(self.until);
        let mut before: Vec<(Place, MediaTime)> =
            self.keys().take_while(|(_, time)| *time < at).collect();
        let (mut shots, mut bytes, mut end) = (Vec::new(), 0, at.min(self.end()));
        while let Some((place, time)) = before.pop() {
            if shots.len() == KEYS || bytes >= KEY_BYTES {
                break;
            }
            let shot = self.key(place, end - time)?;
            bytes += shot.data.len() as u64;
            shots.push(shot);
            end = time;
        }
        Ok((!shots.is_empty()).then(|| self.clip(shots)))
    }

    fn key(&self, place: Place, duration: MediaTime) -> Result<Shot, Error> {
        let fragment = &self.fragments[place.fragment];
        let shift = self.shifts[place.fragment];
        let (time, sample, offset) = fragment.video.timed().nth(place.sample).ok_or_else(|| {
            Error::content(&self.path, fragment.offset, "a key frame that is gone")
        })?;
        let data = read_piece(&self.file, &self.path, offset, sample.size as usize)?;
        Ok(Shot {
            track: TrackKind::Video,
            key: true,
            dts: time + shift,
            pts: time + sample.composition + shift,
            duration: MediaTime(duration.0.max(1)),
            captured: fragment.wall_at(time),
            data,
        })
    }

    fn clip(&self, shots: Vec<Shot>) -> Clip {
        Clip {
            profile: self.feed.profile,
            tracks: Arc::clone(&self.tracks),
            shots,
        }
    }
}

/// Where the file times of fragments are on the timeline. Each fragment says when its first frame arrived, which is uneven; the
/// camera's own distances are kept, and drawn towards that by a hundredth of the time that passes, unless a clock jumped.
/// Of one file the same whatever else is played, and however much of it there is.
fn shifts(fragments: &[Fragment]) -> Vec<MediaTime> {
    let mut before: Option<(MediaTime, MediaTime)> = None;
    let all = fragments.iter().map(|fragment| {
        let measured = moment(fragment.wall) - fragment.reference;
        let shift = match before {
            Some((shift, reference)) if (measured - shift).0.abs() <= JUMP => {
                let most = ((fragment.reference - reference).0 / 100).max(0);
                shift + MediaTime((measured - shift).0.clamp(-most, most))
            }
            _ => measured,
        };
        before = Some((shift, fragment.reference));
        shift
    });
    all.collect()
}
