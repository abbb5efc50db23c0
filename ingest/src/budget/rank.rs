//! Urgencies as places in an array.

use media::Priority;

/// Urgencies, and one place below them for pulls that nobody uses.
pub(super) const RANKS: usize = 7;

pub(super) fn rank_of(priority: Option<Priority>) -> usize {
    match priority {
        None => 0,
        Some(Priority::Diagnosis) => 1,
        Some(Priority::Viewer) => 2,
        Some(Priority::Tagging) => 3,
        Some(Priority::Recording) => 4,
        Some(Priority::Wall) => 5,
        Some(Priority::Incident) => 6,
    }
}

pub(super) fn priority_of(rank: usize) -> Option<Priority> {
    PRIORITIES.get(rank.checked_sub(1)?).copied()
}

pub(super) const PRIORITIES: [Priority; RANKS - 1] = [
    Priority::Diagnosis,
    Priority::Viewer,
    Priority::Tagging,
    Priority::Recording,
    Priority::Wall,
    Priority::Incident,
];

/// As in JSON.
pub(crate) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Diagnosis => "diagnosis",
        Priority::Viewer => "viewer",
        Priority::Tagging => "tagging",
        Priority::Recording => "recording",
        Priority::Wall => "wall",
        Priority::Incident => "incident",
    }
}
