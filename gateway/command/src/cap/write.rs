//! Writes a message.

use std::fmt::Write;

use media::{Place, WallTime};

use super::message::{Area, Info, Message};

/// The message as XML. Times are told in the zone so many minutes ahead of UTC.
pub fn write(message: &Message, offset_min: i32) -> String {
    let mut out = String::with_capacity(4096);
    out += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n";
    let time = |at: WallTime| time(at, offset_min);
    put(&mut out, "identifier", &message.identifier);
    put(&mut out, "sender", &message.sender);
    put(&mut out, "sent", &time(message.sent));
    put(&mut out, "status", message.status.as_str());
    put(&mut out, "msgType", message.kind.as_str());
    put(&mut out, "scope", &message.scope);
    let references = message.references.iter();
    let references: Vec<String> = references
        .map(|r| format!("{},{},{}", r.sender, r.identifier, time(r.sent)))
        .collect();
    put(&mut out, "references", &references.join(" "));
    for info in &message.infos {
        write_info(&mut out, info, &time);
    }
    out += "</alert>\n";
    out
}

fn write_info(out: &mut String, info: &Info, time: &impl Fn(WallTime) -> String) {
    *out += "<info>\n";
    put(out, "language", &info.language);
    for category in &info.categories {
        put(out, "category", category);
    }
    put(out, "event", &info.event);
    put(out, "urgency", info.urgency.as_str());
    put(out, "severity", info.severity.as_str());
    put(out, "certainty", info.certainty.as_str());
    put(out, "onset", &info.onset.map(time).unwrap_or_default());
    put(out, "expires", &info.expires.map(time).unwrap_or_default());
    put(out, "headline", &info.headline);
    put(out, "description", &info.description);
    put(out, "instruction", &info.instruction);
    for area in &info.areas {
        write_area(out, area);
    }
    *out += "</info>\n";
}

fn write_area(out: &mut String, area: &Area) {
    let pair = |p: &Place| format!("{},{}", p.lat, p.lon);
    *out += "<area>\n";
    put(out, "areaDesc", &area.description);
    for polygon in &area.polygons {
        let corners: Vec<String> = polygon.iter().map(pair).collect();
        put(out, "polygon", &corners.join(" "));
    }
    for circle in &area.circles {
        put(
            out,
            "circle",
            &format!("{} {}", pair(&circle.center), circle.radius_km),
        );
    }
    for (name, value) in &area.geocodes {
        *out += "<geocode>\n";
        put(out, "valueName", name);
        put(out, "value", value);
        *out += "</geocode>\n";
    }
    *out += "</area>\n";
}

/// An element; none where there is nothing to say.
fn put(out: &mut String, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "<{name}>");
    for c in text.chars() {
        match c {
            '&' => *out += "&amp;",
            '<' => *out += "&lt;",
            '>' => *out += "&gt;",
            // XML 1.0 has no other control characters, not even escaped; a carriage return would be read as a line's end.
            c if c < ' ' && !matches!(c, '\n' | '\t') => *out += " ",
            '\u{fffe}' | '\u{ffff}' => *out += " ",
            c => out.push(c),
        }
    }
    let _ = writeln!(out, "</{name}>");
}

/// To the second, with the zone in figures, as CAP wants it (3.3.2).
fn time(at: WallTime, offset_min: i32) -> String {
    let local = WallTime(at.0.saturating_add(i64::from(offset_min) * 60_000_000)).to_string();
    let sign = if offset_min < 0 { '-' } else { '+' };
    let minutes = offset_min.abs();
    let second = local.get(..19).unwrap_or_default();
    format!("{second}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
