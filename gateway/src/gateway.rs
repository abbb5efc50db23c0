//! The gateway: everything assembled.
//!
//! ```text
//! DataDir (lock) -> journals: register, users, incidents, contingency, walls, uplinks, audit, events
//!     -> Supervisor (cameras) -> Archive (recordings), Tagger -> Book (events) -> Hub (pages)
//!     -> Relay (viewers) -> accept loop (TLS, HTTP) and QUIC endpoint
//! ```

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use command::{ContingencyPlans, Incidents, Region, Register, Store, boundary::Boundaries};
use ingest::budget::WeekMinute;
use media::{CameraId, Clock, EventId, WallTime};
use relay::Relay;
use storage::{Archive, DataDir, Events};
use tagger::Tagger;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{Sessions, Users, attempts, attempts::Attempts, password::Hasher, tickets::Tickets},
    attachments::Attachments,
    audit::Audit,
    book::{Book, Repeats},
    config::Config,
    diagnose::Diagnoses,
    evidence::{self, Evidence},
    feeds::{Connections, Feeds},
    follow,
    front::Front,
    host::{Host, Watchers},
    hub::Hub,
    links, listen,
    nearby::Nearby,
    photo::Photos,
    positions::Positions,
    recording::{self, plans, recorders::Recorders},
    rules::{self, Intake, RuleBook},
    seal::Seal,
    stills::Stills,
    supervision::{self, Supervision},
    tiles::Tiles,
    tls::{self, Identity, short_lived::ShortLived},
    visits::{self, Checks},
    walls::{self, SharedWalls},
};

/// What stands beside the configuration: data that a demonstration brings along.
#[derive(Debug, Default)]
pub struct Extras {
    /// Regions to put into the register, beside those of `district.regions`.
    pub regions: Vec<Region>,
    /// The map's sketch, instead of `district.sketch`.
    pub sketch: Option<Bytes>,
}

/// All parts, for every handler.
pub struct Gateway {
    /// What it was told.
    pub config: Config,
    /// When it started.
    pub started: WallTime,
    /// Accounts.
    pub users: Arc<Store<Users>>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// What pages open media sessions over QUIC with.
    pub tickets: Tickets,
    /// Sign-in attempts.
    pub attempts: Mutex<Attempts>,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Regions and cameras.
    pub register: Arc<Store<Register>>,
    /// Seals the cameras' passwords in it.
    pub seal: Seal,
    /// Incidents.
    pub incidents: Arc<Store<Incidents>>,
    /// What is done about a kind of incident.
    pub contingency: Arc<Store<ContingencyPlans>>,
    /// Photos and voices of incidents.
    pub attachments: Attachments,
    /// Walls that are directed from another seat.
    pub walls: SharedWalls,
    /// Who shares where they are.
    pub positions: Positions,
    /// Who did what.
    pub audit: Audit,
    /// What of it was told just now: session, action, camera, detail.
    pub repeats: Repeats<(u64, &'static str, CameraId, String)>,
    /// Events.
    pub book: Book,
    /// What changes.
    pub hub: Arc<Hub>,
    /// Cameras.
    pub supervisor: ingest::Supervisor,
    /// What is known of their feeds.
    pub feeds: Feeds,
    /// Feeds for viewers who cannot decode what a camera sends.
    pub transcodes: ingest::Transcodes,
    /// What people said of the links.
    pub uplinks: Arc<links::Kept>,
    /// Scheduled diagnosis.
    pub checks: Checks,
    /// Diagnoses that somebody asked for.
    pub diagnoses: Diagnoses,
    /// Who watches which camera.
    pub watchers: Watchers,
    /// Recordings.
    pub archive: Archive,
    /// What cameras are judged by.
    pub supervision: Supervision,
    /// What is done about events by rule.
    pub rules: RuleBook,
    /// Photos as they came.
    pub photos: Photos,
    /// How fast other systems tell of things.
    pub intake: Intake,
    /// Packages of evidence.
    pub evidence: Evidence,
    /// What is to be recorded, and when.
    pub plans: Arc<plans::Kept>,
    /// Who is recorded.
    pub recorders: Recorders,
    /// Who is watched for events.
    pub tagger: Tagger,
    /// Stills.
    pub stills: Stills,
    /// Bytes to viewers.
    pub egress: Egress,
    /// The map's sketch.
    pub sketch: Option<Bytes>,
    /// Tiles of the map's ground.
    pub tiles: Tiles,
    /// Outlines of regions.
    pub boundaries: Arc<Store<Boundaries>>,
    /// Cameras by where they stand.
    pub nearby: Nearby,
    /// PEM of the authority to trust.
    pub authority: Option<String>,
    /// Cancelled when it stops: streams end, policies end.
    pub stop: CancellationToken,
    /// Background tasks.
    pub tasks: TaskTracker,
    /// Connections and what was upgraded from them.
    pub connections: TaskTracker,
    clock: Arc<Mutex<Clock>>,
    lost: Mutex<Connections>,
    relay: OnceLock<Relay>,
    /// What browsers are served over QUIC; none where there is no UDP listener.
    pub webtransport: OnceLock<Arc<ShortLived>>,
    next_id: AtomicU32,
    /// Dropped last: the lock on the data directory.
    _data: Arc<DataDir>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({})", self.config.district)
    }
}

/// Bytes a second that go to viewers.
#[derive(Debug, Default)]
pub struct Egress {
    last: AtomicU64,
    rate: AtomicU64,
}

impl Egress {
    /// Takes a reading, about once a second.
    pub(crate) fn sample(&self, total_bytes: u64, passed: Duration) {
        let before = self.last.swap(total_bytes, Relaxed);
        let bytes = media::ByteCount(total_bytes.saturating_sub(before));
        let now = media::BitRate::of(bytes, passed).0;
        // Half old, half new: steady enough to read.
        let old = self.rate.load(Relaxed);
        self.rate.store(old / 2 + now / 2, Relaxed);
    }

    /// Over the last seconds.
    pub fn bits_per_second(&self) -> u64 {
        self.rate.load(Relaxed)
    }
}

/// A gateway that serves.
#[derive(Debug)]
pub struct Running {
    /// Its parts.
    pub gateway: Arc<Gateway>,
    /// Where it listens, with the real port.
    pub address: SocketAddr,
    /// Where people go.
    pub url: String,
    /// SHA-256 of the authority to trust.
    pub fingerprint: Option<String>,
    pub(crate) listening: CancellationToken,
}

struct Journals {
    seal: Seal,
    users: Arc<Store<Users>>,
    register: Arc<Store<Register>>,
    incidents: Arc<Store<Incidents>>,
    contingency: Arc<Store<ContingencyPlans>>,
    walls: SharedWalls,
    attachments: Attachments,
    plans: Arc<plans::Kept>,
    uplinks: Arc<links::Kept>,
    evidence: Evidence,
    supervision: Supervision,
    rules: RuleBook,
    photos: Photos,
    tiles: Tiles,
    boundaries: Arc<Store<Boundaries>>,
    audit: Audit,
    events: Events,
    archive: Archive,
}

impl Gateway {
    /// Opens the data directory, starts every part, and serves. The socket is taken before anything else is touched.
    ///
    /// # Errors
    /// What could not be had: the address, the data directory, a certificate, a file the configuration names.
    pub async fn start(config: Config, extras: Extras) -> Result<Running> {
        let address = config.listen.address;
        let listener =
            listen::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr().context("the listening address")?;
        let data = DataDir::open(&config.data.dir)?;
        let data = Arc::new(data);
        let identity = identity(&config, address, &data)?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let opening = Arc::clone(&data);
        let archive_config = config.recording.archive(config.district.utc_offset);
        let judged_by = config.supervision.clone();
        let audit_tasks = tasks.clone();
        let room = config.incidents.room.0;
        let map = config.map.clone();
        let journals = tokio::task::spawn_blocking(move || {
            open_journals(
                &opening,
                archive_config,
                room,
                judged_by,
                &map,
                &audit_tasks,
            )
        })
        .await??;
        let gateway = assemble(
            config,
            extras,
            data,
            journals,
            identity.as_ref(),
            stop,
            tasks,
        )
        .await?;

        match &identity {
            Some(identity) if gateway.config.listen.quic => {
                let clock = Arc::clone(&gateway.clock);
                let now = Box::new(move || read_clock(&clock));
                let certificates = Arc::new(ShortLived::new(identity, now)?);
                let quic = quic(&gateway, Arc::clone(&certificates), address)?;
                let _ = gateway.webtransport.set(certificates);
                gateway.connections.spawn(quic.ended());
            }
            _ => {}
        }
        let listening = CancellationToken::new();
        let limits = listen::Limits {
            connections: gateway.config.listen.max_connections,
            handshake: Duration::from_secs(gateway.config.listen.handshake_timeout_s),
            header: Duration::from_secs(gateway.config.listen.header_timeout_s),
        };
        let server = identity.as_ref().map(Identity::server).transpose()?;
        let front = Front::new(Arc::clone(&gateway));
        let serve = listen::serve(
            listener,
            server,
            limits,
            front,
            gateway.connections.clone(),
            listening.clone(),
        );
        gateway.connections.spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the listener failed");
            }
        });
        Ok(Running {
            url: url(address, identity.is_some()),
            fingerprint: identity.as_ref().and_then(Identity::fingerprint),
            gateway,
            address,
            listening,
        })
    }

    /// The relay; there from the start on.
    pub fn relay(&self) -> Option<&Relay> {
        self.relay.get()
    }

    /// The relay's counters.
    pub fn relay_stats(&self) -> relay::Stats {
        self.relay.get().map(Relay::stats).unwrap_or_default()
    }

    /// Everybody who watches now.
    pub fn relay_viewers(&self) -> Vec<relay::Watching> {
        self.relay.get().map(Relay::viewers).unwrap_or_default()
    }

    /// The time of record: the clock that frames are stamped by, which a correction of the system's does not make jump.
    pub fn now(&self) -> WallTime {
        read_clock(&self.clock)
    }

    /// A new identity that sorts by time.
    pub fn new_id(&self, at: WallTime) -> EventId {
        EventId {
            at: at.as_micros(),
            number: self.next_id.fetch_add(1, Relaxed),
        }
    }

    /// A camera is no longer in the register.
    pub fn forget_connection(&self, camera: &CameraId) {
        self.lost().forget(camera);
    }

    pub(crate) fn lost(&self) -> std::sync::MutexGuard<'_, Connections> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_clock(clock: &Mutex<Clock>) -> WallTime {
    let clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
    clock.wall(Instant::now())
}

fn open_journals(
    data: &Arc<DataDir>,
    archive: storage::Config,
    room: media::ByteCount,
    judged_by: crate::config::Supervision,
    map: &crate::config::Map,
    tasks: &TaskTracker,
) -> Result<Journals> {
    let supervision = Supervision::open(
        data.path().join("supervision"),
        data.journal("outages"),
        archive.utc_offset_minutes,
        judged_by,
    )?;
    let (audit, write) = Audit::open(&data.journal("audit"))?;
    tasks.spawn(write);
    Ok(Journals {
        seal: Seal::of(data)?,
        users: Store::open(data.journal("users"))?,
        register: Store::open(data.journal("register"))?,
        incidents: Store::open(data.journal("incidents"))?,
        contingency: Store::open(data.journal("contingency"))?,
        walls: SharedWalls::open(&data.journal("walls"))?,
        attachments: Attachments::open(data.path().join("attachments"), room)?,
        plans: Store::open(data.journal("plans"))?,
        uplinks: Store::open(data.journal("uplinks"))?,
        evidence: Evidence::open(&data.journal("evidence"), data.path().join("evidence"))?,
        supervision,
        rules: RuleBook::open(&data.journal("rules"))?,
        photos: Photos::new(data.path().join("photos")),
        tiles: Tiles::open(
            map,
            data.path().join("tiles"),
            Store::open(data.journal("map"))?,
        )?,
        boundaries: Store::open(data.journal("outlines"))?,
        audit,
        events: Events::open(data)?,
        archive: Archive::open(data, archive)?,
    })
}

fn identity(config: &Config, address: SocketAddr, data: &DataDir) -> Result<Option<Identity>> {
    if config.listen.plain_http {
        return Ok(None);
    }
    if let (Some(certificate), Some(key)) = (&config.listen.certificate, &config.listen.key) {
        return Identity::of_files(certificate, key).map(Some);
    }
    let hostname = rustix::system::uname();
    let hostname = hostname.nodename().to_string_lossy().into_owned();
    let names = tls::names(&config.listen.names, &hostname, &addresses(address.ip()));
    let district = config.district.code.to_string();
    Identity::of_district(&data.tls(), &district, &names).map(Some)
}

/// The addresses people may come to: the one listened on, or those this machine uses towards the outside.
fn addresses(listening: IpAddr) -> Vec<IpAddr> {
    if !listening.is_unspecified() {
        return vec![listening];
    }
    // A UDP socket that is "connected" sends nothing, but the system says which address it would use.
    let towards = |bind: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(bind).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [
        towards("0.0.0.0:0", "192.0.2.1:9"),
        towards("[::]:0", "[2001:db8::1]:9"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn quic(
    gateway: &Gateway,
    certificates: Arc<ShortLived>,
    address: SocketAddr,
) -> Result<relay::quic::Quic> {
    let config = relay::quic::server_config_resolving(certificates, &gateway.config.relay)?;
    let socket = listen::bind_udp(address).with_context(|| {
        format!("cannot listen on UDP {address} for QUIC (listen.quic = false does without)")
    })?;
    let relay = gateway.relay.get().context("the relay is there first")?;
    Ok(relay.quic(socket, config)?)
}

/// What to type into a browser: an address that is everywhere is here, too.
fn url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let host = match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    format!("{scheme}://{host}:{}/", address.port())
}

async fn assemble(
    config: Config,
    extras: Extras,
    data: Arc<DataDir>,
    journals: Journals,
    identity: Option<&Identity>,
    stop: CancellationToken,
    tasks: TaskTracker,
) -> Result<Arc<Gateway>> {
    let register = journals.register;
    crate::district::put(&config.district, extras.regions, &register).await?;
    journals.seal.seal_all(WallTime::now(), &register).await?;
    let sketch = match extras.sketch {
        Some(sketch) => Some(sketch),
        None => crate::district::sketch(&config.district)?,
    };
    let lines = journals.uplinks.read().lines(&config, &register.read());
    let at = WeekMinute::of(WallTime::now(), config.district.utc_offset.0);
    let links = ingest::budget::Links::at(lines, at);
    let clock = Arc::new(Mutex::new(Clock::system()));
    // Not a child of `stop`: cameras are told goodbye after the recorders have ended.
    let supervisor = ingest::Supervisor::start(
        config.ingest.clone(),
        links,
        Arc::clone(&clock),
        CancellationToken::new(),
    );
    let (tagger, tags) = Tagger::start(config.tagger.clone(), CancellationToken::new());
    let hub = Arc::new(Hub::new());
    let folding = config.tagger.folding.clone();
    let (book, begun) = Book::new(
        journals.events,
        folding,
        Arc::clone(&register),
        Arc::clone(&hub),
    );
    let limits = attempts::Limits {
        pair: config.access.attempts,
        address: config.access.attempts_per_address,
        account: config.access.attempts_per_user,
        window: Duration::from_secs(config.access.attempts_window_s),
    };
    let gateway = Arc::new(Gateway {
        started: read_clock(&clock),
        clock,
        users: journals.users,
        sessions: Sessions::new(config.session_idle()),
        tickets: Tickets::default(),
        attempts: Mutex::new(Attempts::new(limits)),
        hasher: Hasher::new(),
        register,
        seal: journals.seal,
        incidents: journals.incidents,
        contingency: journals.contingency,
        walls: journals.walls,
        attachments: journals.attachments,
        positions: Positions::default(),
        audit: journals.audit,
        repeats: Repeats::new(Duration::from_secs(600)),
        book,
        hub,
        feeds: Feeds::new(supervisor.clone()),
        transcodes: ingest::Transcodes::start(config.transcode.clone(), &supervisor),
        supervisor,
        archive: journals.archive,
        plans: journals.plans,
        supervision: journals.supervision,
        rules: journals.rules,
        photos: journals.photos,
        intake: Intake::default(),
        uplinks: journals.uplinks,
        checks: Checks::new(config.diagnosis.round()),
        diagnoses: Diagnoses::default(),
        watchers: Watchers::default(),
        evidence: journals.evidence,
        recorders: Recorders::default(),
        tagger,
        stills: Stills::new(config.stills.clone()),
        egress: Egress::default(),
        sketch,
        tiles: journals.tiles,
        boundaries: journals.boundaries,
        nearby: Nearby::default(),
        authority: identity.and_then(|i| i.authority.clone()),
        stop,
        tasks,
        connections: TaskTracker::new(),
        lost: Mutex::new(Connections::new(
            Duration::from_secs(config.events.connection_lost_s),
            config.first_answer(),
        )),
        relay: OnceLock::new(),
        webtransport: OnceLock::new(),
        next_id: AtomicU32::new(0),
        config,
        _data: data,
    });
    let host = Arc::new(Host::new(&gateway));
    let relay = Relay::new(gateway.config.relay.clone(), host, gateway.stop.clone());
    if gateway.relay.set(relay).is_err() {
        unreachable!("the relay is set once, here");
    }
    let closed = gateway.book.close_left_open().await?;
    if closed > 0 {
        tracing::info!(events = closed, "ended what was left open at the last stop");
    }
    gateway.book.remember_told(gateway.now()).await?;
    follow::spawn(&gateway, tags);
    gateway.tasks.spawn(rules::run(Arc::clone(&gateway), begun));
    gateway.tasks.spawn(recording::run(Arc::clone(&gateway)));
    gateway.tasks.spawn(links::run(Arc::clone(&gateway)));
    gateway.tasks.spawn(visits::run(Arc::clone(&gateway)));
    gateway.tasks.spawn(evidence::run(Arc::clone(&gateway)));
    gateway.tasks.spawn(supervision::run(Arc::clone(&gateway)));
    gateway.tasks.spawn(walls::resume(Arc::clone(&gateway)));
    Ok(gateway)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_is_printed_can_be_opened() {
        let url = |a: &str, tls| url(a.parse().unwrap(), tls);
        assert_eq!(url("[::]:8443", true), "https://localhost:8443/");
        assert_eq!(url("127.0.0.1:80", false), "http://127.0.0.1:80/");
        assert_eq!(
            url("[2001:db8::1]:8443", true),
            "https://[2001:db8::1]:8443/"
        );
    }
}
