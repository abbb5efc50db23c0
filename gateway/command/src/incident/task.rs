//! A task: what one person is sent to do about an incident, and how far it is (联动指挥).
//!
//! A task's progress is private to this module and moves only by [`Task::take`], which knows the one table of steps
//! ([`Progress::after`]): a task that took a step it may not take cannot be made.

use media::{Place, WallTime};
use serde::{Deserialize, Serialize};

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Given to its owner, who has not said that they know.
    Assigned,
    /// The owner knows.
    Acknowledged,
    /// The owner is at it.
    Underway,
    /// The owner has said how it goes.
    FedBack,
    /// The owner says that it is done; somebody else looks.
    Review,
    /// Looked at, and good.
    Done,
    /// Looked at, and not good: the owner goes on.
    SentBack,
    /// Not wanted any more.
    Withdrawn,
}

/// What a person does with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The owner has read it.
    Acknowledge,
    /// The owner begins.
    Begin,
    /// The owner says how it goes: text, pictures, place.
    FeedBack,
    /// The owner says that it is done.
    Submit,
    /// Somebody else agrees.
    Approve,
    /// Somebody else does not.
    SendBack,
    /// Another owner, who begins at the beginning.
    Reassign,
    /// Not wanted any more.
    Withdraw,
    /// Hurry (催办).
    Urge,
    /// Somebody above keeps an eye on it from now on (督办).
    Supervise,
}

/// Whose a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The task's owner alone.
    Owner,
    /// Whoever handles the incident, but not the owner: nobody reviews their own work.
    Reviewer,
    /// Whoever handles the incident.
    Handler,
}

impl Progress {
    /// Every one, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Assigned,
        Self::Acknowledged,
        Self::Underway,
        Self::FedBack,
        Self::Review,
        Self::Done,
        Self::SentBack,
        Self::Withdrawn,
    ];

    /// Where a step leads from here; none where it may not be taken. The whole table.
    pub fn after(self, step: Step) -> Option<Self> {
        use Progress::{
            Acknowledged, Assigned, Done, FedBack, Review, SentBack, Underway, Withdrawn,
        };
        match (self, step) {
            (Done | Withdrawn, _) => None,
            (_, Step::Reassign) => Some(Assigned),
            (_, Step::Withdraw) => Some(Withdrawn),
            (at, Step::Urge | Step::Supervise) => Some(at),
            (Assigned, Step::Acknowledge) => Some(Acknowledged),
            (Acknowledged | SentBack, Step::Begin) => Some(Underway),
            (Underway | FedBack | SentBack, Step::FeedBack) => Some(FedBack),
            (Underway | FedBack | SentBack, Step::Submit) => Some(Review),
            (Review, Step::Approve) => Some(Done),
            (Review, Step::SendBack) => Some(SentBack),
            _ => None,
        }
    }

    /// The steps that may be taken from here.
    pub fn steps(self) -> impl Iterator<Item = Step> {
        Step::ALL
            .into_iter()
            .filter(move |step| self.after(*step).is_some())
    }

    /// Whether somebody still has something to do.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Withdrawn)
    }

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Acknowledged => "acknowledged",
            Self::Underway => "underway",
            Self::FedBack => "fed-back",
            Self::Review => "review",
            Self::Done => "done",
            Self::SentBack => "sent-back",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Step {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Acknowledge,
        Self::Begin,
        Self::FeedBack,
        Self::Submit,
        Self::Approve,
        Self::SendBack,
        Self::Reassign,
        Self::Withdraw,
        Self::Urge,
        Self::Supervise,
    ];

    /// Whose step it is.
    pub fn who(self) -> Who {
        match self {
            Self::Acknowledge | Self::Begin | Self::FeedBack | Self::Submit => Who::Owner,
            Self::Approve | Self::SendBack => Who::Reviewer,
            Self::Reassign | Self::Withdraw | Self::Urge | Self::Supervise => Who::Handler,
        }
    }

    /// Whether words must go with it.
    pub fn wants_words(self) -> bool {
        matches!(self, Self::FeedBack | Self::SendBack | Self::Withdraw)
    }

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Begin => "begin",
            Self::FeedBack => "feed-back",
            Self::Submit => "submit",
            Self::Approve => "approve",
            Self::SendBack => "send-back",
            Self::Reassign => "reassign",
            Self::Withdraw => "withdraw",
            Self::Urge => "urge",
            Self::Supervise => "supervise",
        }
    }
}

/// What is said when a task is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// In a few words, 1 to 200 characters.
    pub title: String,
    /// What exactly, up to 4,000 characters.
    #[serde(default)]
    pub detail: String,
    /// The account of who is to do it.
    pub owner: String,
    /// By when.
    #[serde(default)]
    pub deadline: Option<WallTime>,
    /// Where.
    #[serde(default)]
    pub place: Option<Place>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// Its number within its incident, from 1.
    pub number: u32,
    /// What is to be done, and by whom.
    #[serde(flatten)]
    pub order: Order,
    /// How far it is.
    progress: Progress,
    /// By whom it was given.
    pub given_by: String,
    /// When.
    pub given_at: WallTime,
    /// When the present owner acknowledged it.
    pub acknowledged_at: Option<WallTime>,
    /// When it was done or withdrawn.
    pub ended_at: Option<WallTime>,
    /// When its deadline passed while it was open.
    pub overdue_at: Option<WallTime>,
    /// How often its present owner was urged.
    pub urged: u32,
    /// Who keeps an eye on it.
    pub supervised_by: Option<String>,
    /// How many steps were taken with it: who says which one they saw is told when another came before them.
    pub revision: u32,
    /// The newest of them.
    pub last: Option<Taken>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// By whom.
    pub by: String,
    /// When.
    pub at: WallTime,
}

impl Task {
    pub(super) fn new(number: u32, order: Order, by: String, at: WallTime) -> Self {
        Self {
            number,
            order,
            progress: Progress::Assigned,
            given_by: by,
            given_at: at,
            acknowledged_at: None,
            ended_at: None,
            overdue_at: None,
            urged: 0,
            supervised_by: None,
            revision: 0,
            last: None,
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether its deadline has passed at `now`, and nobody has noted it yet.
    pub fn is_newly_overdue(&self, now: WallTime) -> bool {
        self.progress.is_open()
            && self.overdue_at.is_none()
            && self.order.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Takes a step if it may be taken; whether it was.
    pub(super) fn take(&mut self, at: WallTime, by: &str, step: Step, owner: Option<&str>) -> bool {
        let Some(after) = self.progress.after(step) else {
            return false;
        };
        self.progress = after;
        self.revision += 1;
        self.last = Some(Taken {
            step,
            by: by.to_owned(),
            at,
        });
        match step {
            Step::Acknowledge => self.acknowledged_at = Some(at),
            Step::Urge => self.urged += 1,
            Step::Supervise => self.supervised_by = Some(by.to_owned()),
            Step::Reassign => {
                if let Some(owner) = owner {
                    owner.clone_into(&mut self.order.owner);
                }
                self.acknowledged_at = None;
                self.urged = 0;
            }
            Step::Approve | Step::Withdraw => self.ended_at = Some(at),
            Step::Begin | Step::FeedBack | Step::Submit | Step::SendBack => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_but_the_last_two_can_be_left_and_every_state_reached() {
        let mut reached = vec![Progress::Assigned];
        let mut at = 0;
        while at < reached.len() {
            let from = reached[at];
            for step in from.steps() {
                let to = from.after(step).unwrap();
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
            assert_eq!(from.steps().count() == 0, !from.is_open(), "{from:?}");
            at += 1;
        }
        assert_eq!(reached.len(), Progress::ALL.len());
    }

    #[test]
    fn names_are_those_of_the_json() {
        for progress in Progress::ALL {
            let json = serde_json::to_string(&progress).unwrap();
            assert_eq!(json, format!("\"{}\"", progress.as_str()));
        }
        for step in Step::ALL {
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(json, format!("\"{}\"", step.as_str()));
        }
    }
}
