//! Whatever a device answers: an answer within bounds, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sightline::onvif::{Reading, discovery, reading, soap, xml};

fuzz_target!(|bytes: &[u8]| {
    let _ = discovery::matches(bytes, [127, 0, 0, 1].into());
    let _ = soap::answer(bytes);
    if let Ok(node) = xml::parse(bytes) {
        let mut told = Reading::default();
        let _ = reading::clock(&node);
        reading::device(&mut told, &node);
        reading::network(&mut told, &node);
        told.streams = reading::profiles(&node);
        reading::choose(&mut told);
    }
});
