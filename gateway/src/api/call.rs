//! A request on its way to its handler, and what every handler asks of it.

use std::{collections::BTreeMap, sync::Arc};

use ::media::{CameraId, RegionCode, WallTime, said};
use bytes::Bytes;
use http::HeaderMap;
use relay::plain::Lane;
use serde::de::DeserializeOwned;

use super::{Problem, problem, routes::Route};
use crate::{
    access::{self, Action, Session, Target, User},
    audit::Entry,
    gateway::Gateway,
    listen::Peer,
};

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Their session.
    pub session: Arc<Session>,
    /// Its token, to end it by.
    pub token: String,
    /// They.
    pub user: User,
}

/// A request on its way to its handler.
#[derive(Debug)]
pub struct Call {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The route that was found.
    pub route: &'static Route,
    /// What stands in the path's braces, decoded.
    pub params: BTreeMap<&'static str, String>,
    /// The query: only names that the route knows, each once.
    pub query: BTreeMap<String, String>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Where it comes from.
    pub peer: Peer,
    /// By what its answer sends files without reading them: on a connection in clear.
    pub lane: Option<Lane>,
    /// Who asks, if signed in.
    pub signed: Option<Signed>,
    /// Whether only the head is wanted.
    pub head_only: bool,
}

impl Call {
    /// Who asks.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn signed(&self) -> Result<&Signed, Problem> {
        self.signed.as_ref().ok_or_else(Problem::no_session)
    }

    /// Who asks.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn user(&self) -> Result<&User, Problem> {
        Ok(&self.signed()?.user)
    }

    /// The one check, on an object in a region. A refusal is in the audit log.
    ///
    /// # Errors
    /// 403.
    pub fn may(&self, action: Action, region: RegionCode, object: &str) -> Result<(), Problem> {
        let user = self.user()?;
        access::may(user, action, Target::Region(region)).map_err(|denied| {
            self.gateway
                .note_denied(user, &self.peer, self.route, object, Some(region));
            denied.into()
        })
    }

    /// Whether the user may see what lies in a region; for lists.
    pub fn sees(&self, action: Action, region: RegionCode) -> bool {
        self.signed
            .as_ref()
            .is_some_and(|s| access::may(&s.user, action, Target::Region(region)).is_ok())
    }

    /// The same check on an incident, which is all that a guest sees.
    ///
    /// # Errors
    /// 403.
    pub fn may_incident(&self, action: Action, of: &command::Incident) -> Result<(), Problem> {
        let user = self.user()?;
        let target = Target::Incident(of.id, of.region);
        access::may(user, action, target).map_err(|denied| {
            let object = of.id.to_string();
            self.gateway
                .note_denied(user, &self.peer, self.route, &object, Some(of.region));
            denied.into()
        })
    }

    /// Whether the user may see a camera; for lists.
    pub fn sees_camera(&self, action: Action, camera: &command::Camera) -> bool {
        self.signed.as_ref().is_some_and(|s| {
            let target = self.gateway.target(&s.user, camera);
            access::may(&s.user, action, target).is_ok()
        })
    }

    /// A parameter of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A value of the query, parsed.
    ///
    /// # Errors
    /// 400 that names it.
    pub fn query<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let wrong = |e: T::Err| Problem::wrong(name, said!("not-read", "{text}", text = e));
        let parse = |text: &String| text.parse().map_err(wrong);
        self.query.get(name).map(parse).transpose()
    }

    /// A number of the query within a range.
    ///
    /// # Errors
    /// 400 that names it and the range.
    pub fn query_within(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        let number: Option<u64> = self.query(name)?;
        match number {
            Some(n) if !(least..=most).contains(&n) => {
                let said = said!(
                    "within",
                    "{value}, expected {least} to {most}",
                    value = n,
                    least = least,
                    most = most
                );
                Err(Problem::wrong(name, said))
            }
            n => Ok(n),
        }
    }

    /// `from` and `to`, both there and in order.
    ///
    /// # Errors
    /// 400 that names what is missing or wrong.
    pub fn range(&self) -> Result<(WallTime, WallTime), Problem> {
        let need = |name: &str| {
            self.query::<WallTime>(name)?.ok_or_else(|| {
                Problem::wrong(
                    name,
                    said!("no-time", "is missing, expected a time (RFC 3339)"),
                )
            })
        };
        let (from, to) = (need("from")?, need("to")?);
        if to <= from {
            return Err(Problem::wrong(
                "to",
                said!("not-after", "is not after 'from'"),
            ));
        }
        Ok((from, to))
    }

    /// The camera in the path, if the user may do this with it.
    ///
    /// # Errors
    /// 400, 403 or 404.
    pub fn camera(&self, action: Action) -> Result<Arc<command::Camera>, Problem> {
        let code: CameraId = self
            .param("code")
            .parse()
            .map_err(|e| problem::bad_code("code", &e))?;
        let register = self.gateway.register.read();
        let camera = register
            .camera(&code)
            .cloned()
            .ok_or_else(|| problem::no_camera(code))?;
        let user = self.user()?;
        let target = self.gateway.target(user, &camera);
        access::may(user, action, target).map_err(|denied| {
            let region = Some(camera.region);
            self.gateway
                .note_denied(user, &self.peer, self.route, code.as_str(), region);
            Problem::from(denied)
        })?;
        Ok(camera)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 that names the field, or the place.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut body = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut body).map_err(|e| {
            let path = e.path().to_string();
            // "." is the body itself: syntax, a missing or an unknown field, which the text names.
            let field = if path == "." { "body" } else { path.as_str() };
            Problem::wrong(field, said!("not-read", "{text}", text = e.inner()))
        })?;
        body.end()
            .map_err(|e| Problem::wrong("body", said!("not-read", "{text}", text = e)))?;
        Ok(value)
    }

    /// An entry of the audit log by this user from this address.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn entry(
        &self,
        action: &str,
        object: impl Into<String>,
        region: Option<RegionCode>,
    ) -> Result<Entry, Problem> {
        let user = self.user()?;
        let mut entry = Entry::new(&user.user, user.role.as_str(), action, object);
        entry.address = Some(self.peer.address.ip());
        entry.region = region;
        Ok(entry)
    }

    /// Writes an entry; what it tells of happens only if it could be written.
    ///
    /// # Errors
    /// The disk's, as a problem.
    pub async fn audit(&self, entry: Entry) -> Result<(), Problem> {
        Ok(self.gateway.audit.write(self.gateway.now(), entry).await?)
    }
}
