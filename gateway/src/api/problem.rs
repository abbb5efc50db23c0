//! Every error of the API is a problem (RFC 9457), and this is the one place that maps what went wrong to a status.

use http::{HeaderValue, StatusCode, header};
use media::{Reason, ReasonCode, Said, Words, id::CodeError, said, words};
use serde_json::json;
use warp::reply::Response;

use crate::access::Denied;

/// What an error answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// For programs; part of `type`.
    pub code: &'static str,
    /// What exactly, for people.
    pub detail: String,
    /// Seconds to wait, of a 429.
    pub retry_after_s: Option<u64>,
    /// The methods there are, of a 405.
    pub allow: Option<String>,
    /// What exactly, for a page that words it in its reader's language.
    pub about: Option<Box<About>>,
    /// What else the answer says, by name (RFC 9457, 3.2).
    pub more: Option<Box<serde_json::Value>>,
}

/// What a page words in its reader's language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What exactly.
    pub said: Option<Words>,
    /// The field that is wrong, of a 400 that names one.
    pub field: Option<String>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after_s: None,
            allow: None,
            about: None,
            more: None,
        }
    }

    /// A problem that a page can word.
    pub fn says(status: StatusCode, code: &'static str, said: Said) -> Self {
        Self {
            about: Some(Box::new(About {
                said: Some(said.words),
                field: None,
            })),
            ..Self::new(status, code, said.text)
        }
    }

    /// 400 that a page can word: the field, and what is wrong with it.
    pub fn wrong(field: &str, said: Said) -> Self {
        Self {
            about: Some(Box::new(About {
                said: Some(said.words),
                field: Some(field.to_owned()),
            })),
            ..Self::bad(field, said.text)
        }
    }

    /// 404 that a page can word.
    pub fn missing(said: Said) -> Self {
        Self::says(StatusCode::NOT_FOUND, "not-found", said)
    }

    /// 409 `conflict` that a page can word.
    pub fn conflict(said: Said) -> Self {
        Self::says(StatusCode::CONFLICT, "conflict", said)
    }

    /// The same, with more for programs; `more` is an object.
    #[must_use]
    pub fn with(mut self, more: serde_json::Value) -> Self {
        self.more = Some(Box::new(more));
        self
    }

    /// 400: the request is wrong; the text begins with the field's name.
    pub fn bad(field: &str, detail: impl std::fmt::Display) -> Self {
        Self {
            about: Some(Box::new(About {
                said: None,
                field: Some(field.to_owned()),
            })),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "bad-request",
                format!("{field}: {detail}"),
            )
        }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 401: nobody is signed in.
    pub fn no_session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "no-session",
            "sign in first: POST /api/v1/session",
        )
    }

    /// 500: ours. Logged here, once; the answer gives no insides away.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the gateway could not do this; its log says why",
        )
    }

    fn title(&self) -> &'static str {
        match self.code {
            "bad-request" => "The request is not understood",
            "no-session" => "Not signed in",
            "wrong-credentials" => "Wrong user or password",
            "too-many-attempts" => "Too many attempts",
            "forbidden" => "Not allowed",
            "not-found" => "Not found",
            "no-recording" => "Nothing is recorded there",
            "no-picture" => "No picture",
            "no-tile" => "No tile there",
            "method-not-allowed" => "No such method here",
            "illegal-transition" => "Not possible from this state",
            "too-large" => "Too large",
            "exists" => "It exists already",
            "stale" => "Somebody else changed it meanwhile",
            "conflict" => "Not possible now",
            "moved-on" => "Somebody else was first",
            "unconfirmed" => "To be confirmed",
            "busy" => "Busy",
            "disk" => "The disk could not take it",
            "internal" => "The gateway failed",
            _ => self.status.canonical_reason().unwrap_or("Problem"),
        }
    }

    /// As an answer.
    pub fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("about:blank#{}", self.code),
            "title": self.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        if let Some(about) = self.about {
            if let Some(said) = about.said {
                body["said"] = json!(said);
            }
            if let Some(field) = about.field {
                body["field"] = json!(field);
            }
        }
        if let (Some(more), Some(body)) = (self.more, body.as_object_mut())
            && let serde_json::Value::Object(more) = *more
        {
            body.extend(more);
        }
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, s.into());
        }
        if let Some(allow) = self.allow.and_then(|a| HeaderValue::from_str(&a).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sightline\""),
            );
        }
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let words = match &denied {
            Denied::Role { role } => words!("role", role = role),
            Denied::Region { region } => words!("outside", region = region),
            Denied::Guest => words!("guest"),
        };
        let text = denied.to_string();
        Self::says(StatusCode::FORBIDDEN, "forbidden", Said { text, words })
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        let status = match reason.code {
            ReasonCode::NotFound => StatusCode::NOT_FOUND,
            ReasonCode::Forbidden => StatusCode::FORBIDDEN,
            ReasonCode::Disabled => StatusCode::CONFLICT,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            about: reason.said.map(|said| {
                Box::new(About {
                    said: Some(*said),
                    field: None,
                })
            }),
            ..Self::new(status, reason.code.as_str(), reason.text)
        }
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match &error {
            storage::Error::Range { .. } => Self::bad("from, to", error),
            storage::Error::Value { what, why } => Self::bad(what, why),
            _ if error.is_full() => {
                tracing::error!(%error, "the disk is full");
                Self::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "disk",
                    "the gateway's disk is full",
                )
            }
            _ => Self::internal(error),
        }
    }
}

impl From<command::register::Error> for Problem {
    fn from(error: command::register::Error) -> Self {
        use command::register::Error;
        let said = |error: &Error| Said {
            text: error.to_string(),
            words: error.words(),
        };
        match error {
            Error::Field { field, text } => Self::wrong(&field, text),
            Error::Conflict(text) => Self::conflict(text),
            Error::Exists(_) => Self::says(StatusCode::CONFLICT, "exists", said(&error)),
            Error::Stale { .. } | Error::StaleRegion { .. } => {
                Self::says(StatusCode::CONFLICT, "stale", said(&error))
            }
            Error::NotFound(_) | Error::NoRegion(_) | Error::NoGroup(_) => {
                Self::missing(said(&error))
            }
        }
    }
}

impl From<command::incident::Error> for Problem {
    fn from(error: command::incident::Error) -> Self {
        use command::incident::Error;
        match error {
            Error::Field { field, text } => Self::bad(field, text),
            Error::Illegal { .. } | Error::IllegalStep { .. } => Self::new(
                StatusCode::CONFLICT,
                "illegal-transition",
                error.to_string(),
            ),
            Error::NotYours { .. } => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", error.to_string())
            }
            Error::MovedOn { .. } | Error::Stale { .. } => {
                Self::new(StatusCode::CONFLICT, "moved-on", error.to_string())
            }
            Error::Over { .. }
            | Error::OpenTasks { .. }
            | Error::Started(_)
            | Error::Repeated(_) => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            Error::NotFound(_)
            | Error::NoTask { .. }
            | Error::NoGuest { .. }
            | Error::NoDrawing { .. } => Self::not_found(error.to_string()),
        }
    }
}

impl From<command::contingency::Error> for Problem {
    fn from(error: command::contingency::Error) -> Self {
        use command::contingency::Error;
        match error {
            Error::Field { field, text } => Self::bad(&field, text),
            Error::NotFound(_) => Self::not_found(error.to_string()),
        }
    }
}

impl From<command::wall::Error> for Problem {
    fn from(error: command::wall::Error) -> Self {
        use command::wall::Error;
        let text = error.to_string();
        match error {
            Error::Field { field, text } => Self::bad(&field, text),
            Error::NotFound(_) => Self::not_found(text),
            Error::Stale {
                revision, by, at, ..
            } => Self::new(StatusCode::CONFLICT, "stale", text)
                .with(json!({"revision": revision, "by": by, "at": at})),
            Error::Repeated => Self::new(StatusCode::CONFLICT, "conflict", text),
        }
    }
}

impl From<command::supervision::outage::Error> for Problem {
    fn from(error: command::supervision::outage::Error) -> Self {
        use command::supervision::outage::Error;
        let said = Said {
            text: error.to_string(),
            words: error.words(),
        };
        match error {
            Error::Field { field, text } => Self::wrong(field, text),
            Error::NotFound(_) => Self::missing(said),
            Error::Withdrawn(_) => Self::conflict(said),
        }
    }
}

impl From<command::rules::Error> for Problem {
    fn from(error: command::rules::Error) -> Self {
        use command::rules::Error;
        match error {
            Error::Field { field, text } => Self::bad(&field, text),
            Error::NotFound(_) => Self::not_found(error.to_string()),
        }
    }
}

impl From<crate::recording::plans::Error> for Problem {
    fn from(error: crate::recording::plans::Error) -> Self {
        use crate::recording::plans::Error;
        match error {
            Error::Field { field, text } => Self::bad(field, text),
            Error::NotFound(_) => Self::not_found(error.to_string()),
        }
    }
}

impl From<crate::tiles::kept::Error> for Problem {
    fn from(error: crate::tiles::kept::Error) -> Self {
        use crate::tiles::kept::Error;
        match error {
            Error::NotFound(_) => Self::not_found(error.to_string()),
            Error::Full | Error::Used(..) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
        }
    }
}

impl From<command::boundary::Error> for Problem {
    fn from(error: command::boundary::Error) -> Self {
        use command::boundary::Error;
        match error {
            Error::NotFound(_) => Self::not_found(error.to_string()),
            Error::Full(_) => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
        }
    }
}

impl From<crate::links::Error> for Problem {
    fn from(error: crate::links::Error) -> Self {
        use crate::links::Error;
        let said = Said {
            text: error.to_string(),
            words: error.words(),
        };
        match error {
            Error::Field { field, text } => Self::wrong(&field, text),
            Error::NotFound(_) => Self::missing(said),
            Error::Stale { .. } => Self::says(StatusCode::CONFLICT, "stale", said),
        }
    }
}

impl From<crate::evidence::Error> for Problem {
    fn from(error: crate::evidence::Error) -> Self {
        use crate::evidence::Error;
        match error {
            Error::NotFound(_) => Self::not_found(error.to_string()),
            Error::State(..) | Error::Full => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
        }
    }
}

impl From<crate::access::users::Error> for Problem {
    fn from(error: crate::access::users::Error) -> Self {
        use crate::access::users::Error;
        match error {
            Error::Field { field, text } => Self::bad(field, text),
            Error::Exists(_) => Self::new(StatusCode::CONFLICT, "exists", error.to_string()),
            Error::LastAdministrator(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            Error::NotFound(_) => Self::not_found(error.to_string()),
        }
    }
}

impl<E: std::error::Error + Into<Self>> From<command::store::ChangeError<E>> for Problem {
    fn from(error: command::store::ChangeError<E>) -> Self {
        match error {
            command::store::ChangeError::Refused(e) => e.into(),
            command::store::ChangeError::Journal(e) => e.into(),
        }
    }
}

impl From<crate::seal::Error> for Problem {
    fn from(error: crate::seal::Error) -> Self {
        Self::internal(error)
    }
}

/// A code in a path or query that could not be read.
pub fn bad_code(field: &str, error: &CodeError) -> Problem {
    let said = Said {
        text: error.to_string(),
        words: error.words(),
    };
    Problem::wrong(field, said)
}

/// 404: no such camera.
pub fn no_camera(code: impl std::fmt::Display) -> Problem {
    Problem::missing(unknown_camera(code))
}

/// That a camera is not in the register.
pub fn unknown_camera(code: impl std::fmt::Display) -> Said {
    said!(
        "no-camera",
        "camera {camera} is not in the register",
        camera = code
    )
}

/// That a region is not in the register.
pub fn unknown_region(code: impl std::fmt::Display) -> Said {
    said!(
        "no-region",
        "region {region} is not in the register",
        region = code
    )
}
