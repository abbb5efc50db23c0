//! Which rules an event fires. Pure: the caller gives the time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use media::{CameraId, Event, EventId, EventKind, Grade, RegionCode, WallTime};

use super::rule::{Act, Per, Rule};

/// What a rule looks at of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Happening {
    /// Which event.
    pub id: EventId,
    /// What.
    pub kind: EventKind,
    /// Which camera.
    pub camera: Option<CameraId>,
    /// Where.
    pub region: Option<RegionCode>,
    /// How grave.
    pub grade: Grade,
    /// When it began.
    pub at: WallTime,
}

impl Happening {
    /// Of an event; none where rules do not look: an exercise fires nothing.
    pub fn of(event: &Event) -> Option<Self> {
        let looked_at = !event.more.exercise;
        looked_at.then_some(Self {
            id: event.id,
            kind: event.kind,
            camera: event.camera,
            region: event.region,
            grade: event.grade,
            at: event.start,
        })
    }
}

/// A rule fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Which rule.
    pub rule: Arc<Rule>,
    /// The event that was the last straw.
    pub event: EventId,
    /// How many events were counted.
    pub count: u32,
}

/// A rule is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Which rule.
    pub rule: String,
    /// How often, since it was last told.
    pub suppressed: u64,
}

/// What an event leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rules that fire.
    pub fired: Vec<Fired>,
    /// Rules that are held back: told once a minute.
    pub limited: Vec<Limited>,
}

/// How often one rule fires in a minute, whatever happens: more is no alarm to anybody.
pub const MAX_PER_MINUTE: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// Groups (cameras, regions) that one rule remembers; the one that was quiet longest is forgotten.
const MAX_GROUPS: usize = 5000;

/// Remembers what rules have counted.
#[derive(Debug, Default)]
pub struct Engine {
    rules: HashMap<String, Counted>,
}

#[derive(Debug)]
struct Counted {
    /// As it was when counting began: another one begins anew.
    rule: Arc<Rule>,
    groups: HashMap<Group, Seen>,
    /// When it fired within the last minute.
    fired: VecDeque<WallTime>,
    suppressed: u64,
    told: Option<WallTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    Camera(Option<CameraId>),
    Region(Option<RegionCode>),
    All,
}

#[derive(Debug, Default)]
struct Seen {
    /// The newest events, as many as the rule wants.
    times: VecDeque<WallTime>,
    last_fired: Option<WallTime>,
}

impl Rule {
    /// Whether an event is one that this rule counts.
    pub fn looks_at(&self, event: &Happening, offset_min: i32) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && event.region.is_some_and(|r| r.is_within(&self.region))
            && (self.cameras.is_empty() || event.camera.is_some_and(|c| self.cameras.contains(&c)))
            // Grade I is the gravest and the first.
            && self.at_least.is_none_or(|g| event.grade <= g)
            && (self.hours.is_empty() || self.hours.iter().any(|h| h.holds(event.at, offset_min)))
    }

    /// Whether it makes an alarm: its recording is then held.
    pub fn is_alarm(&self) -> bool {
        let is = |a: &Act| matches!(a, Act::Popup | Act::Incident { .. });
        self.acts.iter().any(is)
    }
}

impl Engine {
    /// An event has begun. Each event is to be given once, in about the order of time.
    pub fn handle<'a>(
        &mut self,
        rules: impl Iterator<Item = &'a Arc<Rule>>,
        event: &Happening,
        offset_min: i32,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for rule in rules.filter(|r| r.on && r.looks_at(event, offset_min)) {
            let counted = self
                .rules
                .entry(rule.id.clone())
                .or_insert_with(|| Counted::new(rule));
            if counted.rule != *rule {
                *counted = Counted::new(rule);
            }
            counted.count(event, &mut outcome);
        }
        outcome
    }

    /// How often a rule was held back and this was not told yet.
    pub(super) fn take_suppressed(&mut self, rule: &str) -> u64 {
        let counted = self.rules.get_mut(rule);
        counted.map_or(0, |c| std::mem::take(&mut c.suppressed))
    }

    /// Forgets rules that are gone.
    pub fn retain(&mut self, there: impl Fn(&str) -> bool) {
        self.rules.retain(|id, _| there(id));
    }
}

impl Counted {
    fn new(rule: &Arc<Rule>) -> Self {
        Self {
            rule: Arc::clone(rule),
            groups: HashMap::new(),
            fired: VecDeque::new(),
            suppressed: 0,
            told: None,
        }
    }

    fn count(&mut self, event: &Happening, outcome: &mut Outcome) {
        let group = match self.rule.per {
            Per::Camera => Group::Camera(event.camera),
            Per::Region => Group::Region(event.region),
            Per::All => Group::All,
        };
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&group) {
            let quiet = |s: &Seen| s.times.back().copied().max(s.last_fired);
            let oldest = self.groups.iter().min_by_key(|(_, s)| quiet(s));
            if let Some(oldest) = oldest.map(|(g, _)| *g) {
                self.groups.remove(&oldest);
            }
        }
        let seen = self.groups.entry(group).or_default();
        let within = Duration::from_secs(self.rule.within_s.into());
        seen.times.push_back(event.at);
        while seen.times.len() > self.rule.count as usize
            || seen
                .times
                .front()
                .is_some_and(|t| event.at.since(*t) > within)
        {
            seen.times.pop_front();
        }
        let quiet = Duration::from_secs(self.rule.quiet_s.into());
        let is_quiet = seen
            .last_fired
            .is_some_and(|at| event.at.since(at) < quiet && event.at >= at);
        if seen.times.len() < self.rule.count as usize || is_quiet {
            return;
        }
        let count = seen.times.len() as u32;
        seen.times.clear();
        while self
            .fired
            .front()
            .is_some_and(|t| event.at.since(*t) >= MINUTE)
        {
            self.fired.pop_front();
        }
        if self.fired.len() >= MAX_PER_MINUTE {
            self.suppressed += 1;
            let tell = self.told.is_none_or(|t| event.at.since(t) >= MINUTE);
            if tell {
                self.told = Some(event.at);
                outcome.limited.push(Limited {
                    rule: self.rule.id.clone(),
                    suppressed: std::mem::take(&mut self.suppressed),
                });
            }
            return;
        }
        seen.last_fired = Some(event.at);
        self.fired.push_back(event.at);
        outcome.fired.push(Fired {
            rule: Arc::clone(&self.rule),
            event: event.id,
            count,
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rules::rule::tests::rule;
    use proptest::prelude::*;

    pub(in crate::rules) fn happening(n: u32, at_ms: i64) -> Happening {
        Happening {
            id: EventId {
                at: at_ms,
                number: n,
            },
            kind: EventKind::Motion,
            camera: Some(format!("44140300001326{n:06}").parse().unwrap()),
            region: Some("441403102".parse().unwrap()),
            grade: Grade::IV,
            at: WallTime(at_ms * 1000),
        }
    }

    fn run(rule: Rule, events: impl Iterator<Item = Happening>) -> (Vec<i64>, u64) {
        let (mut engine, rule) = (Engine::default(), Arc::new(rule));
        let (mut fired, mut limited) = (Vec::new(), 0);
        for event in events {
            let outcome = engine.handle(std::iter::once(&rule), &event, 480);
            fired.extend(outcome.fired.iter().map(|f| f.event.at));
            limited += outcome.limited.len() as u64;
        }
        (fired, limited)
    }

    #[test]
    fn so_many_within_a_time_fire_once_and_then_it_is_quiet() {
        let rule = Rule {
            count: 3,
            within_s: 10,
            quiet_s: 60,
            ..rule()
        };
        let at = [
            0, 4000, 11_000, 13_000, 14_000, 15_000, 16_000, 80_000, 81_000, 82_000,
        ];
        let (fired, _) = run(rule.clone(), at.iter().map(|t| happening(1, *t)));
        // 4, 11, 13 are three within ten seconds; then a minute of quiet; 80, 81, 82 again.
        assert_eq!(fired, [13_000, 82_000]);
        // Of three cameras they count together only where the rule says so.
        let by = |per| {
            run(
                Rule {
                    per,
                    ..rule.clone()
                },
                (0..3).map(|n| happening(n, 1000)),
            )
            .0
            .len()
        };
        assert_eq!((by(Per::Camera), by(Per::Region), by(Per::All)), (0, 1, 1));
    }

    #[test]
    fn what_a_rule_looks_at() {
        let event = happening(1, 1000);
        let looks = |change: &dyn Fn(&mut Rule)| {
            let mut rule = rule();
            change(&mut rule);
            rule.looks_at(&event, 480)
        };
        assert!(looks(&|_| ()));
        assert!(looks(&|r| r.kinds = vec![]));
        assert!(!looks(&|r| r.kinds = vec![EventKind::Dark]));
        assert!(!looks(&|r| r.region = "441403103".parse().unwrap()));
        assert!(!looks(&|r| r.at_least = Some(Grade::III)));
        assert!(looks(&|r| r.at_least = Some(Grade::IV)));
        assert!(!looks(
            &|r| r.cameras = vec!["44140300001326000009".parse().unwrap()]
        ));
        assert!(!looks(&|r| r.hours = vec![super::super::Hours {
            days: 1,
            from_min: 0,
            to_min: 1
        }]));
    }

    #[test]
    fn ten_thousand_a_minute_are_held_to_ten_and_told_once() {
        let rule = Rule {
            per: Per::All,
            ..rule()
        };
        let (fired, limited) = run(rule, (0..10_000).map(|n| happening(n, i64::from(n) * 6)));
        assert_eq!(fired.len(), MAX_PER_MINUTE);
        assert_eq!(limited, 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut engine, rule) = (
            Engine::default(),
            Arc::new(Rule {
                count: 1000,
                ..rule()
            }),
        );
        for n in 0..7000 {
            engine.handle(std::iter::once(&rule), &happening(n, i64::from(n)), 480);
        }
        assert!(engine.rules["night"].groups.len() <= MAX_GROUPS);
        engine.retain(|_| false);
        assert!(engine.rules.is_empty());
    }

    #[test]
    fn a_rule_that_is_changed_counts_anew_and_one_that_is_off_does_not() {
        let mut engine = Engine::default();
        let two = Arc::new(Rule { count: 2, ..rule() });
        let renamed = Arc::new(Rule {
            name: "other".into(),
            ..(*two).clone()
        });
        let off = Arc::new(Rule {
            on: false,
            count: 1,
            ..rule()
        });
        let mut fired = |rule: &Arc<Rule>, at| {
            !engine
                .handle(std::iter::once(rule), &happening(1, at), 480)
                .fired
                .is_empty()
        };
        assert!(!fired(&off, 0));
        assert!(!fired(&two, 1));
        assert!(!fired(&renamed, 2));
        assert!(fired(&renamed, 3));
    }

    proptest! {
        /// Whatever comes: never more than ten in any minute that ends with a firing.
        #[test]
        fn never_more_than_ten_a_minute(steps in proptest::collection::vec((0u32..20, 0i64..5000), 1..400)) {
            let mut now = 0;
            let events: Vec<Happening> = steps.into_iter().map(|(n, step)| { now += step; happening(n, now) }).collect();
            let (fired, _) = run(rule(), events.into_iter());
            for (i, at) in fired.iter().enumerate() {
                let within = fired[..=i].iter().filter(|t| at - **t < 60_000).count();
                prop_assert!(within <= MAX_PER_MINUTE);
            }
        }
    }
}
