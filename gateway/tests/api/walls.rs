//! Shared walls: two directors, screens that hear of it, screens without an account, what is kept over a restart.

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use media::WallTime;
use serde_json::{Value, json};

use crate::common::{CAMERA, Client, ELSEWHERE, HUNG, Station, eventually};

fn face(cameras: &[&str]) -> Value {
    let cells: Vec<Value> = cameras.iter().map(|c| json!({"camera": c})).collect();
    json!({"layout": 4, "cells": cells})
}

async fn hall(admin: &Client) -> Value {
    let wall = json!({"name": "大厅", "region": "441403", "revision": 0, "screens": {"1": face(&[CAMERA]), "2": face(&[])}});
    let got = admin.put("walls/hall", wall).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    got.json()
}

fn screen(wall: &Value, number: u64) -> Value {
    let screens = wall["screens"].as_array().unwrap();
    let found = screens.iter().find(|s| s["screen"] == number);
    found.unwrap().clone()
}

/// What the stream says, one event after the other.
struct Stream {
    body: hyper::body::Incoming,
    text: String,
}

impl Stream {
    async fn open(client: &Client) -> Self {
        let request = client.request(Method::GET, "stream");
        let request = request.body(Default::default()).unwrap();
        let response = client.open(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = Self {
            body: response.into_body(),
            text: String::new(),
        };
        stream.next("hello").await;
        stream
    }

    /// The next event of that name; others are passed by.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let is = event.lines().any(|l| l == format!("event: {name}"));
                if let Some(data) = event.lines().find_map(|l| l.strip_prefix("data: "))
                    && is
                {
                    return serde_json::from_str(data).unwrap();
                }
            }
            let frame = tokio::time::timeout(HUNG, self.body.frame()).await;
            let frame = frame.expect("a message").unwrap().unwrap();
            self.text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_hears_what_a_director_sets_and_a_second_director_is_told() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let wall = hall(&admin).await;
    let rescuer = station.sign_in("rescuer").await;
    let mut heard = Stream::open(&rescuer).await;
    let seen = screen(&wall, 2)["revision"].clone();
    let set = json!({"revision": seen, "face": face(&[ELSEWHERE])});
    let before = WallTime::now();
    let got = admin.put("walls/hall/screens/2", set.clone()).await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    let told = heard.next("wall").await;
    assert_eq!(told, got.json(), "what is told is what is answered");
    let now = screen(&told, 2);
    assert_eq!(now["cells"][0]["camera"], ELSEWHERE);
    assert_eq!(now["by"], "admin");
    let at: WallTime = now["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= before - std::time::Duration::from_secs(1) && at <= WallTime::now());

    let second = admin.put("walls/hall/screens/2", set).await;
    assert_eq!(
        (second.status, second.code()),
        (StatusCode::CONFLICT, "stale".into())
    );
    let problem = second.json();
    assert_eq!(
        (&problem["by"], &problem["revision"]),
        (&json!("admin"), &now["revision"])
    );
    // The screen beside it is another matter, and a new one is one of its own.
    let first = json!({"revision": screen(&wall, 1)["revision"], "face": face(&[])});
    assert_eq!(
        admin.put("walls/hall/screens/1", first).await.status,
        StatusCode::OK
    );
    let third = json!({"revision": 0, "face": {"layout": 1, "tour": {"cameras": [CAMERA, ELSEWHERE], "dwell_s": 5}}});
    let got = admin.put("walls/hall/screens/3", third).await.json();
    let tour = &screen(&got, 3)["tour"];
    assert!(
        tour["since"].is_string() && tour["held_at"].is_null(),
        "{tour}"
    );
    let changes = got["changes"].as_array().unwrap();
    assert_eq!(changes.last().unwrap()["what"], "added");
    let log = admin.get("audit?action=wall-screen").await.json();
    assert_eq!(log["entries"].as_array().unwrap().len(), 3, "{log}");
    let got = admin.delete("walls/hall/screens/3?revision=1").await;
    assert_eq!(got.code(), "stale");
    let removed = admin.delete("walls/hall").await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    loop {
        let told = heard.next("wall").await;
        if told["removed"] == true {
            assert_eq!(told["id"], "hall");
            break;
        }
    }
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_look_and_who_may_direct() {
    let station = Station::start().await;
    let (admin, officer, rescuer, auditor) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
        station.sign_in("rescuer").await,
        station.sign_in("auditor").await,
    );
    hall(&admin).await;
    // The town's officer neither sees nor directs the district's wall, and has one of the town.
    assert_eq!(officer.get("walls/hall").await.code(), "forbidden");
    assert_eq!(officer.get("walls").await.json(), json!([]));
    let town = json!({"name": "镇", "region": "441403102", "screens": {"1": face(&[CAMERA])}});
    assert_eq!(
        officer.put("walls/town", town.clone()).await.status,
        StatusCode::CREATED
    );
    let outside = json!({"face": face(&[ELSEWHERE])});
    assert_eq!(
        officer.put("walls/town/screens/1", outside).await.code(),
        "forbidden"
    );
    let taken = json!({"name": "x", "region": "441403102"});
    assert_eq!(officer.put("walls/hall", taken).await.code(), "forbidden");
    let seen: Vec<Value> = admin.get("walls").await.json().as_array().unwrap().clone();
    assert_eq!(
        seen.iter().map(|w| &w["id"]).collect::<Vec<_>>(),
        ["hall", "town"]
    );
    let set = json!({"face": face(&[])});
    for looker in [&rescuer, &auditor] {
        assert_eq!(
            looker.get("walls/hall/screens/1").await.status,
            StatusCode::OK
        );
        assert_eq!(
            looker.put("walls/hall/screens/1", set.clone()).await.code(),
            "forbidden"
        );
    }
    let unknown = json!({"face": face(&["44140300001326009999"])});
    let got = admin.put("walls/hall/screens/1", unknown).await;
    assert!(
        got.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("cells[0].camera:"),
        "{:?}",
        got.body
    );
    let dwell = json!({"face": {"layout": 4, "tour": {"cameras": [CAMERA], "dwell_s": 301}}});
    let got = admin.put("walls/hall/screens/1", dwell).await;
    assert!(
        got.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("tour.dwell_s:"),
        "{:?}",
        got.body
    );
    assert_eq!(
        admin.put("walls/hall/screens/17", set).await.code(),
        "bad-request"
    );
    for n in 0..62 {
        let made = admin
            .put(
                &format!("walls/w-{n}"),
                json!({"name": "x", "region": "441403"}),
            )
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{n}");
    }
    let many = admin
        .put("walls/one-more", json!({"name": "x", "region": "441403"}))
        .await;
    assert_eq!(many.code(), "bad-request");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_without_an_account_sees_its_wall_until_its_link_ends() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    hall(&admin).await;
    let link = admin
        .post("walls/hall/links", json!({"name": "左屏", "days": 365}))
        .await;
    assert_eq!(link.status, StatusCode::CREATED, "{:?}", link.body);
    let link = link.json();
    let secret = link["url"]
        .as_str()
        .unwrap()
        .split_once('#')
        .unwrap()
        .1
        .to_owned();
    let in_journal = std::fs::read(station.data().join("journal/walls.journal")).unwrap();
    let bare = secret.split_once('.').unwrap().1.as_bytes();
    assert!(
        !in_journal.windows(bare.len()).any(|w| w == bare),
        "only its hash is kept"
    );
    let mut screen = station.nobody();
    let wrong = screen
        .post("session/screen?token=1", json!({"secret": "hall.wrong"}))
        .await;
    assert_eq!(wrong.code(), "wrong-credentials");
    let got = screen
        .post("session/screen?token=1", json!({"secret": secret}))
        .await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    let who = got.json();
    assert_eq!(
        (&who["role"], &who["wall"]),
        (&json!("guest"), &json!("hall"))
    );
    screen.token = who["token"].as_str().unwrap().to_owned();
    assert_eq!(screen.get("session").await.json()["wall"], "hall");

    // Its wall and what stands on it; no other camera, no incident, no list.
    assert_eq!(screen.get("walls/hall").await.status, StatusCode::OK);
    let cameras = screen.get("cameras").await.json();
    assert_eq!(cameras.as_array().unwrap().len(), 1);
    assert_eq!(cameras[0]["code"], CAMERA);
    assert_eq!(
        screen.get(&format!("cameras/{ELSEWHERE}")).await.code(),
        "forbidden"
    );
    for path in [
        "walls",
        "incidents",
        "events",
        "wall-layouts",
        "walls/hall/links",
    ] {
        assert_eq!(screen.get(path).await.code(), "forbidden", "{path}");
    }
    assert_eq!(
        screen
            .put("walls/hall/screens/1", json!({"face": face(&[])}))
            .await
            .code(),
        "forbidden"
    );
    assert_eq!(
        screen.get("walls/hall/alarms").await.json(),
        json!([]),
        "no tile is kept for them"
    );

    let mut heard = Stream::open(&screen).await;
    let mut directed = Stream::open(&admin).await;
    let beat = json!({"window": "w1", "revision": 2, "width": 3840, "height": 2160, "tiles": 1, "live": 0});
    let got = screen.put("walls/hall/screens/1/presence", beat).await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    let told = directed.next("screens").await;
    assert_eq!(
        (&told["wall"], &told["present"][0]["width"]),
        (&json!("hall"), &json!(3840))
    );
    let gone = json!({"window": "w1", "gone": true});
    screen.put("walls/hall/screens/1/presence", gone).await;
    assert_eq!(directed.next("screens").await["present"], json!([]));

    // A tile for alarms: now alarms of the region, and their cameras, are its to see.
    let mut kept = face(&[CAMERA]);
    kept["alarm"] = json!(3);
    admin
        .put("walls/hall/screens/1", json!({"face": kept}))
        .await;
    heard.next("wall").await;
    assert_eq!(
        screen.get("cameras").await.json().as_array().unwrap().len(),
        2
    );
    admin
        .post(
            "events",
            json!({"text": "水位", "grade": "I", "camera": ELSEWHERE}),
        )
        .await;
    assert_eq!(heard.next("event").await["camera"], ELSEWHERE);
    assert!(
        !screen
            .get("walls/hall/alarms")
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );

    let path = format!("walls/hall/links/{}", link["number"]);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(screen.get("walls/hall").await.code(), "no-session");
    let again = screen
        .post("session/screen", json!({"secret": secret}))
        .await;
    assert_eq!(again.code(), "wrong-credentials");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walls_layouts_and_links_are_there_after_a_restart() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    hall(&admin).await;
    let layout =
        json!({"name": "汛期", "layout": 9, "cells": [{"camera": CAMERA}], "shared": true});
    let kept = admin.post("wall-layouts", layout).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{:?}", kept.body);
    let link = admin
        .post("walls/hall/links", json!({"name": "x", "days": 1}))
        .await
        .json();
    let secret = link["url"]
        .as_str()
        .unwrap()
        .split_once('#')
        .unwrap()
        .1
        .to_owned();
    let (wall, layouts) = (
        admin.get("walls/hall").await.json(),
        admin.get("wall-layouts").await.json(),
    );
    let (running, admin, _dir) = station.anew().await;
    assert_eq!(admin.get("walls/hall").await.json(), wall);
    assert_eq!(admin.get("wall-layouts").await.json(), layouts);
    let screen = Client::of(&running)
        .post("session/screen", json!({"secret": secret}))
        .await;
    assert_eq!(
        screen.status,
        StatusCode::OK,
        "a screen in the hall comes back by itself"
    );
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_are_ones_own_until_they_are_shared() {
    let station = Station::start().await;
    let (admin, officer, rescuer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
        station.sign_in("rescuer").await,
    );
    let own = json!({"name": "我的", "layout": 4, "cells": [null, {"camera": CAMERA}]});
    let made = rescuer.post("wall-layouts", own.clone()).await.json();
    assert_eq!(
        (&made["owner"], &made["mine"]),
        (&json!("rescuer"), &json!(true))
    );
    let path = format!("wall-layouts/{}", made["id"]);
    assert_eq!(admin.get("wall-layouts").await.json(), json!([]));
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    let mut shared = own.clone();
    shared["shared"] = json!(true);
    assert_eq!(
        rescuer.post("wall-layouts", shared.clone()).await.code(),
        "forbidden"
    );
    let theirs = officer.post("wall-layouts", shared.clone()).await.json();
    let seen = admin.get("wall-layouts").await.json();
    assert_eq!(seen[0]["id"], theirs["id"]);
    assert_eq!(
        rescuer
            .delete(&format!("wall-layouts/{}", theirs["id"]))
            .await
            .code(),
        "forbidden"
    );
    shared["name"] = json!("镇");
    shared["revision"] = theirs["revision"].clone();
    let path = format!("wall-layouts/{}", theirs["id"]);
    assert_eq!(admin.put(&path, shared.clone()).await.json()["name"], "镇");
    assert_eq!(officer.put(&path, shared).await.code(), "stale");
    // By incident.
    let incident = json!({"title": "t", "grade": "II", "camera": CAMERA});
    let incident = admin.post("incidents", incident).await.json()["id"].clone();
    let mut of = own;
    of["incident"] = incident.clone();
    assert_eq!(
        admin.post("wall-layouts", of).await.status,
        StatusCode::CREATED
    );
    let found = admin
        .get(&format!(
            "wall-layouts?incident={}",
            incident.as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_goes_to_an_operators_own_wall() {
    let station = Station::start().await;
    let (admin, officer, rescuer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
        station.sign_in("rescuer").await,
    );
    let mut heard = Stream::open(&officer).await;
    let seats = admin.get("seats").await.json();
    let seat = |user: &str| {
        seats
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["user"] == user)
            .cloned()
    };
    assert_eq!(seat("officer").unwrap()["present"], true);
    assert!(seat("rescuer").is_none());
    let set = json!({"layout": 4, "cameras": [CAMERA, ELSEWHERE], "note": "看桥"});
    let got = admin.post("seats/officer", set.clone()).await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    assert_eq!(
        got.json()["left_out"],
        json!([ELSEWHERE]),
        "not the officer's to watch"
    );
    let told = heard.next("wall").await;
    assert_eq!(
        (&told["seat"], &told["note"]),
        (&json!("officer"), &json!("看桥"))
    );
    assert_eq!(
        screen(&told, 1)["cells"],
        json!([{"camera": CAMERA, "profile": "auto"}])
    );
    assert_eq!(officer.get("walls/~officer").await.json(), told);
    assert_eq!(rescuer.get("walls/~officer").await.code(), "forbidden");
    assert_eq!(
        rescuer.post("seats/officer", set.clone()).await.code(),
        "forbidden"
    );
    assert_eq!(
        admin.post("seats/nobody", set).await.status,
        StatusCode::NOT_FOUND
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_puts_its_cameras_on_the_wall_once() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    hall(&admin).await;
    let plan = json!({"id": "flood", "name": "防汛", "region": "441403", "tasks": [{"title": "t"}],
        "wall": {"tiles": 9, "cameras": [], "show": {"wall": "hall", "screen": 2}}});
    let put = admin.put("contingency-plans/flood", plan).await;
    assert_eq!(put.status, StatusCode::CREATED, "{:?}", put.body);
    let incident = json!({"title": "t", "grade": "II", "camera": CAMERA});
    let id = admin.post("incidents", incident).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let started = admin
        .post(
            &format!("incidents/{id}/plans"),
            json!({"plan": "flood", "key": "k"}),
        )
        .await;
    assert_eq!(started.status, StatusCode::OK, "{:?}", started.body);
    let shown = admin.get("walls/hall").await.json();
    let shown = screen(&shown, 2);
    assert_eq!(
        (&shown["layout"], &shown["cells"][0]["camera"]),
        (&json!(9), &json!(CAMERA))
    );
    // A director sets something else; the answer asked for again, or a restart, does not undo it.
    admin
        .put("walls/hall/screens/2", json!({"face": face(&[ELSEWHERE])}))
        .await;
    admin
        .post(
            &format!("incidents/{id}/plans"),
            json!({"plan": "flood", "key": "k"}),
        )
        .await;
    // What was not shown when it was to be is made up for at the next start, as after a crash between the two journals.
    let plan = json!({"id": "late", "name": "l", "region": "441403", "tasks": [{"title": "t"}],
        "wall": {"tiles": 4, "cameras": [CAMERA], "show": {"wall": "later", "screen": 1}}});
    admin.put("contingency-plans/late", plan).await;
    let incident = json!({"title": "t", "grade": "II", "camera": CAMERA});
    let id = admin.post("incidents", incident).await.json()["id"].clone();
    let path = format!("incidents/{}/plans", id.as_str().unwrap());
    admin.post(&path, json!({"plan": "late"})).await;
    let later = json!({"name": "x", "region": "441403", "screens": {"1": face(&[])}});
    admin.put("walls/later", later).await;
    let (running, admin, _dir) = station.anew().await;
    let made_up_for = eventually(|| async {
        let wall = admin.get("walls/later").await.json();
        let shown = screen(&wall, 1)["cells"][0]["camera"].clone();
        (shown == CAMERA).then_some(wall)
    });
    made_up_for.await;
    let now = admin.get("walls/hall").await.json();
    assert_eq!(screen(&now, 2)["cells"][0]["camera"], ELSEWHERE);
    running.shutdown().await;
}
