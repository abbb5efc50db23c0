//! The control messages, as JSON.

use serde::{Deserialize, Serialize};

use super::{Decodes, replay::Gaps};
use crate::{
    feed::Priority,
    id::{CameraId, Profile},
    reason::Reason,
    track::{TrackKind, Tracks},
};

/// How media is packaged for a tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// fMP4 fragments.
    #[default]
    Fmp4,
    /// Bare access units.
    Raw,
}

/// Which stream a tile is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The full picture, whatever becomes of it.
    Main,
    /// The small picture.
    Sub,
    /// What the tile's size asks for and the connection carries; the gateway chooses, and chooses anew.
    Auto,
}

impl Choice {
    /// The profile, unless the gateway is to choose.
    pub fn fixed(self) -> Option<Profile> {
        match self {
            Self::Main => Some(Profile::Main),
            Self::Sub => Some(Profile::Sub),
            Self::Auto => None,
        }
    }
}

impl From<Profile> for Choice {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Main => Self::Main,
            Profile::Sub => Self::Sub,
        }
    }
}

/// Why a tile shows another stream than the one that was asked for, or that `auto` would give a large tile on a good line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// The tile is small.
    Size,
    /// The viewer's connection does not carry more.
    Capacity,
    /// The viewer cannot decode what was asked for.
    Codec,
}

fn yes() -> bool {
    true
}

fn not(value: &bool) -> bool {
    !value
}

/// Client to server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ClientMessage {
    /// First line on a QUIC control stream.
    Auth {
        /// A session's token.
        token: String,
    },
    /// Show a camera.
    Open {
        /// Chosen by the client.
        tile: u32,
        /// Which camera.
        camera: CameraId,
        /// Which stream.
        profile: Choice,
        /// The tile's size on the screen, [`super::TILE_PIXELS`]; for `auto`. Without it the tile counts as large.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u16>,
        /// See `width`; both or none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u16>,
        /// What this viewer can decode; all, if it does not say.
        #[serde(default, skip_serializing_if = "Decodes::is_all")]
        decodes: Decodes,
        /// Packaging.
        #[serde(default)]
        format: Format,
        /// Why: decides who gives way on a full link.
        #[serde(default)]
        priority: Priority,
        /// Whether the audio track is wanted.
        #[serde(default = "yes")]
        audio: bool,
    },
    /// Switch the profile.
    Profile {
        /// Which tile.
        tile: u32,
        /// To which stream.
        profile: Choice,
    },
    /// The tile has another size on the screen.
    Size {
        /// Which tile.
        tile: u32,
        /// Device pixels, [`super::TILE_PIXELS`]; what lies outside is taken as the nearest bound.
        width: u16,
        /// Device pixels.
        height: u16,
    },
    /// Stop sending.
    Pause {
        /// Which tile.
        tile: u32,
    },
    /// Go on at the newest key frame.
    Resume {
        /// Which tile.
        tile: u32,
    },
    /// Done.
    Close {
        /// Which tile.
        tile: u32,
    },
    /// How late a picture may be on this connection before the viewer would rather skip.
    Delay {
        /// Milliseconds, [`super::MAX_DELAY_MS`]; what lies outside is taken as the nearest bound.
        max_ms: u32,
    },
    /// To be told what this connection carries.
    Measure {
        /// How often, in milliseconds, [`super::MEASURE_MS`]; what lies outside is taken as the nearest bound. 0: no more.
        every_ms: u32,
    },
    /// Makes a clock for recorded tiles, or sets it: what is left out stays as it is.
    Clock {
        /// Chosen by the client.
        clock: u32,
        /// Chosen by the client; comes back in the answer, and in nothing that was asked before.
        run: u32,
        /// Go to this moment, UTC microseconds. A new clock needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<i64>,
        /// How fast, [`super::replay::RATES`], with a minus backwards; 0 stands still. What lies outside is taken as the nearest
        /// bound. A new clock has 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate: Option<f64>,
        /// What becomes of gaps; a new clock skips them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gaps: Option<Gaps>,
        /// Nothing from this moment on is sent, UTC microseconds. Without it, and with each `at`, there is no end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// Show what was recorded of a camera, at a clock's moment.
    Replay {
        /// Chosen by the client, as for `open`.
        tile: u32,
        /// Which camera.
        camera: CameraId,
        /// Which stream, where both are recorded; the other one where this is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<Profile>,
        /// Which clock it follows.
        clock: u32,
        /// What this viewer can decode; all, if it does not say.
        #[serde(default, skip_serializing_if = "Decodes::is_all")]
        decodes: Decodes,
        /// Packaging.
        #[serde(default)]
        format: Format,
        /// Whether sound is wanted; it comes at rates that send every picture.
        #[serde(default = "yes")]
        audio: bool,
        /// Why it is looked at, for the audit log; at most [`super::replay::MAX_REASON`] characters, the rest is cut off.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// What a clock shows on the viewer's screen: from now on the gateway goes by it, not by its own.
    Reached {
        /// Which clock.
        clock: u32,
        /// Of which run; without effect if it is not the newest.
        run: u32,
        /// UTC microseconds.
        at: i64,
    },
    /// Stand still at the picture that is so many before or behind the moment shown.
    Step {
        /// Which clock.
        clock: u32,
        /// As in `clock`.
        run: u32,
        /// Whose pictures count.
        tile: u32,
        /// How many, up to [`super::replay::MAX_STEP`]; with a minus backwards.
        frames: i32,
    },
}

/// One track of an opened feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackInfo {
    /// 0 video, 1 audio.
    pub track: u8,
    /// Video or audio.
    pub kind: TrackKind,
    /// RFC 6381.
    pub codec: String,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Samples a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
}

impl TrackInfo {
    /// The tracks of a feed, audio left out if not wanted.
    pub fn of(tracks: &Tracks, audio: bool) -> Vec<Self> {
        let v = &tracks.video;
        let mut out = vec![Self {
            track: 0,
            kind: TrackKind::Video,
            codec: v.codec_string.clone(),
            width: Some(v.width),
            height: Some(v.height),
            rate: None,
            channels: None,
        }];
        if let (true, Some(a)) = (audio, &tracks.audio) {
            out.push(Self {
                track: 1,
                kind: TrackKind::Audio,
                codec: a.codec_string.clone(),
                width: None,
                height: None,
                rate: Some(a.rate),
                channels: Some(a.channels),
            });
        }
        out
    }
}

/// A tile that is not yet playing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// The camera is being asked.
    Connecting,
    /// It delivers, but no picture to start from yet.
    WaitingKeyFrame,
}

/// Server to client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerMessage {
    /// First of a connection.
    Hello {
        /// Wire version.
        version: u8,
        /// Name and version of the gateway.
        server: String,
        /// The gateway's clock, UTC microseconds.
        now: i64,
        /// Most tiles on one connection.
        max_tiles: u32,
    },
    /// Being started.
    Opening {
        /// Which tile.
        tile: u32,
        /// Which stream.
        profile: Profile,
        /// How far.
        state: Opening,
    },
    /// Media of this feed follows.
    Opened {
        /// Which tile.
        tile: u32,
        /// The feed's number.
        feed: u32,
        /// Which stream.
        profile: Profile,
        /// What it carries.
        tracks: Vec<TrackInfo>,
        /// Why it is this stream, if it is not what was asked for or might be.
        #[serde(default)]
        auto: Option<Auto>,
        /// Re-encoded by the gateway, once for all who need it.
        #[serde(default, skip_serializing_if = "not")]
        transcoded: bool,
    },
    /// Will not start.
    Refused {
        /// Which tile.
        tile: u32,
        /// Why.
        reason: Reason,
    },
    /// The viewer was too slow.
    Skipped {
        /// Which tile.
        tile: u32,
        /// Frames left out.
        frames: u64,
        /// Bytes left out.
        bytes: u64,
        /// Media time left out, milliseconds.
        ms: u64,
    },
    /// The source stopped.
    Lost {
        /// Which tile.
        tile: u32,
        /// Why.
        reason: Reason,
    },
    /// The source delivers again.
    Back {
        /// Which tile.
        tile: u32,
    },
    /// Answer to pause.
    Paused {
        /// Which tile.
        tile: u32,
    },
    /// Answer to close.
    Closed {
        /// Which tile.
        tile: u32,
    },
    /// What this connection carries, as [`ClientMessage::Measure`] asked.
    Measured {
        /// Bits a second that the transport took since the last such message.
        rate_bps: u64,
        /// How old the oldest frame is that the transport has not taken, in milliseconds.
        delay_ms: u64,
        /// The transport's round trip, in milliseconds, where it knows one.
        rtt_ms: Option<u32>,
        /// A tile shows less than it would on a better line.
        congested: bool,
    },
    /// A clock is set: the answer to `clock` and `step`, and also where it jumps across a gap.
    Clock {
        /// Which clock.
        clock: u32,
        /// As it was asked for.
        run: u32,
        /// The moment that it shows, UTC microseconds.
        at: i64,
        /// How fast it goes.
        rate: f64,
        /// Key frames only are sent at this rate.
        keys: bool,
    },
    /// Nothing is recorded from here on.
    Gap {
        /// Which tile.
        tile: u32,
        /// UTC microseconds; on a clock that goes backwards this is the later end.
        from: i64,
        /// Where something is recorded again; none where that is not known yet.
        to: Option<i64>,
        /// Why.
        reason: Reason,
        /// Frames of the tile's feed that were sent before this. Where each stream has its own pace they may come after it.
        #[serde(default)]
        frames: u32,
    },
    /// Whether key frames only are sent of a recorded tile since the line does not carry more.
    Thinned {
        /// Which tile.
        tile: u32,
        /// They are; else all pictures again.
        keys: bool,
    },
    /// All up to the clock's `until` is sent.
    Finished {
        /// Which tile.
        tile: u32,
        /// As in `Gap`.
        #[serde(default)]
        frames: u32,
    },
    /// Not understood.
    Error {
        /// What was wrong.
        text: String,
        /// Which tile, if known.
        tile: Option<u32>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Codec, MEASURE_MS};
    use proptest::prelude::*;

    fn choices() -> impl Strategy<Value = Choice> {
        (0usize..3).prop_map(|n| [Choice::Main, Choice::Sub, Choice::Auto][n])
    }

    fn decodes() -> impl Strategy<Value = Decodes> {
        proptest::collection::vec(0..Codec::ALL.len(), 0..6)
            .prop_map(|n| n.into_iter().map(|n| Codec::ALL[n]).collect())
    }

    fn asked() -> impl Strategy<Value = ClientMessage> {
        let camera: CameraId = "44140300001320000001".parse().unwrap();
        let open = (
            (any::<u32>(), choices(), decodes()),
            (
                any::<Option<u16>>(),
                any::<Option<u16>>(),
                any::<[bool; 2]>(),
            ),
        );
        prop_oneof![
            open.prop_map(
                move |((tile, profile, decodes), (width, height, [audio, raw]))| {
                    ClientMessage::Open {
                        tile,
                        camera,
                        profile,
                        width,
                        height,
                        decodes,
                        format: if raw { Format::Raw } else { Format::Fmp4 },
                        priority: Priority::Wall,
                        audio,
                    }
                }
            ),
            (any::<u32>(), choices())
                .prop_map(|(tile, profile)| ClientMessage::Profile { tile, profile }),
            any::<(u32, u16, u16)>().prop_map(|(tile, width, height)| ClientMessage::Size {
                tile,
                width,
                height
            }),
            MEASURE_MS.prop_map(|every_ms| ClientMessage::Measure { every_ms }),
            (any::<(u32, u32, Option<i64>, Option<i64>)>(), -64i32..65).prop_map(
                |((clock, run, at, until), quarters)| ClientMessage::Clock {
                    clock,
                    run,
                    at,
                    rate: (quarters != 0).then(|| f64::from(quarters) / 4.0),
                    gaps: (run % 2 == 0).then_some(Gaps::Wait),
                    until,
                }
            ),
            (any::<(u32, u32, bool)>(), ".{0,20}", decodes()).prop_map(
                move |((tile, clock, audio), reason, decodes)| ClientMessage::Replay {
                    tile,
                    camera,
                    profile: audio.then_some(Profile::Sub),
                    clock,
                    decodes,
                    format: Format::Raw,
                    audio,
                    reason,
                }
            ),
            any::<(u32, u32, i64)>().prop_map(|(clock, run, at)| ClientMessage::Reached {
                clock,
                run,
                at
            }),
            any::<(u32, u32, u32, i32)>().prop_map(|(clock, run, tile, frames)| {
                ClientMessage::Step {
                    clock,
                    run,
                    tile,
                    frames,
                }
            }),
        ]
    }

    fn answered() -> impl Strategy<Value = ServerMessage> {
        let auto = (0usize..4).prop_map(|n| {
            [
                None,
                Some(Auto::Size),
                Some(Auto::Capacity),
                Some(Auto::Codec),
            ][n]
        });
        prop_oneof![
            any::<(u64, u64, Option<u32>, bool)>().prop_map(
                |(rate_bps, delay_ms, rtt_ms, congested)| ServerMessage::Measured {
                    rate_bps,
                    delay_ms,
                    rtt_ms,
                    congested
                }
            ),
            (any::<(u32, u32, bool)>(), auto).prop_map(|((tile, feed, transcoded), auto)| {
                ServerMessage::Opened {
                    tile,
                    feed,
                    profile: Profile::Sub,
                    tracks: Vec::new(),
                    auto,
                    transcoded,
                }
            }),
            (any::<(u32, u32, i64, bool)>(), -64i32..65).prop_map(
                |((clock, run, at, keys), quarters)| ServerMessage::Clock {
                    clock,
                    run,
                    at,
                    rate: f64::from(quarters) / 4.0,
                    keys
                }
            ),
            any::<(u32, i64, Option<i64>, u32)>().prop_map(|(tile, from, to, frames)| {
                ServerMessage::Gap {
                    tile,
                    from,
                    to,
                    reason: Reason::new(crate::ReasonCode::NotRecording, "no plan"),
                    frames,
                }
            }),
            any::<(u32, bool)>().prop_map(|(tile, keys)| ServerMessage::Thinned { tile, keys }),
            any::<(u32, u32)>().prop_map(|(tile, frames)| ServerMessage::Finished { tile, frames }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_asked_is_read_as_it_was_written(message in asked()) {
            let text = serde_json::to_string(&message).unwrap();
            prop_assert!(text.len() <= crate::wire::MAX_CONTROL_BYTES);
            prop_assert_eq!(serde_json::from_str::<ClientMessage>(&text).unwrap(), message);
        }

        #[test]
        fn what_is_answered_is_read_as_it_was_written(message in answered()) {
            let text = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(serde_json::from_str::<ServerMessage>(&text).unwrap(), message);
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error =
            serde_json::from_str::<ClientMessage>(r#"{"type":"close","tyle":1}"#).unwrap_err();
        assert!(error.to_string().contains("tyle"), "{error}");
    }

    #[test]
    fn who_says_nothing_decodes_everything_and_has_a_large_tile() {
        let text = r#"{"type":"open","tile":1,"camera":"44140300001320000001","profile":"auto"}"#;
        let Ok(ClientMessage::Open {
            profile: Choice::Auto,
            width: None,
            height: None,
            decodes,
            ..
        }) = serde_json::from_str(text)
        else {
            panic!("{text}")
        };
        assert!(decodes.is_all());
    }
}
