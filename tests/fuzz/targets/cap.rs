//! A CAP message of anybody: refused or read, in bounded time and memory; what is read is written and reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = command::cap::read(data) {
        let text = command::cap::write(&message, 480);
        if text.len() <= command::cap::MAX_BYTES {
            assert!(command::cap::read(text.as_bytes()).is_ok(), "{text}");
        }
    }
});
