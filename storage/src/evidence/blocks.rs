//! Sums of a file and of its blocks, and from them the byte that differs.
//!
//! A hash says that something differs, not where. Beside the whole file's SHA-256 a package has one of every 16 KiB, and their
//! CRC-32: which block differs is seen by the first, and where a single byte of it does follows from the second, since CRC-32 is
//! linear: the two sums differ by the byte's change, moved on by the bytes behind it. What is found so is proven by the block's
//! SHA-256. Where several bytes of a block differ, the block is named.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16 * 1024;
/// Bytes of what is kept of one.
pub(crate) const RECORD: usize = 36;

/// CRC-32 (IEEE 802.3, reflected), as in ZIP; a table of eight for speed.
static TABLES: LazyLock<[[u32; 256]; 8]> = LazyLock::new(|| {
    let mut t = [[0u32; 256]; 8];
    for n in 0..256u32 {
        let crc = (0..8).fold(n, |c, _| {
            if c & 1 == 1 {
                (c >> 1) ^ 0xedb8_8320
            } else {
                c >> 1
            }
        });
        t[0][n as usize] = crc;
    }
    for n in 0..256 {
        for k in 1..8 {
            let before = t[k - 1][n];
            t[k][n] = (before >> 8) ^ t[0][(before & 0xff) as usize];
        }
    }
    t
});

/// Goes on with a CRC-32; begins with 0.
pub(crate) fn crc(before: u32, bytes: &[u8]) -> u32 {
    let t = &*TABLES;
    let mut c = !before;
    let (eights, rest) = bytes.as_chunks::<8>();
    for b in eights {
        let low = c ^ u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        c = t[7][(low & 0xff) as usize]
            ^ t[6][(low >> 8 & 0xff) as usize]
            ^ t[5][(low >> 16 & 0xff) as usize]
            ^ t[4][(low >> 24) as usize]
            ^ t[3][b[4] as usize]
            ^ t[2][b[5] as usize]
            ^ t[1][b[6] as usize]
            ^ t[0][b[7] as usize];
    }
    for b in rest {
        c = (c >> 8) ^ t[0][((c ^ u32::from(*b)) & 0xff) as usize];
    }
    !c
}

/// Every change of one byte in `len` that makes the CRC-32 `is` from what was `was`: where, and by which bits. From the last
/// byte to the first.
pub(crate) fn single_changes(was: u32, is: u32, len: usize) -> impl Iterator<Item = (usize, u8)> {
    let t = &TABLES[0];
    // Which byte makes a difference with this highest byte: the table's are all different.
    let mut by_top = [0u8; 256];
    for (n, crc) in t.iter().enumerate() {
        by_top[(crc >> 24) as usize] = n as u8;
    }
    // The difference as it was behind each byte, from the end on.
    let mut difference = was ^ is;
    (0..len).rev().filter_map(move |at| {
        let byte = by_top[(difference >> 24) as usize];
        let found = (difference != 0 && t[byte as usize] == difference).then_some((at, byte));
        // Back over one byte that is the same.
        difference = (difference ^ t[byte as usize]) << 8 | u32::from(byte);
        found
    })
}

/// Sums of what was written or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) size: u64,
    pub(crate) crc: u32,
    pub(crate) sha256: [u8; 32],
    /// [`RECORD`] bytes a block.
    pub(crate) blocks: Vec<u8>,
}

/// Sums as bytes come.
#[derive(Debug, Default)]
pub(crate) struct Summing {
    size: u64,
    crc: u32,
    sha256: Sha256,
    block: Vec<u8>,
    blocks: Vec<u8>,
}

/// What is kept of a block.
pub(crate) fn record(block: &[u8]) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    out[..32].copy_from_slice(&Sha256::digest(block));
    out[32..].copy_from_slice(&crc(0, block).to_le_bytes());
    out
}

impl Summing {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.crc = crc(self.crc, bytes);
        self.sha256.update(bytes);
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at((BLOCK - self.block.len()).min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = rest;
            if self.block.len() == BLOCK {
                self.blocks.extend_from_slice(&record(&self.block));
                self.block.clear();
            }
        }
    }

    pub(crate) fn finish(mut self) -> Sum {
        if !self.block.is_empty() {
            self.blocks.extend_from_slice(&record(&self.block));
        }
        Sum {
            size: self.size,
            crc: self.crc,
            sha256: self.sha256.finalize().into(),
            blocks: self.blocks,
        }
    }
}

/// The sums of a whole file in memory.
pub(crate) fn sum(bytes: &[u8]) -> Sum {
    let mut summing = Summing::default();
    summing.update(bytes);
    summing.finish()
}

/// Where a block differs from what was kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Differs {
    /// In this byte alone: it was that.
    Byte { at: usize, was: u8 },
    /// Somewhere in it, in more than one.
    Somewhere,
}

/// Compares a block to what was kept of it; none where it is the same.
pub(crate) fn compare(block: &[u8], kept: &[u8; RECORD]) -> Option<Differs> {
    let is = record(block);
    if is == *kept {
        return None;
    }
    let of = |r: &[u8; RECORD]| u32::from_le_bytes([r[32], r[33], r[34], r[35]]);
    let mut fixed = block.to_vec();
    for (at, bits) in single_changes(of(kept), of(&is), block.len()) {
        fixed[at] ^= bits;
        if Sha256::digest(&fixed)[..] == kept[..32] {
            let was = fixed[at];
            return Some(Differs::Byte { at, was });
        }
        fixed[at] ^= bits;
    }
    Some(Differs::Somewhere)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_the_crc_of_zip() {
        assert_eq!(crc(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(
            crc(crc(0, b"1234567890123"), b"456789"),
            crc(0, b"1234567890123456789")
        );
    }

    proptest! {
        #[test]
        fn the_one_byte_that_differs_is_found(
            bytes in prop::collection::vec(any::<u8>(), 1..3000),
            at: prop::sample::Index,
            bits in 1u8..,
        ) {
            let kept = record(&bytes);
            prop_assert_eq!(compare(&bytes, &kept), None);
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] ^= bits;
            let was = bytes[at];
            prop_assert_eq!(compare(&changed, &kept), Some(Differs::Byte { at, was }));
        }

        #[test]
        fn sums_do_not_depend_on_the_pieces(bytes in prop::collection::vec(any::<u8>(), 0..50_000), cut: prop::sample::Index) {
            let whole = sum(&bytes);
            let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut summing = Summing::default();
            summing.update(a);
            summing.update(b);
            prop_assert_eq!(&summing.finish(), &whole);
            prop_assert_eq!(whole.blocks.len(), bytes.len().div_ceil(BLOCK) * RECORD);
        }
    }

    #[test]
    fn several_bytes_are_somewhere() {
        let mut block = vec![7u8; 100];
        let kept = record(&block);
        block[3] = 1;
        block[90] = 2;
        assert_eq!(compare(&block, &kept), Some(Differs::Somewhere));
    }
}
