//! Scenarios, one file a behaviour. All run against the built binary; see the harness.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod a_district_in_one_command;
mod access_by_region;
mod alarm_to_incident;
mod bad_clients;
mod bad_input;
mod fall_and_climb;
mod killed_while_writing;
mod old_codecs;
mod one_pull_many_viewers;
mod plan_started_once;
mod playback;
mod replay;
mod shared;
mod slow_link;
mod slow_viewer;
