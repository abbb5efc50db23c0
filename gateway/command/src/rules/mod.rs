//! Rules that a user writes: which events, where, when, how many within a time, and what is then done.
//!
//! ```text
//! event --Engine::handle(now)--> Fired { rule, acts } ... | Limited { rule, suppressed }
//! last week's events --try_out--> what the rule would have done
//! ```
//! The engine is a plain value: no clock, no file. What it remembers is bounded, and so is what it lets through: a rule that
//! would fire ten thousand times a minute fires [`MAX_PER_MINUTE`] times, and says how often it was held back.

mod engine;
mod rule;
mod together;
mod trial;

pub use engine::{Engine, Fired, Happening, Limited, MAX_PER_MINUTE, Outcome};
pub use rule::{Act, Change, Error, Hours, MAX_RULES, Per, Rule, Rules};
pub use together::{Nearness, Placed, Together};
pub use trial::{Trial, TrialFired, try_out};
