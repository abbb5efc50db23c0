//! The sources that administrators set up, journaled. What the configuration says stands beside them and cannot be changed here.

use std::{collections::BTreeMap, sync::Arc};

use command::{Store, state::State};
use media::WallTime;
use serde::{Deserialize, Serialize};

use super::source::Source;

/// Sources at most.
const MAX_SOURCES: usize = 50;

/// A change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A source is added or replaced; whether it may be was checked with the list of hosts.
    Put(Box<Source>),
    /// It is gone.
    Remove(String),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are too many.
    #[error("there are {MAX_SOURCES} map sources, which is the most")]
    Full,
    /// There is none.
    #[error("no map source '{0}' was set up")]
    NotFound(String),
    /// It is drawn over another one.
    #[error("map source '{0}' is drawn over '{1}': take it out there first")]
    Used(String, String),
}

/// All that were set up.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, Arc<Source>>);

/// With their journal.
pub type Kept = Store<Sources>;

impl Sources {
    /// One.
    pub fn get(&self, id: &str) -> Option<&Arc<Source>> {
        self.0.get(id)
    }

    /// All, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.0.values()
    }
}

impl State for Sources {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Put(_) => "map-source",
            Change::Remove(_) => "map-source-gone",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(source) => match self.0.len() {
                n if n >= MAX_SOURCES && !self.0.contains_key(&source.id) => Err(Error::Full),
                _ => Ok(()),
            },
            Change::Remove(id) => {
                let over = self.all().find(|s| s.labels.as_ref() == Some(id));
                match (self.0.contains_key(id), over) {
                    (false, _) => Err(Error::NotFound(id.clone())),
                    (_, Some(over)) => Err(Error::Used(id.clone(), over.id.clone())),
                    _ => Ok(()),
                }
            }
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        match change {
            Change::Put(source) => {
                // The map opens with one.
                if source.default {
                    for other in self.0.values_mut().filter(|s| s.default) {
                        Arc::make_mut(other).default = false;
                    }
                }
                self.0.insert(source.id.clone(), Arc::from(source));
            }
            Change::Remove(id) => {
                self.0.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::source::{Grid, Kind, tests::source};

    fn named(id: &str) -> Source {
        Source {
            id: id.into(),
            ..source(Kind::Xyz, Grid::Mercator, "http://a/{z}/{x}/{y}")
        }
    }

    #[test]
    fn the_map_opens_with_one_and_what_is_in_use_stays() {
        let mut sources = Sources::default();
        let at = WallTime::from_secs(0);
        for id in ["a", "b"] {
            let source = Source {
                default: true,
                ..named(id)
            };
            sources.apply(at, Change::Put(Box::new(source)));
        }
        let opens: Vec<_> = sources
            .all()
            .filter(|s| s.default)
            .map(|s| s.id.as_str())
            .collect();
        assert_eq!(opens, ["b"]);
        let over = Source {
            labels: Some("a".into()),
            ..named("b")
        };
        sources.apply(at, Change::Put(Box::new(over)));
        let refused = sources.check(&Change::Remove("a".into()));
        assert_eq!(refused, Err(Error::Used("a".into(), "b".into())));
        assert!(sources.check(&Change::Remove("b".into())).is_ok());
        assert!(sources.check(&Change::Remove("c".into())).is_err());
    }

    #[test]
    fn a_record_from_before_there_were_more_fields_is_read() {
        let old = r#"{"put":{"id":"a","name":"n","grid":"GCJ-02","url":"http://a/{z}/{x}/{y}"}}"#;
        let Change::Put(source) = serde_json::from_str(old).unwrap() else {
            panic!()
        };
        assert_eq!(
            (source.kind, source.max_zoom, source.base),
            (Kind::Xyz, 18, true)
        );
    }
}
