//! What is documented is what is answered: every path of `openapi.json`, with the shape it says; every metric, with its type and
//! its labels.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{CAMERA, Station};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Whether `value` has the shape of `schema`: types, required and unknown properties, enumerations, references.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/components/schemas/");
        return check(root, &root["components"]["schemas"][name], value, at);
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let wanted = options
            .iter()
            .find(|o| (o["type"] == "null") == value.is_null());
        return check(root, wanted.unwrap(), value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |t: &Value| t == kind || (t == "number" && kind == "integer");
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => return,
        one => vec![one.clone()],
    };
    assert!(types.iter().any(fits), "{at}: {kind}, expected {types:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(
            allowed.contains(value),
            "{at}: {value} is not one of {allowed:?}"
        );
    }
    if let Value::Array(items) = value {
        items
            .iter()
            .for_each(|v| check(root, &schema["items"], v, &format!("{at}[]")));
    }
    let Value::Object(map) = value else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            map.contains_key(name.as_str().unwrap()),
            "{at}: {name} is missing"
        );
    }
    for (name, v) in map {
        let property = match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, rest @ Value::Object(_)) => rest,
            (property, _) => property,
        };
        assert!(!property.is_null(), "{at}: {name} is not in the schema");
        check(root, property, v, &format!("{at}.{name}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_has_the_shape_that_is_described() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let document = admin.get("openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    admin
        .camera_once(|c| c["state"] == "live" && c["recording"] == true)
        .await;
    let camera = admin
        .post(
            "incidents",
            json!({"title": "t", "grade": "II", "camera": CAMERA}),
        )
        .await;
    let incident = camera.json()["id"].as_str().unwrap().to_owned();
    let now = media::WallTime::now();
    let before = now - std::time::Duration::from_secs(60);
    let hold =
        json!({"kind": "legal", "cameras": [CAMERA], "from": before, "to": now, "reason": "r"});
    let hold = admin.post("holds", hold).await.json()["id"].to_string();
    let layout = json!({"name": "l", "layout": 4});
    let wall = json!({"name": "w", "region": "441403", "screens": {"1": {"layout": 1, "tour": {"cameras": [CAMERA], "dwell_s": 5}}}});
    for made in [
        admin.put("walls/hall", wall).await,
        admin.post("wall-layouts", layout).await,
        admin
            .post("walls/hall/links", json!({"name": "l", "days": 1}))
            .await,
    ] {
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    }
    let window = json!({"window": "w"});
    admin.put("walls/hall/screens/1/presence", window).await;
    let plan = json!({"mode": "always"});
    assert_eq!(
        admin.put("recording-plans/default", plan).await.status,
        StatusCode::OK
    );
    let diagnosis = format!("cameras/{CAMERA}/diagnosis");
    let begun = admin.call(Method::POST, &diagnosis, "").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED);
    let mut shapes = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(get) = operations.get("get") else {
            continue;
        };
        let concrete = path
            .replace("{code}", CAMERA)
            .replace("{user}", "admin")
            .replace("{wall}", "hall")
            .replace("{screen}", "1")
            .replace("{region}", "441403102")
            .replace("{digits}", CAMERA)
            .replace("{file}", "init-0.mp4")
            .replace("{source}/{z}/{x}/{y}", "none/1/1/0")
            .replace("/holds/{id}", &format!("/holds/{hold}"))
            .replace(
                "{id}",
                if path.contains("incidents") {
                    &incident
                } else {
                    "000660f8841df129082831de"
                },
            );
        if path.ends_with("/stream") || path.ends_with("/media") || path.ends_with("/ca.crt") {
            continue;
        }
        let required = get["parameters"].as_array().unwrap().iter();
        let required = required.filter(|p| p["required"] == true && p["in"] == "query");
        let query: Vec<String> = required
            .map(|p| match p["name"].as_str().unwrap() {
                "from" => format!("from={before}"),
                name => format!("{name}={now}"),
            })
            .collect();
        let query = match query.is_empty() {
            // One of four ways to say where, none of which is required by itself.
            true if path.ends_with("/cameras/near") => "?at=116.08,24.26".to_owned(),
            true => String::new(),
            false => format!("?{}", query.join("&")),
        };
        let got = admin.get(&format!("{concrete}{query}")).await;
        let none = [
            "/events/{id}",
            "/evidence/{id}",
            "/attachments/{file}",
            "/map/tiles/",
        ];
        if none.iter().any(|p| path.contains(p)) {
            // There is no such one: the described problem.
            check(
                &document,
                &json!({"$ref": "#/components/schemas/Problem"}),
                &got.json(),
                path,
            );
            continue;
        }
        let content = &get["responses"]["200"]["content"];
        let of_recordings = ["/recording.", "/recording/", "/thumbnail"];
        if of_recordings.iter().any(|p| path.contains(p)) && got.status == StatusCode::NOT_FOUND {
            check(
                &document,
                &json!({"$ref": "#/components/schemas/Problem"}),
                &got.json(),
                path,
            );
            continue;
        }
        assert_eq!(got.status, StatusCode::OK, "{path}: {:?}", got.body);
        let media_type = got.headers["content-type"].to_str().unwrap();
        let described = content
            .get(media_type)
            .unwrap_or_else(|| panic!("{path}: {media_type} is not described"));
        if media_type == "application/json" {
            check(&document, &described["schema"], &got.json(), path);
            shapes += 1;
        }
    }
    assert!(shapes >= 12, "{shapes}");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let got = station
                .nobody()
                .call(method.clone(), &path.replace(['{', '}'], "x"), "")
                .await;
            assert_ne!(
                got.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
        }
    }
    station.stop().await;
}

/// Type and labels of each metric in the table of `docs/reference/metrics.md`.
fn metrics_on_paper() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let quoted = |cell: &str| -> Vec<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let text = include_str!("../../docs/reference/metrics.md");
    let rows = text.lines().filter(|l| l.starts_with("| `sightline_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, meaning] = cells[..] else {
            panic!("{row}: five cells");
        };
        assert!(!unit.is_empty() && !meaning.is_empty(), "{row}");
        // The label's name stands first, its values after it.
        let labels = quoted(labels).into_iter().take(1).collect();
        (quoted(name).remove(0), (kind.to_owned(), labels))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_in_the_reference_and_the_other_way_round() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin.camera_once(|c| c["state"] == "live").await;
    let page = station.nobody().get("/metrics").await;
    assert_eq!(page.status, StatusCode::OK, "open from loopback");
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let mut told: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in page.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').unwrap();
            let twice = told.insert(name.into(), (kind.into(), BTreeSet::new()));
            assert!(twice.is_none(), "{name} is told twice");
            assert!(page.contains(&format!("# HELP {name} ")), "{name}");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        value
            .parse::<f64>()
            .unwrap_or_else(|e| panic!("{line}: {e}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let (_, known) = told
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has no type"));
        known.extend(labels.split_once('=').map(|(label, _)| label.to_owned()));
    }
    let mut paper = metrics_on_paper();
    for (name, (kind, labels)) in &told {
        let (on_paper, expected) = paper
            .remove(name)
            .unwrap_or_else(|| panic!("docs/reference/metrics.md does not tell of {name}"));
        assert_eq!(*kind, on_paper, "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        // Lines that refused nothing are left out, and so are their labels.
        assert!(labels.is_subset(&expected), "{name}: {labels:?}");
    }
    assert!(paper.is_empty(), "not answered: {:?}", paper.keys());
    assert_eq!(told["sightline_cameras"].1, ["state".to_owned()].into());
    station.stop().await;
}
