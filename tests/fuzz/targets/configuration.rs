//! The configuration: any text reads or is refused with a place in the file.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sightline::config::Config;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Config::parse(Path::new("sightline.toml"), text) {
        assert!(error.to_string().contains("sightline.toml"), "{error}");
    }
    let _ = ingest::parse_camera_url(text);
    let _ = text.parse::<media::CameraId>();
    let _ = text.parse::<media::RegionCode>();
    let _ = text.parse::<media::WallTime>();
    let _ = text.parse::<media::EventId>();
});
