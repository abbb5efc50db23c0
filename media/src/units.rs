//! Numbers with their unit in the type.

use std::{fmt, ops::Add, time::Duration};

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// 1024 * 1024 bytes each.
    pub const fn mebibytes(n: u64) -> Self {
        Self(n * 1024 * 1024)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut n, mut unit) = (self.0 as f64, 0);
        const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
        while n >= 1024.0 && unit + 1 < UNITS.len() {
            n /= 1024.0;
            unit += 1;
        }
        if unit == 0 {
            write!(f, "{} B", self.0)
        } else {
            write!(f, "{n:.1} {}", UNITS[unit])
        }
    }
}

/// A rate in bits a second.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BitRate(pub u64);

impl BitRate {
    /// 1,000 bit/s each.
    pub const fn kilobits(n: u64) -> Self {
        Self(n * 1_000)
    }
    /// 1,000,000 bit/s each.
    pub const fn megabits(n: u64) -> Self {
        Self(n * 1_000_000)
    }
    /// The mean rate of so many bytes over a time; zero for no time.
    pub fn of(bytes: ByteCount, over: Duration) -> Self {
        let bits = u128::from(bytes.0) * 8_000_000;
        Self(bits.checked_div(over.as_micros()).unwrap_or(0) as u64)
    }
}

impl Add for BitRate {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0.saturating_add(o.0))
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} bit/s", self.0),
            1_000..1_000_000 => write!(f, "{:.0} kbit/s", self.0 as f64 / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} Mbit/s", self.0 as f64 / 1e6),
            _ => write!(f, "{:.2} Gbit/s", self.0 as f64 / 1e9),
        }
    }
}
