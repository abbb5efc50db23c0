//! A client that is on QUIC where it can be, and on WebSocket where UDP does not pass.
//!
//! It falls back when QUIC does not come about, or when nothing is heard by QUIC for [`SILENCE`]. On WebSocket it tries QUIC
//! again with growing pauses. Once QUIC stands, all that is open is opened there too, and both run until QUIC has every frame
//! that the caller has not had yet: then the WebSocket is closed. So a climb costs no frame and repeats none. After a fall
//! frames may be missing, for the old connection was dead before anybody noticed; none comes twice.
//!
//! `decide.rs` decides, with what it needs to know in `asked.rs`, `seen.rs`, `rise.rs` and `backoff.rs`, all without I/O; here
//! are connections and the clock.

mod asked;
mod backoff;
mod decide;
mod rise;
mod seen;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use media::wire::ClientMessage;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use url::Url;

use crate::{Error, Message, QUIC_TIME, Transport, Trust, quic, websocket};

use self::decide::{Decide, Kind, Output};

pub(crate) use backoff::FIRST as FIRST_PAUSE;

/// QUIC of which nothing was heard for so long is dead. A path that is only slow still brings acknowledgements.
const SILENCE: Duration = Duration::from_secs(5);
/// For the WebSocket after QUIC died: what took UDP may have taken the whole network for a while.
const FALL_TIME: Duration = Duration::from_secs(30);

/// The client went over to another transport. What [`crate::Client::next`] returned last came by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// `websocket`: a fall, frames may be missing. `quic`: a climb, nothing is missing.
    pub to: &'static str,
    /// Why, for a person.
    pub why: String,
}

pub(crate) struct Roam {
    url: Url,
    token: String,
    trust: Trust,
    core: Decide,
    used: Transport,
    second: Second,
}

enum Second {
    None,
    Coming(Task<Result<Transport, Error>>),
    Here(Transport),
}

enum Event {
    First(Result<Message, Error>),
    Came(Result<Transport, Error>),
    Second(Result<Message, Error>),
    Time,
}

impl Roam {
    /// Connects by QUIC, or else by WebSocket.
    pub(crate) async fn connect(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        let quic = quic::Connection::open(url, token, trust, SILENCE);
        let (used, kind) = match timeout(QUIC_TIME, quic).await {
            Ok(Ok(connection)) => (Transport::Quic(Box::new(connection)), Kind::Quic),
            other => {
                match other {
                    Ok(Err(error)) => tracing::info!(%error, "no QUIC, falling back to WebSocket"),
                    _ => tracing::info!("no answer on UDP, falling back to WebSocket"),
                }
                let connection = websocket::Connection::open(url, token, trust).await?;
                (Transport::WebSocket(Box::new(connection)), Kind::WebSocket)
            }
        };
        Ok(Self {
            url: url.clone(),
            token: token.to_owned(),
            trust: trust.clone(),
            core: Decide::new(now(), kind, FIRST_PAUSE),
            used,
            second: Second::None,
        })
    }

    pub(crate) fn set_first_pause(&mut self, first: Duration) {
        self.core.set_first_pause(now(), first);
    }

    pub(crate) fn moved(&mut self) -> Option<Moved> {
        self.core.moved.take()
    }

    pub(crate) fn used(&self) -> &Transport {
        &self.used
    }

    /// Cancel safe: nothing is held across a wait but in `self`.
    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        loop {
            while let Some(output) = self.core.poll() {
                match output {
                    Output::Give(message) => return Ok(message),
                    other => self.carry_out(other),
                }
            }
            let event = self.event().await;
            let now = now();
            match event {
                Event::First(Ok(message)) => self.core.first(now, message),
                Event::First(Err(Error::Quic(why))) => {
                    tracing::info!(why, "QUIC is lost, falling back to WebSocket");
                    self.core.lost(now, why);
                }
                Event::First(Err(error)) => return Err(error),
                Event::Came(Ok(transport)) => {
                    self.second = Second::Here(transport);
                    self.core.second_up(now);
                }
                Event::Came(Err(error)) => {
                    self.second = Second::None;
                    let falling = self.core.is_falling();
                    self.core.second_failed(now, &error.to_string());
                    if falling {
                        return Err(error);
                    }
                }
                Event::Second(Ok(message)) => self.core.second(now, message),
                Event::Second(Err(error)) => self.core.second_failed(now, &error.to_string()),
                Event::Time => self.core.tick(now),
            }
        }
    }

    async fn event(&mut self) -> Event {
        let deadline = self.core.deadline();
        let alive = !self.core.is_falling();
        let second = async {
            match &mut self.second {
                Second::None => std::future::pending().await,
                Second::Coming(task) => Event::Came(task.await.unwrap_or_else(|error| {
                    Err(Error::Protocol(format!("connecting was aborted: {error}")))
                })),
                Second::Here(transport) => Event::Second(transport.next().await),
            }
        };
        let time = async {
            match deadline {
                Some(at) => sleep_until(Instant::from_std(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = self.used.next(), if alive => Event::First(message),
            event = second => event,
            () = time => Event::Time,
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Give(_) => {}
            Output::Connect(kind, ask) => {
                let (url, token) = (self.url.clone(), self.token.clone());
                let trust = self.trust.clone();
                self.second = Second::Coming(Task(tokio::spawn(async move {
                    let mut transport = match kind {
                        Kind::Quic => quic(&url, &token, &trust).await?,
                        Kind::WebSocket => web_socket(&url, &token, &trust).await?,
                    };
                    for message in &ask {
                        transport.send(message).await?;
                    }
                    Ok(transport)
                })));
            }
            Output::Take => {
                if let Second::Here(new) = std::mem::replace(&mut self.second, Second::None) {
                    goodbye(std::mem::replace(&mut self.used, new));
                }
            }
            Output::Drop => {
                if let Second::Here(old) = std::mem::replace(&mut self.second, Second::None) {
                    goodbye(old);
                }
            }
        }
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Result<(), Error> {
        self.core.asked(now(), message);
        if self.core.is_falling() {
            // Said again when the WebSocket stands: what is being made for now does not know it.
            self.second = Second::None;
            self.core.second_failed(now(), "asked anew");
            return Ok(());
        }
        match self.used.send(message).await {
            // `next` will notice, fall back, and say it again.
            Err(Error::Quic(_)) => Ok(()),
            other => other,
        }
    }

    pub(crate) async fn shutdown(self) {
        if let Second::Here(second) = self.second {
            goodbye(second);
        }
        self.used.shutdown().await;
    }
}

async fn quic(url: &Url, token: &str, trust: &Trust) -> Result<Transport, Error> {
    let open = quic::Connection::open(url, token, trust, SILENCE);
    match timeout(QUIC_TIME, open).await {
        Ok(connection) => Ok(Transport::Quic(Box::new(connection?))),
        Err(_) => Err(Error::Quic("no answer on UDP".into())),
    }
}

/// Tries until [`FALL_TIME`] is over.
async fn web_socket(url: &Url, token: &str, trust: &Trust) -> Result<Transport, Error> {
    let until = Instant::now() + FALL_TIME;
    loop {
        match websocket::Connection::open(url, token, trust).await {
            Ok(connection) => return Ok(Transport::WebSocket(Box::new(connection))),
            Err(error @ Error::Io { .. }) if Instant::now() < until => {
                tracing::debug!(%error, "no WebSocket yet");
                sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Takes as long as it takes, but no longer than is decent.
fn goodbye(transport: Transport) {
    tokio::spawn(timeout(Duration::from_secs(5), transport.shutdown()));
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
