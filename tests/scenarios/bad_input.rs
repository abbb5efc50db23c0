//! What is wrong is named, and nobody else notices.

use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;
use sightline_tests::sightline;

use crate::shared::{block_on, demo};

#[test]
fn requests_are_refused_with_what_is_wrong() {
    block_on(async {
        let (_, api) = demo().await?;
        let camera = json!({
            "code": "44140300001320009999", "name": "x", "region": "441403",
            "main_url": "rtsp://[::1]:1/x", "site_class": "1", "maker": "m", "address": "a"
        });
        let with = |key: &str, value: serde_json::Value| {
            let mut body = camera.clone();
            body[key] = value;
            body
        };
        for (body, names) in [
            (with("main_url", json!("rtsp//nowhere")), "main_url"),
            (with("code", json!("4414")), "code"),
            (with("region", json!("441403999")), "region"),
            (with("nmae", json!("x")), "nmae"),
        ] {
            let problem = api.post("cameras", body, StatusCode::BAD_REQUEST).await?;
            assert!(
                problem["detail"].as_str().unwrap().contains(names),
                "{problem}"
            );
        }
        let large = json!({"title": "x".repeat(2 << 20), "grade": "IV", "kind": "k", "note": ""});
        api.post("incidents", large, StatusCode::PAYLOAD_TOO_LARGE)
            .await?;
        api.expect(
            Method::GET,
            "events?from=yesterday",
            None,
            StatusCode::BAD_REQUEST,
        )
        .await?;
        api.expect(
            Method::GET,
            "events?colour=red",
            None,
            StatusCode::BAD_REQUEST,
        )
        .await?;
        api.expect(
            Method::GET,
            "cameras/44140300001320008888",
            None,
            StatusCode::NOT_FOUND,
        )
        .await?;
        let answer = api.request(Method::GET, "nothing/here").send().await?;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        Ok(())
    });
}

#[test]
fn a_wrong_configuration_names_file_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sightline.toml");
    std::fs::write(&file, "[listen]\naddress = \"[::]:8443\"\nadress = 3\n").unwrap();
    let out = Command::new(sightline().unwrap())
        .args(["serve", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success());
    assert!(
        said.contains("sightline.toml") && said.contains("adress") && said.contains('3'),
        "{said}"
    );
}

#[test]
fn a_directory_that_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("thesis.txt");
    std::fs::write(&foreign, "precious").unwrap();
    let password = dir.path().with_extension("password");
    std::fs::write(&password, "a long enough password").unwrap();
    let out = Command::new(sightline().unwrap())
        .args([
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--plain-http",
            "--cameras",
            "1",
            "--data",
        ])
        .arg(dir.path())
        .arg("--password-file")
        .arg(&password)
        .output()
        .unwrap();
    std::fs::remove_file(password).unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains(&dir.path().display().to_string()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
