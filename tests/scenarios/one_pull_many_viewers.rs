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
        let mut seen = Vec::new();
        for viewer in &mut viewers {
            let mut frames = Vec::new();
            while frames.len() < 60 {
                frames.push(viewer.frame().await?);
            }
            assert!(frames[0].0.key, "a viewer starts at a key frame");
            seen.push(frames);
        }
        let feed = seen[0][0].0.feed;
        assert!(
            seen.iter().flatten().all(|(h, _)| h.feed == feed),
            "one feed for all"
        );
        let mut compared = 0;
        for (header, payload) in &seen[0] {
            for other in &seen[1..] {
                if let Some((_, theirs)) = other
                    .iter()
                    .find(|(h, _)| (h.group, h.frame) == (header.group, header.frame))
                {
                    assert_eq!(
                        payload, theirs,
                        "group {} frame {}",
                        header.group, header.frame
                    );
                    compared += 1;
                }
            }
        }
        assert!(
            compared > 100,
            "viewers overlapped in only {compared} frames"
        );
        Ok(())
    });
}
