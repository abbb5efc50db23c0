//! One demonstration district that scenarios which only look at it share.

use std::sync::OnceLock;

use sightline_tests::{Api, Demo, Options};
use tokio::sync::OnceCell;

/// The runtime that outlives every test, so that the shared child's pipes do.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    match runtime.block_on(future) {
        Ok(value) => value,
        Err(error) => panic!("{error:#}\n"),
    }
}

/// The shared demonstration and an administrator of it. Its process ends with the tests'.
pub(crate) async fn demo() -> anyhow::Result<(&'static Demo, Api)> {
    static DEMO: OnceCell<Demo> = OnceCell::const_new();
    let demo = DEMO
        .get_or_try_init(|| {
            Demo::start(Options {
                cameras: 8,
                ..Options::default()
            })
        })
        .await?;
    Ok((demo, demo.admin().await?))
}

/// The codes of its cameras.
pub(crate) async fn codes(api: &Api) -> anyhow::Result<Vec<String>> {
    let cameras = api.get("cameras").await?;
    let cameras = cameras.as_array().cloned().unwrap_or_default();
    Ok(cameras
        .iter()
        .filter_map(|c| c["code"].as_str().map(str::to_owned))
        .collect())
}
