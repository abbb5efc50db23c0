//! The digest that seals a segment and links it to the next one.
//!
//! Every byte that is recorded goes through it, so what it costs counts: BLAKE3 takes about a third of what SHA-256 does with the
//! processor's own instruction, where it is given pieces that are long enough. Seals that were made with SHA-256 are read, and checked, as they were made.

use std::cell::RefCell;

use sha2::{Digest as _, Sha256};

/// Of which function a seal's digest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Function {
    /// FIPS 180-4: what was recorded by version 1 of the format.
    Sha256,
    /// BLAKE3 with its default length of 32 bytes, unkeyed.
    #[default]
    Blake3,
}

/// So much is hashed at once: 64 chunks.
const GATHER: usize = 64 * 1024;

thread_local! {
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A digest on its way.
#[derive(Clone, Debug)]
pub(crate) enum Digest {
    Sha256(Box<Sha256>),
    Blake3(Box<blake3::Hasher>),
}

impl Digest {
    pub(crate) fn new(function: Function) -> Self {
        match function {
            Function::Sha256 => Self::Sha256(Box::default()),
            Function::Blake3 => Self::Blake3(Box::default()),
        }
    }

    /// Of several pieces, one behind the other. They are put together first, in pieces that end where a multiple of [`GATHER`] ends in
    /// the file: BLAKE3 is a tree over chunks of 1 KiB, and only subtrees of 16 chunks and more, which begin at a multiple of
    /// their length, fill the processor's registers.
    pub(crate) fn update_all(&mut self, parts: &[&[u8]]) {
        GATHERED.with_borrow_mut(|gathered| {
            let mut room = GATHER - (self.taken() % GATHER as u64) as usize;
            for mut part in parts.iter().copied() {
                while let Some((now, rest)) = part.split_at_checked(room) {
                    gathered.extend_from_slice(now);
                    self.update(gathered);
                    gathered.clear();
                    (part, room) = (rest, GATHER);
                }
                gathered.extend_from_slice(part);
                room -= part.len();
            }
            self.update(gathered);
            gathered.clear();
        });
    }

    /// Bytes so far, where pieces are told by them.
    fn taken(&self) -> u64 {
        match self {
            Self::Sha256(_) => 0,
            Self::Blake3(hash) => hash.count(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Blake3(hash) => {
                hash.update(bytes);
            }
        }
    }

    pub(crate) fn function(&self) -> Function {
        match self {
            Self::Sha256(_) => Function::Sha256,
            Self::Blake3(_) => Function::Blake3,
        }
    }

    /// Of all so far; it can be continued.
    pub(crate) fn value(&self) -> [u8; 32] {
        match self {
            Self::Sha256(hash) => hash.as_ref().clone().finalize().into(),
            Self::Blake3(hash) => hash.finalize().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    proptest::proptest! {
        #[test]
        fn pieces_are_as_the_whole(lens in proptest::collection::vec(0usize..100_000, 0..20)) {
            let parts: Vec<Vec<u8>> = lens.iter().enumerate().map(|(n, len)| vec![n as u8; *len]).collect();
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            for function in [Function::Sha256, Function::Blake3] {
                let (mut whole, mut pieces) = (Digest::new(function), Digest::new(function));
                whole.update(&parts.concat());
                pieces.update_all(&parts);
                proptest::prop_assert_eq!(whole.value(), pieces.value());
            }
        }
    }

    /// The functions' own published values: FIPS 180-4's example, and the first of BLAKE3's test vectors.
    #[test]
    fn values_are_the_published_ones() {
        let mut sha = Digest::new(Function::Sha256);
        sha.update(b"a");
        sha.update(b"bc");
        assert_eq!(
            hex(sha.value()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let mut blake = Digest::new(Function::Blake3);
        assert_eq!(
            hex(blake.value()),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        blake.update_all(&[&[], &[0], &[]]);
        assert_eq!(
            hex(blake.value()),
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
        );
    }
}
