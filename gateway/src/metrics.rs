//! `/metrics`: figures for Prometheus, in its text format 0.0.4. Names are documented in `docs/reference/metrics.md`.

use std::fmt::Write;

use command::health;
use ingest::transcode::Kind;

use crate::{
    api::view::{Known, State},
    gateway::Gateway,
};

struct Text(String);

impl Text {
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "sightline_{name} {value}");
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP sightline_{name} {help}");
        let _ = writeln!(self.0, "# TYPE sightline_{name} {kind}");
    }

    fn labelled(&mut self, name: &str, label: &str, value: &str, n: impl std::fmt::Display) {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = writeln!(self.0, "sightline_{name}{{{label}=\"{value}\"}} {n}");
    }
}

/// The whole page.
pub fn render(gateway: &Gateway) -> String {
    let mut t = Text(String::with_capacity(8 * 1024));
    let now = gateway.now();
    let register = gateway.register.read();

    t.head("cameras", "gauge", "Cameras in the register, by state.");
    let mut counts = [0u64; 5];
    for camera in register.cameras() {
        let (state, _, _) = Known::of(gateway, camera).state(gateway, camera.disabled);
        counts[state as usize] += 1;
    }
    let states = [
        State::Live,
        State::Idle,
        State::Connecting,
        State::Offline,
        State::Disabled,
    ];
    let names = ["live", "idle", "connecting", "offline", "disabled"];
    for (state, name) in states.into_iter().zip(names) {
        t.labelled("cameras", "state", name, counts[state as usize]);
    }
    let feeds = gateway.feeds.live();
    t.one("feeds_live", "gauge", "Feeds that play.", feeds.len());
    let rate: u64 = feeds.iter().map(|(_, s)| s.bit_rate.0).sum();
    t.one(
        "ingest_bits_per_second",
        "gauge",
        "Measured rate of all feeds.",
        rate,
    );
    t.one(
        "recordings",
        "gauge",
        "Cameras being recorded.",
        gateway.recorders.recording(),
    );
    let usage = gateway.archive.usage();
    t.one(
        "recordings_bytes",
        "gauge",
        "Bytes of all recordings.",
        usage.used.0,
    );
    t.one(
        "disk_free_bytes",
        "gauge",
        "Free bytes of the disk with the recordings.",
        usage.free.0,
    );

    let relay = gateway.relay_stats();
    t.one("viewers", "gauge", "Connections of viewers.", relay.viewers);
    t.head(
        "viewers_by_transport",
        "gauge",
        "Those who are let in, by transport.",
    );
    let watching = gateway
        .relay()
        .map(relay::Relay::viewers)
        .unwrap_or_default();
    for name in ["websocket", "quic", "webtransport"] {
        let of_name = watching.iter().filter(|w| w.transport == name).count() as u64;
        t.labelled("viewers_by_transport", "transport", name, of_name);
    }
    t.one("tiles", "gauge", "Tiles they have open.", relay.tiles);
    t.one(
        "viewers_total",
        "counter",
        "Connections of viewers since the start.",
        relay.viewers_total,
    );
    t.one(
        "sent_bytes_total",
        "counter",
        "Bytes handed to viewers' transports.",
        relay.sent_bytes,
    );
    t.one(
        "sent_messages_total",
        "counter",
        "Media messages handed to viewers' transports.",
        relay.sent_messages,
    );
    t.one(
        "skipped_frames_total",
        "counter",
        "Frames left out for slow viewers.",
        relay.skipped_frames,
    );
    t.one(
        "stale_groups_total",
        "counter",
        "Groups reset as stale on QUIC.",
        relay.stale_groups,
    );

    transcodes(&mut t, &gateway.transcodes);

    let tagger = gateway.tagger.stats();
    t.one(
        "tagger_watched",
        "gauge",
        "Cameras the tagger watches.",
        tagger.watched,
    );
    t.one(
        "tagger_decoded_pictures_total",
        "counter",
        "Pictures decoded.",
        tagger.decoded_pictures,
    );
    t.one(
        "tagger_decode_seconds_total",
        "counter",
        "Time spent decoding and judging.",
        tagger.decode_ms as f64 / 1e3,
    );
    t.one(
        "tagger_skipped_pictures_total",
        "counter",
        "Pictures left out for want of time.",
        tagger.skipped_pictures,
    );
    t.one(
        "tagger_failed_pictures_total",
        "counter",
        "Pictures that did not decode.",
        tagger.failed_pictures,
    );
    t.one(
        "tagger_dropped_tags_total",
        "counter",
        "Findings dropped because nobody took them.",
        tagger.dropped_tags,
    );
    t.one(
        "tagger_awake",
        "gauge",
        "Cameras of which every picture is decoded just now.",
        tagger.awake,
    );
    t.one(
        "tagger_waiting",
        "gauge",
        "Pieces of work that wait to be decoded or are.",
        tagger.waiting,
    );

    t.head(
        "link_reserved_bits_per_second",
        "gauge",
        "Room given out on a link.",
    );
    let links = gateway.supervisor.links();
    for link in links.iter().filter(|l| l.reserved.0 > 0) {
        t.labelled(
            "link_reserved_bits_per_second",
            "region",
            link.id.as_str(),
            link.reserved.0,
        );
    }
    t.head(
        "link_refused_total",
        "counter",
        "Pulls refused for want of room on a link.",
    );
    for link in links.iter().filter(|l| l.refused > 0) {
        t.labelled(
            "link_refused_total",
            "region",
            link.id.as_str(),
            link.refused,
        );
    }

    t.one(
        "online_ratio",
        "gauge",
        "Live seconds of wanted seconds, all cameras, since the start.",
        gateway.feeds.online_rate(now).value(),
    );
    t.one(
        "file_completeness_ratio",
        "gauge",
        "Cameras whose file lacks no mandatory field.",
        health::file_completeness(&register).value(),
    );
    t.one(
        "sessions",
        "gauge",
        "Sessions signed in.",
        gateway.sessions.count(),
    );
    t.one(
        "start_time_seconds",
        "gauge",
        "When it started, UTC.",
        gateway.started.as_micros() as f64 / 1e6,
    );
    t.one(
        "cpu_seconds_total",
        "counter",
        "CPU time used.",
        cpu_seconds(),
    );
    t.one("memory_bytes", "gauge", "Resident memory.", memory_bytes());
    t.0
}

fn transcodes(t: &mut Text, transcodes: &ingest::Transcodes) {
    let running = transcodes.running();
    t.head("transcodes", "gauge", "Re-encodings for viewers that run.");
    for kind in [Kind::Video, Kind::Sound] {
        let count = running.iter().filter(|r| r.kind == kind).count();
        t.labelled("transcodes", "kind", kind.as_str(), count);
    }
    let totals = transcodes.totals();
    t.one(
        "transcodes_refused_total",
        "counter",
        "Re-encodings refused because the most there may be were running.",
        totals.refused,
    );
    t.one(
        "transcode_failures_total",
        "counter",
        "Pipelines that failed or stood still, and were begun anew.",
        totals.failures,
    );
    t.one(
        "transcode_cpu_seconds_total",
        "counter",
        "Processor time of re-encoding.",
        totals.cpu_us as f64 / 1e6,
    );
}

/// CPU time used by this process, seconds.
pub fn cpu_seconds() -> f64 {
    // proc(5): user and system time are fields 14 and 15, in 1/100 s on every Linux; the name before them may hold spaces.
    let read = || {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some((next()? + next()?) as f64 / 100.0)
    };
    read().unwrap_or(0.0)
}

/// Resident memory of this process, bytes.
pub fn memory_bytes() -> u64 {
    let read = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    read().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory_and_labels_are_escaped() {
        assert!(memory_bytes() > 100_000);
        assert!(cpu_seconds() >= 0.0);
        let mut t = Text(String::new());
        t.labelled("x", "l", "a\"b\\", 1);
        assert_eq!(t.0, "sightline_x{l=\"a\\\"b\\\\\"} 1\n");
    }
}
