//! Pictures and voices of an incident: sent, listed, shown. They come before the words that name them, by their hash: a phone on a
//! bad line may send them as often as it likes.

use std::sync::Arc;

use command::incident::{Attachment, AttachmentKind, Change};
use http::{HeaderValue, StatusCode, header};

use super::{
    super::{Answer, Call, Problem, bytes, json, recordings::insert, with_json},
    existing,
};
use crate::{
    access::{Action, Role},
    attachments::Error,
};

/// The longest photo or voice, bytes.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// `POST /incidents/{id}/attachments`: the body is the file itself.
pub(crate) async fn send(call: Call) -> Answer {
    let incident = existing(&call, Action::Report)?;
    let looked = call.gateway.attachments.look(call.body.clone()).await?;
    let by = call.user()?.user.clone();
    let mut attachment = Attachment {
        id: looked.id,
        kind: match looked.format.is_photo() {
            true => AttachmentKind::Photo,
            false => AttachmentKind::Voice,
        },
        media_type: looked.format.media_type().to_owned(),
        bytes: call.body.len() as u64,
        width: looked.size.map(|s| s.0),
        height: looked.size.map(|s| s.1),
        place: looked.metadata.place,
        taken: looked.metadata.taken,
        by,
        at: call.gateway.now(),
    };
    if let Some(there) = incident.attachment(&attachment.id) {
        return with_json(StatusCode::CREATED, &shown(&call, there)?);
    }
    let mut entry = call.entry(
        "attachment-sent",
        incident.id.to_string(),
        Some(incident.region),
    )?;
    entry.detail = format!("{}, {} bytes", attachment.id, attachment.bytes);
    // The file first: what the journal names is there.
    let kept = &call.gateway.attachments;
    kept.keep(incident.id, attachment.id.clone(), call.body.clone())
        .await?;
    let change = Change::Attach {
        id: incident.id,
        attachment: Box::new(attachment.clone()),
    };
    let now = call.gateway.now();
    call.gateway.incidents.change(now, change).await?;
    call.audit(entry).await?;
    attachment.at = now;
    with_json(StatusCode::CREATED, &shown(&call, &Arc::new(attachment))?)
}

/// As it is told: guests are not told where and when a photo was taken.
fn shown(call: &Call, attachment: &Arc<Attachment>) -> Result<Attachment, Problem> {
    let mut shown = Attachment::clone(attachment);
    if call.user()?.role == Role::Guest {
        shown.place = None;
        shown.taken = None;
    }
    Ok(shown)
}

/// `GET /incidents/{id}/attachments`.
pub(crate) async fn list(call: Call) -> Answer {
    let incident = existing(&call, Action::ReadEvents)?;
    let all: Result<Vec<Attachment>, Problem> = (incident.attachments.iter())
        .map(|a| shown(&call, a))
        .collect();
    json(&all?)
}

/// `GET /incidents/{id}/attachments/{file}`.
pub(crate) async fn one(call: Call) -> Answer {
    let incident = existing(&call, Action::SeeEvent)?;
    let id = call.param("file");
    let attachment = incident
        .attachment(id)
        .ok_or_else(|| Problem::not_found(format!("incident {} has no '{id}'", incident.number)))?;
    let guest = call.user()?.role == Role::Guest;
    let etag = format!("\"{}{}\"", attachment.id, if guest { "-bare" } else { "" });
    let known = call.headers.get(header::IF_NONE_MATCH);
    let unchanged = known.is_some_and(|v| v.as_bytes() == etag.as_bytes());
    let media_type = match attachment.media_type.as_str() {
        "image/jpeg" => "image/jpeg",
        "image/png" => "image/png",
        "audio/webm" => "audio/webm",
        "audio/ogg" => "audio/ogg",
        "audio/mp4" => "audio/mp4",
        _ => "application/octet-stream",
    };
    let mut response = match unchanged {
        true => {
            let mut response = bytes(media_type, "");
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => {
            let read = call
                .gateway
                .attachments
                .read(incident.id, id, guest)
                .await?;
            bytes(media_type, read)
        }
    };
    insert(&mut response, header::ETAG, &etag)?;
    // What a hash names never changes; whether one may see it may.
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unknown | Error::NoPhoto(_) => Self::bad("body", error),
            Error::Missing(_) => Self::not_found(error.to_string()),
            Error::Full(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk", error.to_string())
            }
            Error::Altered(_) => {
                tracing::error!(%error, "an attachment of an incident");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "altered",
                    error.to_string(),
                )
            }
            Error::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                tracing::error!(%error, "the disk is full");
                let text = "the gateway's disk is full";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk", text)
            }
            Error::Disk { .. } => Self::internal(error),
        }
    }
}
