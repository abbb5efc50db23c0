//! Where people in the field are, as far as they share it: in memory only, for as long as they say, and gone with a restart. Where
//! somebody was is nobody's business afterwards; what they wrote down with a place stays in the incident's log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use media::{Place, RegionCode, WallTime};
use serde::Serialize;

/// Most people who share at once.
const MAX: usize = 5000;

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Position {
    /// Their account.
    pub user: String,
    /// What they are called.
    pub name: String,
    /// The account's region: who may see them follows from this.
    pub region: RegionCode,
    /// Where; none once they are not to be seen any more.
    pub place: Option<Place>,
    /// How sure their phone is, metres.
    pub accuracy_m: Option<f64>,
    /// When the gateway heard it.
    pub at: WallTime,
    /// Until when they share it.
    pub until: WallTime,
}

/// All who share.
#[derive(Debug, Default)]
pub struct Positions(Mutex<BTreeMap<String, Position>>);

impl Positions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Position>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is there now; whether there was room.
    pub fn put(&self, position: Position) -> bool {
        let mut all = self.lock();
        if all.len() >= MAX && !all.contains_key(&position.user) {
            return false;
        }
        all.insert(position.user.clone(), position);
        true
    }

    /// Somebody shares it no more: what is to be told.
    pub fn stop(&self, user: &str, now: WallTime) -> Option<Position> {
        let gone = self.lock().remove(user)?;
        Some(Position {
            place: None,
            at: now,
            ..gone
        })
    }

    /// Everybody who shares at this moment.
    pub fn all(&self, now: WallTime) -> Vec<Position> {
        let all = self.lock();
        all.values().filter(|p| now < p.until).cloned().collect()
    }

    /// Those whose time is over: they are forgotten, and what is to be told comes back.
    pub fn expire(&self, now: WallTime) -> Vec<Position> {
        let over: Vec<String> = {
            let all = self.lock();
            let over = all.values().filter(|p| now >= p.until);
            over.map(|p| p.user.clone()).collect()
        };
        over.iter().filter_map(|u| self.stop(u, now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_forgotten_when_its_time_is_over() {
        let positions = Positions::default();
        let at = WallTime::from_secs;
        let position = |user: &str, until| Position {
            user: user.into(),
            name: user.into(),
            region: "441403".parse().unwrap(),
            place: Some(Place { lon: 1.0, lat: 2.0 }),
            accuracy_m: None,
            at: at(0),
            until: at(until),
        };
        assert!(positions.put(position("li", 10)) && positions.put(position("wang", 20)));
        assert_eq!(positions.all(at(9)).len(), 2);
        let gone = positions.expire(at(10));
        assert_eq!((gone.len(), gone[0].place), (1, None));
        assert_eq!(positions.all(at(10))[0].user, "wang");
        assert!(positions.stop("wang", at(11)).is_some());
        assert!(positions.stop("wang", at(11)).is_none());
        for n in 0..MAX {
            assert!(positions.put(position(&n.to_string(), 99)));
        }
        assert!(!positions.put(position("one more", 99)));
    }
}
