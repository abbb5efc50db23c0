//! Payloads of H.264 (RFC 6184): single NAL units, aggregates (STAP-A) and fragments (FU-A).

use super::{Error, Odd, unit::Unit};

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Puts what a payload holds into the unit.
pub(super) fn take(unit: &mut Unit, payload: &[u8]) -> Result<(), Error> {
    let head = *payload.first().ok_or(Odd::Short)?;
    if head & 0x80 != 0 {
        return Err(Odd::Header(head).into());
    }
    match head & 0x1f {
        FU_A => fragment(unit, payload),
        1..=STAP_A if unit.is_open() => Err(Odd::NoEnd.into()),
        1..=23 => unit.whole(payload),
        STAP_A => super::aggregate(unit, payload, 1),
        // A byte stream from its start code on.
        0 if payload.starts_with(&[0, 0]) && !unit.is_open() => unit.whole(payload),
        kind => Err(Odd::Type(kind).into()),
    }
}

/// 5.8. A marker without the end of a NAL unit ends nothing; start and end in one packet, which may not be, are a whole one.
fn fragment(unit: &mut Unit, payload: &[u8]) -> Result<(), Error> {
    let (&[head, fu], part) = payload.split_first_chunk().ok_or(Odd::Short)?;
    if fu & 0x80 != 0 {
        unit.begin(&[head & 0x60 | fu & 0x1f], part)?;
    } else {
        unit.go_on(part)?;
    }
    if fu & 0x40 != 0 { unit.end() } else { Ok(()) }
}

/// ITU-T H.264, 7.3.1; none where it is no NAL unit of the codec itself.
pub(super) fn kind(nal: &[u8]) -> Option<u8> {
    let head = *nal.first()?;
    let kind = head & 0x1f;
    (head & 0x80 == 0 && (1..=23).contains(&kind)).then_some(kind)
}

/// Sequence and picture parameter sets.
pub(super) fn set(kind: u8) -> Option<usize> {
    match kind {
        7 => Some(0),
        8 => Some(1),
        _ => None,
    }
}

/// Not parameter sets, nor supplemental information, which some cameras mark or give a time of their own.
pub(super) fn can_end(kind: u8) -> bool {
    !matches!(kind, 6..=8)
}
