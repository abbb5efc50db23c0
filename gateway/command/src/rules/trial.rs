//! What a rule would have done: it is run over events that were, before it is switched on.

use std::sync::Arc;

use media::{CameraId, EventId, RegionCode, WallTime};
use serde::Serialize;

use super::{Engine, Happening, Rule};

/// What a rule would have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trial {
    /// Events it was run over.
    pub events: u64,
    /// Events it counts.
    pub matched: u64,
    /// How often it would have fired.
    pub fires: u64,
    /// How often it would have been held back, since it fires too often.
    pub suppressed: u64,
    /// The most in one minute, held back or not.
    pub busiest_minute: u64,
    /// By day of the district: how often.
    pub days: Vec<(super::super::supervision::Day, u64)>,
    /// The first of them.
    pub fired: Vec<TrialFired>,
}

/// One time that it would have fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialFired {
    /// When.
    pub at: WallTime,
    /// On which event.
    pub event: EventId,
    /// Of which camera.
    pub camera: Option<CameraId>,
    /// Where.
    pub region: Option<RegionCode>,
    /// How many events were counted.
    pub count: u32,
}

/// Firings told one by one.
const MAX_TOLD: usize = 200;

/// Runs a rule, whether it is on or not, over events in order of time.
pub fn try_out(rule: &Rule, events: &[Happening], offset_min: i32) -> Trial {
    let rule = Arc::new(Rule {
        on: true,
        ..rule.clone()
    });
    let mut engine = Engine::default();
    let mut trial = Trial::default();
    let (mut minute, mut in_minute) = (i64::MIN, 0u64);
    for event in events {
        trial.events += 1;
        if !rule.looks_at(event, offset_min) {
            continue;
        }
        trial.matched += 1;
        let outcome = engine.handle(std::iter::once(&rule), event, offset_min);
        let held = engine.take_suppressed(&rule.id)
            + outcome.limited.iter().map(|l| l.suppressed).sum::<u64>();
        trial.suppressed += held;
        let this = event.at.0.div_euclid(60_000_000);
        if this != minute {
            (minute, in_minute) = (this, 0);
        }
        in_minute += held + outcome.fired.len() as u64;
        trial.busiest_minute = trial.busiest_minute.max(in_minute);
        for fired in outcome.fired {
            trial.fires += 1;
            let day = super::super::supervision::Day::of(event.at, offset_min);
            match trial.days.last_mut() {
                Some((same, n)) if *same == day => *n += 1,
                _ => trial.days.push((day, 1)),
            }
            if trial.fired.len() < MAX_TOLD {
                trial.fired.push(TrialFired {
                    at: event.at,
                    event: fired.event,
                    camera: event.camera,
                    region: event.region,
                    count: fired.count,
                });
            }
        }
    }
    trial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Per, engine::tests::happening, rule::tests::rule};

    #[test]
    fn a_trial_says_what_would_have_been() {
        let rule = Rule {
            on: false,
            per: Per::All,
            count: 2,
            ..rule()
        };
        let mut events: Vec<Happening> =
            (0..4).map(|n| happening(n, i64::from(n) * 1000)).collect();
        events.push(Happening {
            kind: media::EventKind::Dark,
            ..happening(9, 5000)
        });
        // A flood on the next day: ten thousand pairs within a minute.
        events.extend((0..20_000).map(|n| happening(n, 86_400_000 + i64::from(n) * 3)));
        let trial = try_out(&rule, &events, 480);
        assert_eq!((trial.events, trial.matched), (20_005, 20_004));
        assert_eq!((trial.fires, trial.suppressed), (2 + 10, 9990));
        assert_eq!(trial.busiest_minute, 10_000);
        assert_eq!(
            trial.days.iter().map(|(_, n)| *n).collect::<Vec<_>>(),
            [2, 10]
        );
        assert_eq!(
            (trial.fired[0].count, trial.fired[0].at),
            (2, WallTime(1_000_000))
        );
    }
}
