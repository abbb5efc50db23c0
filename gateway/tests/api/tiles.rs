//! The map's ground: sources that are set up and tried out, tiles of a server made here, and all that such a server may do wrong.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{body::Frame, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use media::ByteCount;
use serde_json::{Value, json};
use sightline::config::units::Size;
use tokio::net::TcpListener;

use crate::common::{Client, Station};

const TOKEN: &str = "s3cret-token";

/// A map server on loopback that behaves as the path says.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            // Dropped with the task: a server that is stopped is gone with its connections.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let log = Arc::clone(&log);
                let answer = service_fn(move |request| answer(port, Arc::clone(&log), request));
                connections
                    .spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self {
            port,
            asked,
            serving,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

type Body = BoxBody<Bytes, Infallible>;

fn png(tail: &str) -> Bytes {
    [b"\x89PNG\r\n\x1a\n", tail.as_bytes()].concat().into()
}

async fn answer(
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, Infallible> {
    let target = request.uri().to_string();
    log.lock().unwrap().push(target.clone());
    let new = |status: u16| Response::builder().status(status);
    let full = |body: Bytes| Full::new(body).boxed();
    let what = target
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let image = || {
        new(200)
            .header("content-type", "image/png")
            .header("etag", "\"one\"")
    };
    Ok(match what {
        "xyz" | "wmts" if known.as_ref().is_some_and(|k| k == "\"one\"") => {
            new(304).body(full(Bytes::new()))
        }
        "xyz" | "wmts" => image().body(full(png(&target))),
        "none" => new(404).body(full("no".into())),
        "refused" => new(403).body(full("no".into())),
        "failed" => new(500).body(full("no".into())),
        "html" => new(200)
            .header("content-type", "text/html")
            .body(full(format!("<b>bad key {TOKEN}</b>").into())),
        "liar" => new(200)
            .header("content-type", "image/png")
            .body(full("<html>".into())),
        "svg" => new(200)
            .header("content-type", "image/svg+xml")
            .body(full("<svg onload='x'/>".into())),
        "away" => new(302)
            .header("location", "http://169.254.169.254/latest")
            .body(full(Bytes::new())),
        "round" => new(302)
            .header("location", target.clone())
            .body(full(Bytes::new())),
        "moved" => new(301)
            .header("location", format!("http://127.0.0.1:{port}/xyz/moved"))
            .body(full(Bytes::new())),
        "slow" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            new(200).body(full(Bytes::new()))
        }
        // Never says how long it is, and does not end.
        "huge" => {
            let chunk = Bytes::from(vec![0_u8; 65_536]);
            let endless = futures_util::stream::repeat_with(move || {
                Ok::<_, Infallible>(Frame::data(chunk.clone()))
            });
            image().body(BodyExt::boxed(StreamBody::new(Shared(Mutex::new(
                Box::pin(endless),
            )))))
        }
        _ => new(418).body(full(Bytes::new())),
    }
    .unwrap())
}

/// A stream that may be shared, as a boxed body asks for.
struct Shared<S>(Mutex<std::pin::Pin<Box<S>>>);
impl<S: futures_util::Stream> futures_util::Stream for Shared<S> {
    type Item = S::Item;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.0.lock().unwrap().as_mut().poll_next(cx)
    }
}

async fn station(server: &Server) -> Station {
    let port = server.port;
    Station::start_with(|config| {
        config.map.hosts = vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        config.map.timeout_s = 2;
    })
    .await
}

fn source(id: &str, url: &str) -> Value {
    json!({"id": id, "name": "底图", "grid": "EPSG:3857", "url": url, "max_zoom": 18})
}

async fn set_up(admin: &Client, id: &str, url: &str) {
    let got = admin
        .put(&format!("map/sources/{id}"), source(id, url))
        .await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_are_fetched_once_kept_and_shown_without_their_token() {
    let server = Server::start().await;
    let station = station(&server).await;
    let admin = station.sign_in("admin").await;
    // The token as people paste it, in the address.
    let mut wmts = source("tdt", &server.url(&format!("wmts?tk={TOKEN}")));
    for (key, value) in [
        ("kind", "wmts"),
        ("grid", "EPSG:4490"),
        ("layer", "vec"),
        ("style", "default"),
        ("matrix_set", "c"),
        ("format", "tiles"),
    ] {
        wmts[key] = value.into();
    }
    wmts["min_zoom"] = 1.into();
    wmts["default"] = true.into();
    let got = admin.put("map/sources/tdt", wmts.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    assert_eq!(got.json()["definition"]["has_token"], true);
    assert_eq!(
        got.json()["definition"]["url"],
        server.url("wmts?tk={token}")
    );

    let officer = station.sign_in("officer").await;
    let tile = officer.get("map/tiles/tdt/10/842/186?v=x").await;
    assert_eq!(tile.status, StatusCode::OK, "{:?}", tile.body);
    assert_eq!(tile.headers["content-type"], "image/png");
    let asked = server.asked();
    assert_eq!(
        asked,
        [format!(
            "/wmts?tk={TOKEN}&SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=vec&STYLE=default&TILEMATRIXSET=c\
             &FORMAT=tiles&TILEMATRIX=10&TILEROW=186&TILECOL=842"
        )]
    );
    assert_eq!(tile.body, png(&asked[0]));
    // From the disk, and not at all where the page has it.
    assert_eq!(
        officer.get("map/tiles/tdt/10/842/186").await.body,
        tile.body
    );
    let request = officer
        .request(Method::GET, "map/tiles/tdt/10/842/186")
        .header(header::IF_NONE_MATCH, &tile.headers["etag"]);
    let same = officer
        .send(request.body(Full::new(Bytes::new())).unwrap())
        .await;
    assert_eq!(
        (same.status, same.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert!(
        same.headers["cache-control"]
            .to_str()
            .unwrap()
            .starts_with("private, max-age=")
    );
    assert_eq!(server.asked().len(), 1);

    // A token that is left out stays; one that is given replaces it; none of it comes back or lies anywhere in clear.
    wmts["url"] = server.url("wmts?tk={token}").into();
    wmts["name_en"] = "Map".into();
    assert_eq!(
        admin.put("map/sources/tdt", wmts.clone()).await.status,
        StatusCode::OK
    );
    officer.get("map/tiles/tdt/10/842/187").await;
    assert!(server.asked().last().unwrap().contains(TOKEN));
    let audit = admin.get("audit?limit=50").await;
    let said = String::from_utf8_lossy(&audit.body).into_owned();
    assert!(said.contains("map-source-put") && !said.contains(TOKEN));
    let list = admin.get("map/sources").await;
    assert!(!String::from_utf8_lossy(&list.body).contains(TOKEN));
    let journal = std::fs::read(station.data().join("journal/map.journal")).unwrap();
    assert!(!String::from_utf8_lossy(&journal).contains(TOKEN));
    // Who looks needs no address of it.
    let seen = officer.get("map/sources").await.json();
    assert_eq!(
        (&seen[0]["id"], &seen[0]["grid"], &seen[0]["definition"]),
        (&json!("tdt"), &json!("EPSG:4490"), &Value::Null)
    );

    let gone = admin.delete("map/sources/tdt").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(
        officer.get("map/tiles/tdt/10/842/186").await.status,
        StatusCode::NOT_FOUND
    );
    let left = std::fs::read_dir(station.data().join("tiles"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "its tiles are gone with it");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_map_server_does_has_a_name() {
    let server = Server::start().await;
    let station = station(&server).await;
    let admin = station.sign_in("admin").await;
    let officer = station.sign_in("officer").await;
    for (path, status, fault) in [
        ("none", 404, "no-tile"),
        ("refused", 502, "refused"),
        ("failed", 502, "server-failed"),
        ("html", 502, "no-image"),
        ("liar", 502, "no-image"),
        ("svg", 502, "no-image"),
        ("away", 502, "redirected"),
        ("round", 502, "server-failed"),
        ("slow", 504, "slow"),
        ("huge", 502, "too-large-tile"),
    ] {
        let mut one = source(
            path,
            &server.url(&format!("{path}/{{z}}/{{x}}/{{y}}?k={{token}}")),
        );
        one["token"] = TOKEN.into();
        let tried = admin
            .post("map/sources/test?z=10", one.clone())
            .await
            .json();
        assert_eq!(tried["fault"]["code"], fault, "{path}: {tried}");
        let told = tried.to_string();
        assert!(!told.contains(TOKEN), "{told}");
        assert!(
            tried["url"].as_str().unwrap().ends_with("?k=***"),
            "{tried}"
        );
        let put = admin.put(&format!("map/sources/{path}"), one).await;
        assert_eq!(put.status, StatusCode::CREATED, "{:?}", put.body);
        let got = officer.get(&format!("map/tiles/{path}/10/1/1")).await;
        assert_eq!(got.status.as_u16(), status, "{path}: {:?}", got.body);
        let problem = got.json();
        assert_eq!(problem["fault"], fault, "{problem}");
        assert!(
            !problem.to_string().contains("127.0.0.1"),
            "who looks is told no server: {problem}"
        );
    }
    // On the same host it is followed.
    set_up(&admin, "moved", &server.url("moved/{z}/{x}/{y}")).await;
    assert_eq!(
        officer.get("map/tiles/moved/1/1/1").await.body,
        png("/xyz/moved")
    );
    // A name that leads inside is not asked, though it is listed.
    let local = format!("http://localhost:{}/xyz/{{z}}/{{x}}/{{y}}", server.port);
    let tried = admin
        .post("map/sources/test", source("local", &local))
        .await
        .json();
    assert_eq!(tried["fault"]["code"], "private-address", "{tried}");
    // Nor is what is not listed ever set up.
    for url in [
        "http://127.0.0.1:1/{z}/{x}/{y}",
        "http://evil.example/{z}/{x}/{y}",
        "file:///etc/{z}/{x}/{y}",
    ] {
        let got = admin.put("map/sources/evil", source("evil", url)).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert!(
            got.json()["detail"].as_str().unwrap().starts_with("url: "),
            "{:?}",
            got.body
        );
    }
    // Outside of the grid nobody is asked.
    let before = server.asked().len();
    for path in [
        "moved/1/2/0",
        "moved/19/0/0",
        "moved/99/0/0",
        "moved/x/0/0",
        "nothing/1/0/0",
    ] {
        let status = officer.get(&format!("map/tiles/{path}")).await.status;
        assert!(
            status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST,
            "{path}: {status}"
        );
    }
    assert_eq!(server.asked().len(), before);
    // That there is none is remembered; a source that fails again and again is left alone for a while.
    officer.get("map/tiles/none/10/1/1").await;
    for x in 0..20 {
        officer.get(&format!("map/tiles/failed/10/{x}/1")).await;
    }
    let failed = server
        .asked()
        .iter()
        .filter(|a| a.starts_with("/failed"))
        .count();
    assert!(failed <= 7, "{failed} questions to a server that fails");
    assert_eq!(
        server
            .asked()
            .iter()
            .filter(|a| a.starts_with("/none/10/1/1"))
            .count(),
        1
    );
    let shown = admin.get("map/sources").await.json();
    let failing = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["id"] == "failed")
        .unwrap();
    assert_eq!(failing["fault"]["code"], "server-failed");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_gone_leaves_the_tiles_that_are_kept() {
    let server = Server::start().await;
    let station = Station::start_with(|config| {
        config.map.hosts = vec![format!("127.0.0.1:{}", server.port)];
        config.map.cache = Size(ByteCount(2000));
        let fixed = source("fixed", &server.url("xyz/{z}/{x}/{y}"));
        config.map.source = vec![serde_json::from_value(fixed).unwrap()];
    })
    .await;
    let admin = station.sign_in("admin").await;
    let listed = admin.get("map/sources").await.json();
    assert_eq!(listed[0]["said"], "configuration");
    let put = admin
        .put(
            "map/sources/fixed",
            source("fixed", &server.url("xyz/{z}/{x}/{y}")),
        )
        .await;
    assert_eq!(put.code(), "conflict");
    assert_eq!(admin.delete("map/sources/fixed").await.code(), "conflict");
    // The same tile for many at once is asked for once.
    let many: Vec<_> = (0..8)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { admin.get("map/tiles/fixed/3/1/1").await.status })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(server.asked().len(), 1);
    // Many tiles: within the limit, whatever is wanted.
    for x in 0..40 {
        assert_eq!(
            admin.get(&format!("map/tiles/fixed/8/{x}/1")).await.status,
            StatusCode::OK
        );
    }
    assert_eq!(
        admin.get("map/tiles/fixed/3/1/1").await.status,
        StatusCode::OK
    );
    assert_eq!(server.asked().len(), 42, "the first one had made room");
    server.serving.abort();
    let kept = admin.get("map/tiles/fixed/3/1/1").await;
    assert_eq!(kept.body, png("/xyz/3/1/1"));
    let gone = admin.get("map/tiles/fixed/9/1/1").await.json();
    assert!(
        ["unreachable", "broken-off"].contains(&gone["fault"].as_str().unwrap()),
        "{gone}"
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_sets_nothing_up() {
    let server = Server::start().await;
    let station = station(&server).await;
    let admin = station.sign_in("admin").await;
    let one = source("one", &server.url("xyz/{z}/{x}/{y}"));
    let tried = admin.post("map/sources/test", one.clone()).await.json();
    assert_eq!(
        (&tried["fault"], &tried["media_type"]),
        (&Value::Null, &json!("image/png"))
    );
    let draft = tried["draft"].as_str().unwrap();
    let path = format!("map/tiles/{draft}/10/1/1");
    assert_eq!(admin.get(&path).await.status, StatusCode::OK);
    for user in ["officer", "rescuer", "auditor"] {
        let client = station.sign_in(user).await;
        assert_eq!(
            client.put("map/sources/one", one.clone()).await.code(),
            "forbidden"
        );
        assert_eq!(
            client.post("map/sources/test", one.clone()).await.code(),
            "forbidden"
        );
        assert_eq!(client.delete("map/sources/one").await.code(), "forbidden");
        assert_ne!(
            client.get(&path).await.status,
            StatusCode::OK,
            "a preview is its maker's"
        );
    }
    assert_eq!(
        station.nobody().get("map/tiles/one/1/0/0").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        admin.get("map/sources").await.json(),
        json!([]),
        "a test keeps nothing"
    );
    let actions = admin.get("audit?limit=50").await;
    assert!(String::from_utf8_lossy(&actions.body).contains("map-source-tested"));
    station.stop().await;
}
