//! Bits of parameter sets, as ITU-T H.264 and H.265 write them.

/// Reads a NAL unit, most significant first, without its emulation prevention bytes.
#[derive(Debug)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    pub(crate) fn of(nal: &[u8]) -> Self {
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

    pub(crate) fn bits(&mut self, n: u32) -> Option<u32> {
        let mut out = 0;
        for _ in 0..n {
            let byte = *self.bytes.get(self.at / 8)?;
            out = (out << 1) | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(out)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Option<()> {
        self.at += n;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Exp-Golomb; ITU-T H.264, 9.1.
    pub(crate) fn ue(&mut self) -> Option<u32> {
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
    pub(crate) fn h264_scaling_list(&mut self, size: u32) -> Option<()> {
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
    pub(crate) fn h264_vui(&mut self) -> Option<Option<u32>> {
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
