//! What people and other systems tell of, and what rules make of it.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{CAMERA, Client, Station, eventually};

fn photo() -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 4, y as u8 * 5, 80]));
    let mut out = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut out, image::ImageFormat::Jpeg)
        .unwrap();
    out.into_inner()
}

async fn put(client: &Client, path: &str, body: Vec<u8>) -> crate::common::Got {
    client.call(Method::PUT, path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_reports_with_a_photo_and_a_place() {
    let station = Station::start().await;
    let (admin, officer, rescuer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
        station.sign_in("rescuer").await,
    );
    let report = json!({"text": "路面积水", "grade": "II", "place": {"lon": 116.1, "lat": 24.3}, "key": "phone-1"});
    let got = officer.post("events", report.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    let event = got.json();
    assert_eq!(
        (&event["kind"], &event["by"], &event["region"]),
        (&json!("manual"), &json!("officer"), &json!("441403102"))
    );
    // Sent again by an outbox that heard no answer: the same event.
    let again = officer.post("events", report.clone()).await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (StatusCode::OK, &event["id"])
    );
    // Another one's mark is another one's.
    assert_ne!(admin.post("events", report).await.json()["id"], event["id"]);
    let path = format!("events/{}/photo", event["id"].as_str().unwrap());
    assert_eq!(
        put(&rescuer, &path, photo()).await.status,
        StatusCode::FORBIDDEN,
        "not theirs"
    );
    let file = photo();
    let got = put(&officer, &path, file.clone()).await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    assert_eq!(got.json()["photo"]["bytes"], file.len());
    let shown = rescuer
        .get(&format!(
            "events/{}/snapshot.jpg",
            event["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(shown.headers["content-type"], "image/jpeg");
    assert_ne!(shown.body, file, "what is shown is made anew");
    assert_eq!(
        officer.get(&path).await.body,
        file,
        "what is kept is as it came"
    );
    assert_eq!(rescuer.get(&path).await.status, StatusCode::FORBIDDEN);
    for (body, status) in [
        (
            b"this is no photo".to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        assert_eq!(put(&officer, &path, body).await.status, status);
    }
    // 200 MB are refused by what the head says of them, before any of it is read.
    let mut stream = tokio::net::TcpStream::connect(officer.address)
        .await
        .unwrap();
    let head = format!(
        "PUT /api/v1/{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 209715200\r\n\r\n",
        officer.address, officer.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = stream.read_exact(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(60), read)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // Nothing said at all, and a place that is none.
    assert_eq!(
        officer.post("events", json!({"text": " "})).await.status,
        StatusCode::BAD_REQUEST
    );
    let nowhere = json!({"text": "x", "place": {"lon": 24.3, "lat": 116.1}});
    assert_eq!(
        officer.post("events", nowhere).await.status,
        StatusCode::BAD_REQUEST
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_system_tells_more_of_the_same_under_its_key() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let told = |text: &str, more: Value| {
        let mut body = json!({"key": "gauge-7", "text": text, "region": "441403102"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let first = admin
        .post("intake", told("level 3.1 m", json!({"grade": "III"})))
        .await;
    assert_eq!(first.status, StatusCode::CREATED, "{:?}", first.body);
    assert!(first.json()["end"].is_null());
    let now = media::WallTime::now();
    let second = admin
        .post(
            "intake",
            told("level 3.9 m", json!({"grade": "I", "end": now})),
        )
        .await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.json()["id"], first.json()["id"]);
    assert_eq!(
        (&second.json()["text"], &second.json()["grade"]),
        (&json!("level 3.9 m"), &json!("I"))
    );
    assert!(!second.json()["end"].is_null());
    let wrong = admin
        .post(
            "intake",
            json!({"key": "k", "text": "x", "start": "2020-01-01T00:00:00Z"}),
        )
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "a clock years wrong");

    // CAP in: read, updated, cancelled; and out again.
    let now = media::WallTime::now().to_string();
    let cap = |id: &str, kind: &str, refers: &str, area: &str| {
        let references = match refers {
            "" => String::new(),
            id => format!("<references>met@gd,{id},{now}</references>"),
        };
        format!(
            "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{id}</identifier><sender>met@gd</sender><sent>{now}</sent><status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>{references}<info><category>Met</category><event>暴雨</event><urgency>Immediate</urgency><severity>Extreme</severity><certainty>Likely</certainty><headline>暴雨红色预警</headline><area><areaDesc>石扇镇</areaDesc>{area}<geocode><valueName>GB/T 2260</valueName><value>441403102</value></geocode></area></info></alert>"
        )
    };
    let send = |text: String| {
        let admin = admin.clone();
        async move { admin.call(Method::POST, "intake/cap", text).await }
    };
    let circle = "<circle>24.3,116.1 5</circle>";
    let warning = send(cap("w1", "Alert", "", circle)).await;
    assert_eq!(warning.status, StatusCode::CREATED, "{:?}", warning.body);
    let warning = warning.json();
    assert_eq!(
        (
            &warning["grade"],
            &warning["region"],
            &warning["place"]["lon"]
        ),
        (&json!("I"), &json!("441403102"), &json!(116.1))
    );
    assert_eq!(
        send(cap("w1", "Alert", "", circle)).await.status,
        StatusCode::OK,
        "sent twice"
    );
    let update = send(cap("w2", "Update", "w1", circle)).await;
    assert_eq!(update.status, StatusCode::CREATED);
    let of = |id: &Value| format!("events/{}", id.as_str().unwrap());
    assert!(
        !admin.get(&of(&warning["id"])).await.json()["end"].is_null(),
        "the update ends what it refers to"
    );
    assert_eq!(
        send(cap("w3", "Cancel", "w2", circle)).await.status,
        StatusCode::OK
    );
    assert!(!admin.get(&of(&update.json()["id"])).await.json()["end"].is_null());
    assert_eq!(
        send(cap("w4", "Cancel", "unknown", circle)).await.status,
        StatusCode::NOT_FOUND
    );
    let open = send(cap(
        "w5",
        "Alert",
        "",
        "<polygon>24.3,116 24.4,116 24.4,116.2 24.3,116.1</polygon>",
    ))
    .await;
    assert_eq!(
        (open.status, open.code().as_str()),
        (StatusCode::BAD_REQUEST, "bad-cap")
    );
    assert_eq!(
        send(cap("w6", "Alert", "", circle).replace(&now, "2026-11-30T18:00:00"))
            .await
            .code(),
        "bad-cap"
    );
    let laughs = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\">]><alert/>";
    assert_eq!(send(laughs.into()).await.code(), "bad-cap");
    assert_eq!(
        send("x".repeat(300_000)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let out = admin.get(&format!("{}/cap.xml", of(&warning["id"]))).await;
    let message = command::cap::read(&out.body).unwrap();
    assert_eq!(message.infos[0].severity, command::cap::Severity::Extreme);
    assert_eq!(message.infos[0].place().unwrap().lon, 116.1);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_out_switched_on_and_held_back() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    let report = |client: &Client, text: String| {
        let (client, body) = (
            client.clone(),
            json!({"key": text, "text": text, "region": "441403102201"}),
        );
        async move { client.post("intake", body).await.json() }
    };
    for n in 0..5 {
        report(&admin, format!("before {n}")).await;
    }
    let rule = json!({"id": "flood", "name": "水位", "region": "441403102", "kinds": ["external"], "per": "all", "count": 2, "within_s": 600, "quiet_s": 0,
        "acts": ["popup", {"grade": "I"}, {"incident": {"kind": "flood"}}, {"notify": "去看看"}]});
    let trial = officer.post("rules/trial", rule.clone()).await;
    assert_eq!(trial.status, StatusCode::OK, "{:?}", trial.body);
    assert_eq!(
        (&trial.json()["matched"], &trial.json()["fires"]),
        (&json!(5), &json!(2))
    );
    assert_eq!(
        admin.get("rules").await.json(),
        json!([]),
        "a trial keeps nothing"
    );
    assert_eq!(
        officer.put("rules/flood", rule.clone()).await.status,
        StatusCode::CREATED
    );
    let mut elsewhere = rule.clone();
    elsewhere["region"] = json!("441403");
    assert_eq!(
        officer.put("rules/flood", elsewhere).await.status,
        StatusCode::FORBIDDEN
    );
    let mut wrong = rule;
    wrong["acts"] = json!([]);
    assert!(
        admin.put("rules/flood", wrong).await.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("acts:")
    );
    // Off: nothing happens. On: the second event fires it.
    report(&admin, "quiet".into()).await;
    assert_eq!(
        officer
            .post("rules/flood/switch", json!({"on": true}))
            .await
            .json()["on"],
        true
    );
    report(&admin, "one".into()).await;
    let second = report(&admin, "two".into()).await;
    let path = format!("events/{}", second["id"].as_str().unwrap());
    let event = eventually(|| async {
        let event = admin.get(&path).await.json();
        (!event["incident"].is_null()).then_some(event)
    })
    .await;
    assert_eq!(
        (&event["grade"], &event["popup"], &event["rules"]),
        (&json!("I"), &json!(true), &json!(["flood"]))
    );
    let incident = admin
        .get(&format!(
            "incidents/{}",
            event["incident"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(
        (&incident["state"], &incident["opened_by"]),
        (&json!("reported"), &json!("rule:flood"))
    );
    // A storm: it fires ten times in the minute, is held back from then on, and says so.
    for n in 0..60 {
        report(&admin, format!("storm {n}")).await;
    }
    let fired = eventually(|| async {
        let fired = admin.get("rules/fired").await.json();
        fired
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["event"].is_null())
            .then_some(fired)
    })
    .await;
    let real = fired
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| !f["event"].is_null())
        .count();
    // Ten in a minute; a slow machine may need more than one for them all.
    let most = command::rules::MAX_PER_MINUTE;
    assert!((most..=2 * most).contains(&real), "{real}");
    let incidents = admin.get("incidents?state=all").await.json();
    assert_eq!(
        incidents.as_array().unwrap().len(),
        1,
        "one draft that all are added to"
    );
    let audit = admin.get("audit?action=rule-held-back").await.json();
    assert!(!audit["entries"].as_array().unwrap().is_empty());
    assert_eq!(
        admin.delete("rules/flood").await.status,
        StatusCode::NO_CONTENT
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_holds_its_recording_and_has_a_picture() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin
        .camera_once(|c| c["state"] == "live" && c["recording"] == true)
        .await;
    let event = admin
        .post("events", json!({"text": "有人落水", "camera": CAMERA}))
        .await
        .json();
    let path = format!("events/{}", event["id"].as_str().unwrap());
    eventually(|| async { (!admin.get(&path).await.json()["snapshot"].is_null()).then_some(()) })
        .await;
    let holds = eventually(|| async {
        let holds = admin.get(&format!("holds?camera={CAMERA}")).await.json();
        (!holds.as_array().unwrap().is_empty()).then_some(holds)
    })
    .await;
    assert_eq!(holds[0]["by"], "recording-plan");
    assert!(
        holds[0]["reason"]
            .as_str()
            .unwrap()
            .contains(event["id"].as_str().unwrap())
    );
    station.stop().await;
}
