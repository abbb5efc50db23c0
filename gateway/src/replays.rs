//! Recordings over the viewer wire: joins the relay's play heads, which know no disk, to the archive, which knows no viewer.

use std::sync::{Arc, Mutex, PoisonError};

use media::{Reason, ReasonCode, WallTime, recorded::Ask};
use relay::{
    Recorded, Viewer,
    shelf::{Answer, Shelf},
};
use storage::{Reel, playback::reel::Choice};
use tokio::runtime::Handle;

use crate::{
    access::{self, Action, Target, sessions::Hold},
    audit::{Entry, Outcome},
    gateway::Gateway,
};

/// One tile's reel. It reads on the runtime's threads for blocking calls, one read at a time.
struct Disk {
    reel: Arc<Mutex<Reel>>,
    runtime: Handle,
    /// A recording keeps its viewer's session from expiring, as a live picture does.
    _hold: Option<Hold>,
}

impl Shelf for Disk {
    fn fetch(&self, ask: Ask, answer: Answer) {
        let reel = Arc::clone(&self.reel);
        self.runtime.spawn_blocking(move || {
            let found = reel
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .read(ask);
            answer.give(found.map_err(|error| {
                tracing::error!(%error, "a recording could not be read for a viewer");
                Reason::new(ReasonCode::DiskError, "the recording could not be read")
            }));
        });
    }
}

/// Lets a viewer see a camera's recordings: the same check, and the same entry, as for a file of a range.
pub(crate) fn open(
    gateway: &Arc<Gateway>,
    viewer: &Viewer,
    wish: &Recorded,
) -> Result<Arc<dyn Shelf>, Reason> {
    let account = gateway.users.read().get(&viewer.user).map(|a| a.user());
    let user = account
        .ok_or_else(|| Reason::new(ReasonCode::Forbidden, "this account is no longer there"))?;
    let known = gateway.register.read().camera(&wish.camera).cloned();
    let known = known.ok_or_else(|| {
        let text = format!("camera {} is not in the register", wish.camera);
        Reason::new(ReasonCode::NotFound, text)
    })?;
    let mut entry = entry(gateway, viewer, user.role.as_str(), "playback", wish);
    entry.detail = "opened".into();
    let allowed = access::may(&user, Action::Playback, Target::Region(known.region));
    if allowed.is_err() {
        entry.outcome = Outcome::Denied;
    }
    let written = gateway.audit.note(gateway.now(), entry);
    allowed.map_err(|denied| Reason::new(ReasonCode::Forbidden, denied.to_string()))?;
    if written.is_err() {
        return Err(Reason::new(
            ReasonCode::DiskSlow,
            "the audit log does not take what it should; nobody watches without an entry",
        ));
    }
    let reel = gateway.archive.reel(Choice {
        camera: wish.camera,
        profile: wish.profile,
        decodes: wish.decodes,
        audio: wish.audio,
    });
    let session = viewer.session.parse().ok();
    Ok(Arc::new(Disk {
        reel: Arc::new(Mutex::new(reel)),
        runtime: Handle::current(),
        _hold: session.and_then(|id| gateway.sessions.hold(id)),
    }))
}

/// Notes what of the recordings was sent.
pub(crate) fn closed(
    gateway: &Gateway,
    viewer: &Viewer,
    wish: &Recorded,
    sent: &[(WallTime, WallTime)],
) {
    let role = gateway.users.read().get(&viewer.user).map(|a| a.role);
    let role = role.map_or("", |r| r.as_str());
    let mut entry = entry(gateway, viewer, role, "playback", wish);
    let spans: Vec<String> = sent.iter().map(|(a, b)| format!("{a} to {b}")).collect();
    entry.detail = match spans.is_empty() {
        true => "closed, nothing was sent".into(),
        false => format!("closed, sent {}", spans.join(", ")),
    };
    // The opening is in the log; that this may be missing is logged by the queue.
    let _ = gateway.audit.note(gateway.now(), entry);
}

fn entry(gateway: &Gateway, viewer: &Viewer, role: &str, action: &str, wish: &Recorded) -> Entry {
    let mut entry = Entry::new(&viewer.user, role, action, wish.camera.to_string());
    entry.address = Some(viewer.peer.ip().to_canonical());
    entry.region = gateway
        .register
        .read()
        .camera(&wish.camera)
        .map(|c| c.region);
    entry.reason = wish.reason.clone();
    entry
}
