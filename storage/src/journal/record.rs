//! One record of a journal as bytes.
//!
//! ```text
//! length u32 | CRC-32C u32 | sequence u64 | time i64 | kind length u8 | kind | [SHA-256 of the record before, 32] | version u16 | body
//! ```
//! Big-endian. `length` counts what follows the CRC; the CRC is of the length's four bytes and of all that follows. The hash
//! of a record is over the whole of it, from its length on.

use media::WallTime;
use sha2::{Digest, Sha256};

/// Bytes before the part that `length` counts.
pub(crate) const PREFIX: usize = 8;
/// Longest record, prefix left out: an event or a camera is some hundred bytes, a snapshot of a whole register's item not
/// many more.
pub(crate) const MAX_LEN: usize = 1024 * 1024;
/// Longest name of a kind.
pub(crate) const MAX_KIND: usize = 64;
/// The hash that the first record names.
pub(crate) const NO_HASH: [u8; 32] = [0; 32];

/// A record with its body still as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    pub(crate) sequence: u64,
    pub(crate) at: WallTime,
    pub(crate) kind: &'a str,
    /// The hash of the record before, in a chained journal.
    pub(crate) previous: Option<[u8; 32]>,
    pub(crate) version: u16,
    pub(crate) body: &'a [u8],
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Defect {
    #[error("the file ends inside a record")]
    Short,
    #[error("a record's length of {0} is out of range")]
    Length(u32),
    #[error("a record's checksum does not match")]
    Checksum,
    #[error("a record's fields do not fit its length")]
    Fields,
}

fn least(chained: bool) -> usize {
    8 + 8 + 1 + 2 + if chained { 32 } else { 0 }
}

/// The length in a record's prefix, if it is one that a record can have.
pub(crate) fn length(prefix: &[u8; PREFIX], chained: bool) -> Result<usize, Defect> {
    let [a, b, c, d, ..] = *prefix;
    let len = u32::from_be_bytes([a, b, c, d]);
    let usable = usize::try_from(len).map_err(|_| Defect::Length(len))?;
    if !(least(chained)..=MAX_LEN).contains(&usable) {
        return Err(Defect::Length(len));
    }
    Ok(usable)
}

/// Appends a record. The caller keeps kind and body within the bounds.
pub(crate) fn encode(out: &mut Vec<u8>, raw: &Raw<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    out.extend_from_slice(&raw.sequence.to_be_bytes());
    out.extend_from_slice(&raw.at.0.to_be_bytes());
    out.push(raw.kind.len() as u8);
    out.extend_from_slice(raw.kind.as_bytes());
    if let Some(hash) = &raw.previous {
        out.extend_from_slice(hash);
    }
    out.extend_from_slice(&raw.version.to_be_bytes());
    out.extend_from_slice(raw.body);
    let len = ((out.len() - start - PREFIX) as u32).to_be_bytes();
    let crc = checksum(len, &out[start + PREFIX..]);
    out[start..start + 4].copy_from_slice(&len);
    out[start + 4..start + PREFIX].copy_from_slice(&crc.to_be_bytes());
}

/// How long the record for this kind and body is.
pub(crate) fn encoded_len(kind: &str, body: usize, chained: bool) -> usize {
    PREFIX + least(chained) + kind.len() + body
}

/// Reads the record at the start of `bytes`; what follows it is left alone.
pub(crate) fn decode(bytes: &[u8], chained: bool) -> Result<(Raw<'_>, usize), Defect> {
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX>().ok_or(Defect::Short)?;
    let len = length(prefix, chained)?;
    let content = rest.get(..len).ok_or(Defect::Short)?;
    let [a, b, c, d, e, f, g, h] = *prefix;
    if checksum([a, b, c, d], content) != u32::from_be_bytes([e, f, g, h]) {
        return Err(Defect::Checksum);
    }
    let mut at = Reader(content);
    let raw = Raw {
        sequence: u64::from_be_bytes(at.array()?),
        at: WallTime(i64::from_be_bytes(at.array()?)),
        kind: {
            let [len] = at.array()?;
            std::str::from_utf8(at.slice(usize::from(len))?).map_err(|_| Defect::Fields)?
        },
        previous: if chained { Some(at.array()?) } else { None },
        version: u16::from_be_bytes(at.array()?),
        body: at.0,
    };
    Ok((raw, PREFIX + len))
}

/// The hash that the record after this one carries.
pub(crate) fn hash(record: &[u8]) -> [u8; 32] {
    Sha256::digest(record).into()
}

fn checksum(len: [u8; 4], content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&len), content)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Defect> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Defect::Fields)?;
        self.0 = rest;
        Ok(*head)
    }
    fn slice(&mut self, n: usize) -> Result<&'a [u8], Defect> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Defect::Fields)?;
        self.0 = rest;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_round_trips(
            sequence: u64, at: i64, kind in "[a-z-]{0,64}", version: u16,
            previous: Option<[u8; 32]>, body in proptest::collection::vec(any::<u8>(), 0..300),
            after in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let raw = Raw { sequence, at: WallTime(at), kind: &kind, previous, version, body: &body };
            let mut bytes = Vec::new();
            encode(&mut bytes, &raw);
            let len = bytes.len();
            prop_assert_eq!(len, encoded_len(&kind, body.len(), previous.is_some()));
            bytes.extend_from_slice(&after);
            prop_assert_eq!(decode(&bytes, previous.is_some()).unwrap(), (raw, len));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 0usize..60, bit in 0u8..8) {
            let raw = Raw { sequence: 7, at: WallTime(1), kind: "put", previous: None, version: 1, body: &[5; 40] };
            let mut bytes = Vec::new();
            encode(&mut bytes, &raw);
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(&bytes, false).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), chained: bool) {
            let _ = decode(&bytes, chained);
        }
    }
}
