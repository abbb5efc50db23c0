//! The segment reader: whatever stands in a file, it is read up to the last whole fragment or refused.
#![no_main]

use std::{path::Path, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use storage::segment::Layout;

fuzz_target!(|data: &[u8]| {
    let path = Path::new("any.mp4");
    read(path, data);
    // The same behind a head that is right, so that the fragments are reached.
    let mut bytes = head().to_vec();
    bytes.extend_from_slice(data);
    read(path, &bytes);
    read(path, &damaged(data));
});

/// A sealed segment of five seconds, as a gateway recorded it from ffmpeg's test picture.
static SEALED: &[u8] = include_bytes!("../seeds/segment.mp4");

/// That segment with bytes changed as the input says, four bytes a change: where (24 bits), and what; the first change cuts it off.
fn damaged(data: &[u8]) -> Vec<u8> {
    let mut bytes = SEALED.to_vec();
    for (n, change) in data.chunks_exact(4).enumerate() {
        let at = u32::from_be_bytes([0, change[0], change[1], change[2]]) as usize;
        match n {
            0 if change[3] & 1 == 1 => bytes.truncate(at.max(1)),
            _ => {
                let len = bytes.len();
                bytes[at % len] = change[3];
            }
        }
    }
    bytes
}

fn read(path: &Path, bytes: &[u8]) {
    if let Ok(layout) = Layout::read(path, bytes, None) {
        assert!(layout.whole <= bytes.len() as u64);
        for fragment in &layout.fragments {
            assert!(fragment.end <= layout.whole);
            for (_, sample, offset) in fragment.video.timed() {
                assert!(offset + u64::from(sample.size) <= fragment.end, "a sample outside its fragment");
            }
        }
        let _ = layout.end();
    }
}

/// `ftyp` and `moov` as a segment begins (`storage/src/segment/format.rs`).
fn head() -> &'static [u8] {
    static HEAD: OnceLock<Vec<u8>> = OnceLock::new();
    HEAD.get_or_init(|| {
        let tracks = media::Tracks {
            video: media::VideoTrack {
                codec: media::VideoCodec::H264,
                codec_string: "avc1.42c01e".into(),
                config: bytes::Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
                width: 640,
                height: 360,
            },
            audio: None,
        };
        let mut extra = Vec::new();
        media::fmp4::boxed(&mut extra, b"uuid", |out| {
            out.extend_from_slice(b"sightline-head-144140300001320000001\0");
            media::fmp4::put64(out, 1);
            media::fmp4::put64(out, 1);
            media::fmp4::put64(out, 1_700_000_000_000_000);
            out.extend_from_slice(&[0; 32]);
            out.extend_from_slice(b"\x0bavc1.42c01e");
        });
        let head = media::fmp4::init_segment(&tracks, None, &extra);
        assert!(Layout::read(Path::new("head.mp4"), &head[..], None).is_ok(), "the head is right");
        head
    })
}
