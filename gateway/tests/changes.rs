//! The register by its API: regions, groups, two editors, history and restoring, many at once, search, codes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CAMERA, Client, ELSEWHERE, Station};
use http::{Method, StatusCode};
use serde_json::{Value, json};

async fn delete(client: &Client, path: &str) -> common::Got {
    client.call(Method::DELETE, path, "").await
}

/// What an editor has read and sends back.
async fn record(client: &Client, code: &str) -> Value {
    let mut record = client.get(&format!("cameras/{code}/record")).await.json();
    let fields = record.as_object_mut().unwrap();
    for made in ["has_password", "changed_at", "changed_by"] {
        fields.remove(made);
    }
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_editor_is_told_and_shown_the_difference() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let path = format!("cameras/{ELSEWHERE}");
    let (mut first, mut second) = (
        record(&admin, ELSEWHERE).await,
        record(&admin, ELSEWHERE).await,
    );
    first["name"] = "东门".into();
    let saved = admin.put(&path, first).await;
    assert_eq!(saved.status, StatusCode::OK, "{:?}", saved.body);
    assert_eq!(saved.json()["revision"], 2);
    second["name"] = "西门".into();
    second["maker"] = "M".into();
    second["password"] = "hunter2".into();
    let refused = admin.put(&path, second.clone()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.code(), "stale");
    let told = refused.json();
    assert_eq!(
        (&told["revision"], &told["by"]),
        (&2.into(), &"admin".into())
    );
    let differences = told["differences"].as_array().unwrap();
    let of = |field: &str| {
        differences
            .iter()
            .find(|d| d["field"] == field)
            .unwrap()
            .clone()
    };
    assert_eq!(
        of("name"),
        json!({"field": "name", "base": "别处", "theirs": "东门", "mine": "西门"})
    );
    assert_eq!(of("maker")["mine"], "M");
    assert_eq!(of("password")["mine"], "***");
    assert!(!told.to_string().contains("hunter2"));
    // Having seen it, they may decide.
    second["revision"] = told["revision"].clone();
    assert_eq!(admin.put(&path, second).await.json()["revision"], 3);
    // Who says no revision overwrites, as programs always could.
    let mut blind = record(&admin, ELSEWHERE).await;
    blind.as_object_mut().unwrap().remove("revision");
    assert_eq!(admin.put(&path, blind).await.status, StatusCode::OK);
    // The same holds for taking it out.
    let refused = delete(&admin, &format!("{path}?revision=1")).await;
    assert_eq!(refused.code(), "stale");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_a_history_and_an_earlier_state_comes_back() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let path = format!("cameras/{ELSEWHERE}");
    let mut changed = record(&admin, ELSEWHERE).await;
    changed["keep_days"] = 90.into();
    changed["main_url"] = "rtsp://127.0.0.1:9/other".into();
    admin.put(&path, changed).await;
    let past = admin.get(&format!("{path}/history")).await.json();
    let newest = &past[0];
    assert_eq!(
        (&newest["revision"], &newest["by"], &newest["what"]),
        (&2.into(), &"admin".into(), &"changed".into())
    );
    let keep = newest["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["field"] == "keep_days");
    assert_eq!(
        keep.unwrap(),
        &json!({"field": "keep_days", "from": 30, "to": 90})
    );
    // Auditors read the register, and no addresses.
    let auditor = station.sign_in("auditor").await;
    let seen = auditor.get(&format!("{path}/history")).await.json();
    assert!(
        seen.to_string().contains("keep_days") && !seen.to_string().contains("rtsp:"),
        "{seen}"
    );
    let refused = auditor.get(&format!("{path}/record")).await;
    assert_eq!(refused.code(), "forbidden");

    assert_eq!(delete(&admin, &path).await.status, StatusCode::NO_CONTENT);
    let past = admin.get(&format!("{path}/history")).await.json();
    assert_eq!(past[0]["what"], "removed");
    let back = admin
        .post(
            &format!("{path}/restore"),
            json!({"revision": 1, "expect": 0}),
        )
        .await;
    assert_eq!(back.status, StatusCode::OK, "{:?}", back.body);
    assert_eq!(
        (&back.json()["revision"], &back.json()["keep_days"]),
        (&4.into(), &30.into())
    );
    let late = admin
        .post(
            &format!("{path}/restore"),
            json!({"revision": 2, "expect": 2}),
        )
        .await;
    assert_eq!(late.code(), "stale");
    let nothing = admin
        .post(&format!("{path}/restore"), json!({"revision": 3}))
        .await;
    assert_eq!(nothing.code(), "bad-request", "revision 3 is its removal");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_is_changed_and_what_would_break_it_is_refused_in_words() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let added = admin
        .put("regions/441403104", json!({"name": "新镇", "revision": 0}))
        .await;
    assert_eq!(added.status, StatusCode::OK, "{:?}", added.body);
    assert_eq!(
        (&added.json()["parent"], &added.json()["cameras"]),
        (&"441403".into(), &0.into())
    );
    let renamed = admin
        .put(
            "regions/441403104",
            json!({"name": "新镇街道", "revision": 1}),
        )
        .await;
    assert_eq!(renamed.json()["revision"], 2);
    let late = admin
        .put("regions/441403104", json!({"name": "x", "revision": 1}))
        .await;
    assert_eq!(late.code(), "stale");
    let foreign = admin.put("regions/441499", json!({"name": "x"})).await;
    assert_eq!(foreign.code(), "forbidden");

    let moving = |from: &str, to: &str| {
        let (admin, path, to) = (
            admin.clone(),
            format!("regions/{from}/move"),
            json!({"to": to}),
        );
        async move { admin.post(&path, to).await }
    };
    let itself = moving("441403102", "441403102201").await;
    assert_eq!(itself.status, StatusCode::BAD_REQUEST);
    assert!(
        itself.json()["detail"]
            .as_str()
            .unwrap()
            .contains("cannot be moved under itself")
    );
    // An account looks after it: it would look after nothing.
    let bound = moving("441403102", "441403105").await;
    assert_eq!(bound.code(), "conflict");
    assert!(
        bound.json()["detail"]
            .as_str()
            .unwrap()
            .contains("account officer"),
        "{:?}",
        bound.body
    );
    let moved = moving("441403103", "441403106").await;
    assert_eq!(moved.status, StatusCode::OK, "{:?}", moved.body);
    assert_eq!(moved.json()["cameras"], 1);
    assert_eq!(
        admin.get(&format!("cameras/{ELSEWHERE}")).await.json()["region"],
        "441403106"
    );
    let past = admin.get("regions/441403106/history").await.json();
    assert_eq!(
        (&past[0]["what"], &past[0]["by"]),
        (&"moved".into(), &"admin".into()),
        "{past}"
    );

    let full = delete(&admin, "regions/441403106").await;
    assert_eq!(full.code(), "conflict");
    assert!(
        full.json()["detail"]
            .as_str()
            .unwrap()
            .contains("1 camera(s)")
    );
    let above = delete(&admin, "regions/441403102").await;
    assert!(
        above.json()["detail"]
            .as_str()
            .unwrap()
            .contains("below it")
    );
    assert_eq!(
        delete(&admin, "regions/441403104").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        delete(&admin, "regions/441403104").await.status,
        StatusCode::NOT_FOUND
    );
    let officer = station.sign_in("officer").await;
    let refused = officer
        .put("regions/441403102202", json!({"name": "x"}))
        .await;
    assert_eq!(refused.code(), "forbidden");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_cross_regions_and_everybody_sees_their_own_part() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let group = json!({"name": "梅江沿线", "kind": "river", "cameras": [CAMERA, ELSEWHERE]});
    let put = admin.put("groups/river", group.clone()).await;
    assert_eq!(put.status, StatusCode::OK, "{:?}", put.body);
    let unknown = json!({"name": "x", "kind": "river", "cameras": ["44140300001326009999"]});
    assert_eq!(admin.put("groups/x", unknown).await.code(), "bad-request");
    let found = admin.get("cameras/search?group=river").await.json();
    assert_eq!(found["total"], 2);
    let officer = station.sign_in("officer").await;
    let seen = officer.get("groups").await.json();
    assert_eq!(seen[0]["cameras"], json!([CAMERA]));
    assert_eq!(officer.put("groups/river", group).await.code(), "forbidden");
    assert_eq!(
        delete(&admin, "groups/river").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        delete(&admin, "groups/river").await.status,
        StatusCode::NOT_FOUND
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_changed_at_once_after_a_look_at_what_changes() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let change = json!({"codes": [CAMERA, ELSEWHERE], "set": {"keep_days": 60, "asset.manager": "区数据局"}, "add_tags": ["防汛"]});
    let look = admin.post("cameras/bulk", change.clone()).await;
    assert_eq!(look.status, StatusCode::OK, "{:?}", look.body);
    let look = look.json();
    assert_eq!(
        (&look["changed"], &look["committed"]),
        (&2.into(), &false.into())
    );
    assert_eq!(look["changes"][0]["changes"].as_array().unwrap().len(), 3);
    assert_eq!(admin.get("tags").await.json(), json!([]));
    // Somebody else changes one of them before it is done: nothing of it is.
    let mut other = record(&admin, ELSEWHERE).await;
    other["name"] = "别名".into();
    admin.put(&format!("cameras/{ELSEWHERE}"), other).await;
    let mut commit = change.clone();
    commit["commit"] = true.into();
    commit["revisions"] = json!({CAMERA: 1, ELSEWHERE: 1});
    assert_eq!(
        admin.post("cameras/bulk", commit.clone()).await.code(),
        "stale"
    );
    commit.as_object_mut().unwrap().remove("revisions");
    assert_eq!(
        admin.post("cameras/bulk", commit).await.json()["committed"],
        true
    );
    assert_eq!(
        admin.get("tags").await.json(),
        json!([{"tag": "防汛", "cameras": 2}])
    );
    let found = admin
        .get("cameras/search?tag=%E9%98%B2%E6%B1%9B")
        .await
        .json();
    assert_eq!(found["total"], 2);
    let past = admin.get(&format!("cameras/{CAMERA}/history")).await.json();
    assert_eq!(
        (&past[0]["what"], &past[0]["note"]),
        (&"imported".into(), &"bulk".into())
    );

    for (body, field) in [
        (json!({"codes": [CAMERA], "set": {"name": "x"}}), "set"),
        (
            json!({"codes": [CAMERA], "set": {"keep_days": 0}}),
            "keep_days",
        ),
        (
            json!({"codes": [CAMERA], "set": {"keep_days": "many"}}),
            "keep_days",
        ),
        (
            json!({"codes": [CAMERA], "set": {"region": "441499"}}),
            "region",
        ),
        (json!({"codes": [CAMERA]}), "set"),
        (json!({"set": {"keep_days": 31}}), "codes"),
    ] {
        let refused = admin.post("cameras/bulk", body.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(
            refused.json()["detail"].as_str().unwrap().contains(field),
            "{body}: {:?}",
            refused.body
        );
    }
    let officer = station.sign_in("officer").await;
    assert_eq!(
        officer.post("cameras/bulk", change).await.code(),
        "forbidden"
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_found_a_page_at_a_time_within_ones_region() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let find = |query: &str| {
        let (admin, path) = (admin.clone(), format!("cameras/search?{query}"));
        async move { admin.get(&path).await.json() }
    };
    assert_eq!(find("").await["total"], 2);
    assert_eq!(find("q=mt").await["cameras"][0]["code"], CAMERA);
    assert_eq!(find("q=26000002").await["cameras"][0]["code"], ELSEWHERE);
    assert_eq!(
        find("q=ssz").await["total"],
        1,
        "a village's camera is found by its town's name"
    );
    let page = find("limit=1&offset=1").await;
    assert_eq!(
        (&page["total"], page["cameras"].as_array().unwrap().len()),
        (&2.into(), 1)
    );
    assert_eq!(find("region=441403103").await["total"], 1);
    let officer = station.sign_in("officer").await;
    let own = officer.get("cameras/search").await.json();
    assert_eq!(
        (&own["total"], &own["cameras"][0]["code"]),
        (&1.into(), &CAMERA.into())
    );
    for wrong in [
        "limit=0",
        "limit=501",
        "state=x",
        "sort=x",
        "region=x",
        "unknown=1",
    ] {
        let refused = admin.get(&format!("cameras/search?{wrong}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let regions = admin.get("regions").await.json();
    let counts: Vec<_> = regions
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["cameras"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [2, 1, 1, 1]);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_and_told() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let next = admin.get("camera-codes/next").await.json();
    assert_eq!(next["code"], "44140300001326000003");
    let next = admin
        .get("camera-codes/next?industry=54&type=131&network=7")
        .await
        .json();
    assert_eq!(next["code"], "44140300541317000001");
    for wrong in ["centre=4414", "industry=x1", "type=118", "network=66"] {
        let refused = admin.get(&format!("camera-codes/next?{wrong}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let told = admin.get(&format!("camera-codes/{CAMERA}")).await.json();
    assert_eq!(
        (&told["good"], &told["state"], &told["name"]),
        (&true.into(), &"taken".into(), &"码头".into())
    );
    let told = admin.get("camera-codes/4414030000118").await.json();
    assert_eq!(
        (&told["good"], &told["state"]),
        (&false.into(), &Value::Null)
    );
    station.stop().await;
}
