//! What an accepted change does to an incident. Total: what does not fit is left out.

use std::sync::Arc;

use media::WallTime;

use super::{Action, Change, Entry, Incident, Order, Stage, Task, Words};

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
                if to == Stage::Closed {
                    self.closed_at = Some(at);
                }
                let entry = Entry::new(at, by, Action::Transition, note.into());
                self.log.push(Arc::new(entry.between(Some(from), to)));
            }
            Change::Grade {
                by, grade, note, ..
            } => {
                let note = format!("{:?} → {grade:?}: {note}", self.grade);
                self.grade = grade;
                self.log
                    .push(Arc::new(Entry::new(at, by, Action::Graded, note.into())));
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
                ..
            } => {
                self.plans.push(plan);
                let entry = Entry::new(at, by.clone(), Action::Plan, name.into());
                self.log.push(Arc::new(entry));
                for camera in cameras {
                    if !self.cameras.contains(&camera) {
                        self.cameras.push(camera);
                    }
                }
                for order in orders {
                    self.give(at, &by, order, None);
                }
            }
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
