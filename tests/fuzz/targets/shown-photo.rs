//! A photo of anybody: refused or made small, whatever its head promises.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = sightline::photo::inspect(data);
});
