//! What a viewer is told about a source.

use std::collections::VecDeque;

use media::{
    Reason, ReasonCode, SourceState, SourceStatus,
    wire::{Opening, ServerMessage},
};

use super::Held;
use crate::session::Output;

/// What the viewer was last told about a source.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Nothing,
    Opening(Opening),
    Lost(ReasonCode),
}

/// Tells the viewer what is new about a source and returns what it has then been told.
pub(super) fn tell(
    tile: u32,
    held: &Held,
    told: &Told,
    opened: bool,
    out: &mut VecDeque<Output>,
) -> Told {
    let status = held.feed().status.borrow();
    let now = judge(&status, held, told, opened);
    if now == *told {
        return now;
    }
    let message = match (&now, told) {
        (Told::Lost(code), _) => Some(ServerMessage::Lost {
            tile,
            reason: status
                .reason
                .clone()
                .unwrap_or_else(|| Reason::new(*code, "")),
        }),
        (_, Told::Lost(_)) => Some(ServerMessage::Back { tile }),
        (Told::Opening(state), _) => Some(ServerMessage::Opening {
            tile,
            profile: held.profile(),
            state: *state,
        }),
        (Told::Nothing, _) => None,
    };
    out.extend(message.map(Output::Control));
    now
}

fn judge(status: &SourceStatus, held: &Held, told: &Told, opened: bool) -> Told {
    match (&status.state, &status.reason) {
        (SourceState::Live, _) if opened || held.feed().ring.newest_key().is_some() => {
            Told::Nothing
        }
        (SourceState::Live, _) => Told::Opening(Opening::WaitingKeyFrame),
        // The reason is kept while the gateway tries again: so is `lost`.
        (_, Some(reason)) => Told::Lost(reason.code),
        (_, None) if opened || matches!(told, Told::Lost(_)) => told.clone(),
        (SourceState::WaitingKeyFrame, None) => Told::Opening(Opening::WaitingKeyFrame),
        (_, None) => Told::Opening(Opening::Connecting),
    }
}
