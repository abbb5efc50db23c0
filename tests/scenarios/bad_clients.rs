//! Clients that mean harm, or are broken: each is bounded and refused with a code, and who watches beside them misses nothing.

use client::{Client, Error, Message, Trust};
use futures_util::SinkExt;
use media::wire::ServerMessage;
use serde_json::{Value, json};
use sightline_tests::{
    bare::{self, Quic},
    secure::{DEADLINE, Secure},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Duration, timeout},
};
use tokio_tungstenite::tungstenite::Message as WsMessage;

use crate::shared::{Good, block_on, next, secure, watch};

/// Memory of the gateway may grow by so much while they do their worst, with all that other scenarios do meanwhile. Were what
/// they do not take kept for them, it would be several times as much.
const GROWTH: f64 = 192e6;
/// So many do the same at once, where it is memory that they might take.
const MANY: usize = 40;
/// How long somebody goes on who is not stopped.
const LONG: Duration = Duration::from_secs(8);

/// Runs this beside one who watches, who must get every frame, and holds the gateway's memory against its bound.
async fn beside_a_good_viewer<F: Future<Output = anyhow::Result<()>>>(
    harm: impl FnOnce(&'static Secure) -> F,
) -> anyhow::Result<()> {
    let gateway = secure().await?;
    let good = Good::start(gateway, &[&gateway.cameras[0], &gateway.cameras[1]]).await?;
    let before = gateway.metric("sightline_memory_bytes").await?;
    harm(gateway).await?;
    let after = gateway.metric("sightline_memory_bytes").await?;
    assert!(after < before + GROWTH, "{before} bytes, then {after}");
    // Nobody else saw these frames: against itself it holds that none came twice; that none was skipped it checks by itself.
    let seen = good.stop().await?;
    assert!(seen.assert_whole() > 0);
    Ok(())
}

/// The same bytes at every run.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn garbage_on_every_transport() {
    block_on(beside_a_good_viewer(|gateway| async move {
        for seed in 0..20 {
            let mut tcp = TcpStream::connect(gateway.address).await?;
            // It may close before all is written.
            let _ = tcp.write_all(&noise(64 * 1024, seed)).await;
            let _ = timeout(LONG, tcp.read_to_end(&mut Vec::new())).await;
        }
        for seed in 0..5 {
            let mut tls = gateway.tls().await?;
            let _ = tls.write_all(&noise(64 * 1024, seed)).await;
            let mut answer = Vec::new();
            let _ = timeout(LONG, tls.read_to_end(&mut answer)).await;
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
        }
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        for n in 0..2000u32 {
            let datagram = noise(1 + (n as usize * 7) % 1400, n);
            udp.send_to(&datagram, gateway.address).await?;
        }
        let (socket, from) = bare::web_socket(gateway, &gateway.token).await?;
        let mut stream = socket.into_inner();
        stream.write_all(&[0xff; 300]).await?;
        let mut socket = bare::again(stream).await;
        assert_eq!(bare::close_code(&mut socket).await?, 1002);
        // What and where: for whoever has to find the sender.
        let line = gateway
            .logged(&["ended", "1002", &from.to_string()])
            .await?;
        assert!(
            line.contains("bits") || line.contains("RSV"),
            "what was wrong: {line}"
        );

        let auth = json!({"type": "auth", "token": gateway.token});
        for (lines, code, what) in [
            (format!("{auth}\n{}", "a".repeat(5000)), 1009, "longer"),
            (format!("{auth}\n{{}}\n{{}}\n{{}}\n"), 1002, "error"),
            ("[]\n".into(), 1002, "auth"),
            (
                json!({"type": "auth", "token": "guess"}).to_string() + "\n",
                1008,
                "session",
            ),
        ] {
            let mut quic = Quic::connect(gateway, 100_000).await?;
            quic.say(&lines).await?;
            assert_eq!(quic.close_code().await?, code, "{what}");
        }
        gateway
            .logged(&["QUIC connection ended", "1009", "127.0.0.1"])
            .await?;
        Ok(())
    }));
}

#[test]
fn ten_thousand_tiles() {
    block_on(beside_a_good_viewer(|gateway| async move {
        for by in ["websocket", "quic"] {
            let url = gateway.url();
            let token = gateway.sign_in().await?;
            let mut client = match by {
                "quic" => Client::connect_quic(&url, &token, &Trust::Anything).await?,
                _ => Client::connect_ws(&url, &token, &Trust::Anything).await?,
            };
            let (mut opened, mut refused, mut closed) = (0, 0, None);
            for tile in 0..10_000 {
                let camera = &gateway.cameras[tile as usize % gateway.cameras.len()];
                if watch_quick(&mut client, tile, camera).await.is_err() {
                    break;
                }
                while let Ok(message) = timeout(Duration::ZERO, client.next()).await {
                    match message {
                        Ok(Message::Control(ServerMessage::Opened { .. })) => opened += 1,
                        Ok(Message::Control(ServerMessage::Refused { .. })) => refused += 1,
                        Ok(_) => {}
                        Err(Error::Closed { code, .. }) => closed = Some(code),
                        Err(error) => anyhow::bail!(error),
                    }
                    if closed.is_some() {
                        break;
                    }
                }
                if closed.is_some() {
                    break;
                }
            }
            while closed.is_none() && refused < 10_000 - gateway.cameras.len() {
                match next(&mut client).await? {
                    Message::Control(ServerMessage::Opened { .. }) => opened += 1,
                    Message::Control(ServerMessage::Refused { .. }) => refused += 1,
                    _ => {}
                }
            }
            assert!(opened <= gateway.cameras.len(), "{by}: {opened} open");
            assert!(refused > 0 && closed.is_none_or(|code| code == 1008 || code == 1002));
            client.shutdown().await;
        }
        Ok(())
    }));
}

async fn watch_quick(client: &mut Client, tile: u32, camera: &str) -> anyhow::Result<()> {
    Ok(client
        .open(client::Open {
            profile: media::Profile::Sub,
            ..client::Open::new(tile, camera.parse()?)
        })
        .await?)
}

fn open_all(gateway: &Secure) -> Vec<Value> {
    let open =
        |(tile, camera)| json!({"type": "open", "tile": tile, "camera": camera, "profile": "main"});
    (0..).zip(&gateway.cameras).map(open).collect()
}

#[test]
fn who_never_reads_is_sent_away() {
    block_on(beside_a_good_viewer(|gateway| async move {
        let (mut deaf, mut deaf_quic) = (Vec::new(), Vec::new());
        for _ in 0..MANY {
            let (mut socket, from) = bare::web_socket(gateway, &gateway.token).await?;
            for message in open_all(gateway) {
                socket.send(WsMessage::text(message.to_string())).await?;
            }
            deaf.push((socket, from));
            let mut quic = Quic::connect(gateway, 40_000).await?;
            quic.say(&format!(
                "{}\n",
                json!({"type": "auth", "token": gateway.token})
            ))
            .await?;
            for message in open_all(gateway) {
                quic.say(&format!("{message}\n")).await?;
            }
            deaf_quic.push(quic);
        }
        for (_, from) in &deaf {
            gateway
                .logged(&["WebSocket ended", &from.to_string()])
                .await?;
        }
        // Those by QUIC stay, since each group that is given up for them makes room for the next: what they miss is counted.
        let skipped = |n| n > 0.0;
        gateway
            .until("sightline_skipped_frames_total", skipped)
            .await?;
        for quic in &deaf_quic {
            quic.connection.close(1000u32.into(), b"");
        }
        Ok(())
    }));
}

#[test]
fn who_reads_a_byte_a_second_is_held_within_his_budget() {
    block_on(beside_a_good_viewer(|gateway| async move {
        let mut slow = Vec::new();
        for _ in 0..MANY {
            let (mut socket, from) = bare::web_socket(gateway, &gateway.token).await?;
            for message in open_all(gateway) {
                socket.send(WsMessage::text(message.to_string())).await?;
            }
            slow.push((socket.into_inner().into_inner().0, from));
        }
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..10 {
            clock.tick().await;
            for (tcp, _) in &mut slow {
                // Whoever was sent away has nothing more to read.
                let _ = timeout(LONG, tcp.read(&mut [0; 1])).await;
            }
        }
        for (tcp, from) in slow {
            drop(tcp);
            gateway
                .logged(&["WebSocket ended", &from.to_string()])
                .await?;
        }
        Ok(())
    }));
}

#[test]
fn hundreds_of_half_handshakes() {
    block_on(beside_a_good_viewer(|gateway| async move {
        // TLS: the first half of a record that says hello.
        let mut half = Vec::new();
        for _ in 0..300 {
            let mut tcp = TcpStream::connect(gateway.address).await?;
            tcp.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await?;
            half.push(tcp);
        }
        // QUIC: the first packet of a handshake, and silence. More than are let in at once: until one is asked to prove its
        // address.
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        let firsts = bare::first_datagrams(300).await?;
        let full = async {
            for datagram in firsts.iter().cycle() {
                udp.send_to(datagram, gateway.address).await?;
                let mut answer = [0; 2048];
                while let Ok(1..) = udp.try_recv(&mut answer) {
                    if bare::is_retry(&answer) {
                        return anyhow::Ok(());
                    }
                }
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        timeout(DEADLINE, full).await??;
        // One who means well gets in meanwhile, by either.
        for by in ["websocket", "quic"] {
            let url = gateway.url();
            let mut client = match by {
                "quic" => Client::connect_quic(&url, &gateway.token, &Trust::Anything).await?,
                _ => Client::connect_ws(&url, &gateway.token, &Trust::Anything).await?,
            };
            watch(&mut client, 1, &gateway.cameras[0]).await?;
            while !matches!(next(&mut client).await?, Message::Media(..)) {}
            client.shutdown().await;
        }
        // They are not waited for longer than the gateway has patience.
        for tcp in &mut half {
            let mut bytes = [0; 64];
            let _ = timeout(DEADLINE, tcp.read(&mut bytes)).await?;
        }
        Ok(())
    }));
}

#[test]
fn floods_of_control_messages() {
    block_on(beside_a_good_viewer(|gateway| async move {
        let nothing = json!({"type": "close", "tile": 9}).to_string();
        for message in [
            WsMessage::text(nothing.clone()),
            WsMessage::Ping(vec![7; 100].into()),
        ] {
            let (mut socket, from) = bare::web_socket(gateway, &gateway.token).await?;
            let flood = async {
                // Until it is not read from any more, or sent away.
                for _ in 0..200_000 {
                    if socket.send(message.clone()).await.is_err() {
                        return;
                    }
                }
            };
            let _ = timeout(LONG, flood).await;
            drop(socket);
            gateway
                .logged(&["WebSocket ended", &from.to_string()])
                .await?;
        }
        let mut quic = Quic::connect(gateway, 40_000).await?;
        quic.say(&format!(
            "{}\n",
            json!({"type": "auth", "token": gateway.token})
        ))
        .await?;
        let flood = async {
            for _ in 0..200_000 {
                if quic.say(&format!("{nothing}\n")).await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(LONG, flood).await;
        // Three that are not understood are one too many.
        let (mut socket, _) = bare::web_socket(gateway, &gateway.token).await?;
        for _ in 0..3 {
            socket.send(WsMessage::text(r#"{"type":"dance"}"#)).await?;
        }
        assert_eq!(bare::close_code(&mut socket).await?, 1002);
        Ok(())
    }));
}

#[test]
fn a_ticket_is_good_once() {
    block_on(beside_a_good_viewer(|gateway| async move {
        let (status, body) = gateway.request("POST", "/api/v1/media/ticket").await?;
        assert_eq!(status, 200, "{body}");
        let ticket: Value = serde_json::from_str(&body)?;
        let ticket = ticket["ticket"].as_str().unwrap_or_default().to_owned();
        let mut first = Client::connect_quic(&gateway.url(), &ticket, &Trust::Anything).await?;
        watch(&mut first, 1, &gateway.cameras[0]).await?;
        while !matches!(next(&mut first).await?, Message::Media(..)) {}
        let mut second = Client::connect_quic(&gateway.url(), &ticket, &Trust::Anything).await?;
        let Err(error) = next(&mut second).await else {
            panic!("a ticket was taken twice")
        };
        let closed = error.downcast_ref::<Error>();
        assert!(
            matches!(closed, Some(Error::Closed { code: 1008, .. })),
            "{error}"
        );
        // The first one does not notice.
        for _ in 0..20 {
            next(&mut first).await?;
        }
        first.shutdown().await;
        Ok(())
    }));
}

#[test]
fn a_session_that_ends_takes_its_viewers_with_it() {
    block_on(beside_a_good_viewer(|gateway| async move {
        let token = gateway.sign_in().await?;
        let url = gateway.url();
        let mut viewers = [
            Client::connect_ws(&url, &token, &Trust::Anything).await?,
            Client::connect_quic(&url, &token, &Trust::Anything).await?,
        ];
        for viewer in &mut viewers {
            watch(viewer, 1, &gateway.cameras[0]).await?;
            while !matches!(next(viewer).await?, Message::Media(..)) {}
        }
        assert_eq!(
            gateway
                .request_by(&token, "DELETE", "/api/v1/session")
                .await?
                .0
                / 100,
            2
        );
        for viewer in &mut viewers {
            let by = viewer.transport();
            let end = loop {
                if let Err(error) = next(viewer).await {
                    break error;
                }
            };
            match end.downcast_ref::<Error>() {
                Some(Error::Closed { code: 1008, .. }) => {}
                // Its close is one datagram, which a machine under load may lose; what follows it is a reset.
                Some(Error::Quic(why)) if by == "quic" && why.contains("reset") => {}
                _ => panic!("{by}: {end}"),
            }
        }
        Ok(())
    }));
}
