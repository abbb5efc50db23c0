//! The configuration file: every key with its unit, default and reason is in `configs/sightline.toml`.
//!
//! Unknown keys are refused. An error names file, line, column, key, and what was expected.

pub mod units;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use media::{BitRate, Place, Profile, RegionCode};
use serde::Deserialize;
use units::{Rate, Size, UtcOffset};

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
    /// What is recorded.
    #[serde(default)]
    pub recording: Recording,
    /// When things become events.
    #[serde(default)]
    pub events: Events,
    /// Stills.
    #[serde(default)]
    pub stills: Stills,
    /// The log.
    #[serde(default)]
    pub log: Log,
    /// Pulling from cameras.
    #[serde(default)]
    pub ingest: ingest::Config,
    /// Viewers.
    #[serde(default)]
    pub relay: relay::Config,
    /// Finding motion and faults.
    #[serde(default)]
    pub tagger: tagger::Config,
}

/// Which district.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct District {
    /// Its code.
    pub code: RegionCode,
    /// Its name.
    pub name: String,
    /// Its name in Latin letters.
    #[serde(default)]
    pub name_en: String,
    /// CSV with a line `code,name,name_en,lon,lat` and one region a line.
    pub regions: Option<PathBuf>,
    /// GeoJSON of outlines and towns for the map.
    pub sketch: Option<PathBuf>,
    /// Where the map opens.
    #[serde(default = "Place::meixian")]
    pub center: Place,
    /// How near: 3 to 18.
    #[serde(default = "ten")]
    pub zoom: u8,
    /// The map's approval number (审图号), shown on it.
    #[serde(default)]
    pub map_approval: String,
    /// The district's own time: incident numbers begin anew at its midnight.
    #[serde(default)]
    pub utc_offset: UtcOffset,
}

trait DefaultCentre {
    fn meixian() -> Self;
}
impl DefaultCentre for Place {
    fn meixian() -> Self {
        Self {
            lon: 116.08,
            lat: 24.26,
        }
    }
}

fn ten() -> u8 {
    10
}
fn yes() -> bool {
    true
}

/// Where the data live.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data directory.
    pub dir: PathBuf,
}

/// Where it is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port, for TCP and, with `quic`, UDP. `[::]` takes IPv4 too.
    pub address: SocketAddr,
    /// Native clients by QUIC on the same port.
    pub quic: bool,
    /// No TLS. Only on a loopback address, unless `plain_http_anywhere`.
    pub plain_http: bool,
    /// Plain HTTP on any address: for a gateway behind a proxy that does TLS on a network of its own.
    pub plain_http_anywhere: bool,
    /// Names and addresses to put into the certificate beside this machine's own.
    pub names: Vec<String>,
    /// A certificate (PEM chain) of the district's own instead of one by its authority.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Most connections at once.
    pub max_connections: usize,
    /// A TLS handshake must be done within this, seconds.
    pub handshake_timeout_s: u64,
    /// A request's head must be there within this, seconds.
    pub header_timeout_s: u64,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0u16; 8], 8443)),
            quic: yes(),
            plain_http: false,
            plain_http_anywhere: false,
            names: Vec::new(),
            certificate: None,
            key: None,
            max_connections: 4096,
            handshake_timeout_s: 10,
            header_timeout_s: 15,
        }
    }
}

/// Who may come in, for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// A session ends after so many hours without use.
    pub session_idle_hours: u32,
    /// Wrong passwords of one user from one address within the window.
    pub attempts: usize,
    /// Wrong passwords from one address, whatever the user.
    pub attempts_per_address: usize,
    /// Wrong passwords of one user, from wherever.
    pub attempts_per_user: usize,
    /// The window, seconds.
    pub attempts_window_s: u64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            session_idle_hours: 12,
            attempts: 5,
            attempts_per_address: 30,
            attempts_per_user: 50,
            attempts_window_s: 300,
        }
    }
}

/// Lines between the gateway and its cameras.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// What video may take of a line, 0 to 1, where the line says nothing else.
    pub share: f64,
    /// The line of a whole district or above.
    pub district: Rate,
    /// A town's line.
    pub town: Rate,
    /// A village's line.
    pub village: Rate,
    /// Lines that are different.
    pub link: Vec<Line>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            share: 0.6,
            district: Rate(BitRate::megabits(1000)),
            town: Rate(BitRate::megabits(100)),
            village: Rate(BitRate::megabits(50)),
            link: Vec::new(),
        }
    }
}

/// One line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The region at its lower end.
    pub region: RegionCode,
    /// What it carries.
    pub capacity: Rate,
    /// What video may take of it, 0 to 1.
    pub share: Option<f64>,
}

/// What is recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Record cameras whose file says so. Off turns the recorder off as a whole.
    pub enabled: bool,
    /// Which stream; the other one where a camera has only that.
    pub profile: Profile,
    /// A segment is cut at the first key frame after this many seconds.
    pub segment_s: u32,
    /// The oldest goes when the disk has less than this free.
    pub keep_free: Size,
    /// The oldest goes when recordings are more than this.
    pub max: Option<Size>,
    /// What all recorders may hold in memory.
    pub memory: Size,
    /// Threads that write.
    pub disk_threads: usize,
    /// Cache of the index.
    pub index_cache: Size,
    /// The longest range of one playback, hours.
    pub playback_hours: u32,
}

impl Default for Recording {
    fn default() -> Self {
        let d = storage::Config::default();
        Self {
            enabled: yes(),
            profile: Profile::Main,
            segment_s: d.segment_seconds,
            keep_free: Size(d.keep_free),
            max: None,
            memory: Size(d.recorder_budget),
            disk_threads: d.disk_threads,
            index_cache: Size(d.index_cache),
            playback_hours: d.playback_limit_seconds / 3600,
        }
    }
}

impl Recording {
    /// As the archive takes it.
    pub fn archive(&self) -> storage::Config {
        storage::Config {
            segment_seconds: self.segment_s,
            keep_free: self.keep_free.0,
            max_bytes: self.max.map(|s| s.0),
            recorder_budget: self.memory.0,
            disk_threads: self.disk_threads,
            index_cache: self.index_cache.0,
            playback_limit_seconds: self.playback_hours.saturating_mul(3600),
            ..storage::Config::default()
        }
    }
}

/// When things become events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// A wanted camera that is not live for so long is a lost connection, seconds.
    pub connection_lost_s: u64,
    /// A camera that has given nothing since the gateway's start has so long before its absence is an alarm, seconds.
    pub first_answer_s: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            connection_lost_s: 5,
            first_answer_s: 120,
        }
    }
}

/// Stills.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stills {
    /// How many are decoded at once.
    pub at_once: usize,
    /// How long to wait for a camera's first picture, seconds.
    pub wait_s: u64,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// What decoded stills may take in memory.
    pub cache: Size,
}

impl Default for Stills {
    fn default() -> Self {
        Self {
            at_once: 2,
            wait_s: 5,
            quality: 80,
            cache: Size(media::ByteCount::mebibytes(32)),
        }
    }
}

/// The log, on standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// As of `tracing_subscriber::EnvFilter`: `info`, `warn,sightline=debug`.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            json: false,
        }
    }
}

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {key}{text}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The key with its table, and a colon; empty where there is none.
        key: String,
        /// What is wrong and what was expected.
        text: String,
    },
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
        let shares = self.links.link.iter().filter_map(|l| l.share);
        if let Some(s) = shares
            .chain([self.links.share])
            .find(|s| !(0.0..=1.0).contains(s))
        {
            return Some(("links.share", format!("{s}, expected 0 to 1")));
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
                "recording.disk_threads",
                self.recording.disk_threads as u64,
                1,
                64,
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

fn wrong(path: &Path, text: &str, at: usize, message: &str) -> Error {
    let at = at.min(text.len());
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    Error::Wrong {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        key: key_at(text, at),
        text: message.trim().replace('\n', ", "),
    }
}

/// The dotted key that the position lies at.
fn key_at(text: &str, at: usize) -> String {
    let mut table = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let content = line.trim();
        if content.starts_with('[') {
            let name = content.trim_start_matches('[');
            table = name.split(']').next().unwrap_or_default().trim().to_owned();
        }
        if (start..end).contains(&at) {
            let key = match content.split_once('=') {
                Some((key, _)) if !content.starts_with(['[', '#']) => key.trim(),
                _ => "",
            };
            let parts = [table.as_str(), key];
            let name: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            return match name.is_empty() {
                true => String::new(),
                false => format!("{}: ", name.join(".")),
            };
        }
        start = end;
    }
    String::new()
}

/// Where a dotted key stands, or where its table does, or the start.
fn position(text: &str, key: &str) -> usize {
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    let (mut inside, mut start, mut header) = (table.is_empty(), 0, 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        if content.starts_with('[') {
            inside = content == format!("[{table}]");
            if inside {
                header = start;
            }
        }
        let is_key = content
            .split_once('=')
            .is_some_and(|(k, _)| k.trim() == name);
        if inside && is_key {
            return start;
        }
        start += line.len();
    }
    header
}

impl fmt::Display for District {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                "recording",
                format!("{:?}", documented.recording),
                format!("{:?}", least.recording),
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
