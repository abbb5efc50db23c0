//! Writes one picture of a scene to standard output as raw I420, to be looked at:
//! `cargo run -p camsim --example picture -- road 1920 1080 8.0 | ffmpeg -f rawvideo -pix_fmt yuv420p -s 1920x1080 -i - road.png`
use std::io::Write;

use camsim::scene::Scene;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [scene, width, height, seconds] = &words[..] else {
        anyhow::bail!("say: SCENE WIDTH HEIGHT SECONDS")
    };
    let scene = Scene::from_name(scene).ok_or_else(|| anyhow::anyhow!("{scene} is no scene"))?;
    let started = std::time::Instant::now();
    let picture = scene.picture(width.parse()?, height.parse()?, 12_345, seconds.parse()?);
    eprintln!("drawn in {:?}", started.elapsed());
    Ok(std::io::stdout().write_all(&picture)?)
}
