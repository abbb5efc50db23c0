//! `target/bench/results.json`: all figures of the project, each beside its floor.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, such as `ws-200`.
    pub bench: String,
    /// Measured.
    pub value: f64,
    /// Of value and floor, such as `s/GB`.
    pub unit: String,
    /// The least there can be, measured in the same run; null where there is none.
    pub floor: Option<f64>,
    /// Value over floor.
    pub ratio: Option<f64>,
}

impl Figure {
    /// With its floor, if there is one.
    pub fn new(bench: &str, value: f64, unit: &str, floor: Option<f64>) -> Self {
        Self {
            bench: bench.into(),
            value,
            unit: unit.into(),
            floor,
            ratio: floor.map(|f| value / f),
        }
    }
}

/// The table for a terminal.
pub fn table(figures: &[Figure]) -> String {
    let mut out = format!(
        "{:<20} {:>10} {:>10} {:>7}  unit\n",
        "bench", "value", "floor", "ratio"
    );
    let number = |n: Option<f64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n:.3}"));
    for f in figures {
        out += &format!(
            "{:<20} {:>10} {:>10} {:>7}  {}\n",
            f.bench,
            number(Some(f.value)),
            number(f.floor),
            number(f.ratio),
            f.unit
        );
    }
    out
}

/// A file in `target/bench`, which is made: beside the folder that this program was built into.
///
/// # Errors
/// The folder cannot be made.
pub fn file(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .parent()
        .and_then(Path::parent)
        .context("a program is built into target/PROFILE")?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder.join(name))
}

/// The table for a document.
pub fn markdown(figures: &[Figure]) -> String {
    let mut out = "| bench | value | floor | ratio |\n| --- | --- | --- | --- |\n".to_owned();
    // Three digits that count.
    let number = |n: Option<f64>| match n {
        None => String::new(),
        Some(n) if n.abs() >= 100.0 => format!("{n:.0}"),
        Some(n) if n.abs() >= 10.0 => format!("{n:.1}"),
        Some(n) => format!("{n:.2}"),
    };
    for f in figures {
        out += &format!(
            "| `{}` ({}) | {} | {} | {} |\n",
            f.bench,
            f.unit,
            number(Some(f.value)),
            number(f.floor),
            number(f.ratio)
        );
    }
    out
}

/// All figures of the file.
///
/// # Errors
/// There is none, or it holds something else.
pub fn read() -> Result<Vec<Figure>> {
    let path = file("results.json")?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{}: not a list of figures", path.display()))
}

/// Adds figures to the file; one of the same name is replaced.
///
/// # Errors
/// The file cannot be read as figures, or not be written.
pub fn append(figures: &[Figure]) -> Result<PathBuf> {
    let path = file("results.json")?;
    let mut all = if path.exists() { read()? } else { Vec::new() };
    all.retain(|old| figures.iter().all(|new| new.bench != old.bench));
    all.extend_from_slice(figures);
    fs::write(&path, serde_json::to_vec_pretty(&all)?)
        .with_context(|| path.display().to_string())?;
    Ok(path)
}
