//! Why one camera's picture is poor, or is not there: what its links and its streams say.

use ::media::{
    BitRate, CameraId, FeedId, Profile, Reason, RegionCode, Said, SourceState, said, words,
};
use ingest::{
    budget::LinkUse,
    supervisor::{LinkNote, Noted},
};
use serde::Serialize;

use super::{
    super::{Answer, Call, json},
    Link, Note, View,
};
use crate::access::Action;

/// Why a camera's picture is poor, or is not there: what its links and its streams say.
#[derive(Serialize)]
struct Path {
    camera: CameraId,
    region: RegionCode,
    links: Vec<Link>,
    streams: Vec<Stream>,
    notes: Vec<Note>,
    findings: Vec<Poor>,
}

#[derive(Serialize)]
struct Stream {
    profile: Profile,
    state: SourceState,
    reason: Option<Reason>,
    bit_rate_bps: u64,
    frame_rate: f64,
    attempts: u64,
    reserved_bps: Option<u64>,
    /// What a pull would take.
    wanted_bps: u64,
}

/// One answer to "why is this tile poor".
#[derive(Serialize)]
struct Poor {
    code: &'static str,
    link: Option<RegionCode>,
    profile: Option<Profile>,
    #[serde(flatten)]
    text: Said,
}

/// Shares of a budget from which a link is called full, and a line crowded.
const FULL: f64 = 0.9;
/// What happened longer ago does not tell of what is seen now: ten minutes.
const LATELY_S: u64 = 600;
/// Fewer pictures a second than this look poor.
const SLOW: f64 = 8.0;

/// `GET /cameras/{code}/links`.
pub(in crate::api) async fn of_camera(call: Call) -> Answer {
    let camera = call.camera(Action::Look)?;
    let gateway = &call.gateway;
    let view = View::of(&call);
    let used = gateway.supervisor.links_of(camera.region);
    let streams: Vec<Stream> = Profile::ALL
        .into_iter()
        .filter_map(|profile| {
            let feed = FeedId {
                camera: camera.code,
                profile,
            };
            let wanted = gateway.supervisor.rate(feed)?;
            let status = gateway.feeds.status(feed);
            let held = used.iter().flat_map(|l| &l.pulls);
            let held = held.filter(|p| p.feed == feed).map(|p| p.rate.0).next();
            Some(Stream {
                profile,
                state: status.as_ref().map_or(SourceState::Idle, |s| s.state),
                reason: status.as_ref().and_then(|s| s.reason.clone()),
                bit_rate_bps: status.as_ref().map_or(0, |s| s.bit_rate.0),
                frame_rate: status
                    .as_ref()
                    .map_or(0.0, |s| f64::from(s.frame_rate_x100) / 100.0),
                attempts: status.as_ref().map_or(0, |s| s.attempts),
                reserved_bps: held,
                wanted_bps: wanted.0,
            })
        })
        .collect();
    let now = gateway.now();
    let notes: Vec<LinkNote> = gateway
        .supervisor
        .link_notes()
        .into_iter()
        .rev()
        .filter(|n| n.feed.camera == camera.code && now.since(n.at).as_secs() < LATELY_S)
        .take(20)
        .collect();
    let findings = findings(&used, &streams, &notes);
    json(&Path {
        camera: camera.code,
        region: camera.region,
        notes: notes.iter().map(|n| view.note(n)).collect(),
        links: used
            .into_iter()
            // What lies above a user's own region is not theirs to look into: its figures are, its pulls are not.
            .map(|l| {
                let own = call.sees(Action::Look, l.id);
                let mut link = view.link(l);
                if !own {
                    link.pulls.clear();
                }
                link
            })
            .collect(),
        streams,
        findings,
    })
}

fn findings(links: &[LinkUse], streams: &[Stream], notes: &[LinkNote]) -> Vec<Poor> {
    let mut out = Vec::new();
    let mut told = |code, link, profile, text| {
        out.push(Poor {
            code,
            link,
            profile,
            text,
        });
    };
    for stream in streams {
        if let Some(reason) = &stream.reason {
            let text = Said {
                text: reason.to_string(),
                words: match &reason.said {
                    Some(words) => (**words).clone(),
                    None => words!("reason", reason = reason.code.as_str()),
                },
            };
            told("stream", None, Some(stream.profile), text);
        }
    }
    for note in notes.iter().take(1) {
        let (feed, link) = (note.feed, note.link);
        let (code, text) = match note.what {
            Noted::Refused(wanted) => (
                "refused",
                said!(
                    "note-refused",
                    "link {link} had no room for {wanted} of {feed}",
                    link = link,
                    wanted = wanted,
                    feed = feed
                ),
            ),
            Noted::GaveWay(to) => (
                "gave-way",
                said!(
                    "note-gave-way",
                    "{feed} gave way to {to} on link {link}",
                    feed = feed,
                    to = to,
                    link = link
                ),
            ),
            Noted::Outgrown(by) => (
                "outgrown",
                said!(
                    "note-outgrown",
                    "{feed} gave way on link {link} since {by} takes more than it was given",
                    feed = feed,
                    link = link,
                    by = by
                ),
            ),
            Noted::Shrunk => (
                "shrunk",
                said!(
                    "note-shrunk",
                    "{feed} gave way since link {link} has less for video now",
                    feed = feed,
                    link = link
                ),
            ),
        };
        told(code, Some(link), Some(feed.profile), text);
    }
    for link in links {
        let budget = link.budget.0.max(1) as f64;
        let text = said!(
            "link-carries",
            "link '{name}' ({link}): {reserved} of {budget} are given out, {used} are used",
            name = link.name,
            link = link.id,
            reserved = link.reserved,
            budget = link.budget,
            used = link.measured
        );
        if link.budget.0 == 0 {
            told("link-closed", Some(link.id), None, text);
        } else if link.measured.0 as f64 > budget {
            told("link-over", Some(link.id), None, text);
        } else if link.reserved.0 as f64 >= FULL * budget {
            told("link-full", Some(link.id), None, text);
        }
    }
    for stream in streams.iter().filter(|s| s.state == SourceState::Live) {
        if stream.frame_rate > 0.0 && stream.frame_rate < SLOW {
            let text = said!(
                "sends-pictures",
                "the camera sends {fps} pictures a second",
                fps = format_args!("{:.1}", stream.frame_rate)
            );
            told("camera-slow", None, Some(stream.profile), text);
        }
        if stream
            .reserved_bps
            .is_some_and(|r| stream.bit_rate_bps > r + r / 5)
        {
            let text = said!(
                "sends-more",
                "the camera sends {rate}, more than it has been given",
                rate = BitRate(stream.bit_rate_bps)
            );
            told("camera-over", None, Some(stream.profile), text);
        }
    }
    out
}
