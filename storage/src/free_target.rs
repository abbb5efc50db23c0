//! How much of a disk is free again once the oldest recordings have begun to go for want of room: what the configuration says,
//! or what was set since, within bounds.

use media::ByteCount;
use serde::Serialize;

use crate::{Error, archive::Shared};

/// The free-space target, and within what it can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FreeTarget {
    /// What holds, bytes.
    pub bytes: ByteCount,
    /// What was set, bytes; none where the configuration's holds.
    pub set: Option<ByteCount>,
    /// What the configuration says, bytes.
    pub configured: ByteCount,
    /// Where the oldest begins to go, bytes: no target is under it.
    pub least: ByteCount,
    /// Half of the smallest disk that is written to, bytes; none where no disk tells its size: a slip of the pen must not take everything at the next sweep.
    pub most: Option<ByteCount>,
}

/// No disk is larger, bytes: 1 EiB.
const MOST: u64 = 1 << 60;

impl FreeTarget {
    pub(crate) fn of(shared: &Shared) -> Self {
        let disks = shared.volumes.status().into_iter().filter(|v| v.takes);
        // A disk that does not tell its size is no bound.
        let smallest = disks.map(|v| v.total.0).filter(|total| *total > 0).min();
        let config = &shared.config;
        Self::within(
            config.keep_free,
            config.free_target,
            shared.ledger.free_target(),
            smallest,
        )
    }

    fn within(
        least: ByteCount,
        configured: Option<ByteCount>,
        set: Option<ByteCount>,
        smallest: Option<u64>,
    ) -> Self {
        let configured = configured.unwrap_or_default().max(least);
        let most = smallest.map(|total| ByteCount(total / 2).max(least));
        // A smaller disk may have come since it was set, or the configuration keeps more free.
        let bytes = set.map_or(configured, |set| set.min(most.unwrap_or(set)).max(least));
        Self {
            bytes,
            set,
            configured,
            least,
            most,
        }
    }

    pub(crate) fn check(&self, bytes: ByteCount) -> Result<(), Error> {
        let (least, most) = (self.least, self.most.unwrap_or(ByteCount(MOST)));
        if bytes < least || bytes > most {
            return Err(Error::Value {
                what: "bytes",
                why: format!(
                    "expected {} to {} ({least} to {most}), got {}",
                    least.0, most.0, bytes.0
                ),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn of(configured: Option<u64>, set: Option<u64>, smallest: Option<u64>) -> FreeTarget {
        let gib = |n: u64| ByteCount(n * GIB);
        FreeTarget::within(
            gib(4),
            configured.map(gib),
            set.map(gib),
            smallest.map(|n| n * GIB),
        )
    }

    #[test]
    fn what_was_set_holds_within_its_bounds() {
        for (configured, set, smallest, bytes) in [
            (None, None, Some(100), 4),
            (Some(9), None, Some(100), 9),
            // The configuration is taken at its word, but not under what it keeps free.
            (Some(90), None, Some(100), 90),
            (Some(1), None, Some(100), 4),
            (Some(9), Some(20), Some(100), 20),
            (Some(9), Some(80), Some(100), 50),
            (Some(9), Some(2), Some(100), 4),
            (None, Some(20), None, 20),
            // A disk that is too small for any choice.
            (None, Some(20), Some(6), 4),
        ] {
            let got = of(configured, set, smallest).bytes.0;
            assert_eq!(
                got,
                bytes * GIB,
                "{configured:?} {set:?} {smallest:?}: {got}"
            );
        }
        let target = of(None, None, Some(100));
        for (bytes, is_taken) in [(4, true), (50, true), (3, false), (51, false)] {
            let checked = target.check(ByteCount(bytes * GIB));
            assert_eq!(checked.is_ok(), is_taken, "{bytes}: {checked:?}");
        }
    }
}
