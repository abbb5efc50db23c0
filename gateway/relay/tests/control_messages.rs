//! What a viewer says that makes no sense, or too much of it.

use std::time::Duration;

use media::wire::ServerMessage;
use relay::{Close, session::Delivery};

use crate::harness::{TestHost, session::Rig};

#[test]
fn three_messages_in_a_minute_that_are_not_understood_end_it_but_not_slower_ones() {
    let host = TestHost::with(&[]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.drain();
    for bad in ["", r#"{"type":"clone","tile":1}"#] {
        rig.say(bad);
        assert_eq!(rig.drain().story, "E");
    }
    rig.pass(Duration::from_secs(61));
    rig.say(r#"{"type":"close","tile":1,"tyle":1}"#);
    let seen = rig.drain();
    assert!(
        matches!(&seen.control[..], [ServerMessage::Error { text, tile: None }] if text.contains("tyle"))
    );
    rig.say("[]");
    assert!(rig.drain().close.is_none());
    rig.say("null");
    let seen = rig.drain();
    assert_eq!(seen.close.unwrap().code, Close::PROTOCOL);
    rig.say(r#"{"type":"close","tile":1}"#);
    assert_eq!(rig.drain().story, "", "nothing follows a close");
}

#[test]
fn a_flood_of_control_messages_is_not_read_while_answers_pile_up() {
    let host = TestHost::with(&[]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    let mut taken = 0;
    while rig.session.wants_input() {
        rig.say(r#"{"type":"pause","tile":1}"#);
        taken += 1;
        assert!(taken < 1000);
    }
    rig.drain();
    assert!(rig.session.wants_input());
}
