//! Supervision (考核): the figures a district's cameras are judged by, for any day, week and month.
//!
//! ```text
//! what is seen --Watch--> a day's log (journal) --figure, once the day is over--> facts (journal) --Table--> answers
//!                                approved outages (journal) ----^
//! ```
//! A fact is made once and kept with the number of the formula that made it: a figure of last month does not change when
//! today's code does. An approval that comes later makes its days judged again, by their own formula, as a new revision that
//! names the approval.

pub mod day;
pub mod figure;
pub mod log;
pub mod outage;
pub mod query;
pub mod table;

pub use day::{Day, Period};
pub use figure::{About, FORMULA, Fact, Figure, Judging, Verdict};
pub use log::{Coverage, Entry, Link, Log, Seen, Watch};
pub use outage::{Outage, Outages};
pub use query::{By, Line, Part, Question, Rates};
pub use table::{DayRecord, Group, Table};
