//! `sightline demo` is all it takes, and it leaves when asked.

use std::{process::Command, time::Duration};

use sightline_tests::{Demo, Options, eventually, sightline};

use crate::shared::block_on;

#[test]
fn comes_up_goes_live_and_ends_with_status_zero() {
    block_on(async {
        let demo = Demo::start(Options::default()).await?;
        let api = demo.admin().await?;
        eventually(
            "all four cameras live",
            Duration::from_secs(180),
            || async {
                let cameras = api.get("cameras").await?;
                let cameras = cameras.as_array().unwrap();
                assert_eq!(cameras.len(), 4);
                Ok(cameras.iter().all(|c| c["state"] == "live").then_some(()))
            },
        )
        .await?;
        let (status, _) = demo.terminate().await?;
        assert_eq!(status.code(), Some(0));
        Ok(())
    });
}

#[test]
fn help_names_every_command() {
    let out = Command::new(sightline().unwrap())
        .arg("--help")
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    for command in [
        "serve", "demo", "check", "camera", "user", "pull", "export", "tag",
    ] {
        assert!(
            text.lines().any(|l| l.trim_start().starts_with(command)),
            "{command} is missing in\n{text}"
        );
    }
}

#[test]
fn a_second_process_on_the_data_directory_is_told_who_holds_it() {
    block_on(async {
        let demo = Demo::start(Options {
            cameras: 1,
            ..Options::default()
        })
        .await?;
        let password = demo.data().with_file_name("password");
        let out = tokio::process::Command::new(sightline()?)
            .args([
                "demo",
                "--listen",
                "127.0.0.1:0",
                "--plain-http",
                "--cameras",
                "1",
                "--data",
            ])
            .arg(demo.data())
            .arg("--password-file")
            .arg(password)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success());
        let pid = demo.pid().unwrap().to_string();
        assert!(said.contains(&pid), "names process {pid}: {said}");
        Ok(())
    });
}
