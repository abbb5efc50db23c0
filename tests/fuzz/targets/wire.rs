//! The viewer wire: what any peer may send reads or is refused, and what reads writes back to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::wire::{ClientMessage, Header, ServerMessage};

fuzz_target!(|data: &[u8]| {
    if let Ok((header, payload)) = Header::read(data) {
        let mut again = Vec::new();
        header.write(&mut again);
        again.extend_from_slice(payload);
        assert_eq!(again, data);
    }
    if let Ok(message) = serde_json::from_slice::<ClientMessage>(data) {
        let text = serde_json::to_string(&message).expect("a message serialises");
        assert_eq!(serde_json::from_str::<ClientMessage>(&text).expect("and reads back"), message);
    }
    let _ = serde_json::from_slice::<ServerMessage>(data);
});
