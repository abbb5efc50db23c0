//! What people put on the map: outlines of regions, drawings of incidents.

use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::common::{CAMERA, Station};

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    json!({"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_town_gets_an_outline() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let path = "regions/441403102/outline";
    let got = admin.put(path, square(116.0, 24.0, 0.2)).await;
    assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
    assert_eq!(
        (&got.json()["points"], &got.json()["cameras"]),
        (&json!(5), &json!(0))
    );
    let feature =
        json!({"type": "Feature", "properties": {}, "geometry": square(116.0, 24.0, 0.1)});
    assert_eq!(
        admin
            .put(&format!("{path}?reference=gcj02"), feature)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        admin.put(path, square(116.0, 24.0, 0.1)).await.status,
        StatusCode::OK
    );

    // What is wrong is said with where, and changes nothing.
    let open = json!({"type": "Polygon", "coordinates": [[[116.0, 24.0], [116.1, 24.0], [116.1, 24.1], [116.0, 24.1]]]});
    let refused = admin.put(path, open).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("coordinates[0]: the ring is not closed"),
        "{detail}"
    );
    let refused = admin.call(Method::PUT, path, "{\"type\": ").await;
    assert_eq!(refused.code(), "bad-request");
    assert_eq!(
        admin
            .put("regions/441403999/outline", square(116.0, 24.0, 0.1))
            .await
            .code(),
        "not-found"
    );
    assert_eq!(
        admin
            .put(&format!("{path}?reference=x"), square(1.0, 1.0, 1.0))
            .await
            .code(),
        "bad-request"
    );

    // Those of the district see it, those of another town do not.
    let list = admin.get("map/outlines.geojson").await;
    assert_eq!(list.headers["content-type"], "application/geo+json");
    let features = list.json()["features"].clone();
    assert_eq!(
        (&features[0]["id"], &features[0]["properties"]["name"]),
        (&json!("441403102"), &json!("石扇镇"))
    );
    assert_eq!(
        features[0]["geometry"]["coordinates"][0],
        square(116.0, 24.0, 0.1)["coordinates"]
    );
    let request: Request<Full<bytes::Bytes>> = admin
        .request(Method::GET, "map/outlines.geojson")
        .header(header::IF_NONE_MATCH, &list.headers["etag"])
        .body(Full::default())
        .unwrap();
    assert_eq!(admin.send(request).await.status, StatusCode::NOT_MODIFIED);
    let officer = station.sign_in("officer").await;
    assert_eq!(
        officer.get("map/outlines.geojson").await.json()["features"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        officer.put(path, square(116.0, 24.0, 0.1)).await.code(),
        "forbidden"
    );
    assert_eq!(officer.delete(path).await.code(), "forbidden");

    // An import is told of a camera outside its own town.
    let file = "编码,名称,行政区划,主码流地址,经度,纬度\n\
        44140300001326000011,里,441403102201,rtsp://10.0.0.1/m,116.05,24.05\n\
        44140300001326000012,外,441403102201,rtsp://10.0.0.2/m,116.15,24.05\n\
        44140300001326000013,别镇,441403103,rtsp://10.0.0.3/m,116.15,24.05\n";
    let report = admin
        .call(Method::POST, "cameras/import", file)
        .await
        .json();
    let outside = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["kind"] == "outside-region");
    let rows: Vec<_> = outside.map(|f| f["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [3], "{report}");

    assert_eq!(admin.delete(path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(path).await.code(), "not-found");
    let audit = admin.get("audit?limit=50").await;
    let said = String::from_utf8_lossy(&audit.body).into_owned();
    assert!(said.contains("outline-put") && said.contains("outline-removed"));
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_for_an_incident_everybody_sees_and_its_log_tells() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let opened = officer
        .post(
            "incidents",
            json!({"title": "水漫公路", "grade": "III", "camera": CAMERA}),
        )
        .await
        .json();
    let path = format!("incidents/{}/drawings", opened["id"].as_str().unwrap());
    let line = json!({"kind": "line", "points": [{"lon": 116.0, "lat": 24.0}, {"lon": 116.1, "lat": 24.0}], "text": "封路", "key": "k1"});
    let drawn = officer.post(&path, line.clone()).await;
    assert_eq!(drawn.status, StatusCode::OK, "{:?}", drawn.body);
    // Sent again by somebody who did not hear that it had come: once.
    let again = officer.post(&path, line).await.json();
    assert_eq!(again["drawings"].as_array().unwrap().len(), 1);
    let rescuer = station.sign_in("rescuer").await;
    let point = json!({"kind": "text", "points": [{"lon": 116.0, "lat": 24.0}], "text": "集合点"});
    let both = rescuer.post(&path, point).await.json();
    assert_eq!(
        (&both["drawings"][1]["by"], &both["drawings"][1]["number"]),
        (&json!("rescuer"), &json!(2))
    );
    for (bad, field) in [
        (
            json!({"kind": "line", "points": [{"lon": 1, "lat": 1}]}),
            "points",
        ),
        (
            json!({"kind": "area", "points": [{"lon": 1, "lat": 1}, {"lon": 2, "lat": 1}]}),
            "points",
        ),
        (
            json!({"kind": "text", "points": [{"lon": 1, "lat": 1}]}),
            "text",
        ),
        (
            json!({"kind": "point", "points": [{"lon": 1, "lat": 99}]}),
            "points",
        ),
    ] {
        let refused = officer.post(&path, bad).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .starts_with(field),
            "{:?}",
            refused.body
        );
    }
    // One's own, or anybody's for those who run it.
    assert_eq!(
        rescuer.delete(&format!("{path}/1")).await.code(),
        "forbidden"
    );
    let erased = officer.delete(&format!("{path}/2")).await.json();
    assert!(
        erased["drawings"][1]["erased_at"].is_string()
            && erased["drawings"][0]["erased_at"].is_null()
    );
    assert_eq!(
        officer.delete(&format!("{path}/2")).await.code(),
        "not-found"
    );
    assert_eq!(
        officer.delete(&format!("{path}/9")).await.code(),
        "not-found"
    );
    let log = erased["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].as_str().unwrap());
    let told: Vec<_> = log
        .filter(|a| a.starts_with("drawn") || *a == "erased")
        .collect();
    assert_eq!(told, ["drawn", "drawn", "erased"]);
    assert_eq!(
        station
            .sign_in("auditor")
            .await
            .delete(&format!("{path}/1"))
            .await
            .code(),
        "forbidden"
    );
    station.stop().await;
}
