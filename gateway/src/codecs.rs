//! Which of a camera's streams a viewer gets who cannot decode all of them, and what has to be re-encoded for it.

use std::sync::Arc;

use ingest::{Transcodes, transcode::Kind};
use media::{
    AudioCodec, FeedId, Lease, Priority, Profile, Reason, ReasonCode, Tracks, VideoCodec,
    wire::{Codec, Decodes},
};

/// What to pull, and what to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// The wished stream as it is. So too where it is not known yet what it carries: the relay asks again with its first frame.
    AsItIs,
    /// The camera's other stream: it can be decoded, or it is not known yet.
    Other,
    /// The wished stream with its pictures re-encoded.
    Pictures,
}

/// Pictures alone: sound is looked at once it is known which stream it is. `other` is none where the camera has no other stream.
fn plan(
    wished: Option<&Tracks>,
    profile: Profile,
    other: Option<Option<&Tracks>>,
    decodes: Decodes,
) -> Plan {
    let Some(tracks) = wished else {
        return Plan::AsItIs;
    };
    if decodes.shows(tracks) {
        return Plan::AsItIs;
    }
    match (profile, other) {
        // A sub stream is small. A main stream in place of a sub stream would be four times the link's room.
        (Profile::Main, Some(known)) if known.is_none_or(|t| decodes.shows(t)) => Plan::Other,
        _ => Plan::Pictures,
    }
}

/// Whether its sound has to be re-encoded for the viewer, and can be.
fn wants_sound(tracks: &Tracks, decodes: Decodes) -> bool {
    let g711 = |codec| matches!(codec, AudioCodec::PcmA | AudioCodec::PcmU);
    tracks
        .audio
        .as_ref()
        .is_some_and(|a| g711(a.codec) && !decodes.contains(a.codec))
        && decodes.contains(Codec::Aac)
}

/// What a feed carries, as far as is known: by its newest key frame, else by what it carried last.
fn known(gateway: &crate::gateway::Gateway, feed: FeedId) -> Option<Arc<Tracks>> {
    if let Some(feed) = gateway.supervisor.feed(feed)
        && let Some(key) = feed.ring.newest_key()
    {
        return Some(Arc::clone(&key.tracks));
    }
    gateway.feeds.status(feed)?.tracks
}

/// A lease for a viewer on what it can decode.
///
/// # Errors
/// What pulling the camera says; [`ReasonCode::Codec`] and [`ReasonCode::TranscodeLimit`] with what can be done about it.
pub(crate) fn open(
    gateway: &crate::gateway::Gateway,
    wished: FeedId,
    priority: Priority,
    decodes: Decodes,
) -> Result<Lease, Reason> {
    if decodes.is_all() {
        return gateway.supervisor.pull(wished, priority);
    }
    let other = FeedId {
        profile: match wished.profile {
            Profile::Main => Profile::Sub,
            Profile::Sub => Profile::Main,
        },
        ..wished
    };
    let register = gateway.register.read();
    let has_other = register.camera(&wished.camera).is_some_and(|c| {
        let url = match other.profile {
            Profile::Main => &c.main_url,
            Profile::Sub => &c.sub_url,
        };
        url.is_some()
    });
    drop(register);
    let tracks = known(gateway, wished);
    let others = has_other.then(|| known(gateway, other));
    let others = others.as_ref().map(|t| t.as_deref());
    let transcodes = &gateway.transcodes;
    match plan(tracks.as_deref(), wished.profile, others, decodes) {
        Plan::AsItIs => {
            let lease = gateway.supervisor.pull(wished, priority)?;
            Ok(with_sound(transcodes, lease, tracks.as_deref(), decodes))
        }
        Plan::Other => {
            let pulled = gateway.supervisor.pull(other, priority);
            match pulled {
                Ok(lease) => Ok(with_sound(transcodes, lease, others.flatten(), decodes)),
                // No room on the link for a second stream: one that runs already may still be re-encoded.
                Err(reason) => pictures(gateway, wished, priority, tracks.as_deref(), decodes)
                    .map_err(|_| reason),
            }
        }
        Plan::Pictures => pictures(gateway, wished, priority, tracks.as_deref(), decodes),
    }
}

fn pictures(
    gateway: &crate::gateway::Gateway,
    feed: FeedId,
    priority: Priority,
    tracks: Option<&Tracks>,
    decodes: Decodes,
) -> Result<Lease, Reason> {
    let codec = tracks.map_or("an unknown codec", |t| match t.video.codec {
        VideoCodec::H264 => "H.264",
        VideoCodec::H265 => "H.265",
    });
    let hint = |reason: Reason| Reason {
        text: format!(
            "camera {}: its {} stream is {codec}, which this viewer cannot decode; {}; set the camera's sub stream to H.264, or view it with a browser that decodes {codec}",
            feed.camera, feed.profile, reason.text
        ),
        ..reason
    };
    if !decodes.contains(VideoCodec::H264) {
        let text = "nor does it decode the H.264 that it could be re-encoded to";
        return Err(hint(Reason::new(ReasonCode::Codec, text)));
    }
    let lease = gateway.supervisor.pull(feed, priority)?;
    let lease = with_sound(&gateway.transcodes, lease, tracks, decodes);
    gateway.transcodes.open(lease, Kind::Video).map_err(hint)
}

/// The same with its sound re-encoded where the viewer needs that; where it cannot be, as it is: the tile then opens without.
fn with_sound(
    transcodes: &Transcodes,
    lease: Lease,
    tracks: Option<&Tracks>,
    decodes: Decodes,
) -> Lease {
    if !tracks.is_some_and(|t| wants_sound(t, decodes)) {
        return lease;
    }
    match transcodes.try_open(lease, Kind::Sound) {
        Ok(lease) => lease,
        Err((lease, reason)) => {
            tracing::debug!(feed = %lease.feed.id, %reason, "shown without sound");
            lease
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{AudioTrack, VideoTrack};

    fn tracks(codec: VideoCodec, audio: Option<AudioCodec>) -> Tracks {
        Tracks {
            video: VideoTrack {
                codec,
                codec_string: String::new(),
                config: bytes::Bytes::new(),
                width: 640,
                height: 360,
            },
            audio: audio.map(|codec| AudioTrack {
                codec,
                codec_string: String::new(),
                config: bytes::Bytes::new(),
                rate: 8000,
                channels: 1,
            }),
        }
    }

    fn browser() -> Decodes {
        [Codec::H264, Codec::Aac, Codec::Opus].into_iter().collect()
    }

    #[test]
    fn the_sub_stream_stands_in_where_it_can_be_decoded_and_is_tried_where_it_is_not_known() {
        let (old, new) = (
            tracks(VideoCodec::H264, None),
            tracks(VideoCodec::H265, None),
        );
        let plan =
            |wished: Option<&Tracks>, profile, other| plan(wished, profile, other, browser());
        use Profile::{Main, Sub};
        assert_eq!(plan(None, Main, Some(None)), Plan::AsItIs);
        assert_eq!(plan(Some(&old), Main, Some(Some(&new))), Plan::AsItIs);
        assert_eq!(plan(Some(&new), Main, Some(Some(&old))), Plan::Other);
        assert_eq!(plan(Some(&new), Main, Some(None)), Plan::Other);
        assert_eq!(plan(Some(&new), Main, Some(Some(&new))), Plan::Pictures);
        assert_eq!(plan(Some(&new), Main, None), Plan::Pictures);
        assert_eq!(plan(Some(&new), Sub, Some(Some(&old))), Plan::Pictures);
    }

    #[test]
    fn sound_is_re_encoded_for_those_who_need_it_and_can_hear_the_result() {
        let g711 = tracks(VideoCodec::H264, Some(AudioCodec::PcmU));
        let aac = tracks(VideoCodec::H264, Some(AudioCodec::Aac));
        let none = tracks(VideoCodec::H264, None);
        assert!(wants_sound(&g711, browser()));
        assert!(!wants_sound(&g711, Decodes::all()));
        assert!(!wants_sound(&g711, browser().with_any_sound()));
        assert!(!wants_sound(&g711, [Codec::H264].into_iter().collect()));
        assert!(!wants_sound(&aac, browser()) && !wants_sound(&none, browser()));
    }
}
