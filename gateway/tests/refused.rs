//! Data directories and disks that do not do: what is wrong is said, and nothing else is disturbed.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{fs, io::Write, path::Path, process::Command};

use command::{Camera, Register, Store, register::Change};
use common::{Client, add_admin, config, eventually};
use http::StatusCode;
use media::WallTime;
use serde_json::json;
use sightline::gateway::{Extras, Gateway};
use storage::DataDir;

/// Why a gateway does not start on this directory.
async fn refusal(data: &Path) -> String {
    let started = Gateway::start(config(data), Extras::default()).await;
    format!("{:#}", started.expect_err("it must not start"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_on_a_directory_names_the_first_and_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let running = Gateway::start(config(dir.path()), Extras::default())
        .await
        .unwrap();
    let said = refusal(dir.path()).await;
    assert!(
        said.contains(&dir.path().display().to_string()) && said.contains("is held by"),
        "{said}"
    );
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    add_admin(&running.gateway).await;
    let admin = Client::of(&running).sign_in("admin").await;
    assert_eq!(admin.get("regions").await.status, StatusCode::OK);
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_somebody_else_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
    let said = refusal(dir.path()).await;
    assert!(
        said.contains("is not a data directory") && said.contains("thesis.txt"),
        "{said}"
    );
    let there: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(there.len(), 1, "{there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&data);
    config.listen.address = taken.local_addr().unwrap();
    let started = Gateway::start(config, Extras::default()).await;
    let said = format!("{:#}", started.err().unwrap());
    assert!(
        said.contains(&taken.local_addr().unwrap().to_string()),
        "{said}"
    );
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_from_before_passwords_were_sealed_is_read_and_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let code = "44140300001326000001".parse().unwrap();
    {
        let data = DataDir::open(dir.path()).unwrap();
        let register = Store::<Register>::open(data.journal("register")).unwrap();
        let regions = json!({"regions": [{"code": "441403", "name": "梅县区"}]});
        let mut camera = Camera::new(code, "old", "441403".parse().unwrap());
        camera.main_url = Some("rtsp://127.0.0.1:9/x".into());
        let mut record = json!({"add": camera});
        record["add"]["password"] = json!("hunter2");
        for change in [regions, record] {
            let change: Change = serde_json::from_value(change).unwrap();
            register.change(WallTime::now(), change).await.unwrap();
        }
    }
    let running = Gateway::start(config(dir.path()), Extras::default())
        .await
        .unwrap();
    let gateway = &running.gateway;
    let camera = gateway.register.read().camera(&code).cloned().unwrap();
    let secret = camera.password.as_ref().unwrap();
    assert!(secret.as_clear().is_none() && secret.as_sealed().is_some());
    assert_eq!(gateway.seal.open(code, secret).unwrap(), "hunter2");
    running.shutdown().await;
}

/// A small disk of its own. Needs the right to mount, as in a container's root or a CI machine; else the test is skipped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        match mount {
            Ok(out) if out.status.success() => Some(Self(dir)),
            other => {
                println!("skipped: no disk can be mounted here ({other:?})");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_what_needs_none_goes_on() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let data = disk.0.path().join("data");
    let running = Gateway::start(config(&data), Extras::default())
        .await
        .unwrap();
    add_admin(&running.gateway).await;
    let admin = Client::of(&running).sign_in("admin").await;
    let report = || {
        admin.post(
            "incidents",
            json!({"title": "t", "grade": "IV", "kind": "k", "note": ""}),
        )
    };
    assert_eq!(report().await.status, StatusCode::CREATED);

    let ballast = disk.0.path().join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    // The journal's last block may have had room for some.
    let got = eventually(|| async {
        let got = report().await;
        (got.status != StatusCode::CREATED).then_some(got)
    })
    .await;
    assert_eq!(
        (got.status, got.code().as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "disk")
    );
    assert!(got.json()["detail"].as_str().unwrap().contains("full"));
    let known = admin.get("incidents").await;
    assert_eq!(known.status, StatusCode::OK, "what is known is answered");
    let before = known.json().as_array().unwrap().len();

    fs::remove_file(&ballast).unwrap();
    eventually(|| async { (report().await.status == StatusCode::CREATED).then_some(()) }).await;
    let after = admin.get("incidents").await.json();
    assert!(after.as_array().unwrap().len() > before);
    running.shutdown().await;
}
