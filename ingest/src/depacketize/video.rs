//! Where an access unit begins and ends. The same for H.264 and H.265, whose payloads differ (`h264`, `h265`).
//!
//! A unit ends at the marker, or where the time changes. Neither is believed after parameter sets and what else cannot end one:
//! cameras mark those too, or give them a time of their own. A loss within a unit costs all of it.

use std::{collections::VecDeque, time::Instant};

use media::VideoCodec;

use super::{AccessUnit, Error, Odd, Packet, h264, h265, sets::Sets, unit::Unit};

#[derive(Debug)]
pub(super) struct Video {
    codec: VideoCodec,
    state: State,
    unit: Unit,
    sets: Sets,
    /// Packets lost, or that made no sense, since the last unit that was given out.
    lost: u16,
    ready: VecDeque<AccessUnit>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The next packet begins a unit.
    Between,
    /// Packets of this time belong together; the last one arrived then.
    Within { timestamp: i64, arrival: Instant },
    /// The rest of the unit of this time is of no use.
    Skipping { timestamp: i64 },
}

impl Video {
    pub(super) fn new(codec: VideoCodec, sets: &[Vec<u8>], max_bytes: usize) -> Self {
        Self {
            codec,
            state: State::Between,
            unit: Unit::new(codec, max_bytes),
            sets: Sets::new(codec, sets),
            lost: 0,
            ready: VecDeque::with_capacity(2),
        }
    }

    pub(super) fn next(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    pub(super) fn rest(&mut self) {
        self.unit.rest();
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        self.lost = self.lost.saturating_add(packet.lost);
        let placed = self.place(packet);
        if let State::Skipping { .. } = self.state {
            if packet.mark {
                self.state = State::Between;
            }
            return placed;
        }
        let taken = match self.codec {
            VideoCodec::H264 => h264::take(&mut self.unit, packet.payload),
            VideoCodec::H265 => h265::take(&mut self.unit, packet.payload),
        };
        let taken = taken.or_else(|e| self.refused(e, packet));
        let ended = if packet.mark && self.unit.can_end() {
            self.finish()
        } else {
            Ok(())
        };
        placed.and(taken).and(ended)
    }

    /// Ends the unit before, if this packet is not of it.
    fn place(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        let mut result = Ok(());
        match self.state {
            State::Skipping { timestamp } if timestamp == packet.timestamp => return Ok(()),
            State::Between | State::Skipping { .. } => {}
            State::Within { timestamp, .. } if packet.lost > 0 => {
                self.unit.discard();
                if timestamp == packet.timestamp {
                    self.state = State::Skipping { timestamp };
                    return Ok(());
                }
            }
            State::Within { timestamp, .. } if timestamp == packet.timestamp => {}
            State::Within { .. } if self.unit.is_open() => {
                self.unit.discard();
                self.lost = self.lost.saturating_add(1);
                result = Err(Odd::NoEnd.into());
            }
            State::Within { .. } if self.unit.can_end() => result = self.finish(),
            State::Within { .. } => {}
        }
        self.state = State::Within {
            timestamp: packet.timestamp,
            arrival: packet.arrival,
        };
        result
    }

    /// A packet that was not taken. What it breaks is left out; a unit without a NAL unit in the making goes on without it.
    fn refused(&mut self, error: Error, packet: &Packet<'_>) -> Result<(), Error> {
        let broken = matches!(error, Error::Odd(Odd::NoStart)) || self.unit.is_open();
        if broken {
            self.unit.discard();
            self.state = if packet.mark {
                State::Between
            } else {
                let timestamp = packet.timestamp;
                State::Skipping { timestamp }
            };
            // Its start was lost.
            if packet.lost > 0 && error == Error::Odd(Odd::NoStart) {
                return Ok(());
            }
        }
        self.lost = self.lost.saturating_add(1);
        Err(error)
    }

    fn finish(&mut self) -> Result<(), Error> {
        let State::Within { timestamp, arrival } = self.state else {
            return Ok(());
        };
        self.state = State::Between;
        let (data, fresh) = self.unit.finish();
        let track = self.sets.renew(fresh);
        let track = track.inspect_err(|_| self.lost = self.lost.saturating_add(1))?;
        self.ready.push_back(AccessUnit {
            timestamp,
            lost: std::mem::take(&mut self.lost),
            arrival,
            data,
            track,
        });
        Ok(())
    }
}
