//! A photo's parts and what it says of itself: read or refused, and what guests get says nothing any more.
#![no_main]

use command::photo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for start in [&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", EXIF] {
        let bytes = [start, data].concat();
        let _ = photo::metadata(&bytes);
        let Ok(bare) = photo::without_metadata(&bytes) else {
            continue;
        };
        let said = photo::metadata(&bare);
        assert!(said.place.is_none() && said.taken.is_none());
        assert_eq!(photo::without_metadata(&bare).as_ref(), Ok(&bare));
    }
});

/// The head of a JPEG whose second marker is EXIF, to be continued by anything.
const EXIF: &[u8] = b"\xff\xd8\xff\xe1\x00\x60Exif\0\0MM\0\x2a\0\0\0\x08";
