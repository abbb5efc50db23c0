//! Field case 15: a viewer that does not read hurts nobody but itself.

use serde_json::json;
use sightline_tests::Viewer;

use crate::shared::{block_on, codes, demo};

#[test]
fn one_that_never_reads_does_not_slow_another() {
    block_on(async {
        let (_, api) = demo().await?;
        let cameras = codes(&api).await?;
        let mut asleep = Viewer::connect(&api).await?;
        for (tile, camera) in cameras.iter().enumerate() {
            asleep
                .send(json!({"type":"open","tile":tile,"camera":camera,"profile":"main"}))
                .await?;
        }
        let mut awake = Viewer::connect(&api).await?;
        awake
            .send(json!({"type":"open","tile":1,"camera":cameras[0],"profile":"main"}))
            .await?;
        let mut last = awake.frame().await?.0;
        for _ in 0..300 {
            let (header, _) = awake.frame().await?;
            let follows = (header.group == last.group && header.frame == last.frame + 1)
                || (header.group == last.group + 1 && header.frame == 0);
            assert!(
                follows,
                "after {}/{} came {}/{}",
                last.group, last.frame, header.group, header.frame
            );
            last = header;
        }
        drop(asleep);
        Ok(())
    });
}
