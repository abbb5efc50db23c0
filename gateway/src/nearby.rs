//! Cameras for a place: what [`command::nearby`] searches, made anew when the register has changed.

use std::sync::{Arc, Mutex, PoisonError};

use command::{Register, nearby::Spots};

/// Made once a register, when somebody asks.
#[derive(Debug, Default)]
pub struct Nearby(Mutex<Option<(Arc<Register>, Arc<Spots>)>>);

impl Nearby {
    /// Those of this register.
    pub fn of(&self, register: &Arc<Register>) -> Arc<Spots> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, spots)) if Arc::ptr_eq(of, register) => Arc::clone(spots),
            _ => {
                let spots = Arc::new(Spots::of(register));
                *kept = Some((Arc::clone(register), Arc::clone(&spots)));
                spots
            }
        }
    }
}
