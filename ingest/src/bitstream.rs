//! What the gateway reads out of coded video without decoding it: where a decoder can start, how far pictures are reordered.

use media::VideoCodec;

/// The NAL units of an access unit in which each is preceded by its length in 4 bytes. Stops at the first that does not fit.
pub fn nal_units(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = unit;
    std::iter::from_fn(move || {
        let (head, body) = rest.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*head) as usize;
        let nal = body.get(..len)?;
        rest = &body[len..];
        Some(nal)
    })
}

/// Whether a decoder can start at this access unit: an IDR picture in H.264 (ITU-T H.264, 7.4.1), an IRAP picture in H.265
/// (NAL unit types 16 to 23: BLA, IDR, CRA; ITU-T H.265, 7.4.2.2). Cameras send CRA too, so IDR alone would not do.
pub fn is_key(codec: VideoCodec, unit: &[u8]) -> bool {
    nal_units(unit).any(|nal| match (codec, nal.first()) {
        (VideoCodec::H264, Some(b)) => b & 0x1f == 5,
        (VideoCodec::H265, Some(b)) => (16..=23).contains(&((b >> 1) & 0x3f)),
        (_, None) => false,
    })
}

/// Whether there is a coded picture in it at all, and not only parameters or supplemental information.
pub fn has_picture(codec: VideoCodec, unit: &[u8]) -> bool {
    nal_units(unit).any(|nal| match (codec, nal.first()) {
        (VideoCodec::H264, Some(b)) => (1..=5).contains(&(b & 0x1f)),
        (VideoCodec::H265, Some(b)) => (b >> 1) & 0x3f < 32,
        (_, None) => false,
    })
}

/// RFC 6381 name of a configuration record, in the lower case that browsers are used to. An unreadable record gives the bare
/// name of its sample entry.
pub fn codec_string(codec: VideoCodec, config: &[u8]) -> String {
    match (codec, config) {
        (VideoCodec::H264, [_, profile, compatible, level, ..]) => {
            format!("avc1.{profile:02x}{compatible:02x}{level:02x}")
        }
        (VideoCodec::H264, _) => "avc1".into(),
        // ISO/IEC 14496-15, E.3.
        (VideoCodec::H265, [_, a, c0, c1, c2, c3, k @ ..]) if k.len() >= 7 => {
            let space = ["", "A", "B", "C"][usize::from(a >> 6)];
            let tier = if a & 0x20 == 0 { 'L' } else { 'H' };
            let compatible = u32::from_be_bytes([*c0, *c1, *c2, *c3]).reverse_bits();
            let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{}", a & 0x1f, k[6]);
            let used = k[..6].iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
            for byte in &k[..used] {
                name.push_str(&format!(".{byte:X}"));
            }
            name
        }
        (VideoCodec::H265, _) => "hvc1".into(),
    }
}

/// How many pictures may come before another in decoding order and after it in output order, as the parameters say; none
/// where they do not (most H.264 cameras, which then as a rule do not reorder).
pub fn reorder_depth(codec: VideoCodec, config: &[u8]) -> Option<u8> {
    let depth = match codec {
        VideoCodec::H264 => h264_reorder(first_h264_sps(config)?)?,
        VideoCodec::H265 => h265_reorder(first_h265_sps(config)?)?,
    };
    // More than 16 is no valid value (A.3.1): a reader that lost its place.
    (depth <= 16).then_some(depth as u8)
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

/// `max_num_reorder_frames` of ITU-T H.264, 7.3.2.1.1 and E.1.1.
fn h264_reorder(sps: &[u8]) -> Option<u32> {
    let mut r = Bits::of(sps.get(1..)?);
    let profile = r.bits(8)?;
    r.bits(16)?;
    r.ue()?;
    let mut chroma = 1;
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        chroma = r.ue()?;
        if chroma == 3 {
            r.bits(1)?;
        }
        r.ue()?;
        r.ue()?;
        r.bits(1)?;
        if r.bits(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if r.bits(1)? == 1 {
                    r.h264_scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let _ = chroma;
    r.ue()?;
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
        _ => return Some(0),
    }
    r.ue()?;
    r.bits(1)?;
    r.ue()?;
    r.ue()?;
    if r.bits(1)? == 0 {
        r.bits(1)?;
    }
    r.bits(1)?;
    if r.bits(1)? == 1 {
        for _ in 0..4 {
            r.ue()?;
        }
    }
    let restriction = if r.bits(1)? == 1 { r.h264_vui()? } else { None };
    // Baseline has no B pictures.
    restriction.or((profile == 66).then_some(0))
}

/// `sps_max_num_reorder_pics` of the highest sub-layer; ITU-T H.265, 7.3.2.2.1.
fn h265_reorder(sps: &[u8]) -> Option<u32> {
    let mut r = Bits::of(sps.get(2..)?);
    r.bits(4)?;
    let sub_layers = r.bits(3)?;
    r.bits(1)?;
    r.skip(88 + 8)?;
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
    if r.ue()? == 3 {
        r.bits(1)?;
    }
    r.ue()?;
    r.ue()?;
    if r.bits(1)? == 1 {
        for _ in 0..4 {
            r.ue()?;
        }
    }
    r.ue()?;
    r.ue()?;
    r.ue()?;
    let every = r.bits(1)? == 1;
    let mut depth = 0;
    for _ in 0..if every { sub_layers + 1 } else { 1 } {
        r.ue()?;
        depth = r.ue()?;
        r.ue()?;
    }
    Some(depth)
}

/// Bits of a NAL unit, most significant first, without its emulation prevention bytes.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn of(nal: &[u8]) -> Self {
        // A parameter set that needs more than this is none.
        let nal = &nal[..nal.len().min(1024)];
        let mut bytes = Vec::with_capacity(nal.len());
        let mut zeros = 0;
        for b in nal {
            if zeros >= 2 && *b == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *b == 0 { zeros + 1 } else { 0 };
            bytes.push(*b);
        }
        Self { bytes, at: 0 }
    }

    fn bits(&mut self, n: u32) -> Option<u32> {
        let mut out = 0;
        for _ in 0..n {
            let byte = *self.bytes.get(self.at / 8)?;
            out = (out << 1) | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(out)
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.at += n;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Exp-Golomb; ITU-T H.264, 9.1.
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bits(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        ((1u32 << zeros) - 1).checked_add(rest)
    }

    fn se(&mut self) -> Option<i32> {
        let k = self.ue()?;
        let half = i32::try_from(k.div_ceil(2)).ok()?;
        Some(if k % 2 == 1 { half } else { -half })
    }

    /// ITU-T H.264, 7.3.2.1.1.1.
    fn h264_scaling_list(&mut self, size: u32) -> Option<()> {
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..size {
            if next != 0 {
                next = (last.wrapping_add(self.se()?)).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }

    /// The bitstream restriction at the end of ITU-T H.264, E.1.1; none where there is no such part.
    fn h264_vui(&mut self) -> Option<Option<u32>> {
        if self.bits(1)? == 1 && self.bits(8)? == 255 {
            self.skip(32)?;
        }
        if self.bits(1)? == 1 {
            self.bits(1)?;
        }
        if self.bits(1)? == 1 {
            self.bits(4)?;
            if self.bits(1)? == 1 {
                self.skip(24)?;
            }
        }
        if self.bits(1)? == 1 {
            self.ue()?;
            self.ue()?;
        }
        if self.bits(1)? == 1 {
            self.skip(65)?;
        }
        let nal_hrd = self.bits(1)? == 1;
        if nal_hrd {
            self.h264_hrd()?;
        }
        let vcl_hrd = self.bits(1)? == 1;
        if vcl_hrd {
            self.h264_hrd()?;
        }
        if nal_hrd || vcl_hrd {
            self.bits(1)?;
        }
        self.bits(1)?;
        if self.bits(1)? == 0 {
            return Some(None);
        }
        self.bits(1)?;
        for _ in 0..4 {
            self.ue()?;
        }
        self.ue().map(Some)
    }

    fn h264_hrd(&mut self) -> Option<()> {
        let count = self.ue()?.min(31) + 1;
        self.bits(8)?;
        for _ in 0..count {
            self.ue()?;
            self.ue()?;
            self.bits(1)?;
        }
        self.skip(20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn avcc(sps: &[u8]) -> Vec<u8> {
        let mut out = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
        out.extend((sps.len() as u16).to_be_bytes());
        out.extend(sps);
        out
    }

    #[test]
    fn reorder_depth_is_read_from_x264_parameters() {
        // x264 -preset medium -bf 2, 320x180: max_num_reorder_frames 2 (b-pyramid).
        let sps = [
            0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03,
            0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
        ];
        assert_eq!(reorder_depth(VideoCodec::H264, &avcc(&sps)), Some(2));
    }

    #[test]
    fn key_frames_are_told_by_their_nal_units() {
        let unit = |nal: &[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
        assert!(is_key(
            VideoCodec::H264,
            &[unit(&[9, 0x10]), unit(&[0x65, 1])].concat()
        ));
        assert!(!is_key(VideoCodec::H264, &unit(&[0x41, 1])));
        for kind in 0u8..64 {
            assert_eq!(
                is_key(VideoCodec::H265, &unit(&[kind << 1, 1, 0])),
                (16..=23).contains(&kind),
                "{kind}"
            );
        }
    }

    #[test]
    fn names_follow_rfc_6381() {
        assert_eq!(
            codec_string(VideoCodec::H264, &[1, 0x64, 0, 0x1f]),
            "avc1.64001f"
        );
        let hvcc = [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93];
        assert_eq!(codec_string(VideoCodec::H265, &hvcc), "hvc1.1.6.L93.90");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for codec in [VideoCodec::H264, VideoCodec::H265] {
                let _ = reorder_depth(codec, &bytes);
                let _ = codec_string(codec, &bytes);
                let _ = is_key(codec, &bytes);
                let _ = has_picture(codec, &bytes);
            }
        }

        #[test]
        fn units_that_fit_are_all_found(nals in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let unit: Vec<u8> = nals.iter().flat_map(|n| [&(n.len() as u32).to_be_bytes()[..], n].concat()).collect();
            let found: Vec<Vec<u8>> = nal_units(&unit).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(found, nals);
        }
    }
}
