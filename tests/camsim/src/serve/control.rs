//! The control port: faults on switches for people and for programs in other languages.
//!
//! Plain HTTP/1.1, one request a connection, JSON.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /cameras` | all cameras: name, figures, faults |
//! | `GET /cameras/NAME` | one of them |
//! | `POST /cameras/NAME/faults` | changes the fields of [`Faults`] that the body names, e.g. `{"stall":true}`; `{}` changes none |
//! | `DELETE /cameras/NAME/faults` | makes it healthy |
//! | `POST /cameras/NAME/do` | once: `{"do":"cut"}`, `{"do":"reset"}`, `{"do":"desync","how":"stray-byte"}` (or `short-length`, `huge-length`), `{"do":"jump","seconds":-3600}`, `{"do":"start-over"}` |

use std::sync::{Arc, atomic::Ordering::Relaxed};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    camera::Camera,
    fault::{Command, Desync, Faults},
    server::Shared,
};

/// Longest request.
const REQUEST_MAX: usize = 64 << 10;

pub(crate) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, cancel: CancellationToken) {
    let exchange = timeout(Duration::from_secs(10), async {
        let Some(request) = read(&mut stream).await else {
            return;
        };
        let (status, body) = answer(&shared, &request);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all((head + &body).as_bytes()).await;
    });
    tokio::select! {
        () = cancel.cancelled() => {}
        _ = exchange => {}
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = std::str::from_utf8(&bytes[..end]).ok()?;
            let length: usize = head
                .lines()
                .filter_map(|l| l.split_once(':'))
                .find(|(n, _)| n.eq_ignore_ascii_case("content-length"))
                .map_or(Some(0), |(_, v)| v.trim().parse().ok())?;
            if length > REQUEST_MAX {
                return None;
            }
            if bytes.len() >= end + 4 + length {
                let mut words = head.lines().next()?.split(' ');
                let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
                return Some(Request {
                    method,
                    path,
                    body: bytes[end + 4..end + 4 + length].to_vec(),
                });
            }
        }
        if bytes.len() > 2 * REQUEST_MAX || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Once {
    Cut,
    Reset,
    Desync { how: Desync },
    Jump { seconds: f64 },
    StartOver,
}

fn answer(shared: &Shared, request: &Request) -> (&'static str, Value) {
    let bad = |why: String| ("400 Bad Request", json!({ "error": why }));
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let found = |name: &str| shared.camera(name);
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["cameras"]) => ("200 OK", shared.cameras().iter().map(|c| show(c)).collect()),
        (method, ["cameras", name, rest @ ..]) => {
            let Some(camera) = found(name) else {
                return (
                    "404 Not Found",
                    json!({ "error": format!("no camera is named {name}") }),
                );
            };
            match (method, rest) {
                ("GET", []) => {}
                ("DELETE", ["faults"]) => camera.set_faults(Faults::default()),
                ("POST", ["faults"]) => match merge(&camera.faults(), &request.body) {
                    Ok(faults) => camera.set_faults(faults),
                    Err(e) => return bad(e.to_string()),
                },
                ("POST", ["do"]) => match serde_json::from_slice(&request.body) {
                    Ok(Once::Cut) => camera.command(Command::Cut),
                    Ok(Once::Reset) => camera.command(Command::Reset),
                    Ok(Once::Desync { how }) => camera.command(Command::Desync(how)),
                    Ok(Once::Jump { seconds }) => {
                        camera
                            .jump_ms
                            .fetch_add((seconds * 1_000.0) as i64, Relaxed);
                    }
                    Ok(Once::StartOver) => {
                        for feed in [Some(&camera.main), camera.sub.as_ref()]
                            .into_iter()
                            .flatten()
                            .filter(|f| f.ready())
                        {
                            feed.start_over(None);
                        }
                    }
                    Err(e) => return bad(e.to_string()),
                },
                _ => {
                    return (
                        "405 Method Not Allowed",
                        json!({ "error": "no such thing to do to a camera" }),
                    );
                }
            }
            ("200 OK", show(&camera))
        }
        _ => (
            "404 Not Found",
            json!({ "error": "there is only /cameras" }),
        ),
    }
}

fn show(camera: &Camera) -> Value {
    json!({ "name": camera.config.name, "stats": camera.stats(), "faults": *camera.faults() })
}

/// Named fields replace, the others stay.
fn merge(present: &Faults, body: &[u8]) -> Result<Faults, serde_json::Error> {
    let mut all = serde_json::to_value(present)?;
    let change: serde_json::Map<String, Value> = serde_json::from_slice(body)?;
    if let Value::Object(fields) = &mut all {
        fields.extend(change);
    }
    serde_json::from_value(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_it_changes() {
        let before = Faults {
            lose: 0.5,
            ..Faults::default()
        };
        let after = merge(&before, br#"{"stall":true,"sdp":{"no_address":true}}"#).unwrap();
        assert!(after.stall && after.lose == 0.5 && after.sdp.no_address);
        assert!(
            merge(&before, br#"{"stal":true}"#)
                .unwrap_err()
                .to_string()
                .contains("stal")
        );
        assert!(merge(&before, b"[]").is_err());
    }
}
