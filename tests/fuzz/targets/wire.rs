//! The viewer wire: what any peer may send reads or is refused, and what reads writes back to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::wire::{ClientMessage, Header, ServerMessage, replay};

fuzz_target!(|data: &[u8]| {
    if let Ok((header, payload)) = Header::read(data) {
        let mut again = Vec::new();
        header.write(&mut again);
        again.extend_from_slice(payload);
        assert_eq!(again, data);
    }
    if let Ok(message) = serde_json::from_slice::<ClientMessage>(data) {
        let text = serde_json::to_string(&message).expect("a message serialises");
        let again = serde_json::from_str::<ClientMessage>(&text).expect("and reads back");
        match (&again, &message) {
            // A number with a fraction may be the next one to it after a turn through text.
            (
                ClientMessage::Clock { rate: Some(a), clock: c, run: r, at: t, .. },
                ClientMessage::Clock { rate: Some(b), clock, run, at, .. },
            ) => {
                assert!((a - b).abs() <= b.abs() * 1e-12);
                assert_eq!((c, r, t), (clock, run, at));
                let had = replay::rate(*b);
                assert!(had == 0.0 || replay::RATES.contains(&had.abs()));
            }
            _ => assert_eq!(again, message),
        }
    }
    let _ = serde_json::from_slice::<ServerMessage>(data);
});
