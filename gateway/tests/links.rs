//! Links from end to end: said by people and kept, respected by every pull, and explained.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CAMERA, Station, eventually};
use http::{Method, StatusCode};
use media::{FeedId, Priority, Profile, ReasonCode};
use serde_json::{Value, json};

const VILLAGE: &str = "441403102201";
const TOWN: &str = "441403102";

fn feed(profile: Profile) -> FeedId {
    FeedId {
        camera: CAMERA.parse().unwrap(),
        profile,
    }
}

async fn link(client: &common::Client, id: &str) -> Value {
    let links = client.get("links").await.json();
    let found = links.as_array().unwrap().iter().find(|l| l["id"] == id);
    found.cloned().unwrap_or_else(|| panic!("{id} in {links}"))
}

/// What is said of a link holds for what runs on it, within a moment.
async fn budget(client: &common::Client, id: &str, bps: u64) -> Value {
    eventually(|| async {
        let link = link(client, id).await;
        (link["budget_bps"] == bps && link["reserved_bps"].as_u64() <= Some(bps)).then_some(link)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_said_kept_and_taken_back() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let before = link(&admin, VILLAGE).await;
    assert_eq!(before["budget_bps"], 30_000_000);
    assert_eq!(
        (&before["up"], &before["said"]),
        (&json!(TOWN), &json!("configuration"))
    );
    let path = format!("links/{VILLAGE}");
    let all_week = json!({"days": 127, "from_min": 0, "to_min": 1440, "share": 0.25});
    let body =
        json!({"capacity_bps": 20_000_000, "share": 0.5, "schedule": [all_week], "revision": 0});
    let set = admin.put(&path, body.clone()).await;
    assert_eq!(set.status, StatusCode::OK, "{:?}", set.body);
    assert_eq!(set.json()["budget_bps"], 5_000_000, "the schedule holds");
    let now = budget(&admin, VILLAGE, 5_000_000).await;
    assert_eq!(
        (&now["said"], &now["revision"]),
        (&json!("page"), &json!(1))
    );

    // The second of two editors is told, and nothing is changed.
    let stale = admin.put(&path, body).await;
    assert_eq!(
        (stale.status, stale.code()),
        (StatusCode::CONFLICT, "stale".into())
    );
    // A link under itself, by itself or over others, is refused with the field's name.
    for via in [VILLAGE, TOWN] {
        let under = json!({"capacity_bps": 1, "share": 1, "via": VILLAGE});
        let at = format!("links/{via}");
        let refused = admin.put(&at, under).await;
        assert_eq!(refused.code(), "bad-request");
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .starts_with("via: "),
            "{:?}",
            refused.body
        );
        // For a page in another language.
        let said = &refused.json()["said"];
        let codes = ["via-behind", "link-to-itself"];
        assert!(codes.map(Value::from).contains(&said["code"]), "{said}");
        assert_eq!(said["region"], VILLAGE);
        assert_eq!(refused.json()["field"], "via");
    }
    for (field, wrong) in [
        ("share", json!({"capacity_bps": 1, "share": 2})),
        (
            "schedule[0].days",
            json!({"capacity_bps": 1, "share": 1, "schedule": [{"days": 0, "from_min": 0, "to_min": 1, "share": 1}]}),
        ),
    ] {
        let refused = admin.put(&path, wrong).await;
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(field), "{detail}");
    }
    let unknown = admin
        .put("links/441499", json!({"capacity_bps": 1, "share": 1}))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    // Only administrators change links; who sees a region sees its link.
    let officer = station.sign_in("officer").await;
    let refused = officer
        .put(&path, json!({"capacity_bps": 1, "share": 1}))
        .await;
    assert_eq!(refused.code(), "forbidden");
    let seen = officer.get("links").await.json();
    assert_eq!(
        seen.as_array().unwrap().len(),
        2,
        "the town and its village: {seen}"
    );

    let cleared = admin.delete(&path).await;
    assert_eq!(cleared.status, StatusCode::NO_CONTENT);
    budget(&admin, VILLAGE, 30_000_000).await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    let audit = admin.get("audit?action=link-changed").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1, "{audit}");
    // What was said is there after a restart.
    admin
        .put(&path, json!({"capacity_bps": 7_000_000, "share": 1}))
        .await;
    let kept = tempfile::tempdir().unwrap();
    let data = kept.path().join("data");
    station.keep(&data).await;
    let store =
        command::Store::<sightline::links::Uplinks>::open(data.join("journal/uplinks.journal"));
    let store = store.unwrap_or_else(|e| {
        panic!(
            "{e}: {:?}",
            std::fs::read_dir(&data).unwrap().collect::<Vec<_>>()
        )
    });
    let said = store.read();
    assert_eq!(
        said.get(&VILLAGE.parse().unwrap()).unwrap().capacity.0,
        7_000_000
    );
    assert_eq!(said.revision(&VILLAGE.parse().unwrap()), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_link_is_respected_and_says_why() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin
        .camera_once(|c| c["recording_state"] == "recording")
        .await;
    let gateway = station.running.gateway.clone();
    let village = format!("links/{VILLAGE}");

    // Set to nothing: the recording gives way, and is told; whoever asks is told which link.
    admin
        .put(&village, json!({"capacity_bps": 50_000_000, "share": 0.0}))
        .await;
    let closed = budget(&admin, VILLAGE, 0).await;
    assert!(closed["gave_way"].as_u64() > Some(0), "{closed}");
    eventually(|| async {
        gateway
            .supervisor
            .feed(feed(Profile::Main))
            .is_none()
            .then_some(())
    })
    .await;
    let refused = gateway
        .supervisor
        .pull(feed(Profile::Main), Priority::Incident)
        .unwrap_err();
    assert_eq!(refused.code, ReasonCode::LinkBudget);
    assert!(
        refused.text.contains("一村") && refused.text.contains(VILLAGE),
        "{}",
        refused.text
    );
    let said = refused.said.unwrap();
    assert_eq!(
        (&*said.code, &*said.values["name"]),
        ("link-no-room", "一村")
    );
    let why = admin.get(&format!("cameras/{CAMERA}/links")).await.json();
    let codes: Vec<&str> = why["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.contains(&"link-closed") && codes.contains(&"refused"),
        "{why}"
    );
    let path: Vec<&Value> = why["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["id"])
        .collect();
    assert_eq!(path, [VILLAGE, TOWN, "441403"], "{why}");
    let notes = admin
        .get(&format!("links/notes?region={VILLAGE}"))
        .await
        .json();
    assert!(
        notes
            .as_array()
            .unwrap()
            .iter()
            .any(|n| n["what"] == "refused" && n["priority"] == "incident"),
        "{notes}"
    );

    // Room for a sub stream and not for a main stream.
    admin
        .put(&village, json!({"capacity_bps": 2_000_000, "share": 1.0}))
        .await;
    budget(&admin, VILLAGE, 2_000_000).await;
    let main = gateway
        .supervisor
        .pull(feed(Profile::Main), Priority::Wall)
        .unwrap_err();
    assert_eq!(main.code, ReasonCode::LinkBudget);
    let given = gateway
        .supervisor
        .pull(feed(Profile::Sub), Priority::Wall)
        .unwrap();
    let used = link(&admin, VILLAGE).await;
    let pulls = used["pulls"].as_array().unwrap();
    assert!(
        pulls
            .iter()
            .any(|p| p["profile"] == "sub" && p["priority"] == "wall"),
        "{used}"
    );
    drop(given);
    station.stop().await;
}

/// What a camera's file says of its stream is what it is given on the links until it has been measured; without it a guess is.
#[tokio::test(flavor = "multi_thread")]
async fn a_declared_rate_is_what_a_pull_takes() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let path = format!("cameras/{}", common::ELSEWHERE);
    let feed = FeedId {
        camera: common::ELSEWHERE.parse().unwrap(),
        profile: Profile::Main,
    };
    let gateway = station.running.gateway.clone();
    let rate = || gateway.supervisor.rate(feed).map(|r| r.0);
    let guess = gateway.config.ingest.main_bit_rate.0;
    assert_eq!(rate(), Some(guess));
    let mut file = admin.get(&format!("{path}/record")).await.json();
    for made in ["has_password", "changed_at", "changed_by"] {
        file.as_object_mut().unwrap().remove(made);
    }
    file["asset"]["main_kbps"] = json!(1500);
    let put = admin.put(&path, file.clone()).await;
    assert_eq!(put.status, StatusCode::OK, "{:?}", put.body);
    eventually(|| async { (rate() == Some(1_500_000)).then_some(()) }).await;
    // Once it has been looked at in turn, nothing but this holds it.
    eventually(|| async {
        let known = admin.get(&path).await.json()["check"]["outcome"] == "no-picture";
        (known && gateway.supervisor.feed(feed).is_none()).then_some(())
    })
    .await;
    let lease = gateway.supervisor.pull(feed, Priority::Wall).unwrap();
    let used = link(&admin, "441403103").await;
    assert_eq!(used["reserved_bps"], 1_500_000, "{used}");
    drop(lease);
    file["asset"]["main_kbps"] = json!(1);
    file["revision"] = json!(null);
    let refused = admin.put(&path, file).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("asset.main_kbps: "), "{detail}");
    station.stop().await;
}

/// A recording that comes second has its room: who watches for events is told to stop, and comes back when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_takes_the_room_of_who_watches_for_events() {
    const DISTRICT: &str = "441403";
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let gateway = station.running.gateway.clone();
    let held = |priority: &'static str| {
        let admin = &admin;
        move || async move {
            let link = link(admin, DISTRICT).await;
            let pulls = link["pulls"].as_array().unwrap();
            let mut held = pulls.iter().filter(|p| p["priority"] == priority);
            held.next().cloned()
        }
    };
    let recorded = eventually(held("recording")).await;
    let watched = eventually(held("tagging")).await;
    assert_eq!(
        (&watched["camera"], &watched["profile"]),
        (&json!(CAMERA), &json!("sub"))
    );
    // A second recording, of 300 kbit/s, on a link that has 100 left.
    let path = format!("cameras/{}", common::ELSEWHERE);
    let mut file = admin.get(&format!("{path}/record")).await.json();
    for made in ["has_password", "changed_at", "changed_by"] {
        file.as_object_mut().unwrap().remove(made);
    }
    file["asset"]["main_kbps"] = json!(300);
    assert_eq!(admin.put(&path, file).await.status, StatusCode::OK);
    let second = FeedId {
        camera: common::ELSEWHERE.parse().unwrap(),
        profile: Profile::Main,
    };
    eventually(|| async { (gateway.supervisor.rate(second)?.0 == 300_000).then_some(()) }).await;
    let given = |pull: &Value| pull["bps"].as_u64().unwrap();
    let room = given(&recorded) + given(&watched) + 100_000;
    let said = json!({"capacity_bps": room, "share": 1.0});
    admin.put(&format!("links/{DISTRICT}"), said).await;
    budget(&admin, DISTRICT, room).await;
    eventually(held("tagging")).await;

    let lease = gateway
        .supervisor
        .pull(second, Priority::Recording)
        .unwrap();
    assert!(gateway.supervisor.feed(feed(Profile::Sub)).is_none());
    let notes = admin.get("links/notes").await.json();
    let told = notes.as_array().unwrap().iter().any(|n| {
        n["what"] == "gave-way" && n["priority"] == "tagging" && n["by"] == common::ELSEWHERE
    });
    assert!(told, "{notes}");
    assert!(held("recording")().await.is_some());

    drop(lease);
    let back = eventually(held("tagging")).await;
    assert_eq!(back["camera"], CAMERA);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_camera_is_looked_at_in_turn() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let good = admin.camera_once(|c| c["check"]["outcome"] == "good").await;
    assert!(good["check"]["reason"].is_null());
    // The other one is on file and does not answer: known, too.
    let path = format!("cameras/{}", common::ELSEWHERE);
    let bad = eventually(|| async {
        let camera = admin.get(&path).await.json();
        (camera["check"]["outcome"] == "no-picture").then_some(camera)
    })
    .await;
    assert_eq!(bad["check"]["reason"]["code"], "refused", "{bad}");
    let round = admin.get("diagnosis-round").await.json();
    assert_eq!(
        (&round["cameras"], &round["known"]),
        (&json!(2), &json!(2)),
        "{round}"
    );
    assert_eq!(round["outcomes"], json!({"good": 1, "no-picture": 1}));
    // A look is over when it is over: nothing of it stays on the links.
    let nothing = eventually(|| async {
        let link = link(&admin, "441403103").await;
        (link["reserved_bps"] == 0).then_some(link)
    })
    .await;
    assert_eq!(nothing["pulls"], json!([]));
    let gone = admin
        .call(Method::GET, "cameras/44140300001326009999/diagnosis", "")
        .await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    station.stop().await;
}
