//! The API as its users see it: signing in, regions, bad input, live state, stills, playback, incidents, the WebSocket.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{CAMERA, ELSEWHERE, HUNG, PASSWORD, Station, eventually};
use futures_util::StreamExt;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_begin_end_and_are_guarded_against_guessing() {
    let station = Station::start().await;
    let nobody = station.nobody();
    for path in [
        "cameras", "events", "stream", "media", "users", "audit", "status", "session",
    ] {
        let got = nobody.get(path).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (StatusCode::UNAUTHORIZED, "no-session"),
            "{path}"
        );
    }
    let got = nobody
        .post("session", json!({"user": "admin", "password": PASSWORD}))
        .await;
    assert_eq!(
        got.json()["token"],
        Value::Null,
        "no token unless asked for"
    );
    let cookie = got.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().unwrap();
    let with_cookie = |method, path, origin: &str| {
        nobody
            .request(method, path)
            .header(header::COOKIE, pair)
            .header(header::ORIGIN, origin)
            .body(Full::default())
            .unwrap()
    };
    let own = format!("http://{}", nobody.address);
    let got = nobody.send(with_cookie(Method::GET, "session", &own)).await;
    assert_eq!(got.json()["role"], "administrator");
    let got = nobody
        .send(with_cookie(
            Method::DELETE,
            "session",
            "https://evil.example",
        ))
        .await;
    assert_eq!(
        got.status,
        StatusCode::FORBIDDEN,
        "another site's page signs nobody out"
    );
    let got = nobody
        .send(with_cookie(Method::DELETE, "session", &own))
        .await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);
    let got = nobody.send(with_cookie(Method::GET, "session", &own)).await;
    assert_eq!(
        got.status,
        StatusCode::UNAUTHORIZED,
        "the session has ended"
    );

    let guess = || nobody.post("session", json!({"user": "officer", "password": "guess"}));
    for _ in 0..5 {
        assert_eq!(guess().await.code(), "wrong-credentials");
    }
    let got = guess().await;
    assert_eq!(
        (got.status, got.code().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts")
    );
    let wait: u64 = got.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    // Of the 300 s since the first guess; how many have gone is the machine's to say.
    assert!((1..=300).contains(&wait), "{wait}");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_sees_their_own_town_and_refusals_are_on_record() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let codes = |v: Value| -> Vec<String> {
        let all = v.as_array().unwrap().iter();
        all.map(|c| c["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(codes(officer.get("cameras").await.json()), [CAMERA]);
    assert_eq!(
        codes(officer.get("regions").await.json()),
        ["441403102", "441403102201"]
    );
    for path in [
        "",
        "/snapshot.jpg",
        "/recordings?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z",
    ] {
        let got = officer.get(&format!("cameras/{ELSEWHERE}{path}")).await;
        assert_eq!(got.code(), "forbidden", "{path}");
    }
    assert_eq!(
        officer.get("events?region=441403103").await.code(),
        "forbidden"
    );
    assert_eq!(
        officer.get("events?region=441403").await.status,
        StatusCode::OK,
        "narrowed to their own"
    );
    for path in ["users", "audit"] {
        assert_eq!(officer.get(path).await.code(), "forbidden");
    }
    let auditor = station.sign_in("auditor").await;
    assert_eq!(
        auditor
            .get(&format!("cameras/{CAMERA}/snapshot.jpg"))
            .await
            .code(),
        "forbidden"
    );
    let refused = eventually(|| async {
        let page = auditor.get("audit?user=officer&action=denied").await.json();
        let entries = page["entries"].as_array().unwrap().clone();
        entries
            .iter()
            .any(|e| e["object"] == ELSEWHERE && e["outcome"] == "denied")
            .then_some(entries)
    })
    .await;
    assert!(refused.iter().all(|e| e["address"] == "127.0.0.1"));
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_changes_nothing() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let good = json!({"code": "44140300001326009999", "name": "x", "region": "441403", "main_url": "rtsp://[::1]:1/x"});
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    for (body, name) in [
        (with("main_url", json!("rtsp//nowhere")), "main_url"),
        (with("main_url", json!("http://u:secret@h/x")), "main_url"),
        (with("region", json!("999999")), "region"),
        (with("code", json!("4414")), "4414"),
        (with("nmae", json!("x")), "nmae"),
        (with("heading", json!(400)), "heading"),
        (
            with("zones", json!([{"name": "yard"}])),
            "zones[0]: missing field `points`",
        ),
        (
            with(
                "zones",
                json!([{"name": "yard", "points": [[0, 0], [1, 0], [0]]}]),
            ),
            "zones[0].points[2]",
        ),
        (
            with(
                "zones",
                json!([{"name": "yard", "points": [[0, 0], [1, 0], [0, 1.5]]}]),
            ),
            "zones[0].points[2]: [0, 1.5] is outside the picture, expected 0 to 1",
        ),
        (
            with("zones", json!([{"name": "yard", "corners": []}])),
            "zones[0].corners: unknown field",
        ),
    ] {
        let got = admin.post("cameras", body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(name) && !detail.contains("secret"),
            "{detail}"
        );
    }
    let got = admin
        .call(Method::POST, "incidents", vec![b' '; 2 << 20])
        .await;
    assert_eq!(
        (got.status, got.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
    for (path, name) in [
        ("events?from=yesterday", "from"),
        ("events?colour=red", "colour"),
        ("events?limit=1&limit=2", "limit"),
        ("events?state=shut", "state"),
        ("cameras/123", "code"),
        ("events/123", "id"),
    ] {
        let got = admin.get(path).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(
            got.json()["detail"].as_str().unwrap().starts_with(name),
            "{path}"
        );
    }
    for path in [
        "nothing/here",
        "cameras/44140300001326008888",
        "events/000660f8841df129082831de",
    ] {
        assert_eq!(admin.get(path).await.code(), "not-found", "{path}");
    }
    let got = admin.call(Method::PATCH, "session", "").await;
    assert_eq!(
        (got.status, got.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST, GET, DELETE")
    );
    assert_eq!(
        admin.get("cameras").await.json().as_array().unwrap().len(),
        2
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_added_changed_and_removed_and_its_password_never_comes_back() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let body = json!({"code": "44140300001326000009", "name": "新", "region": "441403103", "record": false, "tag": false,
        "main_url": "rtsp://root:hunter2@127.0.0.1:9/x"});
    let got = admin.post("cameras", body.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED);
    assert!(!String::from_utf8_lossy(&got.body).contains("hunter2"));
    assert_eq!(admin.post("cameras", body).await.code(), "exists");
    let path = "cameras/44140300001326000009";
    let got = admin
        .put(
            path,
            json!({"name": "改", "region": "441403103", "record": false}),
        )
        .await;
    assert_eq!(got.json()["name"], "改");
    let register = station.running.gateway.register.read();
    let code = "44140300001326000009".parse().unwrap();
    let camera = register.camera(&code).unwrap();
    let seal = &station.running.gateway.seal;
    let password = seal.open(code, camera.password.as_ref().unwrap());
    assert_eq!(password.unwrap(), "hunter2", "left out means left alone");
    let journal = station.data().join("journal/register.journal");
    let journal = std::fs::read(journal).unwrap();
    let holds = |text: &str| journal.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("44140300001326000009") && !holds("hunter2") && !holds("camsim"));
    assert_eq!(camera.main_url.as_deref(), Some("rtsp://127.0.0.1:9/x"));
    assert_eq!(admin.delete(path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(path).await.code(), "not-found");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_zones_hold_at_once_and_the_recording_goes_on() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let camera = admin
        .camera_once(|c| c["state"] == "live" && c["recording"] == true)
        .await;
    assert_eq!(camera["zones"], json!([]));
    let gateway = &station.running.gateway;
    let watched = || gateway.tagger.zones(CAMERA.parse().unwrap());
    eventually(|| async { watched() }).await;
    let feed = |profile| {
        let camera = CAMERA.parse().unwrap();
        gateway.supervisor.feed(media::FeedId { camera, profile })
    };
    let (main, sub) = (feed(media::Profile::Main), feed(media::Profile::Sub));
    let zones = json!([
        {"name": "yard", "points": [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]},
        {"name": "gate", "points": [[0.0, 0.0], [0.25, 0.0], [0.25, 0.25], [0.0, 0.25]]},
    ]);
    let path = format!("cameras/{CAMERA}");
    let from = media::WallTime::now();
    let put = |zones: &Value| {
        let body = json!({"name": "码头", "region": "441403102201", "zones": zones});
        let (admin, path) = (admin.clone(), path.clone());
        async move { admin.put(&path, body).await }
    };
    assert_eq!(put(&zones).await.json()["zones"], zones);
    assert_eq!(admin.get(&path).await.json()["zones"], zones);
    let names = || -> Vec<String> {
        let zones = watched().unwrap_or_default();
        zones.iter().map(|z| z.name().to_owned()).collect()
    };
    eventually(|| async { (names() == ["yard", "gate"]).then_some(()) }).await;
    assert_eq!(put(&json!([])).await.json()["zones"], json!([]));
    eventually(|| async { names().is_empty().then_some(()) }).await;
    // Neither session was begun anew, and nothing is missing from the recording.
    let same = |a: Option<Arc<media::Feed>>, b: Option<Arc<media::Feed>>| {
        Arc::ptr_eq(&a.expect("it ran"), &b.expect("it runs"))
    };
    assert!(same(main, feed(media::Profile::Main)) && same(sub, feed(media::Profile::Sub)));
    let now = media::WallTime::now();
    let range = format!("cameras/{CAMERA}/recordings?from={from}&to={now}");
    let recorded = eventually(|| async {
        let got = admin.get(&range).await.json();
        let spans = got["spans"].as_array().unwrap().clone();
        let reaches = |s: &Value| {
            s["end"]
                .as_str()
                .unwrap()
                .parse::<media::WallTime>()
                .unwrap()
                >= now
        };
        spans.iter().any(reaches).then_some(got)
    })
    .await;
    let gaps = recorded["gaps"].as_array().unwrap();
    assert!(
        gaps.iter().all(|g| g["reason"]["code"] != "not-recording"),
        "{recorded}"
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_managed_and_who_is_removed_is_out_at_once() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let new = |password: &str| json!({"user": "li", "name": "李", "password": password, "role": "operator", "region": "441403102"});
    assert_eq!(
        admin.post("users", new("short")).await.status,
        StatusCode::BAD_REQUEST
    );
    let got = admin.post("users", new(PASSWORD)).await;
    assert_eq!(got.status, StatusCode::CREATED);
    assert!(!String::from_utf8_lossy(&got.body).contains("argon2"));
    let li = station.sign_in("li").await;
    assert_eq!(li.get("cameras").await.status, StatusCode::OK);
    let mut stream = li
        .open(
            li.request(Method::GET, "stream")
                .body(Full::default())
                .unwrap(),
        )
        .await
        .into_body();
    assert!(stream.frame().await.is_some());
    assert_eq!(
        admin.delete("users/li").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(li.get("cameras").await.status, StatusCode::UNAUTHORIZED);
    let ended = tokio::time::timeout(HUNG, async {
        while let Some(Ok(_)) = stream.frame().await {}
    });
    ended.await.expect("their stream ends with the account");
    assert_eq!(
        admin.delete("users/admin").await.code(),
        "conflict",
        "the last administrator stays"
    );
    station.stop().await;
}

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
async fn an_incident_lives_from_report_to_file() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let got = officer.post("incidents", json!({"title": "水漫公路", "grade": "III", "kind": "flood", "note": "", "camera": CAMERA})).await;
    assert_eq!(got.status, StatusCode::CREATED);
    let incident = got.json();
    assert_eq!(
        (&incident["region"], &incident["cameras"]),
        (&json!("441403102201"), &json!([CAMERA]))
    );
    let id = incident["id"].as_str().unwrap();
    let path = format!("incidents/{id}/transitions");
    let step = |to: &str, note: &str| {
        let body = json!({"to": to, "note": note});
        let (officer, path) = (officer.clone(), path.clone());
        async move { officer.post(&path, body).await }
    };
    assert_eq!(
        step("filed", "too early").await.code(),
        "illegal-transition"
    );
    assert_eq!(
        step("closed", "").await.status,
        StatusCode::BAD_REQUEST,
        "a note is mandatory"
    );
    assert_eq!(step("verified", "").await.json()["state"], "verified");
    let rescuer = station.sign_in("rescuer").await;
    assert_eq!(
        rescuer
            .post(
                &format!("incidents/{id}/log"),
                json!({"note": "on the way"})
            )
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        rescuer
            .post(
                &format!("incidents/{id}/transitions"),
                json!({"to": "closed", "note": "x"})
            )
            .await
            .code(),
        "forbidden"
    );
    let closed = step("closed", "water is gone").await.json();
    assert_eq!(
        (
            closed["state"].as_str(),
            closed["log"].as_array().unwrap().len()
        ),
        (Some("closed"), 4)
    );
    assert_eq!(officer.get("incidents?state=open").await.json(), json!([]));
    assert_eq!(officer.get("incidents").await.json()[0]["id"], *id);
    let elsewhere = officer
        .post(
            "incidents",
            json!({"title": "x", "grade": "IV", "camera": ELSEWHERE}),
        )
        .await;
    assert_eq!(elsewhere.code(), "forbidden");
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
