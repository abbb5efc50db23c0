//! Payloads of AAC (RFC 3640, 3.3.6): several whole units a packet, or one in fragments.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::{AccessUnit, Odd, Packet};

#[derive(Debug)]
pub(super) struct Aac {
    /// Samples a unit: what the time goes on by from one in a packet to the next.
    samples: u32,
    /// Packets lost, or that made no sense, since the last unit.
    lost: u16,
    fragments: Option<Fragments>,
    ready: VecDeque<AccessUnit>,
}

/// A unit of which some came.
#[derive(Debug)]
struct Fragments {
    timestamp: i64,
    /// Bytes that it will have, at most 8,191.
    size: usize,
    data: Vec<u8>,
    /// A packet is missing before it: perhaps its own start.
    doubtful: bool,
}

/// Bytes of a unit's header: 13 bits of its size, 3 of its place in the order.
const HEADER: usize = 2;

impl Aac {
    pub(super) fn new(samples: u32) -> Self {
        Self {
            samples,
            lost: 0,
            fragments: None,
            ready: VecDeque::new(),
        }
    }

    pub(super) fn next(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>) -> Result<(), Odd> {
        self.lost = self.lost.saturating_add(packet.lost);
        let mut left = self.fragments.take();
        if packet.lost > 0 {
            left = None;
        }
        let taken = self.take(packet, left);
        if taken.is_err() {
            self.lost = self.lost.saturating_add(1);
        }
        taken
    }

    fn take(&mut self, packet: &Packet<'_>, left: Option<Fragments>) -> Result<(), Odd> {
        let (bits, rest) = packet.payload.split_first_chunk().ok_or(Odd::Short)?;
        let bits = usize::from(u16::from_be_bytes(*bits));
        let units = bits / (8 * HEADER);
        let (headers, mut data) = rest.split_at_checked(units * HEADER).ok_or(Odd::Short)?;
        if bits % 8 != 0 || units == 0 {
            return Err(Odd::Sound);
        }
        let (headers, _) = headers.as_chunks::<HEADER>();
        let size = |header: [u8; HEADER]| usize::from(u16::from_be_bytes(header) >> 3);
        if let Some(left) = left {
            return self.go_on(packet, left, units, size(headers[0]), data);
        }
        for (n, header) in headers.iter().enumerate() {
            if header[1] & 7 != 0 {
                return Err(Odd::Interleaved);
            }
            let size = size(*header);
            let Some((unit, after)) = data.split_at_checked(size) else {
                return self.begin(packet, units, size, data);
            };
            let later = n as i64 * i64::from(self.samples);
            let timestamp = packet.timestamp.saturating_add(later);
            self.give(timestamp, packet.arrival, Bytes::copy_from_slice(unit));
            data = after;
        }
        Ok(())
    }

    /// The first fragment of a unit, which has its packets for itself.
    fn begin(
        &mut self,
        packet: &Packet<'_>,
        units: usize,
        size: usize,
        part: &[u8],
    ) -> Result<(), Odd> {
        let doubtful = packet.lost > 0;
        if units != 1 || packet.mark {
            // What is marked would be the end of one whose start was lost.
            return if units == 1 && doubtful {
                Ok(())
            } else {
                Err(Odd::Sound)
            };
        }
        let mut data = Vec::with_capacity(size);
        data.extend_from_slice(part);
        self.fragments = Some(Fragments {
            timestamp: packet.timestamp,
            size,
            data,
            doubtful,
        });
        Ok(())
    }

    fn go_on(
        &mut self,
        packet: &Packet<'_>,
        mut left: Fragments,
        units: usize,
        size: usize,
        part: &[u8],
    ) -> Result<(), Odd> {
        if packet.timestamp != left.timestamp {
            // The end did not come. This one may be whole.
            self.lost = self.lost.saturating_add(1);
            let taken = self.take(packet, None);
            return if left.doubtful {
                taken
            } else {
                taken.and(Err(Odd::Sound))
            };
        }
        let len = left.data.len() + part.len();
        if units != 1 || size != left.size || len > size {
            return if left.doubtful {
                Ok(())
            } else {
                Err(Odd::Sound)
            };
        }
        left.data.extend_from_slice(part);
        if len == size {
            self.give(left.timestamp, packet.arrival, left.data.into());
        } else if !packet.mark {
            self.fragments = Some(left);
        } else if !left.doubtful {
            return Err(Odd::Sound);
        }
        Ok(())
    }

    fn give(&mut self, timestamp: i64, arrival: Instant, data: Bytes) {
        self.ready.push_back(AccessUnit {
            timestamp,
            lost: std::mem::take(&mut self.lost),
            arrival,
            data,
            track: None,
        });
    }
}
