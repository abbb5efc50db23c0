//! Accounts: a journaled state like the register.

use std::{collections::BTreeMap, fmt};

use command::State;
use media::{RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use super::{Role, User};

/// An account as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    /// Its name: 1 to 32 of a-z, 0-9, '.', '-', '_'.
    pub user: String,
    /// What the person is called.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// They see what lies in it and below.
    pub region: RegionCode,
    /// PHC string of the password's hash.
    pub hash: String,
}

impl Account {
    /// As every check sees it.
    pub fn user(&self) -> User {
        User {
            user: self.user.clone(),
            name: self.name.clone(),
            role: self.role,
            region: self.region,
            incident: None,
            wall: None,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {}, {})", self.user, self.role, self.region)
    }
}

/// A change of the accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A new one.
    Add(Account),
    /// The whole account anew.
    Replace(Account),
    /// Gone.
    Remove(String),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API.
        field: &'static str,
        /// What is wrong and what was expected.
        text: String,
    },
    /// The name is taken.
    #[error("user: there is a user '{0}' already")]
    Exists(String),
    /// No such account.
    #[error("there is no user '{0}'")]
    NotFound(String),
    /// Nobody could change anything any more.
    #[error("'{0}' is the last administrator")]
    LastAdministrator(String),
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct Users {
    all: BTreeMap<String, Account>,
}

impl Users {
    /// One.
    pub fn get(&self, user: &str) -> Option<&Account> {
        self.all.get(user)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.all.values()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn is_last_administrator(&self, user: &str) -> bool {
        let mut administrators = self.all.values().filter(|a| a.role == Role::Administrator);
        administrators.next().is_some_and(|a| a.user == user) && administrators.next().is_none()
    }
}

fn check_account(account: &Account) -> Result<(), Error> {
    let field = |field, text: &str| {
        Err(Error::Field {
            field,
            text: text.into(),
        })
    };
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if !(1..=32).contains(&account.user.len()) || !account.user.bytes().all(letters) {
        return field("user", "expected 1 to 32 of a-z, 0-9, '.', '-' and '_'");
    }
    if !(1..=100).contains(&account.name.trim().chars().count()) {
        return field("name", "expected 1 to 100 characters");
    }
    if !Role::ALL.contains(&account.role) {
        return field("role", "no account is a guest: guests come by a link");
    }
    if account.hash.is_empty() {
        return field("password", "could not be hashed");
    }
    Ok(())
}

impl State for Users {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Add(_) => "user-added",
            Change::Replace(_) => "user-changed",
            Change::Remove(_) => "user-removed",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Add(a) if self.all.contains_key(&a.user) => Err(Error::Exists(a.user.clone())),
            Change::Add(a) => check_account(a),
            Change::Replace(a) if !self.all.contains_key(&a.user) => {
                Err(Error::NotFound(a.user.clone()))
            }
            Change::Replace(a)
                if a.role != Role::Administrator && self.is_last_administrator(&a.user) =>
            {
                Err(Error::LastAdministrator(a.user.clone()))
            }
            Change::Replace(a) => check_account(a),
            Change::Remove(user) if !self.all.contains_key(user) => {
                Err(Error::NotFound(user.clone()))
            }
            Change::Remove(user) if self.is_last_administrator(user) => {
                Err(Error::LastAdministrator(user.clone()))
            }
            Change::Remove(_) => Ok(()),
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        match change {
            Change::Add(a) | Change::Replace(a) => {
                self.all.insert(a.user.clone(), a);
            }
            Change::Remove(user) => {
                self.all.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: &str, role: Role) -> Account {
        Account {
            user: user.into(),
            name: user.to_uppercase(),
            role,
            region: "441403".parse().unwrap(),
            hash: "$argon2id$x".into(),
        }
    }

    #[test]
    fn the_last_administrator_stays() {
        let mut users = Users::default();
        let at = WallTime::from_secs(0);
        users.apply(at, Change::Add(account("root", Role::Administrator)));
        users.apply(at, Change::Add(account("li", Role::Operator)));
        let last = Err(Error::LastAdministrator("root".into()));
        assert_eq!(users.check(&Change::Remove("root".into())), last);
        assert_eq!(
            users.check(&Change::Replace(account("root", Role::Auditor))),
            last
        );
        users.apply(at, Change::Replace(account("li", Role::Administrator)));
        assert_eq!(users.check(&Change::Remove("root".into())), Ok(()));
    }

    #[test]
    fn odd_names_are_refused() {
        let users = Users::default();
        for name in ["", "Li", "a b", "a/b", &"x".repeat(33)] {
            let change = Change::Add(account(name, Role::Operator));
            assert!(
                matches!(
                    users.check(&change),
                    Err(Error::Field { field: "user", .. })
                ),
                "{name}"
            );
        }
    }
}
