//! Payloads of G.711 (RFC 3551, 4.5.14): samples of eight bits, as many as there are. Every packet is a unit.

use bytes::Bytes;

use super::{AccessUnit, Odd, Packet};

#[derive(Debug, Default)]
pub(super) struct G711 {
    lost: u16,
    ready: Option<AccessUnit>,
}

impl G711 {
    pub(super) fn next(&mut self) -> Option<AccessUnit> {
        self.ready.take()
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>) -> Result<(), Odd> {
        self.lost = self.lost.saturating_add(packet.lost);
        if packet.payload.is_empty() {
            self.lost = self.lost.saturating_add(1);
            return Err(Odd::Short);
        }
        self.ready = Some(AccessUnit {
            timestamp: packet.timestamp,
            lost: std::mem::take(&mut self.lost),
            arrival: packet.arrival,
            data: Bytes::copy_from_slice(packet.payload),
            track: None,
        });
        Ok(())
    }
}
