//! What may be done to an incident now. Nothing here changes anything.

use media::Place;

use super::{
    Change, Error, Incident, Opening, Order, Sketch, Stage, Step, Task, Words,
    drawing::{MAX_DRAWINGS, MAX_DRAWN_POINTS},
    task::Who,
};

/// Most log entries that people may add to one incident; what its tasks do is written beyond it.
pub const MAX_LOG: usize = 20_000;
/// Most characters of a note.
pub const MAX_NOTE: usize = 4000;
/// Most tasks of one incident.
pub const MAX_TASKS: usize = 500;
/// Most steps that are written beyond [`MAX_LOG`].
const LOG_RESERVE: usize = 10_000;
/// Most pictures and voices of one entry.
pub const MAX_ATTACHMENTS: usize = 12;
/// Most pictures and voices of one incident.
pub const MAX_KEPT: usize = 2000;
/// Most cameras of one incident.
pub const MAX_CAMERAS: usize = 200;
/// Most people who are told of one incident.
const MAX_TOLD: usize = 500;
/// Most guests that one incident has had.
const MAX_GUESTS: usize = 200;

/// Whether an incident may be opened with these words.
pub(super) fn opening(o: &Opening) -> Result<(), Error> {
    bounded("title", &o.title, 1, 200)?;
    bounded("kind", &o.kind, 0, 50)?;
    bounded("note", &o.note, 0, MAX_NOTE)?;
    on_earth(o.place)
}

impl Incident {
    /// Whether the change may be made to it now.
    pub(super) fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            // Only of one that is not there yet.
            Change::Open(_) => Ok(()),
            Change::Note { words, .. } => {
                let least = usize::from(words.attachments.is_empty());
                self.check_words(words, least)?;
                self.room(0)
            }
            Change::Transition { to, note, from, .. } => {
                if let Some(seen) = from.filter(|seen| *seen != self.state) {
                    return Err(Error::Stale {
                        number: self.number.clone(),
                        seen,
                        now: self.state,
                    });
                }
                if *to == Stage::Planned {
                    return Err(Error::Field {
                        field: "to",
                        text: "'planned' is reached by starting a plan".into(),
                    });
                }
                if !self.state.next().contains(to) {
                    return Err(Error::Illegal {
                        from: self.state,
                        to: *to,
                    });
                }
                let open = |t: &&Task| t.progress().is_open();
                let open = self.tasks.iter().filter(open).count();
                if *to == Stage::Closed && open > 0 {
                    return Err(Error::OpenTasks {
                        number: self.number.clone(),
                        open,
                    });
                }
                let back = self.state == Stage::Closed && *to == Stage::Handling;
                let least = usize::from(*to == Stage::Closed || back);
                bounded("note", note, least, MAX_NOTE)
            }
            Change::Grade { note, grade, .. } => {
                if self.grade == *grade {
                    return Err(Error::Field {
                        field: "grade",
                        text: format!("{grade:?} is what it has"),
                    });
                }
                bounded("note", note, 1, MAX_NOTE)?;
                self.room(LOG_RESERVE)
            }
            Change::Give { order, key, .. } => {
                self.check_key(key.as_ref())?;
                check_order(order)?;
                self.takes_tasks(1)
            }
            Change::Step {
                task,
                by,
                step,
                owner,
                revision,
                words,
                ..
            } => {
                // What comes twice is no fault, though its step could not be taken twice.
                self.check_key(words.key.as_ref())?;
                self.check_revision(*task, *revision)?;
                self.check_step(*task, by, *step, owner.as_ref(), words)
            }
            Change::Overdue { task, .. } => {
                self.existing_task(*task)?;
                Ok(())
            }
            Change::Start {
                plan,
                name,
                orders,
                tell,
                key,
                ..
            } => {
                self.check_key(key.as_ref())?;
                if self.told.len() + tell.len() > MAX_TOLD {
                    return Err(many("tell", self.told.len() + tell.len(), MAX_TOLD));
                }
                if self.plans.contains(plan) {
                    return Err(Error::Started(name.clone()));
                }
                self.takes_tasks(orders.len())?;
                orders.iter().try_for_each(check_order)
            }
            Change::Report { words, .. } => {
                self.check_words(words, 1)?;
                self.room(LOG_RESERVE)
            }
            Change::Cameras { add, remove, .. } => {
                if add.is_empty() && remove.is_empty() {
                    return Err(Error::Field {
                        field: "add",
                        text: "no camera to add, and none to remove".into(),
                    });
                }
                match self.cameras.len() + add.len() {
                    n if n > MAX_CAMERAS => Err(many("add", n, MAX_CAMERAS)),
                    _ => self.room(LOG_RESERVE),
                }
            }
            Change::Seen { by, .. } => match self.told.iter().any(|t| t.user == *by) {
                true => Ok(()),
                false => Err(Error::NotYours {
                    text: format!("{by} was not told of {}", self.number),
                }),
            },
            Change::Attach { attachment, .. } => {
                if self.attachment(&attachment.id).is_none() && self.attachments.len() >= MAX_KEPT {
                    return Err(many("attachment", self.attachments.len() + 1, MAX_KEPT));
                }
                match attachment.is_sound() {
                    true => Ok(()),
                    false => Err(Error::Field {
                        field: "attachment",
                        text: "its id is not one".into(),
                    }),
                }
            }
            Change::Invite { guest, .. } => {
                if self.guests.len() >= MAX_GUESTS {
                    return Err(many("guest", self.guests.len() + 1, MAX_GUESTS));
                }
                bounded("name", &guest.name, 1, 50)?;
                self.room(LOG_RESERVE)
            }
            Change::Draw { sketch, .. } => self.check_sketch(sketch),
            Change::Erase { drawing, .. } => match self.drawing(*drawing) {
                Some(_) => self.room(LOG_RESERVE),
                None => Err(Error::NoDrawing {
                    number: self.number.clone(),
                    drawing: *drawing,
                }),
            },
            Change::Uninvite { guest, .. } => {
                match self.guests.iter().any(|g| g.number == *guest) {
                    true => Ok(()),
                    false => Err(Error::NoGuest {
                        number: self.number.clone(),
                        guest: *guest,
                    }),
                }
            }
        }
    }

    fn check_sketch(&self, sketch: &Sketch) -> Result<(), Error> {
        self.check_key(sketch.key.as_ref())?;
        sketch.check()?;
        if self.drawings.len() >= MAX_DRAWINGS {
            return Err(many("drawing", self.drawings.len() + 1, MAX_DRAWINGS));
        }
        let shown = self.drawings.iter().filter(|d| d.erased_at.is_none());
        let points = shown.map(|d| d.points.len()).sum::<usize>() + sketch.points.len();
        match points > MAX_DRAWN_POINTS {
            true => Err(many("points", points, MAX_DRAWN_POINTS)),
            false => self.room(0),
        }
    }

    fn check_revision(&self, number: u32, seen: Option<u32>) -> Result<(), Error> {
        let task = self.existing_task(number)?;
        match (seen, &task.last) {
            (Some(seen), Some(last)) if seen != task.revision => Err(Error::MovedOn {
                task: number,
                by: last.by.clone(),
                step: last.step,
                at: last.at,
                now: task.progress(),
            }),
            _ => Ok(()),
        }
    }

    fn room(&self, reserve: usize) -> Result<(), Error> {
        if self.log.len() < MAX_LOG + reserve {
            return Ok(());
        }
        Err(Error::Field {
            field: "note",
            text: format!("the log of {} is full ({MAX_LOG} entries)", self.number),
        })
    }

    fn check_words(&self, words: &Words, least: usize) -> Result<(), Error> {
        bounded("note", &words.note, least, MAX_NOTE)?;
        on_earth(words.place)?;
        if words.attachments.len() > MAX_ATTACHMENTS {
            return Err(Error::Field {
                field: "attachments",
                text: format!(
                    "{}, expected at most {MAX_ATTACHMENTS}",
                    words.attachments.len()
                ),
            });
        }
        if let Some(strange) = (words.attachments.iter()).find(|id| self.attachment(id).is_none()) {
            let short: String = strange.chars().take(80).collect();
            return Err(Error::Field {
                field: "attachments",
                text: format!("'{short}' is not kept with {}: send it first", self.number),
            });
        }
        self.check_key(words.key.as_ref())
    }

    fn check_key(&self, key: Option<&String>) -> Result<(), Error> {
        let Some(key) = key else { return Ok(()) };
        bounded("key", key, 1, 64)?;
        match self.log.iter().rev().any(|e| e.key.as_ref() == Some(key)) {
            true => Err(Error::Repeated(key.clone())),
            false => Ok(()),
        }
    }

    fn takes_tasks(&self, more: usize) -> Result<(), Error> {
        if !self.state.is_open() {
            return Err(Error::Over {
                number: self.number.clone(),
                stage: self.state,
            });
        }
        if self.tasks.len() + more > MAX_TASKS {
            return Err(Error::Field {
                field: "task",
                text: format!("an incident has at most {MAX_TASKS} tasks"),
            });
        }
        self.room(LOG_RESERVE)
    }

    fn existing_task(&self, number: u32) -> Result<&Task, Error> {
        self.task(number).ok_or_else(|| Error::NoTask {
            number: self.number.clone(),
            task: number,
        })
    }

    fn check_step(
        &self,
        number: u32,
        by: &str,
        step: Step,
        owner: Option<&String>,
        words: &Words,
    ) -> Result<(), Error> {
        let task = self.existing_task(number)?;
        let from = task.progress();
        if from.after(step).is_none() {
            return Err(Error::IllegalStep { from, step });
        }
        let owner_is = &task.order.owner;
        let text = match step.who() {
            Who::Owner if by != owner_is => {
                format!("'{}' is for {owner_is}, whose task it is", step.as_str())
            }
            Who::Reviewer if by == owner_is => {
                format!(
                    "'{}' is for somebody else than {owner_is}, who did it",
                    step.as_str()
                )
            }
            _ => String::new(),
        };
        if !text.is_empty() {
            return Err(Error::NotYours { text });
        }
        match (step, owner) {
            (Step::Reassign, None) => Err(Error::Field {
                field: "owner",
                text: "is missing: who is to do it now".into(),
            }),
            (Step::Reassign, Some(owner)) => bounded("owner", owner, 1, 64),
            (_, Some(_)) => Err(Error::Field {
                field: "owner",
                text: format!("has no meaning with '{}'", step.as_str()),
            }),
            (_, None) => Ok(()),
        }?;
        let least = usize::from(step.wants_words() && words.attachments.is_empty());
        self.check_words(words, least)?;
        self.room(LOG_RESERVE)
    }
}

fn many(field: &'static str, n: usize, most: usize) -> Error {
    Error::Field {
        field,
        text: format!("{n}, expected at most {most}"),
    }
}

fn check_order(order: &Order) -> Result<(), Error> {
    bounded("title", &order.title, 1, 200)?;
    bounded("detail", &order.detail, 0, MAX_NOTE)?;
    bounded("owner", &order.owner, 1, 64)?;
    on_earth(order.place)
}

fn bounded(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Error> {
    let length = text.trim().chars().count();
    if (least..=most).contains(&length) {
        return Ok(());
    }
    Err(Error::Field {
        field,
        text: format!("{length} characters, expected {least} to {most}"),
    })
}

fn on_earth(place: Option<Place>) -> Result<(), Error> {
    if place.is_none_or(|p| p.is_valid()) {
        return Ok(());
    }
    Err(Error::Field {
        field: "place",
        text: "longitude is -180 to 180, latitude -90 to 90".into(),
    })
}
