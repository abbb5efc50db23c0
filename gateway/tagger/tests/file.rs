//! A file is judged as a live camera is. Clips are made here by ffmpeg, or given: `SIGHTLINE_CLIP` names one with its labels
//! (`start_s,end_s,label`) beside it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use media::EventKind;
use tagger::{Config, Finding, Zone, tag_file, tag_file_with};

/// A clip of 640 x 360 at 10 pictures a second: grain on a test picture, and what `filter` does to it.
fn clip(directory: &Path, name: &str, seconds: u32, filter: &str, gop: u32) -> Option<PathBuf> {
    let path = directory.join(name);
    let source = format!("smptebars=size=640x360:rate=10:duration={seconds}");
    let run = Command::new("ffmpeg")
        .args([
            "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &source, "-vf",
        ])
        .arg(filter)
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "0",
            "-crf",
            "26",
        ])
        .args(["-threads", "1", "-g", &gop.to_string()])
        .arg(&path)
        .status();
    match run {
        Ok(status) => {
            assert!(status.success(), "ffmpeg could not make {name}");
            Some(path)
        }
        Err(error) => {
            println!("skipped: no ffmpeg ({error})");
            None
        }
    }
}

const GRAIN: &str = "noise=alls=6:allf=t";

fn of(findings: &[Finding], kind: EventKind) -> Vec<(f64, f64)> {
    let these = findings.iter().filter(|f| f.kind == kind);
    these.map(|f| (f.start_s, f.end_s)).collect()
}

#[test]
fn somebody_who_comes_and_goes_between_two_key_frames_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let filter = format!(
        "split[a][b];[b]crop=60:180:300:20,hue=s=0,eq=brightness=-0.2[p];[a][p]overlay=x='-60+(t-8)*240':y=120:enable='between(t,8,11)',{GRAIN}"
    );
    let Some(path) = clip(directory.path(), "walker.mp4", 20, &filter, 200) else {
        return;
    };
    let findings = tag_file(&path).unwrap();
    let motion = of(&findings, EventKind::Motion);
    assert_eq!(motion.len(), 1, "{findings:?}");
    assert!(motion[0].0 >= 7.9 && motion[0].1 <= 11.2, "{findings:?}");
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn who_walks_outside_every_zone_is_no_motion_and_faults_are_found_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    // Through the lower half, from left to right; at the end somebody covers the lens.
    let filter = format!(
        "split[a][b];[b]crop=60:120:300:20,hue=s=0,eq=brightness=-0.2[p];[a][p]overlay=x='-60+(t-8)*240':y=220:enable='between(t,8,11)',drawbox=color=0x404040:t=fill:enable='gt(t,20)',{GRAIN}"
    );
    let Some(path) = clip(directory.path(), "outside.mp4", 28, &filter, 20) else {
        return;
    };
    let band = |name: &str, top: f32, bottom: f32| {
        let points = vec![(0.0, top), (1.0, top), (1.0, bottom), (0.0, bottom)];
        Zone::new(name, points).unwrap()
    };
    let (sky, road) = (band("sky", 0.0, 0.5), band("road", 0.6, 1.0));
    let tag = |zones: &[Zone]| tag_file_with(&path, &Config::default(), zones).unwrap();
    for (zones, seen) in [
        (vec![], 1),
        (vec![road.clone()], 1),
        (vec![sky.clone()], 0),
        (vec![sky, road], 1),
    ] {
        let findings = tag(&zones);
        let walks = of(&findings, EventKind::Motion);
        let walks = walks.iter().filter(|w| w.0 < 15.0).count();
        assert_eq!(walks, seen, "{zones:?}: {findings:?}");
        assert_eq!(of(&findings, EventKind::Covered).len(), 1, "{findings:?}");
    }
}

#[test]
fn dark_covered_and_frozen_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, filter: &str| {
        let path = clip(directory.path(), name, 30, filter, 20)?;
        Some(tag_file(&path).unwrap())
    };
    let Some(dark) = make(
        "dark.mp4",
        &format!(
            "{GRAIN},eq=brightness='if(gt(t,10),-0.45,0)':contrast='if(gt(t,10),0.2,1)':eval=frame"
        ),
    ) else {
        return;
    };
    assert_eq!(of(&dark, EventKind::Dark).len(), 1, "{dark:?}");
    assert_eq!(of(&dark, EventKind::Frozen), [], "{dark:?}");
    let covered = make(
        "covered.mp4",
        &format!("drawbox=color=0x404040:t=fill:enable='between(t,10,20)',{GRAIN}"),
    )
    .unwrap();
    let spans = of(&covered, EventKind::Covered);
    assert_eq!(spans.len(), 1, "{covered:?}");
    assert!(
        (9.0..=13.0).contains(&spans[0].0) && (18.0..=21.0).contains(&spans[0].1),
        "{covered:?}"
    );
    let frozen = make(
        "frozen.mp4",
        &format!("{GRAIN},trim=end=10,tpad=stop_mode=clone:stop_duration=20"),
    )
    .unwrap();
    // It stands still from 10 s on. The encoder goes on refining it for a few groups of 2 s, and only then is it the same.
    let spans = of(&frozen, EventKind::Frozen);
    assert_eq!(spans.len(), 1, "{frozen:?}");
    assert!((9.0..=18.0).contains(&spans[0].0), "{frozen:?}");
    assert_eq!(of(&covered, EventKind::Frozen), [], "{covered:?}");
}

#[test]
fn what_is_no_video_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.mp4");
    std::fs::write(&path, "dear sir").unwrap();
    let error = tag_file(&path).unwrap_err().to_string();
    assert!(error.contains("letter.mp4"), "{error}");
    assert!(tag_file(directory.path().join("nowhere.mp4")).is_err());
}

#[test]
fn a_labelled_clip_is_tagged_where_its_labels_say() {
    let Some(path) = std::env::var_os("SIGHTLINE_CLIP").map(PathBuf::from) else {
        println!("skipped: SIGHTLINE_CLIP names no clip");
        return;
    };
    let motion = of(&tag_file(&path).unwrap(), EventKind::Motion);
    let labels = std::fs::read_to_string(path.with_extension("csv")).unwrap();
    let mut rows = 0;
    for row in labels
        .lines()
        .filter(|l| !l.starts_with('#') && !l.is_empty())
    {
        let fields: Vec<&str> = row.split(',').collect();
        let (start, end): (f64, f64) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let over = motion.iter().any(|m| m.0 < end && m.1 > start);
        assert_eq!(over, fields[2].trim() == "motion", "{row}: {motion:?}");
        rows += 1;
    }
    assert!(rows > 0, "no rows in the labels");
}
