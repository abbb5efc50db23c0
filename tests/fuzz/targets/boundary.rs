//! An outline of anybody: refused with where, or read, in bounded time; what is read is written and reads back the same.
#![no_main]

use command::{asset::Reference, boundary::Boundary};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(boundary) = Boundary::of_geojson(data, Reference::Gcj02) {
        assert!(boundary.area_m2().is_finite());
        let text = boundary.geometry().to_string();
        let again = Boundary::of_geojson(text.as_bytes(), Reference::Wgs84);
        assert_eq!(again.ok(), Some(boundary), "{text}");
    }
});
