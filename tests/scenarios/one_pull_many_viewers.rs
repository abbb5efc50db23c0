//! However many watch a camera, it is pulled once; the last one's leaving ends the pull.

use serde_json::json;
use sightline_tests::Viewer;

use crate::shared::{block_on, codes, demo};

#[test]
fn twelve_viewers_share_one_feed_and_get_the_same_bytes() {
    block_on(async {
        let (_, api) = demo().await?;
        let camera = codes(&api).await?.remove(1);
        let mut viewers = Vec::new();
        for _ in 0..12 {
            let mut viewer = Viewer::connect(&api).await?;
            viewer
                .send(json!({"type":"open","tile":7,"camera":camera,"profile":"sub"}))
                .await?;
            viewers.push(viewer);
        }
        let mut first = Vec::new();
        for viewer in &mut viewers {
            let (header, _) = viewer.frame().await?;
            assert!(header.key, "a viewer starts at a key frame");
            first.push(header);
        }
        let feed = first[0].feed;
        assert!(first.iter().all(|h| h.feed == feed), "one feed for all");

        // The first group that begins after the last of them came: all have the whole of it.
        let group = first.iter().map(|h| h.group).max().unwrap() + 1;
        let mut seen: Vec<Vec<(u32, Vec<u8>)>> = Vec::new();
        for viewer in &mut viewers {
            let mut frames = Vec::new();
            loop {
                let (header, payload) = viewer.frame().await?;
                if header.group > group {
                    break;
                }
                if header.group == group {
                    frames.push((header.frame, payload));
                }
            }
            seen.push(frames);
        }
        assert!(seen[0].len() > 10, "a group of {} frames", seen[0].len());
        for other in &seen[1..] {
            assert!(*other == seen[0], "the same frames with the same bytes");
        }
        Ok(())
    });
}
