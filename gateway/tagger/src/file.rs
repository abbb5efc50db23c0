//! What the tagger finds in a file: the same judgement as live, without a budget.

use std::{collections::HashMap, path::Path, sync::Arc};

use media::EventKind;

use crate::{
    Config, Error,
    eye::{Decoders, Eye, Outcome, Work},
    stopwatch::Stopwatch,
    tag::{Finding, Phase},
    watch::{Eyed, Unlimited, Watch},
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
    let mut eye = Eye::new(
        &config,
        zones.to_vec(),
        Arc::new(Decoders::default()),
        Stopwatch::start(),
    );
    let (mut watch, mut eyed) = (Watch::default(), Eyed::default());
    let mut findings = Findings::default();
    let mut look = |work: &Work, eyed: &mut Eyed, findings: &mut Findings| {
        let seen = eye.look(work);
        eyed.moving = seen.moving;
        eyed.differs |= seen.differs;
        findings.take(seen);
    };
    for frame in ingest::file::demux(path).map_err(|e| failed(e.to_string()))? {
        let frame = frame.map_err(|e| failed(e.to_string()))?;
        let now = std::mem::take(&mut eyed.differs);
        let works = watch.frame(
            &frame,
            Eyed {
                differs: now,
                ..eyed
            },
            &mut Unlimited,
        );
        for work in works {
            look(&work, &mut eyed, &mut findings);
        }
    }
    if let Some(work) = watch.finish() {
        look(&work, &mut eyed, &mut findings);
    }
    findings.take(eye.end());
    Ok(findings.sorted())
}

/// Changes gathered into findings.
#[derive(Debug, Default)]
struct Findings {
    open: HashMap<EventKind, Finding>,
    done: Vec<Finding>,
}

impl Findings {
    fn take(&mut self, seen: Outcome) {
        for (change, _) in seen.changes {
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
