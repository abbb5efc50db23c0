//! What a playback's tables take of a whole segment, in a few numbers at its end: so a day's file has its length, and its first bytes
//! are sent, when one piece of each of its segments was read.

use media::{
    Tracks,
    fmp4::{TrackRef, track_with},
};
use sha2::{Digest, Sha256};

use super::{
    format::Bytes,
    reader::{SAMPLE_DESCRIPTION, find},
};

/// How much one track of a segment puts into each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples.
    pub samples: u32,
    /// Those that need none before them.
    pub keys: u32,
    /// Runs of samples that lie in one piece.
    pub chunks: u32,
    /// Runs of one duration; the last sample, whose duration the next segment decides, is one of its own.
    pub times: u32,
    /// Runs of one delay from decoding to showing.
    pub delays: u32,
}

/// See the module. Times are 1/90 000 s behind the first picture's decode time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The same where samples are described alike.
    pub tracks: u64,
    /// Bytes of all samples.
    pub bytes: u64,
    /// By how much the first picture is shown later than it is decoded.
    pub delay: u32,
    /// When all is decoded and shown, were the first picture shown at its decode time.
    pub span: u32,
    /// Pictures.
    pub video: Counts,
    /// Sound.
    pub audio: Counts,
    /// Decode time of the first sound.
    pub audio_first: u32,
    /// Behind the last one.
    pub audio_end: u32,
}

/// The numbers of a summary, in their order in files and rows.
pub(crate) const NUMBERS: usize = 14;

impl Summary {
    pub(crate) fn numbers(&self) -> [u64; NUMBERS] {
        let (v, a) = (&self.video, &self.audio);
        [
            self.tracks,
            self.bytes,
            self.delay.into(),
            self.span.into(),
            v.samples.into(),
            v.keys.into(),
            v.chunks.into(),
            v.times.into(),
            v.delays.into(),
            a.samples.into(),
            a.chunks.into(),
            a.times.into(),
            self.audio_first.into(),
            self.audio_end.into(),
        ]
    }

    /// The inverse; none where a number is none of a summary's.
    pub(crate) fn of_numbers(n: [u64; NUMBERS]) -> Option<Self> {
        let [tracks, bytes, rest @ ..] = n;
        let mut small = [0u32; NUMBERS - 2];
        for (small, n) in small.iter_mut().zip(rest) {
            *small = u32::try_from(n).ok()?;
        }
        let [
            delay,
            span,
            samples,
            keys,
            chunks,
            times,
            delays,
            sounds,
            pieces,
            lengths,
            first,
            end,
        ] = small;
        // A day of a hundred pictures a second: what is more would only be room to be made.
        const MOST: u32 = 10_000_000;
        if small.iter().skip(2).take(8).any(|n| *n > MOST) {
            return None;
        }
        Some(Self {
            tracks,
            bytes,
            delay,
            span,
            video: Counts {
                samples,
                keys,
                chunks,
                times,
                delays,
            },
            audio: Counts {
                samples: sounds,
                // Every sound can be begun with.
                keys: sounds,
                chunks: pieces,
                times: lengths,
                delays: sounds.min(1),
            },
            audio_first: first,
            audio_end: end,
        })
    }
}

/// A number that is the same where samples are described alike: 64 bits of SHA-256.
pub(crate) fn tracks_number(tracks: &Tracks) -> u64 {
    let mut hash = Sha256::new();
    hash.update(sample_entry(TrackRef::Video(&tracks.video)));
    if let Some(audio) = &tracks.audio {
        hash.update(sample_entry(TrackRef::Audio(audio)));
        // What the sample entry cannot say.
        hash.update(audio.rate.to_be_bytes());
        hash.update([audio.channels]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    Bytes(&digest).u64().unwrap_or_default()
}

/// A track's sample entry, as a whole box.
pub(crate) fn sample_entry(track: TrackRef<'_>) -> Vec<u8> {
    let mut trak = Vec::new();
    track_with(&mut trak, track, 0, &[], |_| {});
    find(&trak, &[b"trak"])
        .and_then(|trak| find(trak, &SAMPLE_DESCRIPTION))
        .and_then(|stsd| stsd.get(8..))
        .map(<[u8]>::to_vec)
        .unwrap_or_else(|| {
            // Our own writer puts it there.
            tracing::error!("a track without a sample entry");
            Vec::new()
        })
}
