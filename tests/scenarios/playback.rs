//! What is recorded plays: in one piece, by byte ranges, in a player that is not ours.

use std::time::Duration;

use media::WallTime;
use reqwest::Method;
use sightline_tests::{decode_errors, eventually, probe};

use crate::shared::{block_on, codes, demo};

#[test]
fn a_recorded_range_is_one_seekable_file_that_decodes_to_its_last_frame() {
    block_on(async {
        let (_, api) = demo().await?;
        let camera = codes(&api).await?.remove(0);
        let (from, to) = eventually("ten recorded seconds", Duration::from_secs(240), || async {
            let now = WallTime::now();
            let from = now - Duration::from_secs(600);
            let line = api
                .get(&format!("cameras/{camera}/recordings?from={from}&to={now}"))
                .await?;
            let spans = line["spans"].as_array().cloned().unwrap_or_default();
            Ok(spans.iter().find_map(|s| {
                let start: WallTime = s["start"].as_str()?.parse().ok()?;
                let end: WallTime = s["end"].as_str()?.parse().ok()?;
                (end.since(start) > Duration::from_secs(14)).then(|| {
                    (
                        start + Duration::from_secs(2),
                        start + Duration::from_secs(12),
                    )
                })
            }))
        })
        .await?;
        let path = format!("cameras/{camera}/recording.mp4?from={from}&to={to}&reason=test");
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("range.mp4");
        let headers = api.download(&path, &file).await?;
        let whole = std::fs::read(&file)?;
        assert_eq!(headers["accept-ranges"], "bytes");

        let info = probe(&file)?;
        let video = info["streams"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["codec_type"] == "video")
            .unwrap()
            .clone();
        let seconds: f64 = video["duration"].as_str().unwrap().parse()?;
        // From the key frame at or before its start to the last whole frame before its end.
        assert!((9.9..15.0).contains(&seconds), "{seconds} s");
        assert_eq!(decode_errors(&file)?, "");

        // Any byte range is exactly that piece, now and later.
        for (start, end) in [
            (0usize, 999usize),
            (whole.len() / 2, whole.len() / 2 + 70_000),
            (whole.len() - 10, whole.len() - 1),
        ] {
            let end = end.min(whole.len() - 1);
            let answer = api
                .request(Method::GET, &path)
                .header("range", format!("bytes={start}-{end}"))
                .send()
                .await?;
            assert_eq!(answer.status(), 206);
            assert_eq!(
                answer.headers()["content-range"],
                format!("bytes {start}-{end}/{}", whole.len()).as_str()
            );
            assert_eq!(answer.bytes().await?, whole[start..=end]);
        }
        let beyond = api
            .request(Method::GET, &path)
            .header("range", format!("bytes={}-", whole.len()))
            .send()
            .await?;
        assert_eq!(beyond.status(), 416);
        Ok(())
    });
}
