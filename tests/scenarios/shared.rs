//! One demonstration district that scenarios which only look at it share.

use std::sync::OnceLock;

use std::time::Duration;

use client::{Client, Message, Open, Trust};
use media::wire::ServerMessage;
use sightline_tests::{Api, Demo, Options, Seen, secure::Secure};
use tokio::{sync::OnceCell, time::timeout};

/// The runtime that outlives every test, so that the shared child's pipes do.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    match runtime.block_on(future) {
        Ok(value) => value,
        Err(error) => panic!("{error:#}\n"),
    }
}

/// The shared demonstration and an administrator of it. Its process ends with the tests'.
pub(crate) async fn demo() -> anyhow::Result<(&'static Demo, Api)> {
    static DEMO: OnceCell<Demo> = OnceCell::const_new();
    let demo = DEMO
        .get_or_try_init(|| {
            Demo::start(Options {
                cameras: 8,
                ..Options::default()
            })
        })
        .await?;
    Ok((demo, demo.admin().await?))
}

/// The codes of its cameras.
pub(crate) async fn codes(api: &Api) -> anyhow::Result<Vec<String>> {
    let cameras = api.get("cameras").await?;
    let cameras = cameras.as_array().cloned().unwrap_or_default();
    Ok(cameras
        .iter()
        .filter_map(|c| c["code"].as_str().map(str::to_owned))
        .collect())
}

/// It ends only what hangs: nothing depends on how fast the machine is.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Patience with viewers, and with feeds that nobody watches, is short, so that tests are.
const IMPATIENT: &str = r#"
[recording]
enabled = false
[ingest]
grace_s = 2
[relay]
hello_ms = 3000
ping_ms = 2000
silence_ms = 30000
stall_ms = 10000
[log]
level = "info,relay=debug,ingest=debug"
"#;

/// A demonstration over TLS and QUIC that scenarios about viewers and networks share.
pub(crate) async fn secure() -> anyhow::Result<&'static Secure> {
    static SECURE: OnceCell<Secure> = OnceCell::const_new();
    SECURE.get_or_try_init(|| Secure::start(4, IMPATIENT)).await
}

/// Opens the main stream of a camera on a client that would rather wait than skip, however slow the machine.
pub(crate) async fn watch(client: &mut Client, tile: u32, camera: &str) -> anyhow::Result<()> {
    client.max_delay(Duration::from_secs(60)).await?;
    Ok(client.open(Open::new(tile, camera.parse()?)).await?)
}

/// What comes next, two minutes at most.
pub(crate) async fn next(client: &mut Client) -> anyhow::Result<Message> {
    Ok(timeout(DEADLINE, client.next()).await??)
}

/// One who reads and behaves, and must not notice what others do.
pub(crate) struct Good {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<anyhow::Result<Seen>>,
}

impl Good {
    /// Watches these cameras by WebSocket.
    pub(crate) async fn start(secure: &Secure, cameras: &[&str]) -> anyhow::Result<Self> {
        let mut client = Client::connect_ws(&secure.url(), &secure.token, &Trust::Anything).await?;
        for (tile, camera) in (0..).zip(cameras) {
            watch(&mut client, tile, camera).await?;
        }
        let mut seen = Seen::default();
        while seen.frames < 5 {
            look(&mut seen, next(&mut client).await?);
        }
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    message = next(&mut client) => look(&mut seen, message?),
                    _ = &mut stopped => break,
                }
            }
            client.shutdown().await;
            Ok(seen)
        });
        Ok(Self { stop, task })
    }

    /// What it saw: all there was.
    pub(crate) async fn stop(self) -> anyhow::Result<Seen> {
        let _ = self.stop.send(());
        self.task.await?
    }
}

fn look(seen: &mut Seen, message: Message) {
    match message {
        Message::Media(header, _) => seen.take(&header),
        Message::Control(ServerMessage::Skipped { .. } | ServerMessage::Refused { .. }) => {
            panic!("the good one was harmed: {message:?}")
        }
        Message::Control(_) => {}
    }
}
