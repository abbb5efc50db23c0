//! Holds `media::wire` to the vectors that the TypeScript side reads too: `tests/vectors/wire.json`.
//!
//! `SIGHTLINE_WRITE_VECTORS=1 cargo test -p relay wire_vectors` writes the file anew from [`cases`]; a change of it is a
//! change of the wire.

use std::path::PathBuf;

use media::{
    MediaTime, TrackKind, WallTime,
    wire::{ClientMessage, Header, Kind, ServerMessage, WireError},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    header: Fields,
    /// The whole message: header, then payload.
    hex: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u8,
    kind: u8,
    flags: u8,
    track: u8,
    feed: u32,
    group: u32,
    frame: u32,
    /// Beyond what a JSON number holds exactly: text.
    media_time: String,
    capture_us: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/wire.json")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of digits");
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn cases() -> Vec<(&'static str, Header, &'static [u8])> {
    let base = Header {
        kind: Kind::Fragment,
        key: true,
        discontinuity: false,
        last_of_group: false,
        track: TrackKind::Video,
        feed: 17,
        group: 3,
        frame: 0,
        media_time: MediaTime(900_000),
        captured: WallTime(1_763_925_133_000_000),
    };
    vec![
        (
            "video initialisation, empty payload",
            Header {
                kind: Kind::Initialisation,
                ..base
            },
            b"",
        ),
        ("key fragment", base, b"moof....mdat"),
        (
            "fragment in mid-group",
            Header {
                key: false,
                frame: 49,
                media_time: MediaTime(1_076_400),
                ..base
            },
            &[0],
        ),
        (
            "audio initialisation",
            Header {
                kind: Kind::Initialisation,
                key: false,
                track: TrackKind::Audio,
                ..base
            },
            &[0x14, 0x08],
        ),
        (
            "audio access unit",
            Header {
                kind: Kind::AccessUnit,
                key: false,
                track: TrackKind::Audio,
                frame: 7,
                ..base
            },
            &[0xff, 0, 0xff],
        ),
        (
            "video access unit after a reconnect",
            Header {
                kind: Kind::AccessUnit,
                discontinuity: true,
                ..base
            },
            &[0, 0, 0, 1, 0x65],
        ),
        (
            "last of its group",
            Header {
                key: false,
                last_of_group: true,
                frame: 249,
                ..base
            },
            b"x",
        ),
        (
            "all flags",
            Header {
                discontinuity: true,
                last_of_group: true,
                ..base
            },
            b"",
        ),
        (
            "highest numbers",
            Header {
                feed: u32::MAX,
                group: u32::MAX,
                frame: u32::MAX,
                media_time: MediaTime(i64::MAX),
                captured: WallTime(i64::MAX),
                ..base
            },
            b"",
        ),
        (
            "lowest times",
            Header {
                media_time: MediaTime(i64::MIN),
                captured: WallTime(i64::MIN),
                ..base
            },
            b"",
        ),
        (
            "a time just below zero",
            Header {
                media_time: MediaTime(-1),
                captured: WallTime(-1),
                ..base
            },
            b"",
        ),
        (
            "above 2^53, where a double loses a unit",
            Header {
                media_time: MediaTime(9_007_199_254_740_993),
                captured: WallTime(9_007_199_254_740_993),
                ..base
            },
            b"",
        ),
    ]
}

fn vector(name: &str, header: &Header, payload: &[u8]) -> Vector {
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes.extend_from_slice(payload);
    Vector {
        name: name.into(),
        header: Fields {
            version: 1,
            kind: header.kind as u8,
            flags: u8::from(header.key)
                + 2 * u8::from(header.discontinuity)
                + 4 * u8::from(header.last_of_group),
            track: header.track.number(),
            feed: header.feed,
            group: header.group,
            frame: header.frame,
            media_time: header.media_time.0.to_string(),
            capture_us: header.captured.0.to_string(),
        },
        hex: hex(&bytes),
    }
}

#[test]
fn the_wire_is_what_the_vectors_say() {
    let made: Vec<Vector> = cases().iter().map(|(n, h, p)| vector(n, h, p)).collect();
    if std::env::var_os("SIGHTLINE_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(path(), text).unwrap();
    }
    let text = std::fs::read_to_string(path()).unwrap();
    let kept: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert_eq!(kept, made, "writing");
    for (vector, (name, header, payload)) in kept.iter().zip(cases()) {
        let bytes = unhex(&vector.hex);
        assert_eq!(
            Header::read(&bytes),
            Ok((header, payload)),
            "reading '{name}'"
        );
    }
}

#[test]
fn each_field_lies_where_the_reference_says() {
    // Independent of the writer above: picked apart by the offsets of docs/reference/wire.md.
    let text = std::fs::read_to_string(path()).unwrap();
    for v in serde_json::from_str::<Vec<Vector>>(&text).unwrap() {
        let h = unhex(&v.hex);
        let word = |at: usize| u32::from_be_bytes(h[at..at + 4].try_into().unwrap());
        let long = |at: usize| i64::from_be_bytes(h[at..at + 8].try_into().unwrap());
        assert_eq!(
            [h[0], h[1], h[2], h[3]],
            [
                v.header.version,
                v.header.kind,
                v.header.flags,
                v.header.track
            ]
        );
        assert_eq!(
            [word(4), word(8), word(12)],
            [v.header.feed, v.header.group, v.header.frame]
        );
        assert_eq!(long(16).to_string(), v.header.media_time);
        assert_eq!(long(24).to_string(), v.header.capture_us);
    }
}

#[test]
fn other_versions_and_unknown_values_are_refused() {
    let mut bytes = Vec::new();
    cases()[1].1.write(&mut bytes);
    for (at, value) in [(0, 2), (1, 3), (2, 8), (3, 2)] {
        let mut bad = bytes.clone();
        bad[at] = value;
        assert!(Header::read(&bad).is_err(), "byte {at} = {value}");
    }
    assert_eq!(Header::read(&bytes[..31]), Err(WireError::Short(31)));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    client: Vec<Said>,
    server: Vec<Said>,
    /// What a server must refuse with `error`.
    refused: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    /// As it is sent.
    message: serde_json::Value,
    /// The same with what is left out written in, or what stands for itself left out.
    #[serde(default)]
    means: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    text: String,
}

/// Both directions: each vector is read, and written as it stands.
fn hold<T>(all: &[Said])
where
    T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    for said in all {
        let name = &said.name;
        let read: T = serde_json::from_value(said.message.clone())
            .unwrap_or_else(|error| panic!("'{name}': {error}"));
        let means = said.means.as_ref().unwrap_or(&said.message);
        assert_eq!(serde_json::to_value(&read).unwrap(), *means, "'{name}'");
        assert_eq!(
            serde_json::from_value::<T>(means.clone()).unwrap(),
            read,
            "'{name}'"
        );
    }
}

#[test]
fn control_messages_are_what_the_vectors_say() {
    let text = std::fs::read_to_string(path().with_file_name("control.json")).unwrap();
    let control: Control = serde_json::from_str(&text).unwrap();
    hold::<ClientMessage>(&control.client);
    hold::<ServerMessage>(&control.server);
    for Refused { name, text } in &control.refused {
        let read = serde_json::from_str::<ClientMessage>(text);
        assert!(read.is_err(), "'{name}' was read as {read:?}");
    }
}
