//! A source that is held open for a tile.

use std::sync::Arc;

use media::{Feed, Lease, Profile};

use crate::{Host, Viewer, Wish};

/// A feed held open through the host; the host is told when it ends.
pub(in crate::session) struct Held {
    host: Arc<dyn Host>,
    viewer: Arc<Viewer>,
    lease: Lease,
    /// What the host was asked for.
    pub(in crate::session) wish: Wish,
}

impl Held {
    pub(in crate::session) fn new(
        host: Arc<dyn Host>,
        viewer: Arc<Viewer>,
        lease: Lease,
        wish: Wish,
    ) -> Self {
        Self {
            host,
            viewer,
            lease,
            wish,
        }
    }

    pub(in crate::session) fn feed(&self) -> &Feed {
        &self.lease.feed
    }

    /// What it is, which is not what was asked for where the viewer cannot decode that.
    pub(in crate::session) fn profile(&self) -> Profile {
        self.feed().id.profile
    }

    pub(in crate::session) fn is_transcoded(&self) -> bool {
        self.lease.transcoded
    }

    /// Whether it is not what was asked for, since the viewer could not decode that.
    pub(in crate::session) fn stands_in(&self) -> bool {
        self.lease.transcoded || self.profile() != self.wish.profile
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.host
            .closed(&self.viewer, self.wish.camera, self.wish.profile);
    }
}
