//! The very first start: an empty cache. Pictures are meant to come within twenty seconds on two cores; how long they took is
//! printed, and not asserted: this machine may be slower.

use std::time::{Duration, Instant};

use camsim::{Profile, demo::Demo};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn first_pictures_come_from_an_empty_cache() {
    let cache = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let demo = Demo::start(24, cache.path()).await.expect("free ports");
    assert_eq!((demo.cameras().len(), demo.regions().len()), (24, 412));
    // One camera of each scene, both streams, all at once, as a wall would ask.
    let mut seen = std::collections::BTreeSet::new();
    let mut looks = tokio::task::JoinSet::new();
    for (camera, handle) in demo.cameras().iter().zip(demo.handles()) {
        if seen.insert(camera.scene) {
            for profile in [Profile::Sub, Profile::Main] {
                looks.spawn(first_picture(handle.url_with_password(profile), started));
            }
        }
    }
    while let Some(look) = looks.join_next().await {
        let (url, picture, took) = look.expect("no panic");
        println!("{url}: {took:?}");
        let mean = picture.iter().map(|&p| u64::from(p)).sum::<u64>() / picture.len() as u64;
        assert!((60..200).contains(&mean), "{mean}");
    }
    let took = started.elapsed();
    println!(
        "first pictures of {} scenes, sub and main, after {took:?}",
        seen.len()
    );
    demo.shutdown().await;
}

/// Asks until there is a picture.
async fn first_picture(url: String, started: Instant) -> (String, Vec<u8>, Duration) {
    loop {
        let mut command = Command::new("ffmpeg");
        command.args([
            "-nostdin",
            "-v",
            "error",
            "-analyzeduration",
            "100000",
            "-rtsp_transport",
            "tcp",
            "-i",
            &url,
        ]);
        command.args([
            "-map",
            "0:v",
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ]);
        let output = command
            .kill_on_drop(true)
            .output()
            .await
            .expect("ffmpeg is installed");
        if !output.stdout.is_empty() {
            return (url, output.stdout, started.elapsed());
        }
        assert!(
            started.elapsed() < Duration::from_secs(600),
            "{url}: no picture"
        );
    }
}
