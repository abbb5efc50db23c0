//! H.265 and G.711 for viewers who decode neither: the camera's H.264 sub stream, else one shared re-encoding, else the reason.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, bail, ensure};
use camsim::{
    CameraConfig, Clip, Server, ServerConfig,
    clip::VideoCodec,
    scene::{QuickClip, Sound, quick_clip},
};
use media::{
    Profile, ReasonCode,
    wire::{Auto, Header, Kind, ServerMessage},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sightline_tests::{Api, Received, Viewer, decode_errors, eventually, probe};

use crate::shared::{DEADLINE, block_on, demo};

fn clip(codec: VideoCodec, sound: Sound) -> anyhow::Result<Clip> {
    let want = QuickClip {
        codec,
        sound,
        gop: 25,
        ..QuickClip::default()
    };
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    Ok(quick_clip(&want, &cache)?)
}

/// A camera of its own, put into the shared district's register; others look only.
struct Added {
    api: Api,
    code: String,
    server: Server,
}

impl Added {
    async fn new(code: &str, main: Clip, sub: Option<Clip>) -> anyhow::Result<Self> {
        let (_, api) = demo().await?;
        let server = Server::start(ServerConfig::default()).await?;
        let has_sub = sub.is_some();
        let camera = server.add_camera(CameraConfig {
            sub,
            lag_max: DEADLINE,
            ..CameraConfig::new("old", main)
        });
        let mut body = json!({
            "code": code, "name": "旧编码", "region": "441403100", "record": false, "tag": false,
            "main_url": camera.url_with_password(camsim::Profile::Main),
        });
        if has_sub {
            body["sub_url"] = camera.url_with_password(camsim::Profile::Sub).into();
        }
        api.post("cameras", body, StatusCode::CREATED).await?;
        Ok(Self {
            api,
            code: code.into(),
            server,
        })
    }

    async fn open(&self, profile: &str, decodes: Value) -> anyhow::Result<Viewer> {
        let mut viewer = Viewer::connect(&self.api).await?;
        viewer
            .send(json!({"type": "open", "tile": 1, "camera": self.code, "profile": profile, "decodes": decodes}))
            .await?;
        Ok(viewer)
    }

    async fn transcodes(&self) -> anyhow::Result<Vec<Value>> {
        let camera = self.api.get(&format!("cameras/{}", self.code)).await?;
        let running = camera["profiles"]["main"]["transcodes"].as_array().cloned();
        running.context("transcodes of the main stream")
    }

    async fn remove(self) -> anyhow::Result<()> {
        let path = format!("cameras/{}", self.code);
        let answer = self
            .api
            .request(reqwest::Method::DELETE, &path)
            .send()
            .await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        self.server.shutdown().await;
        Ok(())
    }
}

/// What a page makes of a feed: by track, its initialisation and its fragments one after the other.
#[derive(Default)]
struct Page {
    files: BTreeMap<u8, Vec<u8>>,
    first: [Option<i64>; 2],
    last: [i64; 2],
    opened: Vec<ServerMessage>,
}

impl Page {
    /// Until both tracks (or one of them) have gone on for so long, in one feed with the given number of tracks.
    async fn watch(viewer: &mut Viewer, tracks: usize, seconds: i64) -> anyhow::Result<Self> {
        let mut page = Self::default();
        let watching = async {
            loop {
                match viewer.next().await? {
                    Received::Media(header, payload) => page.take(&header, &payload),
                    Received::Control(message @ ServerMessage::Opened { .. }) => {
                        // Another feed begins: what was before was for the time until it stood.
                        let opened = std::mem::take(&mut page.opened);
                        page = Self {
                            opened,
                            ..Self::default()
                        };
                        page.opened.push(message);
                    }
                    Received::Control(ServerMessage::Refused { reason, .. }) => bail!("{reason}"),
                    Received::Control(_) => {}
                    Received::Closed(code) => bail!("closed: {code:?}"),
                }
                let over =
                    |t: usize| page.first[t].is_some_and(|f| page.last[t] - f >= seconds * 90_000);
                if (0..tracks).all(over) {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(DEADLINE, watching)
            .await
            .context("pictures in time")??;
        Ok(page)
    }

    fn take(&mut self, header: &Header, payload: &[u8]) {
        let track = usize::from(header.track.number());
        self.files
            .entry(header.track.number())
            .or_default()
            .extend_from_slice(payload);
        if header.kind != Kind::Initialisation {
            self.first[track].get_or_insert(header.media_time.0);
            self.last[track] = header.media_time.0;
        }
    }

    fn codec(&self, track: u8) -> anyhow::Result<String> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("track.mp4");
        std::fs::write(&path, self.files.get(&track).context("the track")?)?;
        let errors = decode_errors(&path)?;
        ensure!(errors.is_empty(), "ffmpeg: {errors}");
        let probed = probe(&path)?;
        Ok(probed["streams"][0]["codec_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }
}

#[test]
fn a_page_without_h265_and_g711_is_given_one_shared_re_encoding() {
    block_on(async {
        let main = clip(VideoCodec::H265, Sound::Pcma)?;
        let camera = Added::new("44140300001326880001", main, None).await?;
        let browser = || json!(["h264", "aac", "opus"]);
        let mut one = camera.open("main", browser()).await?;
        let page = Page::watch(&mut one, 2, 3).await?;
        assert_eq!(
            (page.codec(0)?, page.codec(1)?),
            ("h264".into(), "aac".into())
        );
        let Some(ServerMessage::Opened {
            feed,
            auto,
            transcoded,
            ..
        }) = page.opened.last()
        else {
            bail!("{:?}", page.opened);
        };
        assert!(
            *transcoded && *auto == Some(Auto::Codec),
            "{:?}",
            page.opened
        );
        // Both begin within a group and an AAC frame of each other.
        let [Some(picture), Some(sound)] = page.first else {
            bail!("{:?}", page.first);
        };
        assert!((picture - sound).abs() < 90_000, "{picture} and {sound}");

        let mut two = camera.open("main", browser()).await?;
        let shared = two
            .control(|m| match m {
                ServerMessage::Opened {
                    feed,
                    transcoded: true,
                    ..
                } => Some(*feed),
                _ => None,
            })
            .await?;
        assert_eq!(shared, *feed, "one for both");
        let running = camera.transcodes().await?;
        let of = |kind: &str| running.iter().find(|t| t["kind"] == kind);
        let video = of("video").context("pictures are re-encoded")?;
        assert_eq!(
            (&video["viewers"], &video["state"]),
            (&json!(2), &json!("live"))
        );
        assert!(of("sound").is_some(), "{running:?}");
        let status = camera.api.get("status").await?;
        assert!(status["transcode"]["video_encoder"].is_string(), "{status}");

        // Who decodes all of it gets the camera's own.
        let mut program = camera
            .open("main", json!(["h264", "h265", "aac", "g711"]))
            .await?;
        let own = program
            .control(|m| match m {
                ServerMessage::Opened {
                    tracks, transcoded, ..
                } => Some((tracks[0].codec.clone(), *transcoded)),
                _ => None,
            })
            .await?;
        assert!(own.0.starts_with("hvc1") && !own.1, "{own:?}");

        drop((one, two, program));
        eventually("the last viewer's leaving ends it", DEADLINE, async || {
            Ok(camera.transcodes().await?.is_empty().then_some(()))
        })
        .await?;
        camera.remove().await
    });
}

#[test]
fn the_h264_sub_stream_comes_before_any_re_encoding() {
    block_on(async {
        let main = clip(VideoCodec::H265, Sound::None)?;
        let sub = clip(VideoCodec::H264, Sound::None)?;
        let camera = Added::new("44140300001326880002", main, Some(sub)).await?;
        let mut viewer = camera.open("main", json!(["h264"])).await?;
        let page = Page::watch(&mut viewer, 1, 2).await?;
        assert_eq!(page.codec(0)?, "h264");
        let Some(ServerMessage::Opened {
            profile,
            auto,
            transcoded,
            ..
        }) = page.opened.last()
        else {
            bail!("{:?}", page.opened);
        };
        assert_eq!(
            (*profile, *auto, *transcoded),
            (Profile::Sub, Some(Auto::Codec), false)
        );
        assert!(camera.transcodes().await?.is_empty());
        drop(viewer);
        // Nothing helps who decodes no video at all, and that is said.
        let mut viewer = camera.open("main", json!(["aac"])).await?;
        let reason = viewer
            .control(|m| match m {
                ServerMessage::Refused { reason, .. } => Some(reason.clone()),
                _ => None,
            })
            .await?;
        assert_eq!(reason.code, ReasonCode::Codec, "{reason}");
        drop(viewer);
        camera.remove().await
    });
}
