//! Viewers who cannot decode everything: what a camera sends is known from its first frame on, and may change.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use media::{
    CameraId, Feed, Lease, Profile, Reason, ReasonCode, SourceState, Tracks, VideoCodec,
    wire::ServerMessage,
};
use relay::{Config, Host, Viewer, Wish, session::Delivery};

use crate::harness::{Camera, camera, session::Rig, tracks};

/// Decides as a gateway does, by what it knows of the feeds when it is asked.
struct Choosing {
    main: Arc<Feed>,
    sub: Option<Arc<Feed>>,
    transcode: Option<Arc<Feed>>,
    asked: Mutex<Vec<Profile>>,
}

impl Host for Choosing {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        self.asked.lock().unwrap().push(wish.profile);
        let wished = match wish.profile {
            Profile::Main => Some(&self.main),
            Profile::Sub => self.sub.as_ref(),
        };
        let feed = wished.ok_or_else(|| Reason::new(ReasonCode::NotFound, "no such stream"))?;
        let known = feed.ring.newest_key().map(|key| Arc::clone(&key.tracks));
        match (known, &self.transcode) {
            (Some(tracks), Some(other)) if !wish.decodes.shows(&tracks) => {
                Ok(Lease::transcoded(Arc::clone(other), ()))
            }
            (Some(tracks), None) if !wish.decodes.shows(&tracks) => Err(Reason::new(
                ReasonCode::Codec,
                "hvc1, and nothing re-encodes it",
            )),
            _ => Ok(Lease::new(Arc::clone(feed), ())),
        }
    }

    fn closed(&self, _: &Viewer, _: CameraId, _: Profile) {}

    fn authenticate(&self, _: &str, _: SocketAddr) -> Result<Viewer, Reason> {
        Err(Reason::new(ReasonCode::Forbidden, "no such session"))
    }
}

fn h265() -> Arc<Tracks> {
    let mut tracks = Tracks::clone(&tracks(7, false));
    tracks.video.codec = VideoCodec::H265;
    tracks.video.codec_string = "hvc1.1.6.L93.B0".into();
    Arc::new(tracks)
}

struct Scene {
    main: Camera,
    sub: Camera,
    transcode: Camera,
    host: Arc<Choosing>,
    rig: Rig,
}

impl Scene {
    fn new(with_transcode: bool) -> Self {
        let main = Camera::new(1, Profile::Main, SourceState::Live);
        let sub = Camera::new(1, Profile::Sub, SourceState::Live);
        let transcode = Camera::new(50, Profile::Main, SourceState::Live);
        let host = Arc::new(Choosing {
            main: Arc::clone(&main.feed),
            sub: Some(Arc::clone(&sub.feed)),
            transcode: with_transcode.then(|| Arc::clone(&transcode.feed)),
            asked: Mutex::default(),
        });
        let shared = Arc::clone(&host) as Arc<dyn Host>;
        let mut rig = Rig::hosted(&shared, Delivery::Stream, Config::default());
        assert_eq!(rig.drain().story, "H");
        Self {
            main,
            sub,
            transcode,
            host,
            rig,
        }
    }

    fn open(&mut self, profile: &str, decodes: &str) {
        let camera = camera(1);
        self.rig.say(&format!(
            r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"{profile}","decodes":{decodes}}}"#
        ));
    }
}

const OLD: &str = r#"["h264","aac"]"#;

#[test]
fn what_cannot_be_decoded_is_never_sent_and_the_host_is_asked_once_it_is_known() {
    let mut s = Scene::new(true);
    s.main.tracks = h265();
    s.open("main", OLD);
    assert_eq!(s.rig.drain().story, "o", "nothing is known yet");
    s.main.push_many(3);
    assert_eq!(s.rig.drain().story, "o", "opening the other one");
    s.main.push_many(3);
    s.transcode.push_many(2);
    let seen = s.rig.drain();
    assert_eq!(seen.story, "OIKf");
    let number = s.transcode.feed.number;
    assert!(seen.frames.iter().all(|f| f.1 == number));
    let Some(ServerMessage::Opened { transcoded, .. }) = seen.control.first() else {
        panic!("{seen:?}");
    };
    assert!(transcoded);
    assert_eq!(s.host.asked.lock().unwrap().len(), 2);
    let sources: Vec<u32> = s.rig.session.sources().map(|(n, _)| n).collect();
    assert_eq!(sources, [number], "the camera's own is let go");
}

#[test]
fn a_camera_that_goes_over_to_h265_while_it_is_watched_is_followed() {
    let mut s = Scene::new(true);
    s.main.push_many(2);
    s.open("main", OLD);
    assert_eq!(s.rig.drain().story, "OIKf");
    s.main.frames = 50;
    s.main.tracks = h265();
    s.main.push_many(3);
    let seen = s.rig.drain();
    assert!(seen.frames.is_empty(), "{seen:?}");
    s.transcode.push_many(2);
    assert_eq!(s.rig.drain().story, "OIKf");
}

#[test]
fn nothing_to_stand_in_for_it_is_said_and_ends_the_tile() {
    let mut s = Scene::new(false);
    s.main.tracks = h265();
    s.open("main", OLD);
    s.main.push_many(3);
    let seen = s.rig.drain();
    assert_eq!(seen.story, "oR");
    assert_eq!(seen.refusal(), ReasonCode::Codec);
    assert_eq!(s.rig.session.tiles(), 0);
    s.open("main", OLD);
    assert_eq!(s.rig.drain().refusal(), ReasonCode::Codec, "known by now");
}

#[test]
fn sound_that_is_not_decoded_is_left_out_where_nothing_re_encodes_it() {
    let mut s = Scene::new(false);
    s.main.tracks = tracks(0, true);
    s.open("main", OLD);
    s.main.push_many(3);
    let seen = s.rig.drain();
    assert_eq!(seen.story, "oOIKff");
    let Some(ServerMessage::Opened { tracks, .. }) = seen.control.last() else {
        panic!("{seen:?}");
    };
    assert_eq!(tracks.len(), 1, "no sound is promised");
    s.main.push_many(2);
    assert_eq!(s.rig.drain().story, "ff");
    assert_eq!(s.host.asked.lock().unwrap().len(), 2, "asked once");
}

#[test]
fn a_switch_to_what_cannot_be_decoded_keeps_the_old_picture_until_the_other_has_one() {
    let mut s = Scene::new(true);
    s.main.tracks = h265();
    s.sub.push_many(2);
    s.open("sub", OLD);
    assert_eq!(s.rig.drain().story, "OIKf");
    s.rig.say(r#"{"type":"profile","tile":1,"profile":"main"}"#);
    s.rig.drain();
    s.main.push_many(2);
    s.sub.push();
    let seen = s.rig.drain();
    assert!(
        seen.story.ends_with('f') && !seen.story.contains('O'),
        "{seen:?}"
    );
    s.transcode.push();
    s.sub.push();
    assert!(s.rig.drain().story.contains("OIK"));
    let sources: Vec<u32> = s.rig.session.sources().map(|(n, _)| n).collect();
    assert_eq!(sources, [s.transcode.feed.number]);
}

#[test]
fn a_host_whose_answers_all_cannot_be_shown_is_not_asked_for_ever() {
    let mut s = Scene::new(true);
    s.main.tracks = h265();
    s.transcode.tracks = h265();
    s.open("main", OLD);
    s.main.push();
    s.transcode.push();
    let seen = s.rig.drain();
    assert_eq!(seen.refusal(), ReasonCode::Codec);
    assert!(s.host.asked.lock().unwrap().len() < 10);
}
