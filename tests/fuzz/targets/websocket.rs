//! The WebSocket's reading half: bounded whatever comes, and the same events however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay::websocket::reader::{Event, Reader};

fn events(pieces: impl Iterator<Item = Vec<u8>>) -> (Vec<Event>, bool) {
    let (mut reader, mut events) = (Reader::new(4096), Vec::new());
    for piece in pieces {
        let mut input = &piece[..];
        while !input.is_empty() {
            match reader.read(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => {}
                Err(_) => return (events, false),
            }
        }
    }
    (events, true)
}

fuzz_target!(|data: &[u8]| {
    let whole = events(std::iter::once(data.to_vec()));
    let bytewise = events(data.iter().map(|b| vec![*b]));
    assert_eq!(whole, bytewise);
});
