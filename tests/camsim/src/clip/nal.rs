//! What must be known of NAL units to send them: where they begin, and what kind they are.

use bytes::Bytes;

use super::VideoCodec;

/// Splits an Annex B access unit (ITU-T H.264, annex B) at its start codes.
pub(crate) fn split_annex_b(data: &Bytes) -> Vec<Bytes> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= data.len() {
        if data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 {
            starts.push(i);
            i += 3;
        } else {
            i += 1;
        }
    }
    let mut out = Vec::with_capacity(starts.len());
    for (n, &start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(data.len());
        let mut unit = data.slice(start + 3..end);
        // A four-byte start code leaves its first zero at the end of the unit before it.
        while unit.last() == Some(&0) {
            unit.truncate(unit.len() - 1);
        }
        if !unit.is_empty() {
            out.push(unit);
        }
    }
    out
}

/// nal_unit_type of a unit.
pub(crate) fn kind(codec: VideoCodec, nal: &[u8]) -> u8 {
    match (codec, nal.first()) {
        (VideoCodec::H264, Some(b)) => b & 0x1f,
        (VideoCodec::H265, Some(b)) => (b >> 1) & 0x3f,
        (_, None) => 0xff,
    }
}

/// Whether the unit holds a part of a coded picture.
pub(crate) fn is_slice(codec: VideoCodec, nal: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => matches!(kind(codec, nal), 1..=5),
        VideoCodec::H265 => kind(codec, nal) < 32,
    }
}

/// Whether the unit is of a picture that decoding can start at.
pub(crate) fn is_key(codec: VideoCodec, nal: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => kind(codec, nal) == 5,
        VideoCodec::H265 => matches!(kind(codec, nal), 16..=23),
    }
}

/// Whether the unit is a VPS, SPS or PPS.
pub(crate) fn is_parameter_set(codec: VideoCodec, nal: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => matches!(kind(codec, nal), 7 | 8),
        VideoCodec::H265 => matches!(kind(codec, nal), 32..=34),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_three_and_four_byte_start_codes() {
        let data = Bytes::from_static(&[
            0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 0, 0, 3, 1, 9,
        ]);
        let units = split_annex_b(&data);
        assert_eq!(
            units,
            [&[0x67u8, 1, 2][..], &[0x68, 3], &[0x65, 0, 0, 3, 1, 9]]
        );
        assert!(
            is_key(VideoCodec::H264, &units[2]) && is_parameter_set(VideoCodec::H264, &units[0])
        );
    }

    #[test]
    fn knows_h265_pictures() {
        assert!(
            is_key(VideoCodec::H265, &[21 << 1, 1]),
            "CRA is a point to start at"
        );
        assert!(
            is_slice(VideoCodec::H265, &[1 << 1, 1]) && !is_slice(VideoCodec::H265, &[35 << 1, 1])
        );
    }
}
