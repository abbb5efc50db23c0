//! Signing in, regions, bad input, accounts.

use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::common::{CAMERA, ELSEWHERE, HUNG, PASSWORD, Station, eventually};

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
