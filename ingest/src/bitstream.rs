//! What the gateway reads out of coded video without decoding it: where a decoder can start, and
//! what a codec is called. What parameter sets say is [`crate::parameters`]'s.

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
