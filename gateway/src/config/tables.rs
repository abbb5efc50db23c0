//! The tables of the configuration file, with their defaults.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf};

use media::{BitRate, Place, Profile, RegionCode};
use serde::Deserialize;
use storage::Policy;

use super::units::{Rate, Size, UtcOffset};
use crate::tiles::{Source, hosts::Hosts};

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
    /// Native clients by QUIC, and browsers by WebTransport, on the same port.
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

/// Looking at every camera in turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Diagnosis {
    /// Whether it is done.
    pub enabled: bool,
    /// What all looks together may take of the links.
    pub share: Rate,
    /// Every camera is to be known within this, minutes.
    pub period_min: u32,
    /// The longest look, seconds.
    pub visit_s: u32,
    /// A camera's clock that is farther from the centre's is wrong, seconds.
    pub clock_s: f64,
}

impl Default for Diagnosis {
    fn default() -> Self {
        Self {
            enabled: true,
            share: Rate(BitRate::kilobits(1500)),
            period_min: 120,
            visit_s: 8,
            clock_s: 5.0,
        }
    }
}

impl Diagnosis {
    /// As the round takes it.
    pub fn round(&self) -> crate::visits::Settings {
        let seconds = |s: u32| std::time::Duration::from_secs(s.into());
        crate::visits::Settings {
            share: self.share.0,
            period: seconds(self.period_min) * 60,
            visit: seconds(self.visit_s),
        }
    }
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
    /// Disks that recordings are put on; the data directory's own if there are none.
    pub volume: Vec<Volume>,
    /// Which recording goes on which of them.
    pub policy: Policy,
    /// The oldest goes when a disk has less than this free.
    pub keep_free: Size,
    /// And once it goes, until the disk has this free; `keep_free` if absent.
    pub free_target: Option<Size>,
    /// The oldest goes when recordings are more than this.
    pub max: Option<Size>,
    /// By site class: days that no want of room takes away.
    pub floor_days: BTreeMap<String, u32>,
    /// What all recorders may hold in memory.
    pub memory: Size,
    /// What the ring of a camera that is recorded on event may hold, so that what came before the event is there.
    pub pre_roll: Size,
    /// What was written is brought to the disk after so many seconds.
    pub flush_s: u32,
    /// Threads that write to a disk.
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
            volume: Vec::new(),
            policy: d.policy,
            keep_free: Size(d.keep_free),
            free_target: None,
            max: None,
            floor_days: ["1", "2", "3"].map(|c| (c.to_owned(), 30)).into(),
            memory: Size(d.recorder_budget),
            pre_roll: Size(media::ByteCount::mebibytes(32)),
            flush_s: d.flush_seconds,
            disk_threads: d.disk_threads,
            index_cache: Size(d.index_cache),
            playback_hours: d.playback_limit_seconds / 3600,
        }
    }
}

impl Recording {
    /// As the archive takes it; days begin by this clock.
    pub fn archive(&self, utc_offset: UtcOffset) -> storage::Config {
        storage::Config {
            segment_seconds: self.segment_s,
            volumes: self.volume.iter().map(|v| v.path.clone()).collect(),
            policy: self.policy,
            keep_free: self.keep_free.0,
            free_target: self.free_target.map(|s| s.0),
            utc_offset_minutes: utc_offset.0,
            max_bytes: self.max.map(|s| s.0),
            recorder_budget: self.memory.0,
            flush_seconds: self.flush_s,
            disk_threads: self.disk_threads,
            index_cache: self.index_cache.0,
            playback_limit_seconds: self.playback_hours.saturating_mul(3600),
            ..storage::Config::default()
        }
    }
}

/// A disk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// A directory on it; made, and marked as ours, where it is not there or empty.
    pub path: PathBuf,
}

/// Packages of evidence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// What all packages may take. A job that needs more fails, and says so.
    pub room: Size,
    /// A package is deleted after so many days.
    pub keep_days: u32,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            room: Size(media::ByteCount::mebibytes(50 * 1024)),
            keep_days: 7,
        }
    }
}

/// What is kept with incidents.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Incidents {
    /// What all photos and voices may take. One for which there is no room is refused, and says so; none is deleted for another.
    pub room: Size,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            room: Size(media::ByteCount::mebibytes(20 * 1024)),
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
    /// What of several cameras is one thing.
    pub together: command::rules::Nearness,
    /// Recordings that an alarm holds where no recording plan says otherwise.
    pub hold: Hold,
    /// What one sender may tell of in a minute.
    pub intake_per_minute: u32,
    /// Photos are kept so many days.
    pub photo_days: u32,
}

/// What an alarm holds: what people and other systems tell of, and what a rule makes one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hold {
    /// Seconds before it.
    pub before_s: u32,
    /// Seconds after its end.
    pub after_s: u32,
    /// For so many days; 0: nothing is held but by plan.
    pub days: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            before_s: 60,
            after_s: 300,
            days: 90,
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self {
            connection_lost_s: 5,
            first_answer_s: 120,
            together: command::rules::Nearness::default(),
            hold: Hold::default(),
            intake_per_minute: 600,
            photo_days: 90,
        }
    }
}

/// What the supervision judges by, and when it raises an alarm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supervision {
    /// Figures and logs are kept so many days.
    pub keep_days: u32,
    /// A clock may be wrong by so much, seconds.
    pub clock_s: u32,
    /// Faults of a picture may take so long in a day, seconds.
    pub fault_s: u32,
    /// What was last known of a camera stands so long when nobody asks for it, seconds.
    pub known_for_s: u32,
    /// Online rate.
    pub online: Threshold,
    /// Recording completeness.
    pub recording: Threshold,
    /// Retention met.
    pub retention: Threshold,
    /// Clock accuracy.
    pub clock: Threshold,
    /// Image quality.
    pub quality: Threshold,
    /// File completeness.
    pub file: Threshold,
}

/// A rate that is wanted, and the one below which there is an alarm; 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Wanted.
    pub target: f64,
    /// Below this there is an event; 0: never.
    pub alarm: f64,
}

impl Default for Supervision {
    fn default() -> Self {
        let of = |target, alarm| Threshold { target, alarm };
        Self {
            keep_days: 400,
            clock_s: 5,
            fault_s: 300,
            known_for_s: 10_800,
            online: of(0.98, 0.95),
            recording: of(0.98, 0.95),
            retention: of(1.0, 0.95),
            clock: of(0.98, 0.95),
            quality: of(0.95, 0.90),
            file: of(1.0, 0.95),
        }
    }
}

impl Supervision {
    /// By the formula of today.
    pub fn judging(&self) -> command::supervision::Judging {
        command::supervision::Judging {
            formula: command::supervision::FORMULA,
            clock_ms: self.clock_s.saturating_mul(1000),
            fault_s: self.fault_s,
            known_for_s: self.known_for_s,
        }
    }

    /// Every rate with its name, in the order they are told.
    pub fn thresholds(&self) -> [(&'static str, Threshold); 6] {
        [
            ("online", self.online),
            ("recording", self.recording),
            ("retention", self.retention),
            ("clock", self.clock),
            ("quality", self.quality),
            ("file", self.file),
        ]
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

impl fmt::Display for District {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.code)
    }
}

/// The map's ground: where its tiles may come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    /// Hosts that may be asked for tiles: `host`, `host:port`, or `*.host` for what lies below it.
    pub hosts: Vec<String>,
    /// Private networks in which a listed host may lie, such as `10.20.0.0/16`.
    pub private: Vec<String>,
    /// PEM of the authorities that map servers are trusted by.
    pub authorities: PathBuf,
    /// Most bytes of tiles on the disk.
    pub cache: Size,
    /// How long a tile is good for where its server does not say, hours.
    pub keep_hours: u32,
    /// Longest time for one tile, seconds.
    pub timeout_s: u64,
    /// Tiles that are fetched at once.
    pub at_once: usize,
    /// Sources that are there whatever the page says.
    pub source: Vec<Source>,
}

impl Default for Map {
    fn default() -> Self {
        Self {
            hosts: vec!["*.tianditu.gov.cn".into()],
            private: Vec::new(),
            authorities: "/etc/ssl/certs/ca-certificates.crt".into(),
            cache: Size(media::ByteCount(512 << 20)),
            keep_hours: 168,
            timeout_s: 10,
            at_once: 12,
            source: Vec::new(),
        }
    }
}

impl Map {
    /// The list of hosts.
    ///
    /// # Errors
    /// Which entry is no host, or no network.
    pub fn hosts(&self) -> Result<Hosts, String> {
        Hosts::parse(&self.hosts, &self.private)
    }

    /// What is wrong with it: the key, and why.
    pub(super) fn fault(&self) -> Option<(&'static str, String)> {
        let hosts = match self.hosts() {
            Ok(hosts) => hosts,
            Err(text) => return Some(("map.hosts", text)),
        };
        for (n, source) in self.source.iter().enumerate() {
            if let Err(wrong) = source.check(&hosts) {
                return Some(("map.source", format!("{}: {wrong}", source.id)));
            }
            if self.source[..n].iter().any(|s| s.id == source.id) {
                return Some(("map.source", format!("{} is there twice", source.id)));
            }
        }
        let range = |key, value: u64, least: u64, most: u64| {
            let out = !(least..=most).contains(&value);
            out.then(|| (key, format!("{value}, expected {least} to {most}")))
        };
        range("map.keep_hours", self.keep_hours.into(), 1, 2160)
            .or(range("map.timeout_s", self.timeout_s, 1, 60))
            .or(range("map.at_once", self.at_once as u64, 1, 256))
    }
}
