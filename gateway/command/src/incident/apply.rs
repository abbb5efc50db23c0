//! What an accepted change does to an incident. Total: what does not fit is left out.

use std::sync::Arc;

use media::WallTime;

use super::{Action, Change, Entry, Incident, Order, Stage, Task, Told, Words};

impl Incident {
    /// Makes the change.
    pub(super) fn apply(&mut self, at: WallTime, change: Change) {
        match change {
            Change::Open(_) => {}
            Change::Note { by, words, .. } => {
                self.log
                    .push(Arc::new(Entry::new(at, by, Action::Note, words)));
            }
            Change::Transition { by, to, note, .. } => {
                let from = self.state;
                if !from.next().contains(&to) {
                    return;
                }
                self.state = to;
                self.closed_at = match to {
                    Stage::Closed => Some(at),
                    Stage::Filed => self.closed_at,
                    _ => None,
                };
                let entry = Entry::new(at, by, Action::Transition, note.into());
                self.log.push(Arc::new(entry.between(Some(from), to)));
            }
            Change::Grade {
                by, grade, note, ..
            } => {
                let note = format!("{:?} → {grade:?}: {note}", self.grade);
                self.grade = grade;
                let mut entry = Entry::new(at, by, Action::Graded, note.into());
                if self.state == Stage::Verified {
                    entry = entry.between(Some(self.state), Stage::Graded);
                    self.state = Stage::Graded;
                }
                self.log.push(Arc::new(entry));
            }
            Change::Give { by, order, key, .. } => self.give(at, &by, order, key),
            Change::Step {
                task,
                by,
                step,
                owner,
                words,
                ..
            } => {
                let Some(index) = (task as usize).checked_sub(1) else {
                    return;
                };
                let taken = self
                    .tasks
                    .get_mut(index)
                    .is_some_and(|t| t.take(at, &by, step, owner.as_deref()));
                if taken {
                    let mut words = words;
                    if let Some(owner) = owner {
                        let note = format!("→ {owner} {}", words.note);
                        words.note = note.trim_end().to_owned();
                    }
                    let entry = Entry::new(at, by, Action::Step, words).about(task, Some(step));
                    self.log.push(Arc::new(entry));
                }
            }
            Change::Overdue { task, .. } => {
                let index = (task as usize).saturating_sub(1);
                let late = self.tasks.get_mut(index).filter(|t| t.is_newly_overdue(at));
                if let Some(task) = late {
                    task.overdue_at = Some(at);
                    let entry = Entry::new(at, String::new(), Action::Overdue, Words::default());
                    self.log.push(Arc::new(entry.about(task.number, None)));
                }
            }
            Change::Start {
                by,
                plan,
                name,
                orders,
                cameras,
                tell,
                wall,
                key,
                ..
            } => {
                self.plans.push(plan);
                let words = Words {
                    note: name,
                    key,
                    ..Words::default()
                };
                let mut entry = Entry::new(at, by.clone(), Action::Plan, words);
                // One that was not verified yet still has to be: a plan may be started before anybody was there to look.
                if matches!(self.state, Stage::Verified | Stage::Graded) {
                    entry = entry.between(Some(self.state), Stage::Planned);
                    self.state = Stage::Planned;
                }
                self.log.push(Arc::new(entry));
                self.wall = wall.or(self.wall.take());
                for user in tell {
                    if !self.told.iter().any(|t| t.user == user) {
                        let seen_at = None;
                        self.told.push(Told { user, at, seen_at });
                    }
                }
                for camera in cameras {
                    if !self.cameras.contains(&camera) {
                        self.cameras.push(camera);
                    }
                }
                for order in orders {
                    self.give(at, &by, order, None);
                }
            }
            Change::Report { by, words, .. } => {
                self.reports += 1;
                let mut entry = Entry::new(at, by, Action::Report, words);
                entry.report = Some(self.reports);
                self.log.push(Arc::new(entry));
            }
            Change::Cameras {
                by, add, remove, ..
            } => self.link(at, by, &add, &remove),
            Change::Seen { by, .. } => {
                let waiting = |t: &&mut Told| t.user == by && t.seen_at.is_none();
                if let Some(told) = self.told.iter_mut().find(waiting) {
                    told.seen_at = Some(at);
                    let entry = Entry::new(at, by, Action::Seen, Words::default());
                    self.log.push(Arc::new(entry));
                }
            }
            Change::Attach { attachment, .. } => {
                if self.attachment(&attachment.id).is_none() {
                    self.attachments.push(Arc::from(attachment));
                }
            }
            Change::Invite { by, guest, .. } => {
                let number = self.guests.len() as u32 + 1;
                let until: String = guest.until.to_string().chars().take(16).collect();
                let note = format!("+ {} (→ {until}Z)", guest.name);
                self.guests.push(guest.admit(number, by.clone(), at));
                let entry = Entry::new(at, by, Action::Guest, note.into());
                self.log.push(Arc::new(entry));
            }
            Change::Draw { by, sketch, .. } => self.draw(at, by, sketch),
            Change::Erase { by, drawing, .. } => self.erase(at, by, drawing),
            Change::Uninvite { by, guest, .. } => {
                let same = |g: &&mut super::Guest| g.number == guest && g.ended_at.is_none();
                if let Some(guest) = self.guests.iter_mut().find(same) {
                    guest.ended_at = Some(at);
                    let note = format!("− {}", guest.name);
                    let entry = Entry::new(at, by, Action::Guest, note.into());
                    self.log.push(Arc::new(entry));
                }
            }
        }
    }

    fn draw(&mut self, at: WallTime, by: String, mut sketch: super::Sketch) {
        let number = self.drawings.len() as u32 + 1;
        let words = Words {
            note: format!("{number} {}", sketch.text.trim())
                .trim_end()
                .to_owned(),
            key: sketch.key.take(),
            ..Words::default()
        };
        let drawing = sketch.into_drawing(number, by.clone(), at);
        self.drawings.push(Arc::new(drawing));
        self.log
            .push(Arc::new(Entry::new(at, by, Action::Drawn, words)));
    }

    fn erase(&mut self, at: WallTime, by: String, number: u32) {
        let index = (number as usize).saturating_sub(1);
        let shown = |d: &&mut Arc<super::Drawing>| d.erased_at.is_none() && d.number == number;
        let Some(drawing) = self.drawings.get_mut(index).filter(shown) else {
            return;
        };
        Arc::make_mut(drawing).erased_at = Some(at);
        let note = format!("{number} {}", drawing.text);
        let entry = Entry::new(at, by, Action::Erased, note.trim_end().to_owned().into());
        self.log.push(Arc::new(entry));
    }

    fn link(
        &mut self,
        at: WallTime,
        by: String,
        add: &[media::CameraId],
        remove: &[media::CameraId],
    ) {
        let mut said = Vec::new();
        for camera in add {
            if !self.cameras.contains(camera) {
                self.cameras.push(*camera);
                said.push(format!("+ {camera}"));
            }
        }
        for camera in remove {
            if self.cameras.contains(camera) {
                self.cameras.retain(|c| c != camera);
                said.push(format!("− {camera}"));
            }
        }
        if !said.is_empty() {
            let entry = Entry::new(at, by, Action::Cameras, said.join(", ").into());
            self.log.push(Arc::new(entry));
        }
    }

    fn give(&mut self, at: WallTime, by: &str, order: Order, key: Option<String>) {
        let number = self.tasks.len() as u32 + 1;
        let words = Words {
            note: order.title.clone(),
            key,
            ..Words::default()
        };
        let entry = Entry::new(at, by.to_owned(), Action::Task, words).about(number, None);
        self.log.push(Arc::new(entry));
        self.tasks.push(Task::new(number, order, by.to_owned(), at));
    }
}
