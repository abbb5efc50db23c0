//! What is drawn on the map for an incident.

use command::incident::{Change, Sketch};

use super::{Answer, Call, Problem, change, existing};
use crate::access::Action;

/// `POST /incidents/{id}/drawings`.
pub(in super::super) async fn draw(call: Call) -> Answer {
    let incident = existing(&call, Action::Report)?;
    let sketch: Sketch = call.json()?;
    let drawn = Change::Draw {
        id: incident.id,
        by: call.user()?.user.clone(),
        sketch,
    };
    change(&call, &incident, "incident-drawn", String::new(), drawn).await
}

/// `DELETE /incidents/{id}/drawings/{number}`.
pub(in super::super) async fn erase(call: Call) -> Answer {
    let incident = existing(&call, Action::Report)?;
    let number = call.param("number");
    let drawing: u32 = number
        .parse()
        .map_err(|_| Problem::bad("number", "expected a whole number"))?;
    // One's own, or anybody's for those who run the incident.
    let by = call.user()?.user.clone();
    if incident.drawing(drawing).is_some_and(|d| d.by != by) {
        call.may_incident(Action::Handle, &incident)?;
    }
    let erased = Change::Erase {
        id: incident.id,
        by,
        drawing,
    };
    let detail = format!("drawing {drawing}");
    change(&call, &incident, "incident-erased", detail, erased).await
}
