//! The seam between pure states and their journal.

use media::WallTime;
use serde::{Serialize, de::DeserializeOwned};

/// A value that changes only by journaled changes. The register, the incidents and the gateway's user accounts are three.
pub trait State: Clone + Default + Send + Sync + 'static {
    /// One change, as it stands in the journal.
    type Change: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Why a change is refused.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The record kind in the journal, for people who look into it.
    fn kind(change: &Self::Change) -> &'static str;

    /// The change as records of the journal. Where it is too long for one, applying all of them in order makes the change, and
    /// applying only the first of them makes nothing.
    fn records(change: Self::Change) -> Vec<Self::Change> {
        vec![change]
    }

    /// Whether the change may be made now. Has no effect.
    ///
    /// # Errors
    /// Says which field or step is wrong.
    fn check(&self, change: &Self::Change) -> Result<(), Self::Error>;

    /// The whole state as changes that, applied to nothing, give it again; each fits into one record. A journal of a state that
    /// has this is made shorter once it is long; none: every record is kept.
    fn snapshot(&self) -> Option<Vec<Self::Change>> {
        None
    }

    /// Makes the change. Total: a change read back from a journal written by an older version is taken as far as it goes.
    fn apply(&mut self, at: WallTime, change: Self::Change);
}
