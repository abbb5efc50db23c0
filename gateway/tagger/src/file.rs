//! What the tagger finds in a file: the same judgement as live, without a budget.

use std::{collections::HashMap, path::Path, sync::Arc};

use media::{EventKind, Frame};

use crate::{
    Config, Error,
    eye::{Decoders, Eye, Work},
    judge::Change,
    tag::{Finding, Phase},
    zone::Zone,
};

/// Judges a whole video file and says what was found, in order of its start. Blocks; for a thread of its own.
///
/// # Errors
/// [`Error::File`] when it cannot be opened or taken apart.
pub fn tag_file(path: impl AsRef<Path>) -> Result<Vec<Finding>, Error> {
    tag_file_with(path.as_ref(), &Config::default(), &[])
}

/// As [`tag_file`], with settings and zones.
///
/// # Errors
/// As [`tag_file`].
pub fn tag_file_with(path: &Path, config: &Config, zones: &[Zone]) -> Result<Vec<Finding>, Error> {
    let failed = |text: String| Error::File {
        path: path.to_owned(),
        text,
    };
    // Nobody looks at a file's snapshots.
    let config = Config {
        snapshot_width: 0,
        ..config.clone()
    };
    let mut eye = Eye::new(&config, zones.to_vec(), Arc::new(Decoders::default()));
    let mut findings = Findings::default();
    let mut group: Vec<Arc<Frame>> = Vec::new();
    for frame in ingest::file::demux(path).map_err(|e| failed(e.to_string()))? {
        let frame = frame.map_err(|e| failed(e.to_string()))?;
        let full = frame.key && !group.is_empty() || group.len() >= 32;
        if full {
            let fresh = group[0].key;
            let work = Work {
                frames: std::mem::take(&mut group),
                fresh,
                last: frame.key,
            };
            findings.take(eye.look(&work).changes.into_iter().map(|(c, _)| c));
        }
        group.push(frame);
    }
    if let Some(first) = group.first() {
        let work = Work {
            fresh: first.key,
            frames: group,
            last: true,
        };
        findings.take(eye.look(&work).changes.into_iter().map(|(c, _)| c));
    }
    findings.take(eye.finish().into_iter());
    Ok(findings.sorted())
}

/// Changes gathered into findings.
#[derive(Debug, Default)]
struct Findings {
    open: HashMap<EventKind, Finding>,
    done: Vec<Finding>,
}

impl Findings {
    fn take(&mut self, changes: impl Iterator<Item = Change>) {
        for change in changes {
            let finding = Finding {
                kind: change.kind,
                start_s: milliseconds(change.start),
                end_s: milliseconds(change.at),
            };
            match change.phase {
                Phase::Start | Phase::Going => {
                    self.open.insert(change.kind, finding);
                }
                Phase::End => {
                    self.open.remove(&change.kind);
                    self.done.push(finding);
                }
            }
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.done.extend(self.open.into_values());
        self.done
            .sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.kind.cmp(&b.kind)));
        self.done
    }
}

fn milliseconds(s: f64) -> f64 {
    (s * 1000.0).round() / 1000.0
}
