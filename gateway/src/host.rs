//! What the relay asks of the gateway: who may see which camera, at which urgency; and who saw what.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};

use media::{CameraId, FeedId, Lease, Priority, Profile, Reason, ReasonCode, WallTime};
use relay::{Recorded, Shelf, Viewer, Wish};

use crate::{
    access::{self, Action, Target, User, sessions::Hold},
    audit::{Entry, Outcome},
    codecs,
    gateway::Gateway,
    replays,
};

/// By session, camera and profile; a session may have several connections.
type Holds = HashMap<(String, CameraId, Profile), Vec<Option<Hold>>>;

/// Who watches which camera now: the account, and how many tiles.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<HashMap<CameraId, BTreeMap<String, usize>>>);

impl Watchers {
    /// The accounts that watch a camera.
    pub fn of(&self, camera: &CameraId) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(camera)
            .map_or_else(Vec::new, |users| users.keys().cloned().collect())
    }

    fn opened(&self, camera: CameraId, user: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(camera)
            .or_default()
            .entry(user.to_owned())
            .or_insert(0) += 1;
    }

    fn closed(&self, camera: CameraId, user: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(users) = all.get_mut(&camera) else {
            return;
        };
        if let Some(count) = users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                users.remove(user);
            }
        }
        if users.is_empty() {
            all.remove(&camera);
        }
    }
}

/// The gateway as the relay sees it.
#[derive(Debug)]
pub struct Host {
    /// Weak: the gateway holds the relay, and the relay this.
    gateway: Weak<Gateway>,
    /// Streams keep their session from expiring.
    holds: Mutex<Holds>,
}

impl Host {
    /// Of this gateway.
    pub fn new(gateway: &Arc<Gateway>) -> Self {
        Self {
            gateway: Arc::downgrade(gateway),
            holds: Mutex::default(),
        }
    }

    fn gateway(&self) -> Result<Arc<Gateway>, Reason> {
        self.gateway
            .upgrade()
            .ok_or_else(|| Reason::new(ReasonCode::ShuttingDown, "the gateway is stopping"))
    }
}

fn entry(user: &str, role: &str, viewer: &Viewer, action: &str, camera: CameraId) -> Entry {
    let mut entry = Entry::new(user, role, action, camera.to_string());
    entry.address = Some(viewer.peer.ip().to_canonical());
    entry
}

/// What a user may claim: only those who handle incidents may take room from others.
fn granted(user: &User, wanted: Priority) -> Priority {
    let handles = access::may(user, Action::Handle, Target::Any).is_ok();
    match wanted {
        Priority::Incident | Priority::Wall if handles => wanted,
        // A screen in the hall has no account, and is what the hall looks at.
        Priority::Incident | Priority::Wall if user.wall.is_some() => Priority::Wall,
        Priority::Diagnosis => Priority::Diagnosis,
        _ => Priority::Viewer,
    }
}

impl relay::Host for Host {
    fn open(&self, viewer: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let Wish {
            camera,
            profile,
            priority,
            decodes,
        } = *wish;
        let gateway = self.gateway()?;
        let session = viewer.session.parse().ok();
        let session = session.and_then(|id| gateway.sessions.by_id(id));
        let user = session.and_then(|s| gateway.user_of(&s));
        let user = user
            .ok_or_else(|| Reason::new(ReasonCode::Forbidden, "this account is no longer there"))?;
        let known = gateway.register.read().camera(&camera).cloned();
        let known = known.ok_or_else(|| {
            Reason::new(
                ReasonCode::NotFound,
                format!("camera {camera} is not in the register"),
            )
        })?;
        let mut entry = entry(
            &user.user,
            user.role.as_str(),
            viewer,
            "view-opened",
            camera,
        );
        entry.region = Some(known.region);
        entry.detail = profile.to_string();
        let target = gateway.target(&user, &known);
        let allowed = access::may(&user, Action::Watch, target);
        let pulled = match allowed {
            Err(denied) => {
                entry.outcome = Outcome::Denied;
                Err(Reason::new(ReasonCode::Forbidden, denied.to_string()))
            }
            Ok(()) => {
                let feed = FeedId { camera, profile };
                let pulled = codecs::open(&gateway, feed, granted(&user, priority), decodes);
                match &pulled {
                    Err(reason) => {
                        entry.outcome = Outcome::Failed;
                        entry.detail = format!("{profile}: {}", reason.code.as_str());
                    }
                    Ok(lease) if lease.feed.id.profile != profile => {
                        entry.detail = format!("{} for {profile}", lease.feed.id.profile);
                    }
                    Ok(_) => {}
                }
                pulled
            }
        };
        let written = gateway.audit.note(gateway.now(), entry);
        let lease = pulled?;
        if written.is_err() {
            return Err(Reason::new(
                ReasonCode::DiskSlow,
                "the audit log does not take what it should; nobody watches without an entry",
            ));
        }
        gateway.watchers.opened(camera, &viewer.user);
        let hold = viewer
            .session
            .parse()
            .ok()
            .and_then(|id| gateway.sessions.hold(id));
        self.holds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((viewer.session.clone(), camera, profile))
            .or_default()
            .push(hold);
        Ok(lease)
    }

    fn closed(&self, viewer: &Viewer, camera: CameraId, profile: Profile) {
        let key = (viewer.session.clone(), camera, profile);
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_key) = holds.get_mut(&key) {
            of_key.pop();
            if of_key.is_empty() {
                holds.remove(&key);
            }
        }
        drop(holds);
        let Ok(gateway) = self.gateway() else { return };
        gateway.watchers.closed(camera, &viewer.user);
        let role = gateway.users.read().get(&viewer.user).map(|a| a.role);
        let role = role.map_or("", |r| r.as_str());
        let mut entry = entry(&viewer.user, role, viewer, "view-closed", camera);
        entry.region = gateway.register.read().camera(&camera).map(|c| c.region);
        entry.detail = profile.to_string();
        // The opening is in the log; that the closing may be missing is logged by the queue.
        let _ = gateway.audit.note(gateway.now(), entry);
    }

    fn replay(&self, viewer: &Viewer, wish: &Recorded) -> Result<Arc<dyn Shelf>, Reason> {
        replays::open(&self.gateway()?, viewer, wish)
    }

    fn replayed(&self, viewer: &Viewer, wish: &Recorded, sent: &[(WallTime, WallTime)]) {
        if let Ok(gateway) = self.gateway() {
            replays::closed(&gateway, viewer, wish, sent);
        }
    }

    fn wall(&self) -> WallTime {
        self.gateway()
            .map_or_else(|_| WallTime::now(), |gateway| gateway.now())
    }

    fn authenticate(&self, token: &str, peer: SocketAddr) -> Result<Viewer, Reason> {
        let gateway = self.gateway()?;
        let refused = || {
            let text = "no such session, or a ticket that was used or has run out";
            Reason::new(ReasonCode::Forbidden, text)
        };
        let now = Instant::now();
        let ticket = gateway.tickets.take(now, token);
        let session = ticket.or_else(|| gateway.sessions.get(now, token));
        let session = session.ok_or_else(refused)?;
        let user = gateway.user_of(&session).ok_or_else(refused)?;
        access::may(&user, Action::Watch, Target::Any)
            .map_err(|denied| Reason::new(ReasonCode::Forbidden, denied.to_string()))?;
        Ok(Viewer {
            user: user.user,
            session: session.id.to_string(),
            peer,
            revoked: session.revoked.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::Role;

    #[test]
    fn only_those_who_handle_incidents_take_room_from_others() {
        let user = |role| User {
            user: "u".into(),
            name: "U".into(),
            role,
            region: "441403".parse().unwrap(),
            incident: None,
            wall: None,
        };
        assert_eq!(
            granted(&user(Role::Operator), Priority::Incident),
            Priority::Incident
        );
        assert_eq!(
            granted(&user(Role::Responder), Priority::Incident),
            Priority::Viewer
        );
        assert_eq!(
            granted(&user(Role::Administrator), Priority::Recording),
            Priority::Viewer
        );
    }
}
