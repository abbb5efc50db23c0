//! Shared walls where they meet the pages: who shows them now, what goes to whom, and what a plan puts on them.
//!
//! What a wall shows is journaled ([`command::wall`]). Which screens are there is not: they say so every few seconds, and one
//! that is silent is gone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use command::{
    Incident, Store, Walls,
    incident::Action as Logged,
    wall::{Cell, Change, Error, Face, Screen, Stream, Wall},
};
use media::{CameraId, RegionCode, WallTime};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    access::{self, Action, Denied, Role, Target, User},
    gateway::Gateway,
};

/// A screen that was not heard for so long is not there. It says so every five seconds.
pub const SILENT: Duration = Duration::from_secs(15);
/// Windows that show one wall at once.
const MAX_WINDOWS: usize = 64;
/// Windows in all.
const MAX_ALL: usize = 2000;
/// A plan whose start is longer ago than this does not change a wall when the gateway comes back.
const STILL_NEW: Duration = Duration::from_secs(900);

/// A window somewhere that shows a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Present {
    /// Which screen of its wall.
    pub screen: u8,
    /// Made by the window; tells two apart that show the same screen.
    pub window: String,
    /// Who is signed in there.
    pub user: String,
    /// The revision of the screen that it shows.
    pub revision: u64,
    /// Its size, pixels.
    pub width: u32,
    /// Its size, pixels.
    pub height: u32,
    /// Tiles with a camera.
    pub tiles: u32,
    /// Those of them that are live.
    pub live: u32,
    /// When it came.
    pub since: WallTime,
    /// When it was heard last.
    pub seen: WallTime,
}

impl Present {
    /// Whether anything but the time differs.
    fn says_the_same(&self, other: &Self) -> bool {
        let still = |p: &Self| Self {
            since: WallTime(0),
            seen: WallTime(0),
            ..p.clone()
        };
        still(self) == still(other)
    }
}

/// The walls, and who shows them.
#[derive(Debug)]
pub struct SharedWalls {
    /// As they are kept.
    pub kept: Arc<Store<Walls>>,
    present: Mutex<BTreeMap<(String, String), Present>>,
}

impl SharedWalls {
    /// Reads them. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &std::path::Path) -> Result<Self, storage::Error> {
        Ok(Self {
            kept: Store::open(path)?,
            present: Mutex::default(),
        })
    }

    fn present(&self) -> MutexGuard<'_, BTreeMap<(String, String), Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A window says that it is there. `Some(true)`: that is news; none: too many are.
    pub fn heard(&self, wall: &str, new: Present) -> Option<bool> {
        let mut all = self.present();
        let key = (wall.to_owned(), new.window.clone());
        let windows = all.keys().filter(|(w, _)| w == wall).count();
        let full = windows >= MAX_WINDOWS || all.len() >= MAX_ALL;
        match all.get_mut(&key) {
            Some(old) => {
                let news = !old.says_the_same(&new);
                *old = Present {
                    since: old.since,
                    ..new
                };
                Some(news)
            }
            None if full => None,
            None => {
                all.insert(key, new);
                Some(true)
            }
        }
    }

    /// A window says that it goes; whether it was there.
    pub fn gone(&self, wall: &str, window: &str) -> bool {
        let key = (wall.to_owned(), window.to_owned());
        self.present().remove(&key).is_some()
    }

    /// Who shows a wall, by screen.
    pub fn showing(&self, wall: &str) -> Vec<Present> {
        let all = self.present();
        let mut found: Vec<Present> = all
            .iter()
            .filter(|((w, _), _)| w == wall)
            .map(|(_, p)| p.clone())
            .collect();
        found.sort_by_key(|one| (one.screen, one.since));
        found
    }

    /// Forgets those that are silent; the walls where something changed.
    pub fn expire(&self, now: WallTime) -> Vec<String> {
        let mut walls = Vec::new();
        self.present().retain(|(wall, _), p| {
            let stays = now.since(p.seen) < SILENT;
            if !stays && walls.last() != Some(wall) {
                walls.push(wall.clone());
            }
            stays
        });
        walls
    }
}

/// Whether one of the two lies in the other.
fn related(a: &RegionCode, b: &RegionCode) -> bool {
    a.is_within(b) || b.is_within(a)
}

/// Whether a user may look at a wall: those of its region; at an operator's own wall they themselves and who may direct it; a
/// screen that came by a link at its own.
///
/// # Errors
/// [`Denied`].
pub fn may_look(user: &User, wall: &Wall) -> Result<(), Denied> {
    if user.role == Role::Guest {
        return access::may(user, Action::Look, Target::Wall(wall.number, wall.region));
    }
    match &wall.seat {
        Some(seat) if *seat == user.user => access::may(user, Action::Look, Target::Any),
        Some(_) => may_direct(user, wall),
        None => access::may(user, Action::Look, Target::Region(wall.region)),
    }
}

/// Whether a user may set what it shows: who handles incidents in its region; at an operator's own wall they themselves, and
/// who handles incidents above or below.
///
/// # Errors
/// [`Denied`].
pub fn may_direct(user: &User, wall: &Wall) -> Result<(), Denied> {
    match &wall.seat {
        Some(seat) if *seat == user.user => access::may(user, Action::Watch, Target::Any),
        Some(_) if related(&user.region, &wall.region) => {
            access::may(user, Action::Handle, Target::Any)
        }
        _ => access::may(user, Action::Handle, Target::Region(wall.region)),
    }
}

/// Cameras into tiles, past the one that is kept for alarms.
pub fn fill(cameras: &[CameraId], layout: u32, alarm: Option<u8>) -> Vec<Option<Cell>> {
    let mut rest = cameras.iter();
    (0..layout)
        .map(|tile| {
            if alarm.is_some_and(|a| u32::from(a) == tile) {
                return None;
            }
            rest.next().map(|camera| Cell {
                camera: *camera,
                profile: Stream::Auto,
            })
        })
        .collect()
}

/// What identifies the show of a plan: this incident's, on this screen, of these tiles.
fn cause(incident: &Incident) -> Option<String> {
    let wall = serde_json::to_vec(incident.wall.as_ref()?).ok()?;
    let hash = Sha256::digest(&wall);
    let hash: String = hash[..8].iter().map(|b| format!("{b:02x}")).collect();
    Some(format!("{} {hash}", incident.id))
}

impl Gateway {
    /// A wall looks so now.
    pub(crate) fn tell_wall(&self, id: &str) {
        if let Some(wall) = self.walls.kept.read().get(id) {
            self.hub.wall(wall);
        }
    }

    /// Who shows it now.
    pub(crate) fn tell_present(&self, id: &str) {
        if let Some(wall) = self.walls.kept.read().get(id) {
            self.hub.present(wall, &self.walls.showing(id));
        }
    }

    /// Shows on a shared wall what an incident's plan asks for. Once: a second call, or one after a restart, finds it done.
    pub(crate) async fn show_plan(&self, incident: &Incident, by: &str) {
        let wanted = incident.wall.as_ref();
        let Some((wanted, show)) = wanted.and_then(|w| Some((w, w.show.as_ref()?))) else {
            return;
        };
        let kept = &self.walls.kept;
        let Some(wall) = kept.read().get(&show.wall).cloned() else {
            tracing::warn!(wall = show.wall, incident = %incident.id, "the wall that a plan names is not there");
            return;
        };
        if !related(&wall.region, &incident.region) {
            tracing::warn!(wall = show.wall, incident = %incident.id, "the wall that a plan names is another region's");
            return;
        }
        let cameras = match wanted.cameras.is_empty() {
            true => &incident.cameras,
            false => &wanted.cameras,
        };
        let before = wall.screens.get(&show.screen);
        let alarm = before.and_then(|s| s.alarm);
        // A tile for alarms stays, as long as it leaves another one.
        let alarm = alarm.filter(|a| u32::from(*a) < wanted.tiles && wanted.tiles > 1);
        let face = Face {
            name: before.map(|s| s.name.clone()).unwrap_or_default(),
            layout: wanted.tiles,
            cells: fill(cameras, wanted.tiles, alarm),
            alarm,
            focus: None,
            tour: None,
        };
        let change = Change::Screen {
            id: show.wall.clone(),
            screen: show.screen,
            face: Box::new(face),
            by: by.to_owned(),
            expect: None,
            cause: cause(incident),
        };
        match kept.change(self.now(), change).await {
            Ok(_) => self.tell_wall(&show.wall),
            Err(command::store::ChangeError::Refused(Error::Repeated)) => {}
            Err(error) => {
                tracing::error!(wall = show.wall, incident = %incident.id, %error, "what a plan shows is not on the wall");
            }
        }
    }

    /// Screens that came by a link whose time is over, or that was taken back, are shown out.
    pub(crate) fn link_is_good(&self, wall: u32, link: u32) -> bool {
        let walls = self.walls.kept.read();
        let wall = walls.by_number(wall);
        let links = wall.map(|w| w.links.iter());
        links.is_some_and(|mut all| all.any(|l| l.number == link && l.is_good(self.now())))
    }

    /// Whether an event in a region concerns the one wall that a screen without an account shows.
    pub(crate) fn wall_hears(&self, number: u32, region: Option<RegionCode>) -> bool {
        let walls = self.walls.kept.read();
        walls
            .by_number(number)
            .is_some_and(|w| w.hears_alarms() && region.is_some_and(|r| r.is_within(&w.region)))
    }
}

/// What was to be shown when the gateway was stopped in the middle of starting a plan.
pub(crate) async fn resume(gateway: Arc<Gateway>) {
    let now = gateway.now();
    let incidents = gateway.incidents.read();
    let recent = incidents.newest().take(500).filter(|i| i.state.is_open());
    for incident in recent {
        let started = incident.log.iter().rev().find(|e| e.action == Logged::Plan);
        let Some(started) = started.filter(|e| now.since(e.at) < STILL_NEW) else {
            continue;
        };
        if gateway.stop.is_cancelled() {
            return;
        }
        gateway.show_plan(incident, &started.by).await;
    }
}

/// A screen with what it shows put in the place of what it showed; for those who send a set of cameras.
pub fn with_cameras(before: Option<&Screen>, layout: u32, cells: Vec<Option<Cell>>) -> Face {
    Face {
        name: before.map(|s| s.name.clone()).unwrap_or_default(),
        layout,
        cells,
        alarm: None,
        focus: None,
        tour: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(window: &str, seen: i64) -> Present {
        Present {
            screen: 1,
            window: window.into(),
            user: "chen".into(),
            revision: 1,
            width: 1920,
            height: 1080,
            tiles: 4,
            live: 4,
            since: WallTime::from_secs(seen),
            seen: WallTime::from_secs(seen),
        }
    }

    fn walls() -> (tempfile::TempDir, SharedWalls) {
        let dir = tempfile::tempdir().unwrap();
        let walls = SharedWalls::open(&dir.path().join("walls.journal")).unwrap();
        (dir, walls)
    }

    #[test]
    fn a_screen_is_there_as_long_as_it_says_so_and_news_is_what_differs() {
        let (_dir, walls) = walls();
        assert_eq!(walls.heard("hall", present("a", 0)), Some(true));
        assert_eq!(walls.heard("hall", present("a", 5)), Some(false));
        let moved = Present {
            revision: 2,
            ..present("a", 10)
        };
        assert_eq!(walls.heard("hall", moved), Some(true));
        assert_eq!(walls.showing("hall")[0].since, WallTime::from_secs(0));
        assert!(walls.expire(WallTime::from_secs(24)).is_empty());
        assert_eq!(walls.expire(WallTime::from_secs(25)), ["hall"]);
        assert!(walls.showing("hall").is_empty() && !walls.gone("hall", "a"));
    }

    #[test]
    fn the_windows_of_a_wall_are_bounded() {
        let (_dir, walls) = walls();
        for n in 0..MAX_WINDOWS {
            assert_eq!(walls.heard("hall", present(&n.to_string(), 0)), Some(true));
        }
        assert_eq!(walls.heard("hall", present("one more", 0)), None);
        assert_eq!(walls.heard("other", present("a", 0)), Some(true));
    }

    #[test]
    fn cameras_pass_by_the_tile_for_alarms() {
        let codes: Vec<CameraId> = (1..=5)
            .map(|n| format!("4414030000132600000{n}").parse().unwrap())
            .collect();
        let filled = fill(&codes, 4, Some(1));
        let there: Vec<_> = filled.iter().map(|c| c.map(|c| c.camera)).collect();
        assert_eq!(
            there,
            [Some(codes[0]), None, Some(codes[1]), Some(codes[2])]
        );
    }
}
