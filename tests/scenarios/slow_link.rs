//! Field cases 15, 16 and 19 on real connections: a viewer behind a thin line, one whose line stands still for seconds, one who
//! is gone without a goodbye.

use std::time::Duration;

use anyhow::Context;
use client::{Client, Message, Open, Trust};
use media::{
    TrackKind, WallTime,
    wire::{Kind, ServerMessage},
};
use sightline_tests::{
    netns::Cable,
    rough::{Conditions, Rough},
    secure::{self, DEADLINE, Secure},
};
use tokio::{sync::watch as signal, time::timeout};
use url::Url;

use crate::shared::{Good, block_on, next, secure as gateway, watch};

/// The gateway's memory may grow by so much, with all that other scenarios do meanwhile.
const GROWTH: f64 = 128e6;
/// Bits a second: a third of a main stream, and enough for a key frame within two seconds.
const THIN: u64 = 700_000;

/// Pictures of a main stream's group that nothing was cut off of, or hardly anything.
const WHOLE: u32 = 40;

async fn connect(by: &str, url: &Url, token: &str) -> anyhow::Result<Client> {
    Ok(match by {
        "quic" => Client::connect_quic(url, token, &Trust::Anything).await?,
        _ => Client::connect_ws(url, token, &Trust::Anything).await?,
    })
}

/// What happens to a viewer behind the thin line.
async fn behind_the_thin_line(
    by: &str,
    url: Url,
    token: String,
    camera: String,
    skipped: signal::Sender<u32>,
) -> anyhow::Result<()> {
    let mut client = connect(by, &url, &token).await?;
    client.open(Open::new(1, camera.parse()?)).await?;
    let (mut group, mut pictures, mut skips, mut quiet) = (None, 0, 0, 0);
    // Wide again, it must become whole: groups in a row without anything left out.
    while !(skips >= 2 && quiet >= 3) {
        let lost = match next(&mut client).await? {
            Message::Control(ServerMessage::Skipped {
                tile,
                frames,
                bytes,
                ms,
            }) => {
                assert!(
                    tile == 1 && frames > 0 && bytes > 0 && ms > 0,
                    "{by}: it is told what"
                );
                true
            }
            Message::Media(header, _)
                if header.kind != Kind::Initialisation && header.track == TrackKind::Video =>
            {
                let ended = group != Some(header.group) && group.is_some();
                if group != Some(header.group) {
                    assert!(
                        header.key,
                        "{by}: group {} begins in its middle",
                        header.group
                    );
                    quiet += 1;
                }
                let short = ended && pictures < WHOLE;
                pictures = if group == Some(header.group) {
                    pictures + 1
                } else {
                    1
                };
                group = Some(header.group);
                // By QUIC a group that is given up ends early, and that tells it.
                short && by == "quic"
            }
            Message::Control(ServerMessage::Refused { reason, .. }) => anyhow::bail!("{reason}"),
            _ => false,
        };
        if lost {
            (skips, quiet) = (skips + 1, 0);
            skipped.send_replace(skips);
        }
    }
    client.shutdown().await;
    Ok(())
}

#[test]
fn a_viewer_behind_a_thin_line_is_slow_alone() {
    // A line each: on one they would take it from each other.
    let (Some(one), Some(other)) = (Cable::lay_or_skip(), Cable::lay_or_skip()) else {
        return;
    };
    block_on(async {
        let gateway = gateway().await?;
        let camera = &gateway.cameras[1];
        let good = Good::start(gateway, &[camera]).await?;
        let before = gateway.metric("sightline_memory_bytes").await?;
        let mut slow = Vec::new();
        for (by, cable) in [("websocket", &one), ("quic", &other)] {
            cable.set_rate(THIN, 32_000)?;
            let (skips, mut skipped) = signal::channel(0);
            let url = secure::url((cable.here, gateway.address.port()).into());
            let (token, camera) = (gateway.token.clone(), camera.clone());
            let viewer = cable.block_on(move || async move {
                behind_the_thin_line(by, url, token, camera, skips).await
            });
            let told = timeout(DEADLINE, skipped.wait_for(|n| *n >= 2)).await;
            if told
                .with_context(|| format!("{by}: never made to skip"))?
                .is_err()
            {
                tokio::task::spawn_blocking(move || viewer.join().expect("no panic")).await??;
                anyhow::bail!("{by}: ended before it was slow");
            }
            slow.push((by, viewer));
        }
        let after = gateway.metric("sightline_memory_bytes").await?;
        assert!(after < before + GROWTH, "{before} bytes, then {after}");
        for (cable, (by, viewer)) in [&one, &other].into_iter().zip(slow) {
            cable.set_rate(1_000_000_000, 1_000_000)?;
            let end = tokio::task::spawn_blocking(move || viewer.join().expect("no panic"));
            let end = timeout(DEADLINE, end).await;
            end.with_context(|| format!("{by}: not whole again"))???;
        }
        assert!(good.stop().await?.assert_whole() > 0);
        Ok(())
    });
}

#[test]
fn after_a_line_stood_still_for_seconds_nobody_stays_late() {
    block_on(async {
        let gateway = gateway().await?;
        let rough = Rough::start(gateway.address, 16, Conditions::default()).await?;
        let url = secure::url(rough.address);
        let mut viewers = Vec::new();
        for by in ["websocket", "quic"] {
            let mut client = connect(by, &url, &gateway.token).await?;
            client
                .open(Open::new(1, gateway.cameras[0].parse()?))
                .await?;
            on_time(&mut client).await?;
            viewers.push(client);
        }
        rough.set(|c| c.black_out = true);
        tokio::time::sleep(Duration::from_secs(3)).await;
        rough.set(|c| c.black_out = false);
        for mut client in viewers {
            on_time(&mut client).await?;
            client.shutdown().await;
        }
        Ok(())
    });
}

/// Waits until 25 pictures in a row are less than a second old.
async fn on_time(client: &mut Client) -> anyhow::Result<()> {
    let wait = async {
        let mut in_a_row = 0;
        while in_a_row < 25 {
            if let Message::Media(header, _) = next(client).await?
                && header.kind != Kind::Initialisation
                && header.track == TrackKind::Video
            {
                let age = WallTime::now().since(header.captured);
                in_a_row = if age < Duration::from_secs(1) {
                    in_a_row + 1
                } else {
                    0
                };
            }
        }
        Ok(())
    };
    timeout(DEADLINE, wait).await?
}

/// Watches until its line is cut, and then holds its sockets and says nothing.
async fn who_falls_silent(
    by: &str,
    url: Url,
    token: String,
    camera: String,
    watching: signal::Sender<bool>,
) -> anyhow::Result<()> {
    let mut client = connect(by, &url, &token).await?;
    watch(&mut client, 1, &camera).await?;
    while !matches!(next(&mut client).await?, Message::Media(..)) {}
    let mut over = watching.subscribe();
    watching.send_replace(true);
    // Until the test is over. Not reading, so that nothing that we might do is taken for a sign of life.
    over.wait_for(|watching| !*watching).await?;
    Ok(())
}

#[test]
fn who_leaves_without_a_goodbye_is_gone_and_the_pull_ends_after_its_grace() {
    let Some(cable) = Cable::lay_or_skip() else {
        return;
    };
    block_on(async {
        let gateway: &Secure = gateway().await?;
        let camera = &gateway.cameras[3];
        let url = secure::url((cable.here, gateway.address.port()).into());
        let mut silent = Vec::new();
        for by in ["websocket", "quic"] {
            let (watching, mut watched) = signal::channel(false);
            let (url, token) = (url.clone(), gateway.token.clone());
            let (camera, signal) = (camera.clone(), watching.clone());
            let viewer = cable.block_on(move || async move {
                who_falls_silent(by, url, token, camera, signal).await
            });
            timeout(DEADLINE, watched.wait_for(|watching| *watching)).await??;
            silent.push((watching, viewer));
        }
        cable.pull_out(true)?;
        let from = cable.there.to_string();
        gateway.logged(&["WebSocket ended", &from]).await?;
        gateway.logged(&["QUIC connection ended", &from]).await?;
        gateway
            .logged(&["no longer wanted", camera, "main"])
            .await?;
        for (watching, viewer) in silent {
            watching.send_replace(false);
            tokio::task::spawn_blocking(move || viewer.join().expect("no panic")).await??;
        }
        Ok(())
    });
}
