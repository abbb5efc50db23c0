//! A row of GStreamer elements with one end to push into and one that collects.
//!
//! Like [`crate::decode::Decoder`], it has no thread and no queue of its own: what software encoders make is there when `push`
//! returns. Hardware may hand it over later, in a thread of the driver's, so a bell is rung.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::Notify;

/// What came out.
#[derive(Debug)]
pub(super) enum Coded {
    /// What follows is this.
    Caps(gst::Caps),
    /// One coded unit.
    Unit {
        data: Bytes,
        key: bool,
        /// As it was pushed; sound encoders count on from the first.
        time_ns: Option<u64>,
    },
}

/// Where it collects: bounded, since a driver may hand over what nobody takes.
#[derive(Debug, Default)]
pub(super) struct Output {
    state: Mutex<State>,
    pub(super) bell: Notify,
    /// The same for a thread.
    came: Condvar,
}

#[derive(Debug, Default)]
struct State {
    coded: VecDeque<Coded>,
    bytes: usize,
    /// Units ever collected.
    units: u64,
    overflow: bool,
    /// The first error an element reported.
    error: Option<String>,
}

/// More than this not taken is a fault: 8 s at 8 Mbit/s.
const MAX_BYTES: usize = 8 * 1024 * 1024;

impl Output {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what has come out.
    pub(super) fn take(&self) -> VecDeque<Coded> {
        let mut state = self.lock();
        state.bytes = 0;
        std::mem::take(&mut state.coded)
    }

    fn put(&self, coded: Coded) -> Result<(), gst::FlowError> {
        let mut state = self.lock();
        if let Coded::Unit { data, .. } = &coded {
            if state.bytes + data.len() > MAX_BYTES {
                state.overflow = true;
                return Err(gst::FlowError::Error);
            }
            state.bytes += data.len();
            state.units += 1;
        }
        state.coded.push_back(coded);
        drop(state);
        self.bell.notify_one();
        self.came.notify_all();
        Ok(())
    }

    /// Blocks until a unit has come out, for so long at most.
    pub(super) fn wait(&self, most: Duration) {
        let none = |state: &mut State| state.units == 0;
        // Whether it timed out is seen by what is there.
        drop(self.came.wait_timeout_while(self.lock(), most, none));
    }

    /// Units that came out so far.
    pub(super) fn units(&self) -> u64 {
        self.lock().units
    }
}

/// The elements.
#[derive(Debug)]
pub(super) struct Chain {
    /// Holds the elements: dropped, they stop.
    pub(super) pipeline: gst::Pipeline,
    input: gst::Pad,
    /// A linked pad does not keep its peer alive.
    sink: gst::Pad,
    output: Arc<Output>,
}

impl Chain {
    /// Links `elements` and has them take `caps`.
    pub(super) fn new(
        elements: &[&gst::Element],
        caps: &gst::Caps,
        output: Arc<Output>,
    ) -> Result<Self, String> {
        let pipeline = gst::Pipeline::new();
        // Nobody reads the bus: what it is told would pile up.
        let errors = Arc::clone(&output);
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(e) = message.view() {
                    let from = message.src().map(|s| s.name().to_string());
                    let text = format!("{}: {}", from.unwrap_or_default(), e.error());
                    errors.lock().error.get_or_insert(text);
                }
                gst::BusSyncReply::Drop
            });
        }
        pipeline
            .add_many(elements)
            .and_then(|()| gst::Element::link_many(elements))
            .map_err(|e| e.to_string())?;
        let chain = Self {
            pipeline,
            input: gst::Pad::builder(gst::PadDirection::Src).build(),
            sink: sink_pad(&output),
            output,
        };
        chain
            .begin(elements, caps)
            .map_err(|text| chain.error().unwrap_or(text))?;
        Ok(chain)
    }

    fn begin(&self, elements: &[&gst::Element], caps: &gst::Caps) -> Result<(), String> {
        let first = elements.first().and_then(|e| e.static_pad("sink"));
        let last = elements.last().and_then(|e| e.static_pad("src"));
        let (first, last) = first
            .zip(last)
            .ok_or("an element without input or output")?;
        self.input.link(&first).map_err(|e| e.to_string())?;
        last.link(&self.sink).map_err(|e| e.to_string())?;
        self.sink.set_active(true).map_err(|e| e.to_string())?;
        self.input.set_active(true).map_err(|e| e.to_string())?;
        self.pipeline
            .set_state(gst::State::Playing)
            .map_err(|e| e.to_string())?;
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        let started = self.event(gst::event::StreamStart::new("sightline"))
            && self.event(gst::event::Caps::new(caps))
            && self.event(gst::event::Segment::new(&segment));
        match started {
            true => Ok(()),
            false => Err("it does not take these parameters".into()),
        }
    }

    /// Pushes an event.
    pub(super) fn event(&self, event: gst::Event) -> bool {
        self.input.push_event(event)
    }

    /// Pushes one unit; blocks for as long as that takes.
    pub(super) fn push(&self, data: Bytes, time_ns: u64, key: bool) -> Result<(), String> {
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(time_ns));
            if !key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        match self.input.push(buffer) {
            Ok(_) => match self.error() {
                // Hardware reports what went wrong in a thread of its own.
                Some(error) => Err(error),
                None => Ok(()),
            },
            Err(flow) => Err(self.error().unwrap_or_else(|| flow.to_string())),
        }
    }

    /// Brings out what is held back; nothing can be pushed afterwards.
    pub(super) fn finish(&self) {
        self.event(gst::event::Eos::new());
    }

    fn error(&self) -> Option<String> {
        let state = self.output.lock();
        let overflow = || {
            let text = format!("{MAX_BYTES} bytes came out that nobody took");
            state.overflow.then_some(text)
        };
        state.error.clone().or_else(overflow)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.input.set_active(false);
        let _ = self.sink.set_active(false);
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn sink_pad(output: &Arc<Output>) -> gst::Pad {
    let (units, caps) = (Arc::clone(output), Arc::clone(output));
    gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function(move |_, _, buffer| {
            // Copied once a feed: an encoder's pool may have no more than a few buffers.
            let data = buffer
                .map_readable()
                .map(|map| Bytes::copy_from_slice(&map))
                .map_err(|_| gst::FlowError::Error)?;
            if data.is_empty() {
                return Ok(gst::FlowSuccess::Ok);
            }
            units.put(Coded::Unit {
                data,
                key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
                time_ns: buffer.pts().map(gst::ClockTime::nseconds),
            })?;
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            if let gst::EventView::Caps(event) = event.view() {
                // Bounded by the units: an encoder tells of its caps when they change.
                return caps.put(Coded::Caps(event.caps_owned())).is_ok();
            }
            true
        })
        .build()
}
