//! What was recorded plays over the viewer wire: every picture once and in order, key frames alone at speed, seeks, steps and
//! pauses, for several viewers at different places; and only for those who may, with an entry in the audit log.

use std::time::Duration;

use client::{Client, Message, Replay, Setting, Trust};
use media::{
    WallTime,
    recorded::{moment, wall},
    wire::{Format, Header, Kind, ServerMessage, replay::Gaps},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sightline_tests::{Api, Demo, Viewer, eventually, secure::Secure};

use crate::shared::{block_on, codes, demo, next};

/// Seconds that are played.
const RANGE: Duration = Duration::from_secs(8);

/// A stretch of so many recorded seconds, by what the gateway says of a camera.
fn stretch(line: &Value, long: Duration) -> Option<(WallTime, WallTime)> {
    line["spans"].as_array()?.iter().find_map(|span| {
        let start: WallTime = span["start"].as_str()?.parse().ok()?;
        let end: WallTime = span["end"].as_str()?.parse().ok()?;
        (end.since(start) > long).then(|| (start + Duration::from_millis(3500), end))
    })
}

fn query() -> String {
    let now = WallTime::now();
    format!("from={}&to={now}", now - Duration::from_secs(600))
}

/// A viewer of one recorded tile.
struct Watcher {
    client: Client,
    run: u32,
    feed: u32,
    /// Says nothing of what it has: then the clock stands where it was set.
    silent: bool,
}

impl Watcher {
    async fn open(mut client: Client, camera: &str, set: Setting) -> anyhow::Result<Self> {
        client.clock(1, 1, set).await?;
        client
            .replay(Replay {
                tile: 1,
                camera: camera.parse()?,
                profile: None,
                clock: 1,
                format: Format::Raw,
                audio: false,
                reason: "scenario".into(),
            })
            .await?;
        if let Some(at) = set.at {
            client.reached(1, 1, at).await?;
        }
        Ok(Self {
            client,
            run: 1,
            feed: 0,
            silent: false,
        })
    }

    /// Sets the clock, and passes over all that was before.
    async fn set(&mut self, set: Setting) -> anyhow::Result<()> {
        self.run += 1;
        self.client.clock(1, self.run, set).await?;
        if let Some(at) = set.at.filter(|_| !self.silent) {
            self.client.reached(1, self.run, at).await?;
        }
        self.answer().await?;
        Ok(())
    }

    /// Where the clock is, once it says so. What is on its way of before is of another feed than what will be opened: by QUIC it may
    /// come after this.
    async fn answer(&mut self) -> anyhow::Result<i64> {
        loop {
            if let Message::Control(ServerMessage::Clock { run, at, .. }) =
                next(&mut self.client).await?
                && run == self.run
            {
                self.feed = 0;
                return Ok(at);
            }
        }
    }

    /// The next picture of the newest feed; none when all is sent.
    async fn picture(&mut self) -> anyhow::Result<Option<(Header, usize)>> {
        loop {
            match next(&mut self.client).await? {
                Message::Control(ServerMessage::Opened { feed, .. }) => self.feed = feed,
                Message::Control(ServerMessage::Finished { .. }) => return Ok(None),
                Message::Control(ServerMessage::Refused { reason, .. }) => anyhow::bail!(reason),
                Message::Control(
                    missing @ (ServerMessage::Skipped { .. } | ServerMessage::Gap { .. }),
                ) => anyhow::bail!("something is missing: {missing:?}"),
                Message::Control(_) => {}
                Message::Media(header, payload) => {
                    if header.kind == Kind::AccessUnit && header.feed == self.feed {
                        // Who says what it has is waited for, however slow the machine.
                        if !self.silent {
                            let shows = wall(header.media_time);
                            self.client.reached(1, self.run, shows).await?;
                        }
                        return Ok(Some((header, payload.len())));
                    }
                }
            }
        }
    }

    /// Pictures up to a moment.
    async fn up_to(&mut self, at: WallTime) -> anyhow::Result<Vec<Header>> {
        let mut all = Vec::new();
        while let Some((header, _)) = self.picture().await? {
            all.push(header);
            if header.media_time >= moment(at) {
                break;
            }
        }
        Ok(all)
    }
}

/// All of it, by one transport. `sizes`: of the pictures in the same range, by what a player that is not ours finds in the file, which
/// may end so many pictures sooner or later.
async fn plays(
    connect: impl AsyncFn() -> anyhow::Result<Client>,
    camera: &str,
    from: WallTime,
    (sizes, apart): (&[usize], usize),
) -> anyhow::Result<()> {
    let set = |at, rate| Setting {
        at: Some(at),
        rate: Some(rate),
        ..Setting::default()
    };
    // Every picture of the range once and in order.
    let whole = Setting {
        until: Some(from + RANGE),
        ..set(from, 1.0)
    };
    let mut one = Watcher::open(connect().await?, camera, whole).await?;
    let (mut headers, mut bytes) = (Vec::new(), Vec::new());
    while let Some((header, len)) = one.picture().await? {
        headers.push(header);
        bytes.push(len);
    }
    assert!(headers[0].key && headers[0].media_time <= moment(from));
    assert!(
        headers
            .windows(2)
            .all(|h| h[1].media_time > h[0].media_time)
    );
    assert!(headers.windows(2).all(|h| h[1].frame == h[0].frame + 1));
    let same = bytes.len().min(sizes.len());
    assert_eq!(bytes[..same], sizes[..same]);
    assert!(
        bytes.len().abs_diff(sizes.len()) <= apart,
        "{} and {}",
        bytes.len(),
        sizes.len()
    );

    // At eight times the speed key frames alone.
    one.set(Setting {
        until: Some(from + RANGE),
        ..set(from, 8.0)
    })
    .await?;
    let mut keys = Vec::new();
    while let Some((header, _)) = one.picture().await? {
        keys.push(header);
    }
    assert!(keys.iter().all(|h| h.key));
    let wanted = headers.iter().filter(|h| h.key).count();
    assert!(
        keys.len().abs_diff(wanted) <= 1,
        "{} and {wanted}",
        keys.len()
    );

    // A seek while it plays, and a second viewer elsewhere on the same camera who does not notice.
    let mut two = Watcher::open(connect().await?, camera, set(from, 1.0)).await?;
    two.up_to(from + Duration::from_secs(1)).await?;
    one.set(set(from + Duration::from_secs(1), 1.0)).await?;
    one.up_to(from + Duration::from_secs(2)).await?;
    one.set(set(from + Duration::from_secs(5), 1.0)).await?;
    let (first, _) = one.picture().await?.expect("a picture");
    assert!(first.key && first.media_time <= moment(from + Duration::from_secs(5)));
    assert!(first.media_time > moment(from + Duration::from_secs(2)));
    let more = two.up_to(from + Duration::from_secs(3)).await?;
    assert!(more.windows(2).all(|h| h[1].frame == h[0].frame + 1));

    // Standing still: the picture of the moment, and little more.
    let at = wall(headers[headers.len() / 2].media_time);
    one.silent = true;
    one.set(set(at, 0.0)).await?;
    let mut shown = one.up_to(at).await?;
    assert_eq!(shown.pop().map(|h| h.media_time), Some(moment(at)));
    let rest = tokio::time::timeout(
        Duration::from_secs(3),
        one.up_to(at + Duration::from_secs(3)),
    );
    assert!(rest.await.is_err(), "it goes on while it stands");

    // A step back is the picture before, and one on the picture behind.
    for (step, n) in [(-1, headers.len() / 2 - 1), (1, headers.len() / 2)] {
        one.run += 1;
        one.client.step(1, one.run, 1, step).await?;
        let told = one.answer().await?;
        assert_eq!(told, wall(headers[n].media_time).as_micros(), "step {step}");
        let stepped = one.up_to(WallTime(told)).await?;
        assert_eq!(
            stepped.last().map(|h| h.media_time),
            Some(headers[n].media_time)
        );
    }
    one.client.shutdown().await;
    two.client.shutdown().await;
    Ok(())
}

/// Sizes of the pictures in a file, in the order they are decoded.
async fn sizes_in(file: &std::path::Path) -> anyhow::Result<Vec<usize>> {
    let out = tokio::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=size",
        ])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .await?;
    anyhow::ensure!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8(out.stdout)?;
    text.lines()
        .filter_map(|line| line.trim_matches(',').split(',').next())
        .map(|size| Ok(size.trim().parse()?))
        .collect()
}

async fn recorded(api: &Api, camera: &str) -> anyhow::Result<WallTime> {
    let found = eventually("recorded seconds", Duration::from_secs(240), || async {
        let line = api
            .get(&format!("cameras/{camera}/recordings?{}", query()))
            .await?;
        Ok(stretch(&line, RANGE + Duration::from_secs(6)))
    });
    Ok(found.await?.0)
}

async fn watched(demo: &Demo, api: &Api, camera: &str) -> anyhow::Result<()> {
    let from = recorded(api, camera).await?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("range.mp4");
    let to = from + RANGE;
    api.download(
        &format!("cameras/{camera}/recording.mp4?from={from}&to={to}"),
        &file,
    )
    .await?;
    let sizes = sizes_in(&file).await?;
    let connect = async || -> anyhow::Result<Client> {
        Ok(Client::connect_ws(&demo.url, &api.token, &Trust::Anything).await?)
    };
    // The download's end is by the frames' arrival, ours by their time: on a busy machine up to a second apart.
    plays(connect, camera, from, (&sizes, 25)).await
}

#[test]
fn by_websocket_every_picture_once_speeds_seeks_steps_and_two_viewers() {
    block_on(async {
        let (demo, api) = demo().await?;
        let camera = codes(&api).await?.remove(0);
        watched(demo, &api, &camera).await?;
        // Who watched, why, and what was sent.
        eventually(
            "the entries in the audit log",
            Duration::from_secs(60),
            || async {
                let audit = api.get("audit?action=playback").await?;
                let entries = audit["entries"].as_array().cloned().unwrap_or_default();
                let of = |what: &str| {
                    entries.iter().any(|e| {
                        e["object"] == camera.as_str()
                            && e["reason"] == "scenario"
                            && e["detail"].as_str().is_some_and(|d| d.starts_with(what))
                    })
                };
                Ok((of("opened") && of("closed, sent ")).then_some(()))
            },
        )
        .await
    });
}

#[test]
fn by_quic_the_same_and_pulled_into_a_file() {
    block_on(async {
        let gateway = Secure::start(2, "[log]\nlevel = \"info\"\n").await?;
        let camera = gateway.cameras[0].clone();
        let found = eventually("recorded seconds", Duration::from_secs(240), || async {
            let path = format!("/api/v1/cameras/{camera}/recordings?{}", query());
            let line: Value = serde_json::from_str(&gateway.get(&path).await?)?;
            Ok(stretch(&line, RANGE + Duration::from_secs(6)))
        });
        let (from, _) = found.await?;
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("pulled.mp4");
        let mut out = tokio::fs::File::create(&file).await?;
        let mut client =
            Client::connect_quic(&gateway.url(), &gateway.token, &Trust::Anything).await?;
        let options = client::pull::Options {
            camera: camera.parse()?,
            profile: media::Profile::Main,
            container: client::pull::Container::Mp4,
            audio: true,
            duration: None,
            recorded: Some(client::pull::Recorded {
                from,
                to: Some(from + RANGE),
                rate: 4.0 - 0.01,
                gaps: Gaps::Skip,
                reason: "pulled".into(),
            }),
        };
        client::pull::pull(&mut client, &options, &mut out, |_| {}).await?;
        client.shutdown().await;
        out.sync_all().await?;
        // A player that is not ours reads it from its first picture to its last.
        assert_eq!(sightline_tests::decode_errors(&file)?, "");
        let sizes = sizes_in(&file).await?;
        let info = sightline_tests::probe(&file)?;
        let streams = info["streams"].as_array().cloned().unwrap_or_default();
        let video = streams.iter().find(|s| s["codec_type"] == "video");
        let start: f64 = video
            .and_then(|v| v["start_time"].as_str())
            .unwrap_or("none")
            .parse()?;
        assert!(start.abs() < 0.5, "it begins at {start} s");

        let connect = async || -> anyhow::Result<Client> {
            Ok(Client::connect_quic(&gateway.url(), &gateway.token, &Trust::Anything).await?)
        };
        plays(connect, &camera, from, (&sizes, 3)).await
    });
}

#[test]
fn who_may_not_play_back_is_refused_and_that_is_on_file() {
    block_on(async {
        let (demo, admin) = demo().await?;
        let cameras = admin.get("cameras").await?;
        let cameras = cameras.as_array().cloned().unwrap_or_default();
        let town = cameras[0]["region"].as_str().unwrap()[..9].to_owned();
        let foreign = cameras
            .iter()
            .find(|c| !c["region"].as_str().unwrap().starts_with(&town))
            .expect("the demonstration has cameras in several towns");
        admin
            .post(
                "users",
                json!({"user": "rewinder", "name": "R", "password": "a long enough password", "role": "operator", "region": town}),
                StatusCode::CREATED,
            )
            .await?;
        let officer = Api::sign_in(&demo.url, "rewinder", "a long enough password").await?;
        let mut viewer = Viewer::connect(&officer).await?;
        let now = WallTime::now().as_micros();
        viewer
            .send(json!({"type":"clock","clock":1,"run":1,"at":now - 30_000_000}))
            .await?;
        viewer
            .send(json!({"type":"replay","tile":1,"clock":1,"camera":foreign["code"],"reason":"curious"}))
            .await?;
        let code = viewer
            .control(|m| match m {
                ServerMessage::Refused { reason, .. } => Some(reason.code.as_str()),
                _ => None,
            })
            .await?;
        assert_eq!(code, "forbidden");
        eventually(
            "the refusal in the audit log",
            Duration::from_secs(60),
            || async {
                let audit = admin.get("audit?user=rewinder&action=playback").await?;
                let entries = audit["entries"].as_array().cloned().unwrap_or_default();
                let denied = entries
                    .iter()
                    .any(|e| e["outcome"] == "denied" && e["reason"] == "curious");
                Ok(denied.then_some(()))
            },
        )
        .await
    });
}
