//! The archive by the API: plans, holds, completeness, a timeline as coarse as asked, thumbnails, HLS.

use std::time::Duration;

use http::StatusCode;
use media::WallTime;
use serde_json::{Value, json};
use sightline::access::{Role, users::Change};
use storage::Plan;

use crate::common::{CAMERA, Client, ELSEWHERE, Station, account, eventually};

/// A range of which so many seconds are in files, from its first span on.
async fn recorded(client: &Client, from: WallTime, seconds: u64) -> (WallTime, WallTime) {
    eventually(|| async {
        let now = WallTime::now();
        let path = format!("cameras/{CAMERA}/recordings?from={from}&to={now}");
        let got = client.get(&path).await.json();
        let span = got["spans"].as_array()?.first()?.clone();
        let time = |v: &Value| v.as_str().unwrap().parse::<WallTime>().unwrap();
        let (start, end) = (time(&span["start"]), time(&span["end"]));
        let end = end.min(now);
        (end.since(start) > Duration::from_secs(seconds)).then_some((start, end))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_particular_plan_holds_and_the_archive_knows_it() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    admin.camera_once(|c| c["recording"] == true).await;
    assert_eq!(admin.get("recording-plans").await.json(), json!([]));
    let path = format!("cameras/{CAMERA}/recording-plan");
    let plan = officer.get(&path).await.json();
    assert_eq!(
        (
            &plan["of"],
            &plan["mode"],
            &plan["recorded"],
            &plan["kept_days"]
        ),
        (
            &json!("default"),
            &json!("always"),
            &json!(true),
            &json!(30)
        )
    );
    for (of, body, field) in [
        ("default", json!({"mode": "sometimes"}), "mode"),
        ("default", json!({"mode": "weekly"}), "windows"),
        ("default", json!({"mode": "always", "pre_s": 3}), "pre_s"),
        (
            "default",
            json!({"mode": "on-event", "pre_s": 61, "post_s": 5}),
            "pre_s: 61, expected 0 to 60",
        ),
        ("default", json!({"mode": "always", "colour": 1}), "colour"),
        (
            "default",
            json!({"mode": "always", "lock": {"before_s": 1, "after_s": 1, "days": 1, "kinds": []}}),
            "lock.kinds",
        ),
        ("12345", json!({"mode": "always"}), "of"),
    ] {
        let got = admin.put(&format!("recording-plans/{of}"), body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field}");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(field), "{detail}");
    }
    let unknown = admin
        .put("recording-plans/441499", json!({"mode": "off"}))
        .await;
    assert_eq!(unknown.code(), "not-found");
    let off = || json!({"mode": "off"});
    let denied = officer.put("recording-plans/441403102", off()).await;
    assert_eq!(denied.code(), "forbidden");

    // Off for the region: its recorder ends, and the archive knows that nothing is missing from then on.
    let got = admin.put("recording-plans/441403102", off()).await;
    assert_eq!(got.json()["name"], "石扇镇");
    let camera = admin.camera_once(|c| c["recording_state"] == "off").await;
    assert_eq!(camera["recording"], false);
    let archive = &station.running.gateway.archive;
    let code = CAMERA.parse().unwrap();
    assert_eq!(archive.plan(code), Some(Plan::Off));
    // The camera's own is stronger.
    let own = json!({"mode": "weekly", "windows": [{"days": 127, "from_min": 0, "to_min": 1440}], "profile": "sub"});
    let put = admin.put(&format!("recording-plans/{CAMERA}"), own).await;
    assert_eq!(put.json()["windows"][0]["to_min"], 1440);
    admin.camera_once(|c| c["recording"] == true).await;
    assert!(matches!(archive.plan(code), Some(Plan::Weekly { .. })));
    let feed = |profile| {
        let camera = code;
        station
            .running
            .gateway
            .supervisor
            .feed(media::FeedId { camera, profile })
    };
    assert!(feed(media::Profile::Sub).is_some());
    let plan = officer.get(&path).await.json();
    assert_eq!(
        (&plan["of"], &plan["profile"]),
        (&json!(CAMERA), &json!("sub"))
    );
    let listed = officer.get("recording-plans").await.json();
    let of: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["of"].as_str().unwrap())
        .collect();
    assert_eq!(of, ["441403102", CAMERA]);
    for of in [CAMERA, "441403102"] {
        let got = admin.delete(&format!("recording-plans/{of}")).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT);
        let again = admin.delete(&format!("recording-plans/{of}")).await;
        assert_eq!(again.code(), "not-found");
    }
    eventually(|| async { (archive.plan(code) == Some(Plan::Always)).then_some(()) }).await;
    let audit = admin.get("audit?action=plan-changed").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 2);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_free_space_target_is_set_within_bounds_and_stays() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    let before = admin.get("storage").await.json()["free_target"].clone();
    assert_eq!(before["said"], "configuration");
    assert_eq!(before["bytes"], before["configured_bytes"]);
    let [least, most] = ["least_bytes", "most_bytes"].map(|of| before[of].as_u64().unwrap());
    assert!(least < most, "{before}");
    let path = "storage/free-target";
    for bytes in [json!(least - 1), json!(most + 1), json!("much")] {
        let got = admin.put(path, json!({"bytes": bytes})).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bytes}");
    }
    // Left out it is a slip, not the configuration's.
    assert_eq!(
        admin.put(path, json!({})).await.status,
        StatusCode::BAD_REQUEST
    );
    // One town's people do not decide over the disks of all.
    let change = Change::Add(account("town", Role::Administrator, "441403102"));
    let users = &station.running.gateway.users;
    users.change(WallTime::now(), change).await.unwrap();
    for client in [&officer, &station.sign_in("town").await] {
        let got = client.put(path, json!({"bytes": most})).await;
        assert_eq!(got.code(), "forbidden");
    }
    let set = admin.put(path, json!({"bytes": most})).await.json();
    assert_eq!(
        (&set["bytes"], &set["said"]),
        (&json!(most), &json!("page"))
    );
    assert_eq!(admin.get("storage").await.json()["free_target"], set);
    let audit = admin.get("audit?action=free-target-changed").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);

    // It stays, and is given back.
    let (running, admin, _dir) = station.anew().await;
    assert_eq!(admin.get("storage").await.json()["free_target"], set);
    let back = admin.put(path, json!({"bytes": null})).await.json();
    assert_eq!(back, before);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cameras_are_changed_at_once_and_what_that_needs_is_told() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    recorded(&admin, WallTime::now(), 2).await;
    let got = officer.get("retention").await.json();
    let cameras = got["cameras"].as_array().unwrap();
    let own = cameras.iter().find(|c| c["camera"] == CAMERA).unwrap();
    assert!(cameras.iter().all(|c| c["camera"] != ELSEWHERE));
    assert_eq!(
        (&own["of"], &own["mode"], &own["kept_days"]),
        (&json!("default"), &json!("always"), &json!(30))
    );
    assert!(own["rate_bps"].as_u64().unwrap() > 10_000, "{own}");
    assert!(got["fits_days"].as_f64().unwrap() > 0.0, "{got}");

    let both = json!([CAMERA, ELSEWHERE]);
    let weekly = json!({"mode": "weekly", "windows": [{"days": 3, "from_min": 60, "to_min": 120}]});
    for (body, word) in [
        (json!({"cameras": both}), "nothing"),
        (json!({"cameras": [], "clear": true}), "cameras"),
        (
            json!({"cameras": both, "clear": true, "plan": weekly}),
            "clear",
        ),
        (json!({"cameras": both, "keep_days": 0}), "keep_days"),
        (
            json!({"cameras": both, "plan": {"mode": "weekly", "windows": []}}),
            "windows",
        ),
        (
            json!({"cameras": [CAMERA, "44140300001326008888"], "clear": true}),
            "44140300001326008888",
        ),
    ] {
        let got = admin.post("recording-plans", body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{word}");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    }
    let body = json!({"cameras": [CAMERA], "clear": true});
    assert_eq!(
        officer.post("recording-plans", body).await.code(),
        "forbidden"
    );
    let body = json!({"cameras": both, "plan": weekly, "keep_days": 45});
    let got = admin.post("recording-plans", body).await.json();
    assert_eq!(got, json!({"cameras": 2}));
    let kept = |code: &'static str| {
        let admin = &admin;
        async move {
            let all = admin.get("retention").await.json();
            let all = all["cameras"].as_array().unwrap().clone();
            all.into_iter().find(|c| c["camera"] == code).unwrap()
        }
    };
    for code in [CAMERA, ELSEWHERE] {
        let of = kept(code).await;
        assert_eq!(
            (&of["of"], &of["mode"], &of["keep_days"]),
            (&json!(code), &json!("weekly"), &json!(45))
        );
    }
    let body = json!({"cameras": both, "clear": true});
    admin.post("recording-plans", body).await;
    let of = kept(CAMERA).await;
    assert_eq!(
        (&of["of"], &of["keep_days"]),
        (&json!("default"), &json!(45))
    );
    assert_eq!(admin.get("recording-plans").await.json(), json!([]));
    let audit = admin.get("audit?action=plan-changed").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 2);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_a_recording_and_holds_it_where_the_plan_says_so() {
    use tagger::{Phase, Tag};
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin.camera_once(|c| c["state"] == "live").await;
    let gateway = &station.running.gateway;
    let lock = json!({"before_s": 5, "after_s": 5, "days": 7, "kinds": ["manual"]});
    let plan = json!({"mode": "on-event", "pre_s": 2, "post_s": 600, "lock": lock});
    admin.put(&format!("recording-plans/{CAMERA}"), plan).await;
    // The simulated camera's own motion may count, too: what is asked for is that this event does.
    let now = gateway.now();
    let occasions = &gateway.recorders.occasions;
    let tag = |phase| Tag {
        camera: CAMERA.parse().unwrap(),
        kind: media::EventKind::Manual,
        phase,
        start: now,
        at: now + Duration::from_secs(1),
        score: 1.0,
        snapshot: None,
        text: "reported".into(),
    };
    occasions.saw(&tag(Phase::Start));
    gateway.book.tag(tag(Phase::Start)).await.unwrap();
    admin.camera_once(|c| c["recording"] == true).await;
    let (start, _) = recorded(&admin, now - Duration::from_secs(60), 1).await;
    assert!(start <= now + Duration::from_secs(30), "{start} {now}");
    occasions.saw(&tag(Phase::End));
    gateway.book.tag(tag(Phase::End)).await.unwrap();
    let hold = eventually(|| async {
        let holds = admin.get(&format!("holds?camera={CAMERA}")).await.json();
        holds.as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(
        (&hold["by"], &hold["kind"], &hold["active"]),
        (&json!("recording-plan"), &json!("evidence"), &json!(true))
    );
    let time = |v: &Value| v.as_str().unwrap().parse::<WallTime>().unwrap();
    assert_eq!(time(&hold["from"]), now - Duration::from_secs(5));
    assert_eq!(time(&hold["to"]), now + Duration::from_secs(6));
    assert!(hold["reason"].as_str().unwrap().contains("(manual)"));
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_says_who_and_why_and_is_released_only_when_confirmed() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    let (from, to) = (WallTime::from_secs(1000), WallTime::from_secs(2000));
    let hold = |kind: &str, cameras: Value, reason: &str| json!({"kind": kind, "cameras": cameras, "from": from, "to": to, "reason": reason});
    for (body, word) in [
        (hold("legal", json!([CAMERA]), " "), "why"),
        (hold("legal", json!([]), "x"), "cameras"),
        (
            hold("legal", json!(["44140300001326008888"]), "x"),
            "44140300001326008888",
        ),
        (
            json!({"kind": "legal", "cameras": [CAMERA], "from": to, "to": from, "reason": "x"}),
            "begins",
        ),
    ] {
        let got = admin.post("holds", body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    }
    for body in [
        hold("legal", json!([ELSEWHERE]), "x"),
        json!({"kind": "legal", "all_cameras": true, "from": from, "to": to, "reason": "x"}),
    ] {
        assert_eq!(officer.post("holds", body).await.code(), "forbidden");
    }
    let placed = officer
        .post("holds", hold("legal", json!([CAMERA]), "court order 17"))
        .await;
    assert_eq!(placed.status, StatusCode::CREATED);
    let placed = placed.json();
    assert_eq!(
        (&placed["by"], &placed["reason"], &placed["until"]),
        (&json!("officer"), &json!("court order 17"), &Value::Null)
    );
    let path = format!("holds/{}", placed["id"]);
    assert_eq!(admin.get(&path).await.json(), placed);
    // It has no end: it cannot last longer. One that has lasts longer, and never shorter.
    let extend = json!({"reason": "appeal", "until": null});
    let got = officer.post(&format!("{path}/extend"), extend).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    let soon = WallTime::now() + Duration::from_secs(3600);
    let later = soon + Duration::from_secs(3600);
    let mut short = hold("evidence", json!([CAMERA]), "case 18");
    short["until"] = json!(soon);
    let short = officer.post("holds", short).await.json();
    let extend = format!("holds/{}/extend", short["id"]);
    for (until, reason, status) in [
        (json!(from), "appeal", StatusCode::BAD_REQUEST),
        (json!(later), " ", StatusCode::BAD_REQUEST),
        (json!(later), "appeal", StatusCode::OK),
        (json!(soon), "appeal", StatusCode::BAD_REQUEST),
        (Value::Null, "second appeal", StatusCode::OK),
    ] {
        let body = json!({"reason": reason, "until": until});
        let got = officer.post(&extend, body).await;
        assert_eq!(got.status, status, "{until}");
    }
    let extended = admin.get(&format!("holds/{}", short["id"])).await.json();
    assert_eq!(extended["until"], Value::Null);
    assert_eq!(extended["extended"][0]["was"], json!(soon));
    assert_eq!(extended["extended"][1]["reason"], json!("second appeal"));
    let audit = admin.get("audit?action=hold-extended").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 2);
    let gone = json!({"reason": "over", "confirm": short["id"]});
    let gone = officer
        .post(&format!("holds/{}/release", short["id"]), gone)
        .await;
    assert_eq!(gone.status, StatusCode::OK);
    let body = json!({"reason": "too late", "until": null});
    assert_eq!(
        officer.post(&extend, body).await.status,
        StatusCode::BAD_REQUEST
    );
    let release = format!("{path}/release");
    let sure = json!({"reason": "verdict", "confirm": placed["id"]});
    let denied = officer.post(&release, sure.clone()).await;
    assert_eq!(
        denied.code(),
        "forbidden",
        "an order is the administrator's"
    );
    let unsure = admin.post(&release, json!({"reason": "verdict"})).await;
    assert_eq!(
        (unsure.status, unsure.code().as_str()),
        (StatusCode::CONFLICT, "unconfirmed")
    );
    assert_eq!(admin.get("holds").await.json().as_array().unwrap().len(), 1);
    let released = admin.post(&release, sure.clone()).await.json();
    assert_eq!(
        (&released["active"], &released["released"]["by"]),
        (&json!(false), &json!("admin"))
    );
    assert_eq!(admin.post(&release, sure).await.code(), "conflict");
    assert_eq!(admin.get("holds").await.json(), json!([]));
    assert_eq!(admin.get("holds?state=all").await.json()[1], released);
    let audit = admin.get("audit?action=hold-released").await.json();
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["user"], &entry["reason"]),
        (&json!("admin"), &json!("verdict"))
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completeness_is_told_a_day_each_and_by_region() {
    let station = Station::start().await;
    let auditor = station.sign_in("auditor").await;
    let admin = station.sign_in("admin").await;
    let begun = WallTime::now();
    recorded(&admin, begun, 2).await;
    let range = |days: u64| {
        let now = WallTime::now();
        format!("from={}&to={now}", now - Duration::from_secs(days * 86_400))
    };
    let path = |days| format!("cameras/{CAMERA}/completeness?{}", range(days));
    let days = auditor.get(&path(2)).await.json();
    let today = days.as_array().unwrap().last().unwrap();
    let planned = today["planned_ms"].as_u64().unwrap();
    let recorded = today["recorded_ms"].as_u64().unwrap();
    assert!(recorded > 1500 && recorded <= planned, "{today}");
    assert!(today["share"].as_f64().unwrap() > 0.0);
    assert_eq!(
        auditor.get(&path(400)).await.status,
        StatusCode::BAD_REQUEST
    );
    let all = auditor
        .get(&format!("completeness?{}", range(1)))
        .await
        .json();
    let cameras = all["cameras"].as_array().unwrap();
    assert_eq!(cameras.len(), 1, "the other one is not to be recorded");
    assert_eq!(cameras[0]["camera"], CAMERA);
    assert_eq!(cameras[0]["days"], Value::Null);
    let by_day = format!("completeness?{}&days=1", range(1));
    let by_day = auditor.get(&by_day).await.json();
    let of_days = by_day["cameras"][0]["days"].as_array().unwrap();
    let sum: u64 = of_days
        .iter()
        .map(|d| d["recorded_ms"].as_u64().unwrap())
        .sum();
    assert_eq!(by_day["cameras"][0]["recorded_ms"], json!(sum));
    assert!(of_days.last().unwrap()["share"].as_f64().unwrap() > 0.0);
    let officer = station.sign_in("officer").await;
    let elsewhere = format!("completeness?{}&region=441403103", range(1));
    assert_eq!(officer.get(&elsewhere).await.code(), "forbidden");
    let storage = admin.get("storage").await.json();
    assert_eq!(
        (&storage["room"], &storage["recorded_cameras"]),
        (&json!("enough"), &json!(1))
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_has_pictures_and_is_as_coarse_as_asked() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let (from, to) = recorded(&admin, WallTime::now(), 3).await;
    let month = from - Duration::from_secs(30 * 86_400);
    let path =
        |ms: u64| format!("cameras/{CAMERA}/recordings?from={month}&to={to}&resolution_ms={ms}");
    let got = admin.get(&path(1_296_000)).await.json();
    // Seconds in a month: less than a step, and there all the same.
    assert_eq!(got["spans"].as_array().unwrap().len(), 1, "{got}");
    assert_eq!(got["gaps"].as_array().unwrap().len(), 1, "{got}");
    assert_eq!(got["events"], json!([]));
    let fine = admin.get(&path(1000)).await;
    assert_eq!(fine.status, StatusCode::BAD_REQUEST);
    let detail = fine.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("resolution_ms: 1000 would be"),
        "{detail}"
    );

    let at = from + Duration::from_secs(2);
    let path = |at: WallTime| format!("cameras/{CAMERA}/thumbnail.jpg?at={at}&width=96");
    let picture = eventually(|| async {
        let got = admin.get(&path(at)).await;
        (got.status == StatusCode::OK).then_some(got)
    })
    .await;
    assert_eq!(picture.body[..3], [0xff, 0xd8, 0xff]);
    let taken = picture.headers["sightline-at"].to_str().unwrap();
    let taken: WallTime = taken.parse().unwrap();
    assert!(taken <= at && at.since(taken) < Duration::from_secs(30));
    let size = image::load_from_memory(&picture.body).unwrap();
    assert_eq!(size.width(), 96);
    assert_eq!(
        admin.get(&path(at)).await.headers["etag"],
        picture.headers["etag"]
    );
    let none = admin.get(&path(month)).await;
    assert_eq!(none.code(), "no-recording");
    let auditor = station.sign_in("auditor").await;
    assert_eq!(auditor.get(&path(at)).await.code(), "forbidden");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_played_as_hls_by_players_that_know_nothing_of_us() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let (from, to) = recorded(&admin, WallTime::now(), 12).await;
    let path = format!("cameras/{CAMERA}/recording.m3u8?from={from}&to={to}&reason=check");
    let list = admin.get(&path).await;
    assert_eq!(
        (list.status, list.headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "application/vnd.apple.mpegurl")
    );
    let text = String::from_utf8(list.body.to_vec()).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("recording/part-"))
        .collect();
    assert!(!names.is_empty(), "{text}");
    for name in &names {
        let part = format!("cameras/{CAMERA}/{name}");
        let (one, two) = (admin.get(&part).await, admin.get(&part).await);
        assert_eq!((one.status, &one.body), (StatusCode::OK, &two.body));
        assert_eq!(one.headers["etag"], two.headers["etag"]);
        assert_eq!(&one.body[4..8], b"moof", "{name}");
    }
    let beyond = text.replace("part-0.m4s", "part-900.m4s");
    let beyond = beyond.lines().find(|l| l.contains("part-900")).unwrap();
    let got = admin.get(&format!("cameras/{CAMERA}/{beyond}")).await;
    assert_eq!(got.code(), "not-found");
    // A player that is given the URL and the session, and nothing else.
    let url = format!("http://{}/api/v1/{path}", admin.address);
    let header = format!("Authorization: Bearer {}\r\n", admin.token);
    let mut ffprobe = tokio::process::Command::new("ffprobe");
    ffprobe
        .args(["-v", "error", "-headers", &header, "-extension_picky", "0"])
        .args(["-count_packets", "-select_streams", "v", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=nb_read_packets", &url]);
    let out = ffprobe.output().await.unwrap();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && errors.is_empty(), "{errors}");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = said.trim().trim_end_matches(',');
    let packets: f64 = said
        .lines()
        .next()
        .unwrap()
        .trim_end_matches(',')
        .parse()
        .unwrap();
    assert!(packets > 12.0 * 4.0, "{said}");
    let audit = admin.get("audit?action=playback").await.json();
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["reason"], &entry["object"]),
        (&json!("check"), &json!(CAMERA))
    );
    station.stop().await;
}
