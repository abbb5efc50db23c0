//! `GET /incidents/{id}/report.html`: what happened, from the record alone, as one page to read and to print. Everything in it that
//! somebody wrote is escaped here, once ([`escape`]).

mod words;

use std::fmt::Write as _;

use ::media::{Grade, Place, WallTime};
use command::{
    Incident, Stage, Task,
    incident::{Action, Attachment, AttachmentKind, Entry, Progress},
};
use http::{HeaderValue, header};

use super::{
    super::{Answer, Call, Problem, bytes},
    existing,
    statistics::reached,
};
use crate::{access::Action as Right, evidence::State, gateway::Gateway};
use words::{Language, Words};

/// Photos that are shown; all are listed with their hashes.
const MAX_SHOWN: usize = 60;

/// Answers it.
pub(crate) async fn report(call: Call) -> Answer {
    let incident = existing(&call, Right::ReadEvents)?;
    let language = match call.query.get("language").map(String::as_str) {
        None | Some("zh") => Language::Chinese,
        Some("en") => Language::English,
        Some(_) => return Err(Problem::bad("language", "expected zh or en")),
    };
    let entry = call.entry(
        "incident-printed",
        incident.id.to_string(),
        Some(incident.region),
    )?;
    call.audit(entry).await?;
    // An auditor reads records and sees no picture.
    let pictures = call.may_incident(Right::SeeEvent, &incident).is_ok();
    let user = call.user()?;
    let page = Page {
        gateway: &call.gateway,
        incident: &incident,
        words: Words(language),
        pictures,
        by: &user.name,
        now: call.gateway.now(),
    };
    let mut response = bytes("text/html; charset=utf-8", page.html());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Page<'a> {
    gateway: &'a Gateway,
    incident: &'a Incident,
    words: Words,
    pictures: bool,
    by: &'a str,
    now: WallTime,
}

/// Text that somebody wrote, so that it stays text.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = include_str!("report/report.css");

impl Page<'_> {
    fn html(&self) -> String {
        let (i, w) = (self.incident, &self.words);
        let title = escape(&format!("{} {}", i.number, i.title));
        let mut out = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main>",
            w.tag()
        );
        self.head(&mut out);
        self.times(&mut out);
        self.tasks(&mut out);
        self.timeline(&mut out);
        self.cameras(&mut out);
        self.files(&mut out);
        self.exports(&mut out);
        let (made, version) = (w.made(), env!("CARGO_PKG_VERSION"));
        let offset = self.gateway.config.district.utc_offset.0;
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        let zone = format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let _ = write!(
            out,
            "<footer>{made}: {} ({zone}) · {} · {} · Sightline {version}</footer></main></body></html>",
            self.time(self.now),
            escape(self.by),
            escape(&self.gateway.config.district.name),
        );
        out
    }

    fn time(&self, at: WallTime) -> String {
        let offset = i64::from(self.gateway.config.district.utc_offset.0) * 60_000_000;
        let local = WallTime(at.0.saturating_add(offset)).to_string();
        local.chars().take(19).collect::<String>().replace('T', " ")
    }

    fn optional(&self, at: Option<WallTime>) -> String {
        at.map_or_else(|| "—".into(), |at| self.time(at))
    }

    /// What somebody is called, with their account; the account alone where it is gone.
    fn person(&self, user: &str) -> String {
        if user.is_empty() {
            return self.words.clock().into();
        }
        let users = self.gateway.users.read();
        let name = users.get(user).map(|a| a.name.clone());
        match name.filter(|n| n != user) {
            Some(name) => escape(&format!("{name} ({user})")),
            None => escape(user),
        }
    }

    fn head(&self, out: &mut String) {
        let (i, w) = (self.incident, &self.words);
        let register = self.gateway.register.read();
        let region = register.region(&i.region).map(|r| match w.0 {
            Language::English if !r.name_en.is_empty() => r.name_en.clone(),
            _ => r.name.clone(),
        });
        let rows = [
            (w.number(), escape(&i.number)),
            (
                w.grade(),
                format!("{} {}", mark(i.grade), w.of_grade(i.grade)),
            ),
            (w.kind(), escape(w.of_kind(&i.kind))),
            (w.state(), w.of_stage(i.state).into()),
            (
                w.region(),
                escape(&format!("{} {}", region.unwrap_or_default(), i.region)),
            ),
            (w.place(), place(i.place)),
            (
                w.opened(),
                format!("{} · {}", self.time(i.opened_at), self.person(&i.opened_by)),
            ),
            (w.closed(), self.optional(i.closed_at)),
        ];
        let _ = write!(
            out,
            "<header><p class=\"kicker\">{}</p><h1>{}</h1></header><dl>",
            w.report(),
            escape(&i.title)
        );
        for (name, value) in rows {
            let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        }
        out.push_str("</dl>");
    }

    fn times(&self, out: &mut String) {
        let (i, w) = (self.incident, &self.words);
        let _ = write!(
            out,
            "<h2>{}</h2><table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead><tbody>",
            w.stages(),
            w.state(),
            w.at(),
            w.after()
        );
        for stage in Stage::ALL {
            let Some(at) = reached(i, stage) else {
                continue;
            };
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                w.of_stage(stage),
                self.time(at),
                length(i.opened_at, Some(at))
            );
        }
        out.push_str("</tbody></table>");
    }

    fn tasks(&self, out: &mut String) {
        let w = &self.words;
        let _ = write!(
            out,
            "<h2>{} ({})</h2>",
            w.tasks(),
            self.incident.tasks.len()
        );
        if self.incident.tasks.is_empty() {
            let _ = write!(out, "<p>{}</p>", w.none());
            return;
        }
        let heads = [
            "#",
            w.task(),
            w.owner(),
            w.given(),
            w.deadline(),
            w.acknowledged(),
            w.finished(),
            w.state(),
        ];
        out.push_str("<table class=\"stacks\"><thead><tr>");
        for head in heads {
            let _ = write!(out, "<th>{head}</th>");
        }
        out.push_str("</tr></thead><tbody>");
        for task in &self.incident.tasks {
            self.task(out, task, heads);
        }
        out.push_str("</tbody></table>");
    }

    /// A row; on a narrow screen each of its cells stands under the last, with its head before it.
    fn task(&self, out: &mut String, task: &Task, heads: [&str; 8]) {
        let w = &self.words;
        let mut state = w.of_progress(task.progress()).to_owned();
        let mut more = |is: bool, text: String| {
            if is {
                let _ = write!(state, "<br><small>{text}</small>");
            }
        };
        more(task.overdue_at.is_some(), w.overdue().into());
        more(task.urged > 0, format!("{} × {}", w.urged(), task.urged));
        if let Some(by) = &task.supervised_by {
            more(true, format!("{}: {}", w.supervised(), self.person(by)));
        }
        let ended = task.ended_at.filter(|_| task.progress() == Progress::Done);
        let detail = match task.order.detail.is_empty() {
            true => String::new(),
            false => format!("<br><small>{}</small>", escape(&task.order.detail)),
        };
        let cells = [
            task.number.to_string(),
            escape(&task.order.title) + &detail,
            self.person(&task.order.owner),
            self.time(task.given_at),
            self.optional(task.order.deadline),
            nowrap(&length(task.given_at, task.acknowledged_at)),
            nowrap(&length(task.given_at, ended)),
            state,
        ];
        out.push_str("<tr>");
        for (head, cell) in heads.iter().zip(cells) {
            let _ = write!(out, "<td data-head=\"{head}\"><span>{cell}</span></td>");
        }
        out.push_str("</tr>");
    }

    fn timeline(&self, out: &mut String) {
        let w = &self.words;
        let _ = write!(
            out,
            "<h2>{} ({})</h2><ol class=\"log\">",
            w.timeline(),
            self.incident.log.len()
        );
        for entry in &self.incident.log {
            let _ = write!(
                out,
                "<li><time>{}</time><div><b>{}</b> {}",
                self.time(entry.at),
                self.what(entry),
                self.person(&entry.by)
            );
            if !entry.note.is_empty() {
                let _ = write!(out, "<p>{}</p>", escape(&self.note(entry)));
            }
            if let Some(at) = entry.place {
                let _ = write!(out, "<small>{}: {}</small> ", w.place(), place(Some(at)));
            }
            if let Some(said) = entry.said_at {
                let _ = write!(
                    out,
                    "<small>{}: {}</small>",
                    w.their_clock(),
                    self.time(said)
                );
            }
            if self.pictures && !entry.attachments.is_empty() {
                out.push_str("<div class=\"photos\">");
                for photo in self.photos_of(entry) {
                    let _ = write!(
                        out,
                        "<img loading=\"lazy\" alt=\"{}\" src=\"/api/v1/incidents/{}/attachments/{}\">",
                        w.photo(),
                        self.incident.id,
                        escape(&photo.id)
                    );
                }
                out.push_str("</div>");
            }
            out.push_str("</div></li>");
        }
        out.push_str("</ol>");
    }

    /// What the gateway itself wrote, in words of this report: cameras by name, times by its clock.
    fn note(&self, entry: &Entry) -> String {
        match entry.action {
            Action::Cameras => {
                let register = self.gateway.register.read();
                let named = |code: &str| {
                    let id = code.parse().ok()?;
                    Some(register.camera(&id)?.name.clone())
                };
                let words = entry.note.split(' ').map(|word| {
                    let code = word.trim_end_matches(',');
                    let rest = &word[code.len()..];
                    named(code).map_or_else(|| word.to_owned(), |name| format!("{name}{rest}"))
                });
                words.collect::<Vec<_>>().join(" ")
            }
            Action::Guest => {
                let Some((who, until)) = entry.note.split_once("(→ ") else {
                    return entry.note.clone();
                };
                let until = until.trim_end_matches("Z)");
                match format!("{until}:00Z").parse() {
                    Ok(at) => format!("{who}(→ {})", self.time(at)),
                    Err(_) => entry.note.clone(),
                }
            }
            _ => entry.note.clone(),
        }
    }

    fn photos_of(&self, entry: &Entry) -> Vec<&Attachment> {
        let all = self.incident.attachments.iter().map(AsRef::as_ref);
        let photos: Vec<&Attachment> = all
            .filter(|a| a.kind == AttachmentKind::Photo)
            .take(MAX_SHOWN)
            .collect();
        photos
            .into_iter()
            .filter(|a| entry.attachments.contains(&a.id))
            .collect()
    }

    fn what(&self, entry: &Entry) -> String {
        let w = &self.words;
        let mut text = match (entry.action, entry.step, entry.report) {
            (Action::Step, Some(step), _) => w.of_step(step).to_owned(),
            (Action::Report, _, Some(n)) => format!("{} {n}", w.of_action(Action::Report)),
            (action, _, _) => w.of_action(action).to_owned(),
        };
        if let Some(task) = entry.task {
            let _ = write!(text, " #{task}");
        }
        if let (Some(from), Some(to)) = (entry.from, entry.to) {
            let _ = write!(text, " ({} → {})", w.of_stage(from), w.of_stage(to));
        }
        text
    }

    fn cameras(&self, out: &mut String) {
        let w = &self.words;
        let _ = write!(
            out,
            "<h2>{} ({})</h2>",
            w.cameras(),
            self.incident.cameras.len()
        );
        if self.incident.cameras.is_empty() {
            let _ = write!(out, "<p>{}</p>", w.none());
            return;
        }
        out.push_str("<ul>");
        let register = self.gateway.register.read();
        for code in &self.incident.cameras {
            let name = register.camera(code).map(|c| c.name.clone());
            let name = escape(&name.unwrap_or_default());
            let _ = write!(out, "<li>{name} <code>{code}</code></li>");
        }
        out.push_str("</ul>");
    }

    fn files(&self, out: &mut String) {
        let w = &self.words;
        if self.incident.attachments.is_empty() {
            return;
        }
        let _ = write!(
            out,
            "<h2>{} ({})</h2><table><thead><tr><th>SHA-256</th><th>{}</th><th>{}</th><th>{}</th></tr></thead><tbody>",
            w.files(),
            self.incident.attachments.len(),
            w.by(),
            w.at(),
            w.place()
        );
        for file in &self.incident.attachments {
            let _ = write!(
                out,
                "<tr><td><code>{}</code><br><small>{} · {} B</small></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&file.id),
                escape(&file.media_type),
                file.bytes,
                self.person(&file.by),
                self.time(file.at),
                place(file.place)
            );
        }
        out.push_str("</tbody></table>");
    }

    fn exports(&self, out: &mut String) {
        let (i, w) = (self.incident, &self.words);
        let jobs = self.gateway.evidence.jobs();
        let id = i.id.to_string();
        let of =
            |named: &Option<String>| named.as_ref().is_some_and(|n| *n == id || *n == i.number);
        let mine: Vec<_> = jobs.all().filter(|j| of(&j.incident)).collect();
        let _ = write!(out, "<h2>{} ({})</h2>", w.exports(), mine.len());
        if mine.is_empty() {
            let _ = write!(out, "<p>{}</p>", w.none());
            return;
        }
        let _ = write!(
            out,
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>SHA-256</th></tr></thead><tbody>",
            w.cameras(),
            w.range(),
            w.by()
        );
        for job in mine {
            let cameras: Vec<String> = job.cameras.iter().map(|c| escape(&c.name)).collect();
            let hash = match (&job.package, job.state) {
                (Some(made), _) => format!(
                    "{}<br><code>{}</code><br><small>{} B</small>",
                    escape(&made.name),
                    escape(&made.manifest_sha256),
                    made.bytes
                ),
                (None, state) => {
                    let known = State::ALL.iter().find(|(s, _)| *s == state);
                    known.map_or("", |(_, name)| name).to_owned()
                }
            };
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}<br>{}</td><td>{}<br><small>{}</small></td><td>{hash}</td></tr>",
                cameras.join("<br>"),
                self.time(job.from),
                self.time(job.to),
                escape(&job.by.name),
                escape(&job.reason)
            );
        }
        out.push_str("</tbody></table>");
    }
}

fn place(place: Option<Place>) -> String {
    place.map_or_else(|| "—".into(), |p| format!("{:.6}, {:.6}", p.lon, p.lat))
}

/// `1:02:03`, as people say how long something took.
fn length(from: WallTime, to: Option<WallTime>) -> String {
    let Some(to) = to else { return "—".into() };
    let seconds = ((to.0 - from.0) / 1_000_000).max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02}")
}

fn nowrap(text: &str) -> String {
    format!("<span class=\"n\">{text}</span>")
}

/// The shape and the colour of a grade; the word stands beside it.
fn mark(grade: Grade) -> &'static str {
    match grade {
        Grade::I => {
            "<svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M8 1.5 15 14H1Z\" fill=\"#FF5A5F\" stroke=\"#000\"/></svg>"
        }
        Grade::II => {
            "<svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M8 .8 15.2 8 8 15.2.8 8Z\" fill=\"#FF9F40\" stroke=\"#000\"/></svg>"
        }
        Grade::III => {
            "<svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M8 1a7 7 0 1 0 .01 0Z\" fill=\"#FFD84D\" stroke=\"#000\"/></svg>"
        }
        Grade::IV => {
            "<svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M1.8 1.8h12.4v12.4H1.8Z\" fill=\"#58A6FF\" stroke=\"#000\"/></svg>"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_text() {
        let evil = "<script>alert('1')</script> & \"x\"";
        let safe = escape(evil);
        assert_eq!(
            safe,
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"
        );
    }

    #[test]
    fn a_length_is_told_as_people_tell_it() {
        let at = WallTime::from_secs;
        assert_eq!(length(at(0), Some(at(3723))), "1:02:03");
        assert_eq!(length(at(0), None), "—");
        assert_eq!(length(at(9), Some(at(0))), "0:00:00");
    }
}
