//! A camera's file field by field, for people who compare two of them. A password is never told, only that it is another one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Region;
use crate::Camera;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Its name in the API: `name`, `asset.model`.
    pub field: String,
    /// As it was; null: empty, or not there at all.
    pub from: Value,
    /// As it is.
    pub to: Value,
}

/// What stands for a password.
pub const HIDDEN: &str = "***";

fn flat(value: Value) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let Value::Object(map) = value else {
        return fields;
    };
    for (name, value) in map {
        match (name.as_str(), value) {
            ("asset", Value::Object(asset)) => {
                let asset: Map<String, Value> = asset;
                fields.extend(asset.into_iter().map(|(n, v)| (format!("asset.{n}"), v)));
            }
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
    for value in fields.values_mut() {
        // An empty text, an empty list and nothing are the same to people.
        let empty = match value {
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if empty {
            *value = Value::Null;
        }
    }
    fields
}

/// Every field of a camera by its name in the API.
pub fn of(camera: &Camera) -> BTreeMap<String, Value> {
    // A plain structure of numbers and texts always becomes JSON.
    flat(serde_json::to_value(camera).unwrap_or_default())
}

fn compare(from: BTreeMap<String, Value>, to: BTreeMap<String, Value>) -> Vec<Difference> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let get = |of: &BTreeMap<String, Value>| of.get(name).cloned().unwrap_or_default();
        let (mut a, mut b) = (get(&from), get(&to));
        if a == b {
            continue;
        }
        if name == "password" {
            for value in [&mut a, &mut b] {
                if !value.is_null() {
                    *value = HIDDEN.into();
                }
            }
        }
        found.push(Difference {
            field: name.clone(),
            from: a,
            to: b,
        });
    }
    found
}

/// What differs between two states of a camera, by field.
pub fn differences(from: Option<&Camera>, to: Option<&Camera>) -> Vec<Difference> {
    let fields = |c: Option<&Camera>| c.map(of).unwrap_or_default();
    compare(fields(from), fields(to))
}

/// What differs between two states of a region.
pub fn region_differences(from: Option<&Region>, to: Option<&Region>) -> Vec<Difference> {
    let fields = |r: Option<&Region>| {
        let value = r.and_then(|r| serde_json::to_value(r).ok());
        flat(value.unwrap_or_default())
    };
    compare(fields(from), fields(to))
}

/// What two editors did from the same base: one row a field that the base, theirs and mine do not agree in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// Its name in the API.
    pub field: String,
    /// As both found it; null also where that revision is not at hand any more.
    pub base: Value,
    /// As it is on file now.
    pub theirs: Value,
    /// As it would become.
    pub mine: Value,
}

/// The fields in which what is on file (`theirs`) and what is wanted (`mine`) differ.
pub fn conflicts(base: Option<&Camera>, theirs: Option<&Camera>, mine: &Camera) -> Vec<Conflict> {
    let base = base.map(of).unwrap_or_default();
    let between = differences(theirs, Some(mine));
    between
        .into_iter()
        .map(|d| {
            let mut before = base.get(&d.field).cloned().unwrap_or_default();
            if d.field == "password" && !before.is_null() {
                before = HIDDEN.into();
            }
            Conflict {
                field: d.field,
                base: before,
                theirs: d.from,
                mine: d.to,
            }
        })
        .collect()
}
