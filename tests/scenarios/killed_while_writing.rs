//! Field case 22: `kill -9` at any instant loses at most one group and the flush interval.

use std::{process::Command, time::Duration};

use media::WallTime;
use sightline_tests::{Demo, Options, decode_errors, eventually, sightline};

use crate::shared::{block_on, codes};

fn recordings(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut queue = vec![dir.to_owned()];
    while let Some(dir) = queue.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                queue.push(path);
            } else if path.extension().is_some_and(|e| e == "mp4") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_file_plays_and_nothing_older_is_lost() {
    block_on(async {
        let demo = Demo::start(Options {
            cameras: 2,
            ..Options::default()
        })
        .await?;
        let api = demo.admin().await?;
        let camera = codes(&api).await?.remove(0);
        let recorded = async |from: WallTime, to: WallTime| {
            let line = api
                .get(&format!("cameras/{camera}/recordings?from={from}&to={to}"))
                .await?;
            let spans = line["spans"].as_array().cloned().unwrap_or_default();
            anyhow::Ok(spans.last().map(|s| {
                (
                    s["start"].as_str().unwrap().to_owned(),
                    s["end"].as_str().unwrap().to_owned(),
                )
            }))
        };
        let (_, last) = eventually("15 recorded seconds", Duration::from_secs(240), || async {
            let now = WallTime::now();
            Ok(recorded(now - Duration::from_secs(600), now)
                .await?
                .filter(|(start, end)| {
                    let (start, end): (WallTime, WallTime) =
                        (start.parse().unwrap(), end.parse().unwrap());
                    end.since(start) > Duration::from_secs(15)
                }))
        })
        .await?;
        let killed_at = WallTime::now();
        let dir = demo.kill().await?;
        let data = dir.path().join("data");

        let files = recordings(&data);
        assert!(!files.is_empty());
        for file in &files {
            assert_eq!(decode_errors(file)?, "", "{}", file.display());
        }
        let check = Command::new(sightline()?)
            .arg("check")
            .arg(&data)
            .output()?;
        assert!(
            check.status.success(),
            "{}{}",
            String::from_utf8_lossy(&check.stdout),
            String::from_utf8_lossy(&check.stderr)
        );

        let demo = Demo::start_in(
            dir,
            Options {
                cameras: 2,
                ..Options::default()
            },
        )
        .await?;
        let api = demo.admin().await?;
        let line = api
            .get(&format!(
                "cameras/{camera}/recordings?from={}&to={killed_at}",
                killed_at - Duration::from_secs(600)
            ))
            .await?;
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        let end: WallTime = spans.last().unwrap()["end"].as_str().unwrap().parse()?;
        // What the timeline had shown before the kill, but for a group of 2 s, a flush interval of 1 s, and the frame under way.
        let lost = last.parse::<WallTime>()?.since(end);
        assert!(lost < Duration::from_secs(5), "{lost:?} lost");
        Ok(())
    });
}
