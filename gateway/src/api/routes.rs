//! The table of routes: what `dispatch` answers by, and what `openapi.json` is made of.

use std::{collections::BTreeMap, fmt, time::Duration};

use http::Method;

use super::{
    Call, Handling, archive, audit, cameras, contingency, diagnosis, events, evidence, guests, hls,
    holds, incidents,
    incidents::{attachments, drawings, report, statistics},
    links, map,
    map::{outlines, sources},
    nearby, openapi, outages, plans, positions, recordings, register, reports, retention, rules,
    session, sse, status, supervision, tasks, timeline, users, viewers, walls,
    walls::{layouts, links as wall_links, screens},
};
use crate::access::Action;

/// Who may call a route at all. What they may do it with is the handler's question to the same check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everybody.
    Public,
    /// Everybody who is signed in.
    Signed,
    /// Roles that may do this.
    May(Action),
    /// This machine itself, and roles that may do this.
    LoopbackOr(Action),
}

/// A parameter of the query.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// JSON schema type and format.
    pub kind: Kind,
    /// Whether the call is refused without it.
    pub required: bool,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 3339.
    Time,
    /// A whole number.
    Number,
    /// Any text.
    Text,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// One of the schemas.
    One(&'static str),
    /// An array of them.
    Many(&'static str),
    /// Nothing: 204.
    Nothing,
    /// Another media type.
    Media(&'static str),
    /// 101: a WebSocket.
    Upgrade,
}

/// One row of the table.
pub struct Route {
    /// GET, POST, PUT, PATCH or DELETE. GET answers HEAD too.
    pub method: &'static str,
    /// With `{name}` where something is filled in.
    pub path: &'static str,
    /// Who may.
    pub guard: Guard,
    /// The parameters of the query; others are refused.
    pub query: &'static [Param],
    /// Schema of the body.
    pub body: Option<&'static str>,
    /// Status of success.
    pub success: u16,
    /// What success holds.
    pub gives: Gives,
    /// In a sentence.
    pub summary: &'static str,
    /// Who answers.
    pub handler: fn(Call) -> Handling,
}

impl Route {
    /// The longest body it takes, bytes.
    pub fn max_body(&self) -> usize {
        match self.path {
            "/api/v1/cameras/import" => super::register::MAX_FILE,
            ATTACHMENTS => attachments::MAX_FILE,
            "/api/v1/events/{id}/photo" => crate::photo::MAX_BYTES,
            "/api/v1/regions/{region}/outline" => outlines::MAX_FILE,
            "/api/v1/intake/cap" => command::cap::MAX_BYTES,
            _ => super::MAX_BODY,
        }
    }

    /// How long its body may take: a photo comes from a phone on a bad line.
    pub fn patience(&self) -> Duration {
        match self.path {
            ATTACHMENTS => Duration::from_secs(300),
            _ => super::intake::BODY_TIMEOUT,
        }
    }

    /// Whether guests may call it at all; what they may see by it is the handler's question.
    pub fn takes_guests(&self) -> bool {
        GUESTS.contains(&(self.method, self.path))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

const fn opt(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
    }
}
const fn req(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
    }
}
const RANGE: [Param; 2] = [req("from", Kind::Time), req("to", Kind::Time)];

macro_rules! route {
    ($method:ident $path:literal, $guard:expr, query $query:expr, body $body:expr, $success:literal $gives:expr, $summary:literal, $handler:path) => {
        Route {
            method: stringify!($method),
            path: $path,
            guard: $guard,
            query: $query,
            body: $body,
            success: $success,
            gives: $gives,
            summary: $summary,
            handler: |call| Box::pin($handler(call)),
        }
    };
}

use Gives::{Many, Media, Nothing, One, Upgrade};
use Guard::{LoopbackOr, May, Public, Signed};
use Kind::{Number, Text, Time};

const ATTACHMENTS: &str = "/api/v1/incidents/{id}/attachments";

/// What guests may call.
const GUESTS: [(&str, &str); 20] = [
    ("GET", "/api/v1/session"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/cameras"),
    ("GET", "/api/v1/cameras/{code}"),
    ("GET", "/api/v1/cameras/{code}/snapshot.jpg"),
    ("GET", "/api/v1/incidents/{id}"),
    ("GET", "/api/v1/incidents/{id}/log"),
    ("POST", "/api/v1/incidents/{id}/log"),
    ("GET", ATTACHMENTS),
    ("POST", ATTACHMENTS),
    ("GET", "/api/v1/incidents/{id}/attachments/{file}"),
    ("GET", "/api/v1/stream"),
    ("POST", "/api/v1/media/ticket"),
    ("GET", "/api/v1/map/sketch.geojson"),
    ("GET", "/api/v1/map/config"),
    ("GET", "/api/v1/walls/{wall}"),
    ("GET", "/api/v1/walls/{wall}/alarms"),
    ("PUT", "/api/v1/walls/{wall}/screens/{screen}/presence"),
    ("GET", "/api/v1/map/sources"),
    ("GET", "/api/v1/map/tiles/{source}/{z}/{x}/{y}"),
];

/// Every route there is, but for the pages.
pub static ROUTES: &[Route] = &[
    route!(POST "/api/v1/session", Public, query &[opt("token", Number)], body Some("SignIn"), 200 One("Session"), "Sign in; sets the session's cookie, and answers its token with token=1", session::sign_in),
    route!(POST "/api/v1/session/guest", Public, query &[opt("token", Number)], body Some("GuestSignIn"), 200 One("Session"), "Come in by a guest's link", guests::sign_in),
    route!(GET "/api/v1/session", Signed, query &[], body None, 200 One("Session"), "Who is signed in", session::current),
    route!(DELETE "/api/v1/session", Signed, query &[], body None, 204 Nothing, "Sign out; streams opened with the session end", session::sign_out),
    route!(GET "/api/v1/regions", May(Action::Look), query &[], body None, 200 Many("Region"), "Regions below the user's own, each with how many cameras are in it and below", register::regions::list),
    route!(PUT "/api/v1/regions/{region}", May(Action::ChangeRegister), query &[], body Some("NewRegion"), 200 One("Region"), "Add a region, or give it another name or place; 409 where its revision is not the one said", register::regions::put),
    route!(DELETE "/api/v1/regions/{region}", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take a region out; 409 while cameras, regions, accounts or plans are in it", register::regions::remove),
    route!(POST "/api/v1/regions/{region}/move", May(Action::ChangeRegister), query &[], body Some("MoveRegion"), 200 One("Region"), "Give a region another code, and with it all regions and cameras below it", register::regions::change_code),
    route!(GET "/api/v1/regions/{region}/history", May(Action::Look), query &[], body None, 200 Many("Past"), "What a region was, newest first, field by field", register::history::of_region),
    route!(GET "/api/v1/groups", May(Action::Look), query &[], body None, 200 Many("Group"), "Groups of cameras across regions", register::groups::list),
    route!(PUT "/api/v1/groups/{group}", May(Action::ChangeRegister), query &[], body Some("NewGroup"), 200 One("Group"), "Add a group or replace it", register::groups::put),
    route!(DELETE "/api/v1/groups/{group}", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take a group away; its cameras stay", register::groups::remove),
    route!(GET "/api/v1/tags", May(Action::Look), query &[], body None, 200 Many("Tag"), "Tags in use", register::groups::tags),
    route!(GET "/api/v1/camera-codes/next", May(Action::ChangeRegister), query &[opt("centre", Text), opt("industry", Text), opt("type", Text), opt("network", Text)], body None, 200 One("NextCode"), "The next 20-digit code that no camera has or had", register::codes::next),
    route!(GET "/api/v1/camera-codes/{digits}", May(Action::Look), query &[], body None, 200 One("ExplainedCode"), "What a 20-digit code says, part by part, and what is wrong with it", register::codes::explain),
    route!(POST "/api/v1/onvif/discover", May(Action::ChangeRegister), query &[], body Some("Discover"), 200 Many("FoundDevice"), "ONVIF devices that answer on the gateway's links (WS-Discovery)", register::onvif::discover),
    route!(POST "/api/v1/onvif/read", May(Action::ChangeRegister), query &[], body Some("ReadDevice"), 200 One("DeviceReading"), "What an ONVIF device says of itself: model, streams, clock", register::onvif::read),
    route!(GET "/api/v1/cameras/search", May(Action::Look), query &[opt("q", Text), opt("region", Text), opt("group", Text), opt("tag", Text), opt("state", Text), opt("sort", Text), opt("offset", Number), opt("limit", Number)], body None, 200 One("CameraPage"), "Cameras by name, pinyin initials, code, region, group or tag, a page at a time", register::search::search),
    route!(POST "/api/v1/cameras/bulk", May(Action::ChangeRegister), query &[], body Some("Bulk"), 200 One("BulkOutcome"), "The same change to many cameras: what it would change, and with commit it is done, all of it or nothing", register::bulk::bulk),
    route!(GET "/api/v1/cameras", May(Action::Look), query &[], body None, 200 Many("Camera"), "Cameras with their state", cameras::list),
    route!(POST "/api/v1/cameras", May(Action::ChangeRegister), query &[], body Some("CameraRecord"), 201 One("Camera"), "Add a camera", cameras::add),
    route!(POST "/api/v1/cameras/import", May(Action::ChangeRegister), query &[opt("commit", Number), opt("map", Text)], body None, 200 One("Import"), "A spreadsheet (CSV, XLSX; up to 16 MiB, as the body itself): what it would change, and every fault by row and column; with commit=1 it is done, all of it or nothing (409)", register::import),
    route!(GET "/api/v1/cameras/export.csv", May(Action::Look), query &[opt("language", Text), opt("region", Text)], body None, 200 Media("text/csv"), "The register as a spreadsheet that imports again", register::export),
    route!(GET "/api/v1/cameras/filing.csv", May(Action::Look), query &[opt("language", Text), opt("region", Text)], body None, 200 Media("text/csv"), "What decree 799, article 14, wants on file", register::filing),
    route!(GET "/api/v1/cameras/near", May(Action::Look), query &[opt("at", Text), opt("radius_m", Number), opt("box", Text), opt("polygon", Text), opt("line", Text), opt("within_m", Number), opt("limit", Number)], body None, 200 Many("NearCamera"), "Cameras for a place: those that look at it first, then the nearest", nearby::near),
    route!(GET "/api/v1/cameras/{code}", May(Action::Look), query &[], body None, 200 One("Camera"), "One camera", cameras::one),
    route!(PUT "/api/v1/cameras/{code}", May(Action::ChangeRegister), query &[], body Some("CameraRecord"), 200 One("Camera"), "Replace a camera's file; a password left out stays; 409 with the differences where its revision is not the one said", cameras::replace),
    route!(GET "/api/v1/cameras/{code}/record", May(Action::ChangeRegister), query &[], body None, 200 One("StoredRecord"), "A camera's file as it is written, with its addresses and without its password", register::history::record),
    route!(GET "/api/v1/cameras/{code}/history", May(Action::Look), query &[], body None, 200 Many("Past"), "What a camera's file was, newest first, field by field", register::history::of_camera),
    route!(POST "/api/v1/cameras/{code}/restore", May(Action::ChangeRegister), query &[], body Some("Restore"), 200 One("Camera"), "Make an earlier revision the newest; also of a camera that was taken out", register::history::restore),
    route!(DELETE "/api/v1/cameras/{code}", May(Action::ChangeRegister), query &[opt("revision", Number)], body None, 204 Nothing, "Take a camera out of the register; its recordings stay", cameras::remove),
    route!(GET "/api/v1/cameras/{code}/snapshot.jpg", May(Action::Watch), query &[opt("at", Time), opt("width", Number)], body None, 200 Media("image/jpeg"), "The newest picture, or the one at a recorded moment", cameras::snapshot),
    route!(GET "/api/v1/cameras/{code}/recordings", May(Action::Playback), query &[RANGE[0], RANGE[1], opt("resolution_ms", Number)], body None, 200 One("Recordings"), "What is recorded, what is not and why, and what happened; with resolution_ms as coarse as a screen shows it", timeline::timeline),
    route!(GET "/api/v1/cameras/{code}/thumbnail.jpg", May(Action::Playback), query &[req("at", Time), opt("width", Number)], body None, 200 Media("image/jpeg"), "A small picture of a recorded moment, for a timeline", timeline::thumbnail),
    route!(GET "/api/v1/cameras/{code}/completeness", May(Action::Look), query &RANGE, body None, 200 Many("Day"), "How much of what was to be recorded was, a day each, with the reason of every gap", archive::of_camera),
    route!(GET "/api/v1/cameras/{code}/recording-plan", May(Action::Look), query &[], body None, 200 One("EffectivePlan"), "The plan that holds for a camera, and how long its recordings are kept", plans::of_camera),
    route!(GET "/api/v1/cameras/{code}/recording.m3u8", May(Action::Playback), query &[RANGE[0], RANGE[1], opt("reason", Text)], body None, 200 Media("application/vnd.apple.mpegurl"), "A range as HLS (fragmented MP4)", hls::playlist),
    route!(GET "/api/v1/cameras/{code}/recording/{file}", May(Action::Playback), query &RANGE, body None, 200 Media("video/mp4"), "A file that the playlist names", hls::part),
    route!(GET "/api/v1/cameras/{code}/recording.mp4", May(Action::Playback), query &[RANGE[0], RANGE[1], opt("reason", Text)], body None, 200 Media("video/mp4"), "A range as one seekable MP4; takes range requests", recordings::mp4),
    route!(GET "/api/v1/cameras/{code}/recording.json", May(Action::Playback), query &[RANGE[0], RANGE[1], opt("reason", Text)], body None, 200 One("RecordingMap"), "The map from that file's time to wall time", recordings::map),
    route!(GET "/api/v1/completeness", May(Action::Look), query &[RANGE[0], RANGE[1], opt("region", Text), opt("days", Number)], body None, 200 One("Completeness"), "The same of every camera of a region, all days together", archive::of_region),
    route!(GET "/api/v1/recording-plans", May(Action::Look), query &[], body None, 200 Many("RecordingPlan"), "What is to be recorded: by default, by region, by camera; the most particular one holds", plans::list),
    route!(POST "/api/v1/recording-plans", May(Action::ChangeRegister), query &[], body Some("NewPlans"), 200 One("ChangedPlans"), "Say the same of many cameras at once: their plan, their days to keep, or both; all of it or nothing", retention::change),
    route!(GET "/api/v1/retention", May(Action::Look), query &[opt("region", Text)], body None, 200 One("Retention"), "What is kept of every camera, at which rate it grows, and for how many days there is room", retention::list),
    route!(PUT "/api/v1/recording-plans/{of}", May(Action::ChangeRegister), query &[], body Some("NewRecordingPlan"), 200 One("RecordingPlan"), "Say what is to be recorded of 'default', a region or a camera", plans::set),
    route!(DELETE "/api/v1/recording-plans/{of}", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take it back: what is less particular holds", plans::clear),
    route!(GET "/api/v1/holds", May(Action::ReadEvents), query &[opt("camera", Text), opt("state", Text), opt("limit", Number)], body None, 200 Many("Hold"), "Recordings that nothing deletes, newest first", holds::list),
    route!(POST "/api/v1/holds", May(Action::Handle), query &[], body Some("NewHold"), 201 One("Hold"), "Hold recordings: no rule deletes them until the hold ends", holds::place),
    route!(GET "/api/v1/holds/{id}", May(Action::ReadEvents), query &[], body None, 200 One("Hold"), "One hold", holds::one),
    route!(POST "/api/v1/holds/{id}/extend", May(Action::Handle), query &[], body Some("Extend"), 200 One("Hold"), "Make a hold last longer", holds::extend),
    route!(POST "/api/v1/holds/{id}/release", May(Action::Handle), query &[], body Some("Release"), 200 One("Hold"), "Take a hold back; confirmed by its number", holds::release),
    route!(GET "/api/v1/evidence", May(Action::ReadEvents), query &[opt("state", Text), opt("limit", Number)], body None, 200 Many("EvidenceJob"), "Evidence jobs, newest first", evidence::list),
    route!(POST "/api/v1/evidence", May(Action::Playback), query &[], body Some("NewEvidence"), 201 One("EvidenceJob"), "Have the recordings of several cameras and a range packed as evidence", evidence::ask),
    route!(GET "/api/v1/evidence/{id}", May(Action::ReadEvents), query &[], body None, 200 One("EvidenceJob"), "One job, and how far it is", evidence::one),
    route!(DELETE "/api/v1/evidence/{id}", May(Action::Playback), query &[], body None, 204 Nothing, "Delete a job's package", evidence::delete),
    route!(POST "/api/v1/evidence/{id}/cancel", May(Action::Playback), query &[], body None, 200 One("EvidenceJob"), "Stop a job", evidence::cancel),
    route!(GET "/api/v1/evidence/{id}/package.zip", May(Action::Playback), query &[], body None, 200 Media("application/zip"), "A job's package; takes range requests", evidence::package),
    route!(GET "/api/v1/signing-key", May(Action::Look), query &[], body None, 200 One("SigningKey"), "The public key that evidence is signed with", evidence::key),
    route!(GET "/api/v1/storage", May(Action::ReadStatus), query &[], body None, 200 One("Storage"), "The room that recordings have", archive::storage),
    route!(PUT "/api/v1/storage/free-target", May(Action::ChangeRegister), query &[], body Some("NewFreeTarget"), 200 One("FreeTarget"), "Say what is to be free of each disk once the oldest has begun to go; null gives it back to the configuration", archive::set_free_target),
    route!(GET "/api/v1/links", May(Action::Look), query &[], body None, 200 Many("Link"), "Links: what they carry, and what is held, used and refused on each, by whom", links::list),
    route!(GET "/api/v1/links/notes", May(Action::Look), query &[opt("region", Text)], body None, 200 Many("LinkNote"), "What was refused on the links and what gave way lately, newest first", links::notes),
    route!(PUT "/api/v1/links/{region}", May(Action::ChangeRegister), query &[], body Some("NewLink"), 200 One("Link"), "Say what a region's uplink carries, what of it video may take, and when", links::set),
    route!(DELETE "/api/v1/links/{region}", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take that back: what the configuration says holds again", links::clear),
    route!(GET "/api/v1/cameras/{code}/links", May(Action::Look), query &[], body None, 200 One("CameraLinks"), "Why a camera's picture is poor: its links, its streams, and what they had no room for", links::why::of_camera),
    route!(POST "/api/v1/cameras/{code}/diagnosis", May(Action::Watch), query &[opt("profile", Text)], body None, 202 One("Diagnosis"), "Find out step by step why a camera does not start; joins a diagnosis that runs", diagnosis::begin),
    route!(GET "/api/v1/cameras/{code}/diagnosis", May(Action::Watch), query &[], body None, 200 One("Diagnosis"), "The last diagnosis of a camera, as far as it is", diagnosis::one),
    route!(GET "/api/v1/diagnosis-round", May(Action::ReadStatus), query &[], body None, 200 One("DiagnosisRound"), "How far the scheduled round over all cameras is", diagnosis::round),
    route!(GET "/api/v1/events", May(Action::ReadEvents), query &[opt("from", Time), opt("to", Time), opt("camera", Text), opt("region", Text), opt("kind", Text), opt("state", Text), opt("limit", Number), opt("before", Text)], body None, 200 One("EventPage"), "Events, newest first", events::list),
    route!(GET "/api/v1/events/{id}", May(Action::ReadEvents), query &[], body None, 200 One("Event"), "One event", events::one),
    route!(GET "/api/v1/events/{id}/snapshot.jpg", May(Action::SeeEvent), query &[], body None, 200 Media("image/jpeg"), "An event's picture", events::snapshot),
    route!(POST "/api/v1/events/{id}/acknowledge", May(Action::Acknowledge), query &[], body Some("Note"), 200 One("Event"), "Take note of an event", events::acknowledge),
    route!(POST "/api/v1/events", May(Action::Report), query &[], body Some("Report"), 201 One("Event"), "A person reports something; sent twice under one key it is one event (200)", reports::report),
    route!(PUT "/api/v1/events/{id}/photo", May(Action::Report), query &[], body None, 200 One("Event"), "The photo of a report: JPEG or PNG, up to 16 MiB, as the body itself", reports::put_photo),
    route!(GET "/api/v1/events/{id}/photo", May(Action::Handle), query &[], body None, 200 Media("image/jpeg"), "The photo as it came", reports::photo),
    route!(GET "/api/v1/events/{id}/cap.xml", May(Action::ReadEvents), query &[], body None, 200 Media("application/cap+xml"), "An event as a CAP 1.2 message", reports::cap_out),
    route!(POST "/api/v1/intake", May(Action::Report), query &[], body Some("FromSystem"), 201 One("Event"), "Another system tells of something; under the same key it tells more of it (200)", reports::intake),
    route!(POST "/api/v1/intake/cap", May(Action::Report), query &[], body None, 201 One("Event"), "A CAP 1.2 message, up to 256 KiB, as the body itself; an update or a cancellation ends what it refers to", reports::cap_in),
    route!(GET "/api/v1/rules", May(Action::ReadEvents), query &[], body None, 200 Many("Rule"), "Rules that hold here", rules::list),
    route!(GET "/api/v1/rules/fired", May(Action::ReadEvents), query &[opt("rule", Text), opt("limit", Number)], body None, 200 Many("RuleFired"), "What rules did lately, and how often they were held back", rules::fired),
    route!(POST "/api/v1/rules/trial", May(Action::Handle), query &[opt("from", Time), opt("to", Time)], body Some("Rule"), 200 One("Trial"), "What a rule would have done with the events of the last week", rules::trial),
    route!(PUT "/api/v1/rules/{id}", May(Action::Handle), query &[], body Some("Rule"), 200 One("Rule"), "Add a rule or replace it", rules::put),
    route!(POST "/api/v1/rules/{id}/switch", May(Action::Handle), query &[], body Some("Switch"), 200 One("Rule"), "Switch a rule on or off", rules::switch),
    route!(DELETE "/api/v1/rules/{id}", May(Action::Handle), query &[], body None, 204 Nothing, "Take a rule away", rules::remove),
    route!(GET "/api/v1/incidents", May(Action::ReadEvents), query &[opt("state", Text), opt("limit", Number)], body None, 200 Many("Incident"), "Incidents, newest first", incidents::list),
    route!(POST "/api/v1/incidents", May(Action::Handle), query &[], body Some("NewIncident"), 201 One("Incident"), "Open an incident", incidents::open),
    route!(GET "/api/v1/incidents/statistics", May(Action::ReadEvents), query &[RANGE[0], RANGE[1], opt("region", Text)], body None, 200 One("IncidentStatistics"), "Incidents by kind, region and grade, with the times that they and their tasks took", statistics::statistics),
    route!(GET "/api/v1/incidents/{id}", May(Action::ReadEvents), query &[], body None, 200 One("Incident"), "One incident", incidents::one),
    route!(GET "/api/v1/incidents/{id}/log", May(Action::ReadEvents), query &[opt("before", Number), opt("after", Number), opt("limit", Number)], body None, 200 One("LogPage"), "A page of its log: before a number, after one, or the newest; oldest first", incidents::log),
    route!(GET "/api/v1/incidents/{id}/report.html", May(Action::ReadEvents), query &[opt("language", Text)], body None, 200 Media("text/html; charset=utf-8"), "A report of it from the record, to read and to print", report::report),
    route!(POST "/api/v1/incidents/{id}/reports", May(Action::Handle), query &[], body Some("Words"), 200 One("Incident"), "Report how it stands", incidents::report),
    route!(POST "/api/v1/incidents/{id}/cameras", May(Action::Handle), query &[], body Some("LinkedCameras"), 200 One("Incident"), "Link cameras to it, or take them away", incidents::cameras),
    route!(POST "/api/v1/incidents/{id}/seen", May(Action::Report), query &[], body None, 200 One("Incident"), "Say that one has been told", incidents::seen),
    route!(GET "/api/v1/incidents/{id}/attachments", May(Action::ReadEvents), query &[], body None, 200 Many("Attachment"), "Photos and voices that are kept with it", attachments::list),
    route!(POST "/api/v1/incidents/{id}/attachments", May(Action::Report), query &[], body None, 201 One("Attachment"), "Send a photo (JPEG, PNG) or a voice (WebM, Ogg, MP4), up to 16 MiB, as the body itself; the same bytes are kept once", attachments::send),
    route!(GET "/api/v1/incidents/{id}/attachments/{file}", May(Action::SeeEvent), query &[], body None, 200 Media("image/jpeg"), "One of them; guests get photos without place and time", attachments::one),
    route!(POST "/api/v1/incidents/{id}/drawings", May(Action::Report), query &[], body Some("NewDrawing"), 200 One("Incident"), "Draw on the map for it", drawings::draw),
    route!(DELETE "/api/v1/incidents/{id}/drawings/{number}", May(Action::Report), query &[], body None, 200 One("Incident"), "Erase what was drawn; it stays for the replay", drawings::erase),
    route!(GET "/api/v1/incidents/{id}/guests", May(Action::Handle), query &[], body None, 200 Many("Guest"), "Guests of it", guests::list),
    route!(POST "/api/v1/incidents/{id}/guests", May(Action::Handle), query &[], body Some("NewGuest"), 201 One("GuestLink"), "Let somebody without an account look at it, and at it alone, for a while", guests::invite),
    route!(DELETE "/api/v1/incidents/{id}/guests/{number}", May(Action::Handle), query &[], body None, 204 Nothing, "Shut a guest out", guests::uninvite),
    route!(POST "/api/v1/incidents/{id}/log", May(Action::Report), query &[], body Some("Words"), 200 One("Incident"), "Write into its log", incidents::note),
    route!(POST "/api/v1/incidents/{id}/transitions", May(Action::Handle), query &[], body Some("Transition"), 200 One("Incident"), "Move it on", incidents::transition),
    route!(POST "/api/v1/incidents/{id}/grade", May(Action::Handle), query &[], body Some("NewGrade"), 200 One("Incident"), "Give it another grade", incidents::grade),
    route!(POST "/api/v1/incidents/{id}/tasks", May(Action::Handle), query &[], body Some("NewTask"), 200 One("Incident"), "Give a task", tasks::give),
    route!(POST "/api/v1/incidents/{id}/tasks/{number}/steps", May(Action::Report), query &[], body Some("TaskStep"), 200 One("Incident"), "Take a step of a task", tasks::step),
    route!(POST "/api/v1/incidents/{id}/plans", May(Action::Handle), query &[], body Some("StartPlan"), 200 One("Incident"), "Start a contingency plan: all of it, and once", contingency::start),
    route!(GET "/api/v1/tasks", May(Action::ReadEvents), query &[opt("owner", Text), opt("state", Text), opt("limit", Number)], body None, 200 Many("ListedTask"), "Tasks, the most urgent first; owner=me for one's own", tasks::list),
    route!(GET "/api/v1/owners", May(Action::Handle), query &[opt("region", Text)], body None, 200 Many("User"), "Accounts that can be given tasks in a region", tasks::owners),
    route!(GET "/api/v1/positions", May(Action::ReadEvents), query &[], body None, 200 Many("Position"), "Who shares where they are", positions::list),
    route!(PUT "/api/v1/positions/me", May(Action::Report), query &[], body Some("NewPosition"), 200 One("Position"), "Share where one is, for so many minutes", positions::share),
    route!(DELETE "/api/v1/positions/me", May(Action::Report), query &[], body None, 204 Nothing, "Share it no more", positions::stop),
    route!(GET "/api/v1/contingency-plans", May(Action::ReadEvents), query &[], body None, 200 Many("ContingencyPlan"), "Contingency plans that may be used here", contingency::list),
    route!(PUT "/api/v1/contingency-plans/{id}", May(Action::Handle), query &[], body Some("ContingencyPlan"), 200 One("ContingencyPlan"), "Add a contingency plan or replace it", contingency::put),
    route!(DELETE "/api/v1/contingency-plans/{id}", May(Action::Handle), query &[], body None, 204 Nothing, "Take a contingency plan away; what it started goes on", contingency::remove),
    route!(POST "/api/v1/session/screen", Public, query &[opt("token", Number)], body Some("GuestSignIn"), 200 One("Session"), "Come in by the link of a wall's screen", wall_links::sign_in),
    route!(GET "/api/v1/walls", May(Action::Look), query &[], body None, 200 Many("Wall"), "Shared walls that one may look at", walls::list),
    route!(GET "/api/v1/walls/{wall}", May(Action::Look), query &[], body None, 200 One("Wall"), "A shared wall: its screens, and who changed what last", walls::one),
    route!(PUT "/api/v1/walls/{wall}", May(Action::Watch), query &[], body Some("NewWall"), 200 One("Wall"), "Add a shared wall (201), or set all of it; 409 where somebody else was first", walls::put),
    route!(PATCH "/api/v1/walls/{wall}", May(Action::Watch), query &[], body Some("RenamedWall"), 200 One("Wall"), "Give a shared wall another name or note", walls::rename),
    route!(DELETE "/api/v1/walls/{wall}", May(Action::Watch), query &[opt("revision", Number)], body None, 204 Nothing, "Take a shared wall away, its links too", walls::remove),
    route!(GET "/api/v1/walls/{wall}/alarms", May(Action::Look), query &[], body None, 200 Many("Event"), "Newest events of a wall's region, for its tile for alarms", walls::alarms),
    route!(GET "/api/v1/walls/{wall}/presence", May(Action::Look), query &[], body None, 200 Many("PresentScreen"), "Windows that show a wall now", screens::present),
    route!(GET "/api/v1/walls/{wall}/screens/{screen}", May(Action::Look), query &[], body None, 200 One("Screen"), "What one screen of a wall shows", screens::one),
    route!(PUT "/api/v1/walls/{wall}/screens/{screen}", May(Action::Watch), query &[], body Some("NewScreen"), 200 One("Wall"), "Set what a screen shows, or add one; 409 where somebody else was first", screens::put),
    route!(DELETE "/api/v1/walls/{wall}/screens/{screen}", May(Action::Watch), query &[opt("revision", Number)], body None, 200 One("Wall"), "Take a screen away", screens::remove),
    route!(PUT "/api/v1/walls/{wall}/screens/{screen}/presence", May(Action::Look), query &[], body Some("Presence"), 200 One("Heard"), "Say that a window shows a screen; again within 15 s", screens::beat),
    route!(GET "/api/v1/walls/{wall}/links", May(Action::Handle), query &[], body None, 200 Many("WallLink"), "Links by which screens come in without an account", wall_links::list),
    route!(POST "/api/v1/walls/{wall}/links", May(Action::Handle), query &[], body Some("NewWallLink"), 201 One("WallLink"), "Make such a link; its address is told once", wall_links::make),
    route!(DELETE "/api/v1/walls/{wall}/links/{number}", May(Action::Handle), query &[], body None, 204 Nothing, "End a link; screens that came by it are shown out", wall_links::end),
    route!(GET "/api/v1/wall-layouts", May(Action::Watch), query &[opt("incident", Text)], body None, 200 Many("WallLayout"), "Layouts that are kept: one's own, and those shared here", layouts::list),
    route!(POST "/api/v1/wall-layouts", May(Action::Watch), query &[], body Some("NewWallLayout"), 201 One("WallLayout"), "Keep a layout", layouts::keep),
    route!(PUT "/api/v1/wall-layouts/{layout}", May(Action::Watch), query &[], body Some("NewWallLayout"), 200 One("WallLayout"), "Change a layout that is kept", layouts::put),
    route!(DELETE "/api/v1/wall-layouts/{layout}", May(Action::Watch), query &[], body None, 204 Nothing, "Forget a layout", layouts::remove),
    route!(GET "/api/v1/seats", May(Action::Handle), query &[], body None, 200 Many("Seat"), "Operators on whose own wall a set can be put", screens::seats),
    route!(POST "/api/v1/seats/{user}", May(Action::Handle), query &[], body Some("SentSet"), 200 One("SetOnSeat"), "Put a set of cameras on an operator's own wall", screens::send),
    route!(GET "/api/v1/stream", May(Action::Look), query &[], body None, 200 Media("text/event-stream"), "Server-sent events: hello, camera, event, incident, position, notice, wall, screens, resync", sse::stream),
    route!(GET "/api/v1/media", May(Action::Watch), query &[], body None, 101 Upgrade, "The viewers' WebSocket", super::media::not_upgraded),
    route!(POST "/api/v1/media/ticket", May(Action::Watch), query &[], body None, 200 One("MediaTicket"), "A ticket to open a media session over QUIC or WebTransport: good once, for 30 s", super::media::ticket),
    route!(GET "/api/v1/supervision", May(Action::Look), query &[opt("from", Text), opt("to", Text), opt("region", Text), opt("own", Number), opt("by", Text), opt("period", Text), opt("maker", Text), opt("department", Text)], body None, 200 One("Supervision"), "The rates that cameras are judged by: by region, department, maker or camera, by day, week or month", supervision::figures),
    route!(GET "/api/v1/supervision/export.csv", May(Action::Look), query &[opt("from", Text), opt("to", Text), opt("region", Text), opt("own", Number), opt("by", Text), opt("period", Text), opt("maker", Text), opt("department", Text), opt("language", Text)], body None, 200 Media("text/csv"), "The same as a spreadsheet", supervision::spreadsheet),
    route!(GET "/api/v1/supervision/report.html", May(Action::Look), query &[opt("from", Text), opt("to", Text), opt("region", Text), opt("own", Number), opt("by", Text), opt("period", Text), opt("maker", Text), opt("department", Text), opt("language", Text)], body None, 200 Media("text/html; charset=utf-8"), "The same as a report to print", supervision::report),
    route!(GET "/api/v1/cameras/{code}/supervision", May(Action::Look), query &[opt("from", Text), opt("to", Text)], body None, 200 One("CameraHistory"), "A camera's figures, a day each, and its states one after the other; 31 days at most", supervision::of_camera),
    route!(GET "/api/v1/outages", May(Action::Look), query &[opt("limit", Number)], body None, 200 Many("Outage"), "Approved outages, the newest first", outages::list),
    route!(POST "/api/v1/outages", May(Action::Handle), query &[], body Some("NewOutage"), 201 One("Outage"), "Approve an outage: it is taken out of the figures", outages::approve),
    route!(POST "/api/v1/outages/{id}/withdraw", May(Action::Handle), query &[], body Some("WithdrawOutage"), 200 One("Outage"), "Take an approval back", outages::withdraw),
    route!(GET "/api/v1/users", May(Action::ManageUsers), query &[], body None, 200 Many("User"), "Accounts", users::list),
    route!(POST "/api/v1/users", May(Action::ManageUsers), query &[], body Some("NewUser"), 201 One("User"), "Add an account", users::add),
    route!(PUT "/api/v1/users/{user}", May(Action::ManageUsers), query &[], body Some("ChangedUser"), 200 One("User"), "Change an account; a password left out stays; their sessions end", users::replace),
    route!(DELETE "/api/v1/users/{user}", May(Action::ManageUsers), query &[], body None, 204 Nothing, "Remove an account; their sessions end", users::remove),
    route!(GET "/api/v1/audit", May(Action::ReadAudit), query &[opt("from", Time), opt("to", Time), opt("user", Text), opt("action", Text), opt("limit", Number), opt("before", Number)], body None, 200 One("AuditPage"), "Who did what, newest first", audit::list),
    route!(GET "/api/v1/map/sketch.geojson", May(Action::Look), query &[], body None, 200 Media("application/geo+json"), "The district's outline and towns", map::sketch),
    route!(GET "/api/v1/map/config", May(Action::Look), query &[], body None, 200 One("MapConfig"), "Where the map opens", map::config),
    route!(GET "/api/v1/map/sources", May(Action::Look), query &[], body None, 200 Many("MapSource"), "Where the map's ground can come from; how its tiles are had is for administrators", sources::list),
    route!(POST "/api/v1/map/sources/test", May(Action::ChangeRegister), query &[opt("z", Number)], body Some("NewMapSource"), 200 One("MapSourceTest"), "Try a source out: one tile, and a name for a preview of fifteen minutes", sources::test),
    route!(PUT "/api/v1/map/sources/{id}", May(Action::ChangeRegister), query &[], body Some("NewMapSource"), 200 One("MapSource"), "Add a source (201) or replace it; a token left out stays", sources::put),
    route!(DELETE "/api/v1/map/sources/{id}", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take a source away, and its tiles", sources::remove),
    route!(GET "/api/v1/map/tiles/{source}/{z}/{x}/{y}", May(Action::Look), query &[opt("v", Text)], body None, 200 Media("image/png"), "A tile of a source: kept, or fetched by the gateway", sources::tile),
    route!(GET "/api/v1/map/outlines.geojson", May(Action::Look), query &[], body None, 200 Media("application/geo+json"), "Outlines of regions, as far as there are some", outlines::list),
    route!(PUT "/api/v1/regions/{region}/outline", May(Action::ChangeRegister), query &[opt("reference", Text)], body Some("Outline"), 200 One("OutlinePut"), "Give a region an outline: GeoJSON, up to 4 MiB and 20,000 corners", outlines::put),
    route!(DELETE "/api/v1/regions/{region}/outline", May(Action::ChangeRegister), query &[], body None, 204 Nothing, "Take a region's outline away", outlines::remove),
    route!(GET "/api/v1/viewers", May(Action::Handle), query &[], body None, 200 Many("Viewer"), "Who watches now, and what reaches them", viewers::list),
    route!(GET "/api/v1/status", May(Action::ReadStatus), query &[], body None, 200 One("Status"), "How the gateway is", status::status),
    route!(GET "/api/v1/openapi.json", Public, query &[], body None, 200 Media("application/json"), "This description", openapi::document),
    route!(GET "/metrics", LoopbackOr(Action::ReadAudit), query &[], body None, 200 Media("text/plain; version=0.0.4"), "Figures for Prometheus", status::metrics),
    route!(GET "/ca.crt", Public, query &[], body None, 200 Media("application/x-x509-ca-cert"), "The certificate of the district's authority", status::authority),
];

/// What a method and path lead to.
#[derive(Debug)]
pub enum Found {
    /// A route, and what stands in its braces.
    Route(&'static Route, BTreeMap<&'static str, String>),
    /// The path is known, the method is not; these are.
    OtherMethods(String),
    /// No such path.
    Nothing,
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> Found {
    let mut others = Vec::new();
    for route in ROUTES {
        if let Some(params) = fits(route.path, path) {
            if route.method == method.as_str() {
                return Found::Route(route, params);
            }
            others.push(route.method);
        }
    }
    if others.is_empty() {
        Found::Nothing
    } else {
        Found::OtherMethods(others.join(", "))
    }
}

fn fits(pattern: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let mut params = BTreeMap::new();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            (Some(w), Some(g)) => match w.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) if !g.is_empty() => {
                    params.insert(name, decode(g)?);
                }
                None if w == g => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// RFC 3986, 2.1; none where it is no UTF-8.
fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    // A path has no '+' for a space: protect it from the form's rules.
    let protected = text
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('&', "%26");
    let (name, _) = url::form_urlencoded::parse(protected.as_bytes()).next()?;
    Some(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_routes() {
        match find(
            &Method::GET,
            "/api/v1/cameras/44140300001326000001/snapshot.jpg",
        ) {
            Found::Route(route, params) => {
                assert_eq!(route.path, "/api/v1/cameras/{code}/snapshot.jpg");
                assert_eq!(params["code"], "44140300001326000001");
            }
            other => panic!("{other:?}"),
        }
        match find(&Method::PATCH, "/api/v1/session") {
            Found::OtherMethods(allow) => assert_eq!(allow, "POST, GET, DELETE"),
            other => panic!("{other:?}"),
        }
        for path in [
            "/api/v1/nothing",
            "/api/v1/cameras//snapshot.jpg",
            "/api/v1/cameras/",
            "/",
        ] {
            assert!(matches!(find(&Method::GET, path), Found::Nothing), "{path}");
        }
    }

    #[test]
    fn what_stands_in_braces_is_decoded() {
        match find(&Method::PUT, "/api/v1/users/a%2Db+c") {
            Found::Route(_, params) => assert_eq!(params["user"], "a-b+c"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_guests_may_call_is_there() {
        for (method, path) in GUESTS {
            let is = |r: &&Route| r.method == method && r.path == path;
            assert!(ROUTES.iter().any(|r| is(&r)), "{method} {path}");
        }
    }

    #[test]
    fn every_route_that_changes_something_needs_a_right() {
        for route in ROUTES.iter().filter(|r| r.method != "GET") {
            let session = route.path.starts_with("/api/v1/session");
            assert!(session || matches!(route.guard, Guard::May(_)), "{route:?}");
        }
    }
}
