//! Field case 20: where UDP stops passing the client falls back to WebSocket, and when it passes again the client climbs back,
//! without a gap and without a frame twice.

use client::{Client, Message, Trust};
use media::wire::ServerMessage;
use sightline_tests::{
    Seen,
    netns::Cable,
    rough::{Conditions, Rough},
    secure,
};
use tokio::sync::{mpsc, watch as signal};
use url::Url;

use crate::shared::{DEADLINE, Good, block_on, next, secure as gateway, watch};

/// What a viewer under test tells: by what it gets its frames, and how many there were.
type Told = (&'static str, u64);

/// Watches two cameras until it is told to stop.
async fn viewer(
    url: Url,
    token: String,
    cameras: Vec<String>,
    told: mpsc::Sender<Told>,
    stop: signal::Receiver<bool>,
) -> anyhow::Result<Seen> {
    let mut client = Client::connect_any(&url, &token, &Trust::Anything).await?;
    client.retry_quic_after(std::time::Duration::from_secs(1));
    for (tile, camera) in (0..).zip(&cameras) {
        watch(&mut client, tile, camera).await?;
    }
    let mut seen = Seen::default();
    while !*stop.borrow() {
        let message = next(&mut client).await?;
        if client.moved().is_some_and(|moved| moved.to == "websocket") {
            seen.gap();
        }
        match message {
            Message::Media(header, _) => seen.take(&header),
            Message::Control(ServerMessage::Skipped { .. }) => seen.gap(),
            Message::Control(ServerMessage::Refused { reason, .. }) => anyhow::bail!("{reason}"),
            Message::Control(_) => {}
        }
        // Nobody listens any more: then we are being stopped.
        let _ = told.try_send((client.transport(), seen.frames));
    }
    client.shutdown().await;
    Ok(seen)
}

/// Waits until so many frames came by this transport in one go.
async fn until(told: &mut mpsc::Receiver<Told>, by: &str, frames: u64) -> anyhow::Result<()> {
    let wait = async {
        let mut since = None;
        while let Some((transport, count)) = told.recv().await {
            match (transport == by, since) {
                (false, _) => since = None,
                (true, None) => since = Some(count),
                (true, Some(first)) if count >= first + frames => return Ok(()),
                (true, Some(_)) => {}
            }
        }
        anyhow::bail!("the viewer ended")
    };
    tokio::time::timeout(DEADLINE, wait).await?
}

#[test]
fn through_a_network_that_takes_udp_away_and_gives_it_back() {
    block_on(async {
        let gateway = gateway().await?;
        let cameras = &gateway.cameras[..2];
        let good = Good::start(gateway, &[&cameras[0], &cameras[1]]).await?;
        let shut = Conditions {
            no_udp: true,
            ..Conditions::default()
        };
        let rough = Rough::start(gateway.address, 20, shut).await?;
        let (told, mut tells) = mpsc::channel(16);
        let (stop, stopped) = signal::channel(false);
        let url = secure::url(rough.address);
        let viewer = tokio::spawn(viewer(
            url,
            gateway.token.clone(),
            cameras.to_vec(),
            told,
            stopped,
        ));
        until(&mut tells, "websocket", 20).await?;
        rough.set(|c| c.no_udp = false);
        until(&mut tells, "quic", 100).await?;
        rough.set(|c| c.no_udp = true);
        until(&mut tells, "websocket", 100).await?;
        rough.set(|c| c.no_udp = false);
        until(&mut tells, "quic", 100).await?;
        stop.send(true)?;
        let seen = viewer.await??;
        let held = seen.assert_all_of(&good.stop().await?);
        assert!(held > 150, "{held} frames held against those of another");
        assert!(rough.counts().blocked > 0);
        Ok(())
    });
}

#[test]
fn through_a_firewall_that_drops_udp_in_mid_stream_and_lets_it_pass_again() {
    let Some(cable) = Cable::lay_or_skip() else {
        return;
    };
    block_on(async {
        let gateway = gateway().await?;
        let cameras = gateway.cameras[..2].to_vec();
        let good = Good::start(gateway, &[&cameras[0], &cameras[1]]).await?;
        let (told, mut tells) = mpsc::channel(16);
        let (stop, stopped) = signal::channel(false);
        let url = secure::url((cable.here, gateway.address.port()).into());
        let token = gateway.token.clone();
        let viewer = cable.block_on(move || viewer(url, token, cameras, told, stopped));
        until(&mut tells, "quic", 50).await?;
        cable.drop_udp(true)?;
        until(&mut tells, "websocket", 50).await?;
        cable.drop_udp(false)?;
        until(&mut tells, "quic", 100).await?;
        stop.send(true)?;
        let seen = tokio::task::spawn_blocking(move || viewer.join().expect("no panic")).await??;
        let held = seen.assert_all_of(&good.stop().await?);
        assert!(held > 100, "{held} frames held against those of another");
        Ok(())
    });
}

#[test]
fn a_client_that_changes_its_address_in_mid_stream_loses_no_frame() {
    block_on(async {
        let gateway = gateway().await?;
        let camera = &gateway.cameras[0];
        let good = Good::start(gateway, &[camera]).await?;
        let mut client =
            Client::connect_quic(&gateway.url(), &gateway.token, &Trust::Anything).await?;
        watch(&mut client, 1, camera).await?;
        let mut seen = Seen::default();
        for frames in [50, 100, 150] {
            while seen.frames < frames {
                match next(&mut client).await? {
                    Message::Media(header, _) => seen.take(&header),
                    Message::Control(ServerMessage::Skipped { .. }) => panic!("a frame was lost"),
                    Message::Control(_) => {}
                }
            }
            client.rebind()?;
        }
        client.shutdown().await;
        assert!(seen.assert_all_of(&good.stop().await?) > 50);
        Ok(())
    });
}
