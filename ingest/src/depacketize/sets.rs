//! Parameter sets: which a stream has, and when new ones make a new track.

use media::{VideoCodec, VideoTrack};

use super::{Error, Odd, h264, h265};
use crate::parameters;

/// The ones in force.
#[derive(Debug)]
pub(super) struct Sets {
    codec: VideoCodec,
    known: [Vec<u8>; 3],
}

/// Those that came with an access unit, the first of each kind.
#[derive(Debug, Default)]
pub(super) struct Fresh([Vec<u8>; 3]);

impl Fresh {
    pub(super) fn add(&mut self, place: usize, nal: &[u8]) {
        if let Some(set) = self.0.get_mut(place)
            && set.is_empty()
        {
            set.extend_from_slice(nal);
        }
    }
}

impl Sets {
    /// With those that are known from elsewhere.
    pub(super) fn new(codec: VideoCodec, sets: &[Vec<u8>]) -> Self {
        let mut known = Fresh::default();
        for set in sets {
            let place = match codec {
                VideoCodec::H264 => h264::kind(set).and_then(h264::set),
                VideoCodec::H265 => h265::kind(set).and_then(h265::set),
            };
            if let Some(place) = place {
                known.add(place, set);
            }
        }
        Self {
            codec,
            known: known.0,
        }
    }

    /// The track that these make together with those known; none where nothing is new, or one is still missing. What cannot be
    /// read changes nothing.
    pub(super) fn renew(&mut self, fresh: Fresh) -> Result<Option<VideoTrack>, Error> {
        let new = |(fresh, known): (&Vec<u8>, &Vec<u8>)| !fresh.is_empty() && fresh != known;
        if !fresh.0.iter().zip(&self.known).any(new) {
            return Ok(None);
        }
        let mut sets = self.known.clone();
        for (set, fresh) in sets.iter_mut().zip(fresh.0) {
            if !fresh.is_empty() {
                *set = fresh;
            }
        }
        let needed = match self.codec {
            VideoCodec::H264 => 2,
            VideoCodec::H265 => 3,
        };
        if sets[..needed].iter().any(Vec::is_empty) {
            self.known = sets;
            return Ok(None);
        }
        let track = parameters::track(self.codec, &sets);
        if track.is_none() {
            return Err(match parameters::pixels(self.codec, &sets) {
                Some((width, height)) if width.max(height) > parameters::MAX_PIXELS => {
                    Error::Picture { width, height }
                }
                _ => Odd::Parameters.into(),
            });
        }
        self.known = sets;
        Ok(track)
    }
}
