//! Live state, stills, playback, the stream of events and the WebSocket.

use futures_util::StreamExt;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::common::{CAMERA, ELSEWHERE, HUNG, Station, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_camera_gives_stills_recordings_and_a_playable_file() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let from = media::WallTime::now();
    let camera = admin
        .camera_once(|c| c["profiles"]["main"]["state"] == "live" && c["recording"] == true)
        .await;
    assert_eq!(camera["state"], "live");
    assert_eq!(camera["region_name"], "一村");

    let still = format!("cameras/{CAMERA}/snapshot.jpg?width=320");
    let got = admin.get(&still).await;
    assert_eq!(
        (got.status, got.headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "image/jpeg")
    );
    assert_eq!(got.body[..3], [0xff, 0xd8, 0xff]);

    let range = |to: media::WallTime| format!("from={from}&to={to}");
    let recorded = eventually(|| async {
        let got = admin
            .get(&format!(
                "cameras/{CAMERA}/recordings?{}",
                range(media::WallTime::now())
            ))
            .await
            .json();
        let spans = got["spans"].as_array().unwrap();
        spans
            .iter()
            .any(|s| s["bytes"].as_u64().unwrap() > 20_000)
            .then_some(got.clone())
    })
    .await;
    assert!(recorded["gaps"].is_array() && recorded["events"].is_array());
    let range = range(media::WallTime::now());
    let path = format!("cameras/{CAMERA}/recording.mp4?{range}&reason=test");
    let whole = admin.get(&path).await;
    assert_eq!(whole.status, StatusCode::OK, "{:?}", whole.body);
    assert_eq!(&whole.body[4..8], b"ftyp");
    assert!(whole.headers.contains_key("sightline-start") && whole.headers.contains_key("etag"));
    let part = admin
        .request(Method::GET, &path)
        .header(header::RANGE, "bytes=4-7")
        .body(Full::default())
        .unwrap();
    let part = admin.send(part).await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"ftyp"[..])
    );
    assert_eq!(
        part.headers["content-range"].to_str().unwrap(),
        format!("bytes 4-7/{}", whole.body.len())
    );
    let beyond = admin
        .request(Method::GET, &path)
        .header(header::RANGE, "bytes=999999999-")
        .body(Full::default())
        .unwrap();
    assert_eq!(
        admin.send(beyond).await.status,
        StatusCode::RANGE_NOT_SATISFIABLE
    );
    let map = admin
        .get(&format!("cameras/{CAMERA}/recording.json?{range}"))
        .await
        .json();
    assert!(
        map["duration_s"].as_f64().unwrap() > 0.5 && !map["pieces"].as_array().unwrap().is_empty()
    );
    let then = admin
        .get(&format!(
            "{still}&at={}",
            map["pieces"][0]["end"].as_str().unwrap()
        ))
        .await;
    assert_eq!(then.status, StatusCode::OK);
    let nothing =
        format!("cameras/{CAMERA}/recording.mp4?from=2020-01-01T00:00:00Z&to=2020-01-01T00:01:00Z");
    assert_eq!(admin.get(&nothing).await.code(), "no-recording");

    let page = admin.get("audit?user=admin").await.json();
    let entry = |action: &str| {
        let found = page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["action"] == action);
        found
            .unwrap_or_else(|| panic!("no {action} in {page}"))
            .clone()
    };
    assert_eq!(
        (&entry("export")["object"], &entry("export")["reason"]),
        (&json!(CAMERA), &json!("test"))
    );
    assert_eq!(entry("playback")["region"], "441403102201");
    entry("still");

    tokio::time::timeout(HUNG, station.stop())
        .await
        .expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_of_a_camera_that_is_lost() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin.camera_once(|c| c["state"] == "live").await;
    let request = admin
        .request(Method::GET, "stream")
        .body(Full::default())
        .unwrap();
    let mut stream = admin.open(request).await.into_body().into_data_stream();
    station.camera.faults().change(|f| f.stall = true);
    let mut text = String::new();
    let told = async {
        while let Some(Ok(piece)) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&piece));
            let lost = text.split("\n\n").any(|m| {
                m.contains("event: event") && m.contains("connection-lost") && m.ends_with('}')
            });
            let offline = text.contains("\"state\":\"offline\"");
            if lost && offline {
                return;
            }
        }
    };
    tokio::time::timeout(HUNG, told)
        .await
        .expect("told of the loss");
    assert!(text.starts_with("retry: 2000\nevent: hello\n"));
    let open = admin
        .get("events?kind=connection-lost&state=open")
        .await
        .json();
    assert_eq!(open["events"][0]["camera"], CAMERA);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewers_socket_says_hello_shows_what_may_be_seen_and_ends_with_the_session() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let connect = |token: String, origin: Option<&'static str>| {
        let mut request = http::Request::builder()
            .uri(format!("ws://{}/api/v1/media", officer.address))
            .header("host", officer.address.to_string())
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("authorization", format!("Bearer {token}"));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        tokio_tungstenite::connect_async(request.body(()).unwrap())
    };
    assert!(connect("wrong".into(), None).await.is_err());
    assert!(
        connect(officer.token.clone(), Some("https://evil.example"))
            .await
            .is_err()
    );
    let auditor = station.sign_in("auditor").await;
    assert!(connect(auditor.token, None).await.is_err());

    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;
    let (mut socket, _) = connect(officer.token.clone(), None).await.unwrap();
    let open = |tile: u32, camera: &str| {
        Message::text(
            json!({"type": "open", "tile": tile, "camera": camera, "profile": "sub"}).to_string(),
        )
    };
    socket.send(open(1, ELSEWHERE)).await.unwrap();
    socket.send(open(2, CAMERA)).await.unwrap();
    let (mut kinds, mut media) = (Vec::new(), 0);
    let seen = async {
        while media < 10 {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] == "refused" {
                        assert_eq!(
                            (&message["tile"], &message["reason"]["code"]),
                            (&json!(1), &json!("forbidden"))
                        );
                    }
                    kinds.push(message["type"].as_str().unwrap().to_owned());
                }
                Message::Binary(_) => media += 1,
                _ => {}
            }
        }
    };
    tokio::time::timeout(HUNG, seen).await.expect("media");
    assert_eq!(kinds[0], "hello");
    assert!(
        kinds.contains(&"refused".to_owned()) && kinds.contains(&"opened".to_owned()),
        "{kinds:?}"
    );
    assert_eq!(
        officer.delete("session").await.status,
        StatusCode::NO_CONTENT
    );
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|f| u16::from(f.code)),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    };
    let code = tokio::time::timeout(HUNG, closed).await.unwrap();
    assert_eq!(code, Some(1008), "the session has ended");
    let admin = station.sign_in("admin").await;
    eventually(|| async {
        let page = admin
            .get("audit?user=officer&action=view-closed")
            .await
            .json();
        (!page["entries"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    station.stop().await;
}
