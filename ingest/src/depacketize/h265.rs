//! Payloads of H.265 (RFC 7798): single NAL units, aggregates (AP) and fragments (FU). One stream in decoding order, as every
//! camera sends it: there are no numbers of decoding order (DONL) in it.

use super::{Error, Odd, unit::Unit};

const AP: u8 = 48;
const FU: u8 = 49;

/// Puts what a payload holds into the unit.
pub(super) fn take(unit: &mut Unit, payload: &[u8]) -> Result<(), Error> {
    let head = *payload.first_chunk().ok_or(Odd::Short)?;
    if !sound(head) {
        return Err(Odd::Header(head[0]).into());
    }
    match head[0] >> 1 {
        FU => fragment(unit, payload),
        0..=AP if unit.is_open() => Err(Odd::NoEnd.into()),
        AP => super::aggregate(unit, payload, 2),
        0..AP => unit.whole(payload),
        kind => Err(Odd::Type(kind).into()),
    }
}

/// 4.4.3. A marker without the end of a NAL unit ends nothing; start and end in one packet, which may not be, are a whole one.
fn fragment(unit: &mut Unit, payload: &[u8]) -> Result<(), Error> {
    let (&[head, layer, fu], part) = payload.split_first_chunk().ok_or(Odd::Short)?;
    if fu & 0x80 != 0 {
        unit.begin(&[head & 0x81 | (fu & 0x3f) << 1, layer], part)?;
    } else {
        unit.go_on(part)?;
    }
    if fu & 0x40 != 0 { unit.end() } else { Ok(()) }
}

/// ITU-T H.265, 7.4.2.2: the forbidden bit is zero, the number of the temporal layer, from one, is not.
fn sound(head: [u8; 2]) -> bool {
    head[0] & 0x80 == 0 && head[1] & 7 != 0
}

/// ITU-T H.265, 7.3.1.2; none where it is no NAL unit of the codec itself.
pub(super) fn kind(nal: &[u8]) -> Option<u8> {
    let head = nal.first_chunk::<2>()?;
    let kind = head[0] >> 1;
    (sound(*head) && kind < AP).then_some(kind)
}

/// Video, sequence and picture parameter sets.
pub(super) fn set(kind: u8) -> Option<usize> {
    (32..=34).contains(&kind).then(|| usize::from(kind - 32))
}

/// Not parameter sets, nor supplemental information that stands before a picture, nor what is reserved to stand there.
pub(super) fn can_end(kind: u8) -> bool {
    !matches!(kind, 32..=34 | 39 | 41..=44)
}
