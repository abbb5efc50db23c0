//! Who may do what, where. Every route, socket, stream and file asks [`may`]; nothing else decides.

pub mod attempts;
pub mod password;
pub mod sessions;
pub mod tickets;
pub mod users;

use std::{fmt, str::FromStr};

use media::{EventId, RegionCode, id::CodeError};
use serde::{Deserialize, Serialize};

pub use sessions::{Session, Sessions};
pub use users::Users;

/// What a person is, and so what they may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, users and the register included.
    Administrator,
    /// Watches, plays back, handles events and incidents.
    Operator,
    /// Watches live near an incident and reports back.
    Responder,
    /// Reads records, never pictures.
    Auditor,
    /// Has no account: came by a link, and sees one incident and its cameras until the link runs out.
    Guest,
}

impl Role {
    /// All that an account may have.
    pub const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Operator,
        Self::Responder,
        Self::Auditor,
    ];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Responder => "responder",
            Self::Auditor => "auditor",
            Self::Guest => "guest",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = CodeError;
    fn from_str(s: &str) -> Result<Self, CodeError> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| CodeError::Name {
                value: s.chars().take(64).collect(),
                expected: "administrator, operator, responder, auditor",
            })
    }
}

/// A person as every check sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The account's name.
    pub user: String,
    /// What they are called.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// They see what lies in it and below; a guest does not.
    pub region: RegionCode,
    /// The one incident that a guest sees.
    pub incident: Option<EventId>,
    /// The number of the one shared wall that a screen without an account sees.
    pub wall: Option<u32>,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read the register: regions, cameras and their state, links, the map.
    Look,
    /// See live pictures, and stills.
    Watch,
    /// See recordings and what is recorded.
    Playback,
    /// Read events and incidents.
    ReadEvents,
    /// See an event's picture.
    SeeEvent,
    /// Take note of an event.
    Acknowledge,
    /// Write into an incident's log.
    Report,
    /// Open incidents and move them on.
    Handle,
    /// Change the register.
    ChangeRegister,
    /// See and change accounts.
    ManageUsers,
    /// Read who did what.
    ReadAudit,
    /// See how the gateway itself is.
    ReadStatus,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Look,
        Self::Watch,
        Self::Playback,
        Self::ReadEvents,
        Self::SeeEvent,
        Self::Acknowledge,
        Self::Report,
        Self::Handle,
        Self::ChangeRegister,
        Self::ManageUsers,
        Self::ReadAudit,
        Self::ReadStatus,
    ];
}

/// What it is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing in particular yet: whether the role may do such a thing at all. Lists are then filtered one by one.
    Any,
    /// Something in this region.
    Region(RegionCode),
    /// An incident in a region, or a camera that it shows.
    Incident(EventId, RegionCode),
    /// A shared wall by its number, or a camera that it shows.
    Wall(u32, RegionCode),
    /// Something of the whole gateway, which lies in no region: for those who see the whole district.
    Gateway,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The role may not.
    #[error("a user with the role '{role}' may not do this")]
    Role {
        /// Their role.
        role: Role,
    },
    /// It lies outside their region.
    #[error("this lies outside region {region}, below which you may see")]
    Region {
        /// Their region.
        region: RegionCode,
    },
    /// It is not what the guest was asked to see.
    #[error("a guest sees what they were let in for, an incident or a wall, and its cameras")]
    Guest,
}

/// The one check.
///
/// # Errors
/// [`Denied`] says whether the role or the region forbids it.
pub fn may(user: &User, action: Action, target: Target) -> Result<(), Denied> {
    if !allows(user.role, action) {
        return Err(Denied::Role { role: user.role });
    }
    if user.role == Role::Guest {
        let asked = match target {
            Target::Any => true,
            Target::Incident(id, _) => user.incident == Some(id),
            Target::Wall(number, _) => user.wall == Some(number),
            Target::Region(_) | Target::Gateway => false,
        };
        return if asked { Ok(()) } else { Err(Denied::Guest) };
    }
    let inside = match target {
        Target::Any | Target::Gateway => true,
        Target::Region(region) | Target::Incident(_, region) | Target::Wall(_, region) => {
            region.is_within(&user.region)
        }
    };
    if inside {
        Ok(())
    } else {
        Err(Denied::Region {
            region: user.region,
        })
    }
}

fn allows(role: Role, action: Action) -> bool {
    use Action::*;
    match role {
        Role::Administrator => true,
        Role::Operator => matches!(
            action,
            Look | Watch
                | Playback
                | ReadEvents
                | SeeEvent
                | Acknowledge
                | Report
                | Handle
                | ReadStatus
        ),
        Role::Responder => matches!(
            action,
            Look | Watch | ReadEvents | SeeEvent | Report | ReadStatus
        ),
        Role::Auditor => matches!(action, Look | ReadEvents | ReadAudit | ReadStatus),
        Role::Guest => matches!(action, Look | Watch | ReadEvents | SeeEvent | Report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role, region: &str) -> User {
        User {
            user: "u".into(),
            name: "U".into(),
            role,
            region: region.parse().unwrap(),
            incident: None,
            wall: None,
        }
    }

    #[test]
    fn a_guest_sees_one_incident_and_nothing_beside_it() {
        let id = |number| EventId { at: 1, number };
        let region = "441403102".parse().unwrap();
        let guest = User {
            incident: Some(id(1)),
            ..user(Role::Guest, "441403")
        };
        let theirs = Target::Incident(id(1), region);
        for action in Action::ALL {
            let may_at_all = allows(Role::Guest, action);
            assert_eq!(
                may(&guest, action, theirs).is_ok(),
                may_at_all,
                "{action:?}"
            );
            for target in [
                Target::Incident(id(2), region),
                Target::Wall(1, region),
                Target::Region(region),
                Target::Gateway,
            ] {
                assert!(
                    may(&guest, action, target).is_err(),
                    "{action:?} {target:?}"
                );
            }
        }
        assert!(may(&guest, Action::Handle, theirs).is_err());
        assert!("guest".parse::<Role>().is_err(), "no account is a guest");
    }

    #[test]
    fn a_screen_without_an_account_sees_one_wall_and_nothing_beside_it() {
        let region = "441403102".parse().unwrap();
        let screen = User {
            wall: Some(3),
            ..user(Role::Guest, "441403")
        };
        assert!(may(&screen, Action::Watch, Target::Wall(3, region)).is_ok());
        assert!(may(&screen, Action::Handle, Target::Wall(3, region)).is_err());
        let incident = Target::Incident(EventId { at: 1, number: 1 }, region);
        for target in [Target::Wall(4, region), Target::Region(region), incident] {
            assert!(may(&screen, Action::Watch, target).is_err(), "{target:?}");
        }
    }

    #[test]
    fn a_region_bounds_every_role() {
        let here = Target::Region("441403102201".parse().unwrap());
        let beside = Target::Region("441403103201".parse().unwrap());
        let above = Target::Region("441403".parse().unwrap());
        for role in [Role::Administrator, Role::Operator, Role::Responder] {
            let u = user(role, "441403102");
            assert!(may(&u, Action::Watch, here).is_ok());
            for target in [beside, above] {
                assert!(matches!(
                    may(&u, Action::Watch, target),
                    Err(Denied::Region { .. })
                ));
            }
        }
    }

    #[test]
    fn auditors_read_records_and_no_pictures() {
        let u = user(Role::Auditor, "441403");
        let at = Target::Region("441403102".parse().unwrap());
        let allowed: Vec<Action> = Action::ALL
            .into_iter()
            .filter(|a| may(&u, *a, at).is_ok())
            .collect();
        assert_eq!(
            allowed,
            [
                Action::Look,
                Action::ReadEvents,
                Action::ReadAudit,
                Action::ReadStatus
            ]
        );
    }

    #[test]
    fn only_administrators_change_accounts_and_the_register() {
        for role in [Role::Operator, Role::Responder, Role::Auditor] {
            for action in [Action::ChangeRegister, Action::ManageUsers] {
                assert!(may(&user(role, "441403"), action, Target::Any).is_err());
            }
        }
    }
}
