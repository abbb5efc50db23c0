//! What an incident gathers: photos and voices, guests, who shares where they are, figures, a report; and its log by pages.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::common::{CAMERA, Client, ELSEWHERE, Station, eventually};

async fn opened(client: &Client) -> String {
    let body = json!({"title": "水漫公路 <b>", "grade": "II", "kind": "flood", "camera": CAMERA});
    let opened = client.post("incidents", body).await;
    opened.json()["id"].as_str().unwrap().to_owned()
}

/// A JPEG with a position in it: a plain one, and EXIF put behind its first marker.
fn photo() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 9]));
    picture
        .write_to(&mut out, image::ImageFormat::Jpeg)
        .unwrap();
    let plain = out.into_inner();
    // TIFF, big-endian: a directory with the pointer to GPS (at 26), which holds latitude and longitude (at 80 and 104).
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
    tiff.extend(b"\0\x04\0\x01\0\x02\0\0\0\x02N\0\0\0\0\x02\0\x05\0\0\0\x03\0\0\0\x50");
    tiff.extend(b"\0\x03\0\x02\0\0\0\x02E\0\0\0\0\x04\0\x05\0\0\0\x03\0\0\0\x68\0\0\0\0");
    for n in [24u32, 1, 15, 1, 0, 1, 116, 1, 6, 1, 0, 1] {
        tiff.extend(n.to_be_bytes());
    }
    let mut exif = vec![0xff, 0xe1];
    exif.extend((tiff.len() as u16 + 8).to_be_bytes());
    exif.extend(b"Exif\0\0");
    exif.extend(tiff);
    [&plain[..2], &exif, &plain[2..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_comes_with_what_was_said_and_guests_see_it_without_its_place() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let rescuer = station.sign_in("rescuer").await;
    let id = opened(&admin).await;
    let path = format!("incidents/{id}/attachments");

    let refused = rescuer
        .call(Method::POST, &path, "%PDF-1.7 not a photo")
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.json()["detail"].as_str().unwrap().contains("JPEG"));
    let cut = photo()[..200].to_vec();
    let refused = rescuer.call(Method::POST, &path, cut).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    // 200 MB are refused by their head: what is announced is not waited for.
    let request = rescuer
        .request(Method::POST, &path)
        .header("content-length", "209715200")
        .body(http_body_util::Full::new(Bytes::from_static(
            b"\xff\xd8\xff",
        )));
    let refused = rescuer.send_head(request.unwrap()).await;
    assert_eq!(refused, StatusCode::PAYLOAD_TOO_LARGE);

    let sent = rescuer.call(Method::POST, &path, photo()).await;
    assert_eq!(sent.status, StatusCode::CREATED, "{:?}", sent.body);
    let sent = sent.json();
    let hash: String = Sha256::digest(photo())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(sent["id"], format!("{hash}.jpg"));
    assert_eq!(sent["place"], json!({"lon": 116.1, "lat": 24.25}));
    // Sent again, since the answer was lost: it is the same.
    let again = rescuer.call(Method::POST, &path, photo()).await;
    assert_eq!(again.json()["id"], sent["id"]);
    let listed = admin.get(&path).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);

    let log = format!("incidents/{id}/log");
    let strange = rescuer
        .post(&log, json!({"note": "", "attachments": ["nothing.jpg"]}))
        .await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    let said = json!({"note": "水位", "attachments": [sent["id"]], "place": {"lon": 116.1, "lat": 24.2},
        "said_at": "2019-01-01T00:00:00Z", "key": "phone-1"});
    for _ in 0..2 {
        assert_eq!(
            rescuer.post(&log, said.clone()).await.status,
            StatusCode::OK
        );
    }
    let entry = admin.get(&log).await.json()["entries"][1].clone();
    // The gateway's clock counts, the phone's is kept beside it.
    assert_eq!(entry["said_at"], "2019-01-01T00:00:00.000000Z");
    assert!(entry["at"].as_str().unwrap() > "2020");
    assert_eq!(admin.get(&log).await.json()["total"], 2);

    let file = format!("{path}/{}", sent["id"].as_str().unwrap());
    let whole = admin.get(&file).await;
    assert_eq!(whole.body, photo());
    assert_eq!(whole.headers["content-type"], "image/jpeg");
    let auditor = station.sign_in("auditor").await;
    assert_eq!(auditor.get(&file).await.code(), "forbidden");

    let guests = format!("incidents/{id}/guests");
    let link = admin
        .post(&guests, json!({"name": "消防", "hours": 2}))
        .await;
    assert_eq!(link.status, StatusCode::CREATED, "{:?}", link.body);
    let link = link.json();
    let secret = link["url"].as_str().unwrap().strip_prefix("/g#").unwrap();
    let mut guest = station.nobody();
    let come_in = |secret: String| {
        let nobody = station.nobody();
        async move {
            nobody
                .post("session/guest?token=1", json!({"secret": secret}))
                .await
        }
    };
    let wrong = come_in(format!("{id}.nonsense")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let inside = come_in(secret.to_owned()).await.json();
    assert_eq!(
        (&inside["role"], &inside["incident"]),
        (&json!("guest"), &json!(id))
    );
    guest.token = inside["token"].as_str().unwrap().to_owned();

    let bare = guest.get(&file).await;
    assert_eq!(bare.status, StatusCode::OK);
    assert!(!bare.body.windows(4).any(|w| w == b"Exif"));
    image::load_from_memory(&bare.body).unwrap();
    assert_eq!(guest.get(&path).await.json()[0]["place"], json!(null));
    assert_eq!(
        guest.get(&format!("incidents/{id}")).await.status,
        StatusCode::OK
    );
    let cameras = guest.get("cameras").await.json();
    assert_eq!(cameras.as_array().unwrap().len(), 1);
    assert_eq!(
        guest.get(&format!("cameras/{CAMERA}")).await.status,
        StatusCode::OK
    );
    let note = guest.post(&log, json!({"note": "we see it"})).await.json();
    assert_eq!(
        note["log"].as_array().unwrap().last().unwrap()["by"],
        "guest-1 消防"
    );
    // Nothing beside it: other incidents, other cameras, lists of anything.
    let other = opened(&admin).await;
    for path in [
        &format!("incidents/{other}")[..],
        &format!("incidents/{other}/log"),
        &format!("cameras/{ELSEWHERE}"),
        &format!("incidents/{id}/guests"),
        &format!("incidents/{id}/report.html"),
        "incidents",
        "events",
        "tasks",
        "regions",
        "contingency-plans",
        "positions",
        "links",
        "holds",
        "evidence",
        "cameras/export.csv",
        "recording-plans",
        "status",
        "users",
    ] {
        let got = guest.get(path).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{path}");
    }
    let moved = guest
        .post(
            &format!("incidents/{id}/transitions"),
            json!({"to": "verified"}),
        )
        .await;
    assert_eq!(moved.code(), "forbidden");
    let out = admin.delete(&format!("{guests}/1")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let gone = guest.get(&format!("incidents/{id}")).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        come_in(secret.to_owned()).await.status,
        StatusCode::UNAUTHORIZED
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shares_where_they_are_is_seen_until_they_stop() {
    let station = Station::start().await;
    let rescuer = station.sign_in("rescuer").await;
    let admin = station.sign_in("admin").await;
    let officer = station.sign_in("officer").await;
    for wrong in [
        json!({"place": {"lon": 200.0, "lat": 0.0}, "minutes": 5}),
        json!({"place": {"lon": 1.0, "lat": 2.0}, "minutes": 0}),
    ] {
        let refused = rescuer.put("positions/me", wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }
    let here = json!({"place": {"lon": 116.1, "lat": 24.2}, "accuracy_m": 12.5, "minutes": 5});
    assert_eq!(
        rescuer.put("positions/me", here).await.status,
        StatusCode::OK
    );
    let seen = admin.get("positions").await.json();
    assert_eq!(seen[0]["user"], "rescuer");
    assert_eq!(seen[0]["place"]["lon"], 116.1);
    // An account of the district is above a town's officer.
    assert_eq!(officer.get("positions").await.json(), json!([]));
    rescuer.delete("positions/me").await;
    assert_eq!(admin.get("positions").await.json(), json!([]));
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_opens_by_its_end_and_is_read_by_pages() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let id = opened(&admin).await;
    let path = format!("incidents/{id}/log");
    for n in 1..120 {
        let wrote = admin.post(&path, json!({"note": format!("n{n}")})).await;
        assert_eq!(wrote.status, StatusCode::OK);
    }
    let incident = admin.get(&format!("incidents/{id}")).await.json();
    let numbers = |entries: &serde_json::Value| -> Vec<u64> {
        let entries = entries.as_array().unwrap();
        entries.iter().map(|e| e["n"].as_u64().unwrap()).collect()
    };
    assert_eq!(incident["entries"], 120);
    assert_eq!(numbers(&incident["log"]), (70..120).collect::<Vec<_>>());
    let page = |query: &'static str| {
        let (admin, path) = (admin.clone(), path.clone());
        async move { admin.get(&format!("{path}{query}")).await.json() }
    };
    assert_eq!(
        numbers(&page("?before=10&limit=4").await["entries"]),
        [6, 7, 8, 9]
    );
    assert_eq!(numbers(&page("?before=2").await["entries"]), [0, 1]);
    assert_eq!(numbers(&page("?after=117").await["entries"]), [118, 119]);
    assert_eq!(numbers(&page("?after=500").await["entries"]), [0u64; 0]);
    let both = admin.get(&format!("{path}?after=1&before=3")).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);
    let listed = admin.get("incidents").await.json();
    assert_eq!(listed[0]["log"], json!([]));
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_the_report_are_made_from_the_record() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let officer = station.sign_in("officer").await;
    let rescuer = station.sign_in("rescuer").await;
    let id = opened(&officer).await;
    let tasks = format!("incidents/{id}/tasks");
    officer
        .post(&tasks, json!({"title": "封桥", "owner": "rescuer"}))
        .await;
    for step in ["acknowledge", "begin", "submit"] {
        let taken = rescuer
            .post(&format!("{tasks}/1/steps"), json!({"step": step}))
            .await;
        assert_eq!(taken.status, StatusCode::OK);
    }
    let seen = json!({"step": "approve", "revision": 2});
    let late = officer.post(&format!("{tasks}/1/steps"), seen).await;
    assert_eq!(late.code(), "moved-on");
    let said = late.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("rescuer took the step 'submit'"), "{said}");
    let seen = json!({"step": "approve", "revision": 3});
    officer.post(&format!("{tasks}/1/steps"), seen).await;
    let report = officer
        .post(
            &format!("incidents/{id}/reports"),
            json!({"note": "水退了"}),
        )
        .await
        .json();
    assert_eq!(report["reports"], 1);
    let linked = admin
        .post(
            &format!("incidents/{id}/cameras"),
            json!({"add": [ELSEWHERE]}),
        )
        .await
        .json();
    assert_eq!(linked["cameras"], json!([CAMERA, ELSEWHERE]));
    let refused = officer
        .post(
            &format!("incidents/{id}/cameras"),
            json!({"add": [ELSEWHERE]}),
        )
        .await;
    assert_eq!(
        refused.code(),
        "forbidden",
        "one links only what one may watch"
    );

    let range = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    let figures = admin
        .get(&format!("incidents/statistics?{range}"))
        .await
        .json();
    assert_eq!(figures["all"]["incidents"], 1);
    assert_eq!(figures["all"]["tasks_done"], 1);
    assert!(figures["all"]["finish_s"].is_number());
    assert_eq!(figures["kinds"][0]["key"], "flood");
    assert_eq!(figures["regions"][0]["key"], "441403102");
    assert_eq!(figures["regions"][0]["name"], "石扇镇");
    assert_eq!(figures["grades"][0]["key"], "II");
    let elsewhere = officer
        .get(&format!("incidents/statistics?{range}&region=441403103"))
        .await;
    assert_eq!(elsewhere.code(), "forbidden");

    let elsewhere = admin.get(&format!("cameras/{ELSEWHERE}")).await.json();
    let linked = format!("+ {}", elsewhere["name"].as_str().unwrap());
    for (language, word) in [("zh", "处置过程"), ("en", "Timeline")] {
        let page = officer
            .get(&format!("incidents/{id}/report.html?language={language}"))
            .await;
        let page = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(page.contains(word) && page.contains("封桥") && page.contains(CAMERA));
        assert!(page.contains(&linked), "a camera is not told by its name");
        assert!(page.contains("水漫公路 &lt;b&gt;") && !page.contains("<b>\""));
    }
    let owners = officer.get("owners").await.json();
    let names: Vec<&str> = owners
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["user"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["admin", "officer", "rescuer"]);
    station.stop().await;
}

/// A guest's stream ends when their time does, and what they watch.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_is_shut_out_of_what_is_open_too() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let id = opened(&admin).await;
    let link = admin
        .post(
            &format!("incidents/{id}/guests"),
            json!({"name": "g", "hours": 1}),
        )
        .await
        .json();
    let secret = link["url"]
        .as_str()
        .unwrap()
        .trim_start_matches("/g#")
        .to_owned();
    let inside = station
        .nobody()
        .post("session/guest?token=1", json!({"secret": secret}))
        .await
        .json();
    let mut guest = station.nobody();
    guest.token = inside["token"].as_str().unwrap().to_owned();
    let request = guest.request(Method::GET, "stream");
    let stream = guest
        .open(request.body(http_body_util::Full::default()).unwrap())
        .await;
    assert_eq!(stream.status(), StatusCode::OK);
    admin.delete(&format!("incidents/{id}/guests/1")).await;
    let ended = tokio::time::timeout(
        crate::common::HUNG,
        http_body_util::BodyExt::collect(stream.into_body()),
    );
    assert!(ended.await.is_ok(), "the stream ends");
    let sessions = &station.running.gateway.sessions;
    eventually(|| async { (sessions.count() == 1).then_some(()) }).await;
    station.stop().await;
}
