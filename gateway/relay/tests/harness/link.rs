//! A line between session and viewer, in virtual time.

use std::{collections::VecDeque, time::Duration};

use media::wire::ServerMessage;
use relay::session::{Input, Output, Part};

use super::{FPS, GOP, session::Rig};

/// A link of so many bytes a second between session and viewer, in steps of a frame's time.
#[derive(Default)]
pub struct Link {
    /// Bytes; and of a frame its number and tile.
    queue: VecDeque<(usize, Option<(u32, u32)>)>,
    credit: f64,
}

/// What came of a step.
#[derive(Default)]
pub struct Arrived {
    /// The longest delay, in frames, of what arrived.
    pub late: u32,
    /// What the gateway said.
    pub control: Vec<ServerMessage>,
    /// Bytes of media that arrived.
    pub bytes: usize,
    /// The tiles whose frames arrived, frame by frame.
    pub tiles: Vec<u32>,
    /// Most bytes that waited for the line.
    pub queued: usize,
}

impl Link {
    /// One frame's time; `newest` is the number of the camera's newest frame.
    pub fn step(&mut self, rig: &mut Rig, bytes_a_second: f64, newest: u32) -> Arrived {
        rig.now += Duration::from_secs(1) / FPS;
        if newest.is_multiple_of(6) {
            rig.session.handle(rig.now, Input::Tick);
        }
        self.carry(rig, bytes_a_second, newest)
    }

    /// The same without a tick of its own.
    pub fn carry(&mut self, rig: &mut Rig, bytes_a_second: f64, newest: u32) -> Arrived {
        self.credit = (self.credit + bytes_a_second / f64::from(FPS)).min(bytes_a_second);
        let mut arrived = Arrived::default();
        loop {
            let queued = self.queue.iter().map(|(bytes, _)| bytes).sum();
            rig.session.handle(rig.now, Input::Queued(queued));
            let mut any = false;
            while let Some(output) = rig.session.poll_output(rig.now) {
                any = true;
                match output {
                    Output::Media(m) => {
                        let is_frame = !matches!(m.part, Part::Initialisation(_));
                        let number =
                            is_frame.then_some((m.frame.group * GOP + m.frame.number, m.tile));
                        self.queue.push_back((m.framed().message_len(), number));
                    }
                    Output::Control(message) => arrived.control.push(message),
                    Output::Close(close) => panic!("{close}"),
                }
            }
            let queued = self.queue.iter().map(|(bytes, _)| bytes).sum();
            arrived.queued = arrived.queued.max(queued);
            while let Some((bytes, number)) = self.queue.front()
                && self.credit >= *bytes as f64
            {
                any = true;
                self.credit -= *bytes as f64;
                arrived.bytes += bytes;
                let late = number.map_or(0, |(n, _)| newest.saturating_sub(n));
                arrived.tiles.extend(number.map(|(_, tile)| tile));
                arrived.late = arrived.late.max(late);
                self.queue.pop_front();
            }
            if !any {
                return arrived;
            }
        }
    }

    /// Whether something waits for it.
    pub fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }
}
