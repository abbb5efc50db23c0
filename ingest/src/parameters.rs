//! What parameter sets say, read without a decoder: the size of pictures, how far they are reordered, and the configuration
//! record that players want.

use bytes::Bytes;
use media::{VideoCodec, VideoTrack};

use crate::{bits::Bits, bitstream};

/// How many pictures may come before another in decoding order and after it in output order, as the parameters say; none
/// where they do not (most H.264 cameras, which then as a rule do not reorder).
pub fn reorder_depth(codec: VideoCodec, config: &[u8]) -> Option<u8> {
    let depth = match codec {
        VideoCodec::H264 => h264(first_h264_sps(config)?)?.reorder?,
        VideoCodec::H265 => h265(first_h265_sps(config)?)?.reorder?,
    };
    // More than 16 is no valid value (A.3.1): a reader that lost its place.
    (depth <= 16).then_some(depth as u8)
}

/// The track that these parameter sets describe, the first of each kind; none where one is missing or says what cannot be.
pub fn track(codec: VideoCodec, sets: &[Vec<u8>]) -> Option<VideoTrack> {
    let first = |kind| first(codec, sets, kind);
    let (sps, config) = match codec {
        VideoCodec::H264 => {
            let (raw, pps) = (first(7)?, first(8)?);
            let sps = h264(raw)?;
            let config = avcc(&sps, raw, pps)?;
            (sps, config)
        }
        VideoCodec::H265 => {
            let (vps, raw, pps) = (first(32)?, first(33)?, first(34)?);
            let sps = h265(raw)?;
            let config = hvcc(&sps, [vps, raw, pps])?;
            (sps, config)
        }
    };
    let pixels = |n: u32| (1..=MAX_PIXELS).contains(&n).then_some(n as u16);
    Some(VideoTrack {
        codec,
        codec_string: bitstream::codec_string(codec, &config),
        width: pixels(sps.width)?,
        height: pixels(sps.height)?,
        config: Bytes::from(config),
    })
}

/// Most pixels across or down that are carried.
pub const MAX_PIXELS: u32 = 16_384;

/// Pixels across and down that the first sequence parameter set tells; none where there is none that can be read.
pub fn pixels(codec: VideoCodec, sets: &[Vec<u8>]) -> Option<(u32, u32)> {
    let sps = match codec {
        VideoCodec::H264 => h264(first(codec, sets, 7)?),
        VideoCodec::H265 => h265(first(codec, sets, 33)?),
    };
    sps.map(|sps| (sps.width, sps.height))
}

/// The first NAL unit of this type.
fn first(codec: VideoCodec, sets: &[Vec<u8>], kind: u8) -> Option<&[u8]> {
    let of_kind = |set: &&Vec<u8>| {
        set.first().is_some_and(|b| match codec {
            VideoCodec::H264 => b & 0x1f == kind,
            VideoCodec::H265 => (b >> 1) & 0x3f == kind,
        })
    };
    sets.iter().find(of_kind).map(Vec::as_slice)
}

/// What a sequence parameter set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sps {
    /// Pixels that are shown.
    width: u32,
    height: u32,
    reorder: Option<u32>,
    /// H.265 alone: general profile, compatibility, constraints, level.
    profile: [u8; 12],
    /// `chroma_format_idc`, 0 to 3.
    chroma: u32,
    /// Bits a sample, less 8, of brightness and of colour.
    depths: [u32; 2],
    /// Temporal layers, 1 to 7, and whether all are nested.
    layers: u32,
    nested: bool,
}

/// ISO/IEC 14496-15, 5.3.3.1.
fn avcc(sps: &Sps, raw: &[u8], pps: &[u8]) -> Option<Vec<u8>> {
    let profile = raw.get(1..4)?;
    let mut out = vec![1];
    out.extend(profile);
    out.extend([0xff, 0xe1]);
    put(&mut out, raw)?;
    out.push(1);
    put(&mut out, pps)?;
    if matches!(profile[0], 100 | 110 | 122 | 144) {
        out.push(0xfc | sps.chroma as u8);
        out.extend(sps.depths.map(|d| 0xf8 | d as u8));
        out.push(0);
    }
    Some(out)
}

/// ISO/IEC 14496-15, 8.3.3.1; segmentation and parallelism are left unsaid.
fn hvcc(sps: &Sps, sets: [&[u8]; 3]) -> Option<Vec<u8>> {
    let mut out = vec![1];
    out.extend(sps.profile);
    out.extend([0xf0, 0, 0xfc, 0xfc | sps.chroma as u8]);
    out.extend(sps.depths.map(|d| 0xf8 | d as u8));
    out.extend([
        0,
        0,
        (sps.layers as u8) << 3 | u8::from(sps.nested) << 2 | 3,
        3,
    ]);
    for set in sets {
        // Complete: none of them need be looked for in the stream.
        out.extend([0x80 | (set[0] >> 1) & 0x3f, 0, 1]);
        put(&mut out, set)?;
    }
    Some(out)
}

fn put(out: &mut Vec<u8>, set: &[u8]) -> Option<()> {
    out.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
    out.extend(set);
    Some(())
}

/// `avcC`: five bytes, the number of parameter sets in the lower 5 bits of the sixth, each with a length of 2 bytes.
fn first_h264_sps(config: &[u8]) -> Option<&[u8]> {
    if config.get(5)? & 0x1f == 0 {
        return None;
    }
    sized(config.get(6..)?)
}

/// `hvcC`: 22 bytes, then arrays of NAL units.
fn first_h265_sps(config: &[u8]) -> Option<&[u8]> {
    let arrays = *config.get(22)?;
    let mut rest = config.get(23..)?;
    for _ in 0..arrays {
        let (head, body) = rest.split_first_chunk::<3>()?;
        let count = u16::from_be_bytes([head[1], head[2]]);
        rest = body;
        for _ in 0..count {
            let nal = sized(rest)?;
            if head[0] & 0x3f == 33 {
                return Some(nal);
            }
            rest = &rest[2 + nal.len()..];
        }
    }
    None
}

fn sized(bytes: &[u8]) -> Option<&[u8]> {
    let (len, body) = bytes.split_first_chunk::<2>()?;
    body.get(..usize::from(u16::from_be_bytes(*len)))
}

/// ITU-T H.264, 7.3.2.1.1 and E.1.1.
fn h264(sps: &[u8]) -> Option<Sps> {
    let mut r = Bits::of(sps.get(1..)?);
    let profile = r.bits(8)?;
    r.bits(16)?;
    r.ue()?;
    let (mut chroma, mut depths) = (1, [0; 2]);
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        chroma = r.ue().filter(|c| *c <= 3)?;
        if chroma == 3 {
            r.bits(1)?;
        }
        let mut depth = || r.ue().filter(|d| *d <= 6);
        depths = [depth()?, depth()?];
        r.bits(1)?;
        if r.bits(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if r.bits(1)? == 1 {
                    r.h264_scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    r.ue()?;
    let mut in_order = false;
    match r.ue()? {
        0 => {
            r.ue()?;
        }
        1 => {
            r.bits(1)?;
            r.ue()?;
            r.ue()?;
            for _ in 0..r.ue()?.min(255) {
                r.ue()?;
            }
        }
        // Output order is decoding order (8.2.1.3).
        _ => in_order = true,
    }
    r.ue()?;
    r.bits(1)?;
    let (columns, rows) = (r.ue()?.checked_add(1)?, r.ue()?.checked_add(1)?);
    let fields = r.bits(1)? == 0;
    if fields {
        r.bits(1)?;
    }
    r.bits(1)?;
    let rows_of_16 = if fields { 32 } else { 16 };
    let (unit_x, unit_y) = chroma_unit(chroma);
    let crop = window(&mut r, unit_x, unit_y * if fields { 2 } else { 1 })?;
    let restriction = if r.bits(1)? == 1 { r.h264_vui()? } else { None };
    // Baseline has no B pictures.
    let reorder = match restriction {
        _ if in_order => Some(0),
        Some(depth) => Some(depth),
        None => (profile == 66).then_some(0),
    };
    Some(Sps {
        width: columns.checked_mul(16)?.checked_sub(crop[0])?,
        height: rows.checked_mul(rows_of_16)?.checked_sub(crop[1])?,
        reorder,
        profile: [0; 12],
        chroma,
        depths,
        layers: 1,
        nested: true,
    })
}

/// ITU-T H.265, 7.3.2.2.1.
fn h265(sps: &[u8]) -> Option<Sps> {
    let mut r = Bits::of(sps.get(2..)?);
    r.bits(4)?;
    let sub_layers = r.bits(3)?;
    let nested = r.bits(1)? == 1;
    let mut profile = [0; 12];
    for byte in &mut profile {
        *byte = r.bits(8)? as u8;
    }
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((r.bits(1)?, r.bits(1)?));
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        r.skip(if profile == 1 { 88 } else { 0 } + if level == 1 { 8 } else { 0 })?;
    }
    r.ue()?;
    let chroma = r.ue().filter(|c| *c <= 3)?;
    if chroma == 3 {
        r.bits(1)?;
    }
    let (width, height) = (r.ue()?, r.ue()?);
    let (unit_x, unit_y) = chroma_unit(chroma);
    let crop = window(&mut r, unit_x, unit_y)?;
    let mut depth = || r.ue().filter(|d| *d <= 8);
    let depths = [depth()?.min(7), depth()?.min(7)];
    r.ue()?;
    let every = r.bits(1)? == 1;
    let mut reorder = 0;
    // The last is the highest sub-layer's.
    for _ in 0..if every { sub_layers + 1 } else { 1 } {
        r.ue()?;
        reorder = r.ue()?;
        r.ue()?;
    }
    Some(Sps {
        width: width.checked_sub(crop[0])?,
        height: height.checked_sub(crop[1])?,
        reorder: Some(reorder),
        profile,
        chroma,
        depths,
        layers: sub_layers + 1,
        nested,
    })
}

/// Pixels that one sample of colour stands for, across and down (ITU-T H.265, table 6-1).
fn chroma_unit(chroma: u32) -> (u32, u32) {
    match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    }
}

/// A cropping window: pixels not shown, across and down.
fn window(r: &mut Bits, unit_x: u32, unit_y: u32) -> Option<[u32; 2]> {
    if r.bits(1)? == 0 {
        return Some([0; 2]);
    }
    let (left, right, top, bottom) = (r.ue()?, r.ue()?, r.ue()?, r.ue()?);
    Some([
        left.checked_add(right)?.checked_mul(unit_x)?,
        top.checked_add(bottom)?.checked_mul(unit_y)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// x264 -preset medium -bf 2, 320x180: max_num_reorder_frames 2 (b-pyramid).
    const SPS_H264: [u8; 25] = [
        0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00,
        0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
    ];
    const PPS_H264: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
    /// x265, 640x360.
    const SETS_H265: [&str; 3] = [
        "40010c01ffff01600000030090000003000003003f959809",
        "42010101600000030090000003000003003fa00502016965959a4932bffc00040005a83030302000000300200000030321",
        "4401c172b46240",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|d| (d[0] * 16 + d[1]) as u8).collect()
    }

    #[test]
    fn h264_sets_make_a_track() {
        let track = track(VideoCodec::H264, &[SPS_H264.to_vec(), PPS_H264.to_vec()]).unwrap();
        assert_eq!((track.width, track.height), (320, 180));
        assert_eq!(track.codec_string, "avc1.64000d");
        // 4:2:0 of 8 bits, no extension.
        assert!(track.config.ends_with(&[0xfd, 0xf8, 0xf8, 0]));
        assert_eq!(reorder_depth(VideoCodec::H264, &track.config), Some(2));
    }

    #[test]
    fn h265_sets_make_a_track() {
        let sets = SETS_H265.map(bytes);
        let track = track(VideoCodec::H265, &sets).unwrap();
        assert_eq!((track.width, track.height), (640, 360));
        assert_eq!(track.codec_string, "hvc1.1.6.L63.90");
        assert_eq!(reorder_depth(VideoCodec::H265, &track.config), Some(2));
        // 4:2:0 of 8 bits, one layer, nested, lengths of 4 bytes, three sets, each complete.
        assert_eq!(&track.config[16..23], [0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3]);
        assert_eq!(&track.config[23..28], [0xa0, 0, 1, 0, sets[0].len() as u8]);
        assert!(track.config.ends_with(&sets[2]));
    }

    #[test]
    fn a_set_that_is_missing_makes_none() {
        let sets = SETS_H265.map(bytes);
        assert_eq!(track(VideoCodec::H265, &sets[..2]), None);
        assert_eq!(track(VideoCodec::H264, &sets), None);
        assert_eq!(track(VideoCodec::H264, &[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            mut sets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..4),
            kinds in proptest::collection::vec(prop_oneof![Just(0x67u8), Just(0x68), Just(0x40), Just(0x42), Just(0x44)], 4),
        ) {
            for codec in [VideoCodec::H264, VideoCodec::H265] {
                for (set, kind) in sets.iter_mut().zip(&kinds) {
                    let _ = reorder_depth(codec, set);
                    if let Some(first) = set.first_mut() {
                        *first = *kind;
                    }
                }
                if let Some(track) = track(codec, &sets) {
                    let _ = reorder_depth(codec, &track.config);
                }
            }
        }

        #[test]
        fn broken_sets_do_not_panic(at in 0usize..25, bit in 0u8..8) {
            let mut sps = SPS_H264;
            sps[at] ^= 1 << bit;
            let _ = track(VideoCodec::H264, &[sps.to_vec(), PPS_H264.to_vec()]);
            let mut sets = SETS_H265.map(bytes);
            sets[1][at] ^= 1 << bit;
            let _ = track(VideoCodec::H265, &sets);
        }
    }
}
