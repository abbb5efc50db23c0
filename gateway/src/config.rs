//! The configuration file: every key with its unit, default and reason is in `configs/sightline.toml`.
//!
//! Unknown keys are refused. An error names file, line, column, key, and what was expected.

mod error;
mod tables;
pub mod units;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

pub use error::Error;
use error::{position, wrong};
pub use tables::{
    Access, Data, Diagnosis, District, Events, Evidence, Hold, Incidents, Line, Links, Listen, Log,
    Map, Recording, Stills, Supervision, Threshold,
};

/// Everything a gateway is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which district.
    pub district: District,
    /// Where its data live.
    pub data: Data,
    /// Where it is reached.
    #[serde(default)]
    pub listen: Listen,
    /// Who may come in, for how long.
    #[serde(default)]
    pub access: Access,
    /// Lines with another capacity than is usual at their level.
    #[serde(default)]
    pub links: Links,
    /// Looking at every camera in turn.
    #[serde(default)]
    pub diagnosis: Diagnosis,
    /// What is recorded.
    #[serde(default)]
    pub recording: Recording,
    /// Packages of evidence.
    #[serde(default)]
    pub evidence: Evidence,
    /// What is kept with incidents.
    #[serde(default)]
    pub incidents: Incidents,
    /// When things become events.
    #[serde(default)]
    pub events: Events,
    /// What cameras are judged by.
    #[serde(default)]
    pub supervision: Supervision,
    /// Stills.
    #[serde(default)]
    pub stills: Stills,
    /// The map's ground.
    #[serde(default)]
    pub map: Map,
    /// The log.
    #[serde(default)]
    pub log: Log,
    /// Pulling from cameras.
    #[serde(default)]
    pub ingest: ingest::Config,
    /// Re-encoding for viewers.
    #[serde(default)]
    pub transcode: ingest::transcode::Config,
    /// Viewers.
    #[serde(default)]
    pub relay: relay::Config,
    /// Finding motion and faults.
    #[serde(default)]
    pub tagger: tagger::Config,
}

impl Config {
    /// Reads a file. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// [`Error`] names file, line and key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(path, &text)?;
        let base = path.parent().unwrap_or(Path::new("."));
        let absolute = |p: &mut PathBuf| *p = base.join(&*p);
        absolute(&mut config.data.dir);
        for path in [
            &mut config.district.regions,
            &mut config.district.sketch,
            &mut config.listen.certificate,
            &mut config.listen.key,
        ] {
            path.as_mut().map(absolute);
        }
        absolute(&mut config.map.authorities);
        for volume in &mut config.recording.volume {
            absolute(&mut volume.path);
        }
        Ok(config)
    }

    /// Reads a text; `path` is for errors only.
    ///
    /// # Errors
    /// [`Error::Wrong`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            wrong(path, text, at, e.message())
        })?;
        match config.fault() {
            Some((key, fault)) => Err(wrong(path, text, position(text, key), &fault)),
            None => Ok(config),
        }
    }

    /// What no single key's type can say.
    fn fault(&self) -> Option<(&'static str, String)> {
        let l = &self.listen;
        let range = |key, value: u64, least: u64, most: u64| {
            let out = !(least..=most).contains(&value);
            out.then(|| (key, format!("{value}, expected {least} to {most}")))
        };
        if l.plain_http && !l.plain_http_anywhere && !is_loopback(l.address.ip()) {
            let text = format!(
                "plain HTTP on {} would send passwords in clear over the network; listen on a loopback address such as 127.0.0.1:8080, or say plain_http_anywhere = true",
                l.address
            );
            return Some(("listen.plain_http", text));
        }
        if l.certificate.is_some() != l.key.is_some() {
            return Some((
                "listen.certificate",
                "certificate and key belong together".into(),
            ));
        }
        if !self.district.center.is_valid() {
            return Some((
                "district.center",
                "longitude is -180 to 180, latitude -90 to 90".into(),
            ));
        }
        for (name, t) in self.supervision.thresholds() {
            let share = 0.0..=1.0;
            if !share.contains(&t.target) || !share.contains(&t.alarm) || t.alarm > t.target {
                let text = format!("{name}: a target and an alarm of 0 to 1, the alarm not above");
                return Some(("supervision", text));
            }
        }
        if let Some(fault) = range(
            "supervision.keep_days",
            self.supervision.keep_days.into(),
            32,
            3660,
        )
        .or_else(|| {
            range(
                "supervision.known_for_s",
                self.supervision.known_for_s.into(),
                60,
                86_400,
            )
        }) {
            return Some(fault);
        }
        for (class, days) in &self.recording.floor_days {
            if !command::register::SITE_CLASSES.contains(&class.as_str()) {
                let known = command::register::SITE_CLASSES.join(", ");
                let text = format!("'{class}' is no site class, expected one of {known}");
                return Some(("recording.floor_days", text));
            }
            if *days > 3650 {
                return Some((
                    "recording.floor_days",
                    format!("{days}, expected 0 to 3650"),
                ));
            }
        }
        let shares = self.links.link.iter().filter_map(|l| l.share);
        if let Some(s) = shares
            .chain([self.links.share])
            .find(|s| !(0.0..=1.0).contains(s))
        {
            return Some(("links.share", format!("{s}, expected 0 to 1")));
        }
        if let Some(fault) = self.map.fault() {
            return Some(fault);
        }
        None.or(range("district.zoom", self.district.zoom.into(), 3, 18))
            .or(range(
                "listen.max_connections",
                l.max_connections as u64,
                10,
                1_000_000,
            ))
            .or(range(
                "listen.handshake_timeout_s",
                l.handshake_timeout_s,
                1,
                120,
            ))
            .or(range("listen.header_timeout_s", l.header_timeout_s, 1, 120))
            .or(range(
                "access.session_idle_hours",
                self.access.session_idle_hours.into(),
                1,
                24 * 365,
            ))
            .or(range(
                "access.attempts",
                self.access.attempts as u64,
                1,
                1000,
            ))
            .or(range(
                "recording.segment_s",
                self.recording.segment_s.into(),
                5,
                3600,
            ))
            .or(range(
                "recording.flush_s",
                self.recording.flush_s.into(),
                1,
                3600,
            ))
            .or(range(
                "recording.disk_threads",
                self.recording.disk_threads as u64,
                1,
                64,
            ))
            .or(range(
                "evidence.keep_days",
                self.evidence.keep_days.into(),
                1,
                3650,
            ))
            .or(range(
                "recording.playback_hours",
                self.recording.playback_hours.into(),
                1,
                168,
            ))
            .or(range(
                "events.connection_lost_s",
                self.events.connection_lost_s,
                1,
                3600,
            ))
            .or(range(
                "events.first_answer_s",
                self.events.first_answer_s,
                0,
                3600,
            ))
            .or(range(
                "diagnosis.period_min",
                self.diagnosis.period_min.into(),
                1,
                7 * 24 * 60,
            ))
            .or(range(
                "diagnosis.visit_s",
                self.diagnosis.visit_s.into(),
                1,
                120,
            ))
            .or_else(|| self.transcode.fault())
            .or(range("stills.at_once", self.stills.at_once as u64, 1, 64))
            .or(range("stills.quality", self.stills.quality.into(), 1, 100))
    }

    /// The capacities of all lines of these regions.
    pub fn lines<'a>(
        &self,
        regions: impl Iterator<Item = &'a std::sync::Arc<command::Region>>,
    ) -> Vec<ingest::budget::Link> {
        regions
            .map(|region| {
                let own = self.links.link.iter().find(|l| l.region == region.code);
                let usual = match region.code.level() {
                    media::id::Level::Village => self.links.village,
                    media::id::Level::Town => self.links.town,
                    _ => self.links.district,
                };
                ingest::budget::Link {
                    id: region.code,
                    name: region.name.clone(),
                    capacity: own.map_or(usual, |l| l.capacity).0,
                    share: own.and_then(|l| l.share).unwrap_or(self.links.share),
                    schedule: Vec::new(),
                    via: None,
                }
            })
            .collect()
    }

    /// How long a camera that has given nothing yet is waited for before that is an alarm.
    pub fn first_answer(&self) -> Duration {
        Duration::from_secs(self.events.first_answer_s)
    }

    /// How long a session lives without use.
    pub fn session_idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.access.session_idle_hours) * 3600)
    }
}

/// Whether an address never leaves this machine.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Profile;

    const LEAST: &str =
        "[district]\ncode = \"441403\"\nname = \"梅县区\"\n[data]\ndir = \"/var/lib/sightline\"\n";

    fn error(more: &str) -> String {
        let text = format!("{LEAST}{more}");
        Config::parse(Path::new("a.toml"), &text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_least_configuration_is_enough() {
        let c = Config::parse(Path::new("a.toml"), LEAST).unwrap();
        assert_eq!(c.listen.address.to_string(), "[::]:8443");
        assert_eq!(c.recording.profile, Profile::Main);
    }

    #[test]
    fn an_error_names_file_line_key_and_what_was_expected() {
        assert!(
            error("[listen]\nadress = \"x\"\n").starts_with(
                "a.toml:7:1: listen.adress: unknown field `adress`, expected one of `address`"
            ),
            "{}",
            error("[listen]\nadress = \"x\"\n")
        );
        let e = error("[listen]\naddress = \"localhost\"\n");
        assert!(
            e.starts_with("a.toml:7:11: listen.address: invalid socket address"),
            "{e}"
        );
        let e = error("[recording]\nkeep_free = \"10 apples\"\n");
        assert!(
            e.contains("recording.keep_free") && e.contains("expected a size such as"),
            "{e}"
        );
        let e = error("[recording]\nsegment_s = 1\n");
        assert_eq!(e, "a.toml:7:1: recording.segment_s: 1, expected 5 to 3600");
        let e = error("[listen]\naddress = \"[::]:80\"\nplain_http = true\n");
        assert!(
            e.starts_with("a.toml:8:1: listen.plain_http: plain HTTP on [::]:80 would send"),
            "{e}"
        );
        let e = error("[ingest]\ngrace_s = \"x\"\n");
        assert!(e.starts_with("a.toml:7:11: ingest.grace_s: "), "{e}");
        let e = Config::parse(Path::new("a.toml"), "[district]\ncode = \"4414x\"\n").unwrap_err();
        assert!(
            e.to_string().starts_with("a.toml:2:8: district.code: "),
            "{e}"
        );
        let e = Config::parse(Path::new("a.toml"), "[district\n").unwrap_err();
        assert!(e.to_string().starts_with("a.toml:1:"), "{e}");
    }

    #[test]
    fn the_documented_configuration_is_the_default() {
        let text = include_str!("../../configs/sightline.toml");
        let documented = Config::parse(Path::new("configs/sightline.toml"), text).unwrap();
        let least = Config::parse(Path::new("a.toml"), LEAST).unwrap();
        let differs = [
            (
                "listen",
                format!("{:?}", documented.listen),
                format!("{:?}", least.listen),
            ),
            (
                "access",
                format!("{:?}", documented.access),
                format!("{:?}", least.access),
            ),
            (
                "links",
                format!("{:?}", documented.links),
                format!("{:?}", least.links),
            ),
            (
                "diagnosis",
                format!("{:?}", documented.diagnosis),
                format!("{:?}", least.diagnosis),
            ),
            (
                "recording",
                format!("{:?}", documented.recording),
                format!("{:?}", least.recording),
            ),
            (
                "evidence",
                format!("{:?}", documented.evidence),
                format!("{:?}", least.evidence),
            ),
            (
                "incidents",
                format!("{:?}", documented.incidents),
                format!("{:?}", least.incidents),
            ),
            (
                "events",
                format!("{:?}", documented.events),
                format!("{:?}", least.events),
            ),
            (
                "stills",
                format!("{:?}", documented.stills),
                format!("{:?}", least.stills),
            ),
            (
                "map",
                format!("{:?}", documented.map),
                format!("{:?}", least.map),
            ),
            (
                "log",
                format!("{:?}", documented.log),
                format!("{:?}", least.log),
            ),
            (
                "ingest",
                format!("{:?}", documented.ingest),
                format!("{:?}", least.ingest),
            ),
            (
                "transcode",
                format!("{:?}", documented.transcode),
                format!("{:?}", least.transcode),
            ),
            (
                "relay",
                format!("{:?}", documented.relay),
                format!("{:?}", least.relay),
            ),
            (
                "tagger",
                format!("{:?}", documented.tagger),
                format!("{:?}", least.tagger),
            ),
        ];
        for (table, documented, default) in differs {
            assert_eq!(
                documented, default,
                "[{table}] in configs/sightline.toml says other defaults"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\[[a-z]{1,8}\\]|[a-z_]{1,8} = [0-9\"a-z]{0,6}|\\PC{0,12}|\n){0,12}") {
            let _ = Config::parse(Path::new("a.toml"), &text).map_err(|e| e.to_string());
        }
    }
}
