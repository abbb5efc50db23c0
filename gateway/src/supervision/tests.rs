//! Whole days in virtual time: what is seen is written, judged, read back after a restart, and judged again.

use command::supervision::{By, Link, Part, Period, Question, Rates, outage, query};
use media::{EventKind, ReasonCode};

use super::*;

const OFFSET: i32 = 480;

struct Station {
    dir: tempfile::TempDir,
    supervision: Supervision,
}

impl Station {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let supervision = Self::open(&dir);
        Self { dir, supervision }
    }

    fn open(dir: &tempfile::TempDir) -> Supervision {
        let path = |name: &str| dir.path().join(name);
        Supervision::open(
            path("supervision"),
            path("outages.journal"),
            OFFSET,
            config::Supervision::default(),
        )
        .unwrap()
    }

    fn again(self) -> Self {
        drop(self.supervision);
        let supervision = Self::open(&self.dir);
        Self {
            supervision,
            dir: self.dir,
        }
    }

    /// Watches from one moment to another, a mark a minute.
    async fn watch(&self, from: WallTime, to: WallTime) {
        let mut at = from;
        while at < to {
            self.supervision.write(at, true).await.unwrap();
            at = at + Duration::from_secs(60);
        }
    }

    fn rates(&self, day: Day) -> Rates {
        let question = Question {
            from: day,
            to: day,
            by: By::All,
            period: Period::All,
            region: "441403".parse().unwrap(),
            own: false,
            maker: None,
            department: None,
            camera: None,
        };
        let lines = query::answer(&self.supervision.table(), &question).unwrap();
        lines.first().map(|l| l.rates).unwrap_or_default()
    }
}

fn camera(n: u32) -> CameraId {
    format!("44140300001326{n:06}").parse().unwrap()
}

fn asked(n: u32, region: &str) -> Asked {
    Asked {
        camera: camera(n),
        group: Group {
            region: region.parse().unwrap(),
            maker: "m".into(),
            department: String::new(),
        },
        about: About {
            judged: true,
            ..About::default()
        },
        coverage: Coverage::default(),
    }
}

fn part(part: u64, whole: u64) -> Part {
    Part { part, whole }
}

#[tokio::test]
async fn a_scripted_week_gives_the_figures_worked_out_by_hand() {
    let station = Station::start();
    let day: Day = "2026-11-28".parse().unwrap();
    let start = day.start(OFFSET);
    let at = |h: u64, m: u64| start + Duration::from_secs(h * 3600 + m * 60);
    let s = &station.supervision;
    s.begin(at(0, 0)).await.unwrap();
    // Two cameras; the second goes at 06:00 for two hours, and over midnight for one.
    s.saw(at(0, 0), camera(1), Seen::Link(Link::Live));
    s.saw(at(0, 0), camera(2), Seen::Link(Link::Live));
    station.watch(at(0, 0), at(6, 0)).await;
    s.saw(
        at(6, 0),
        camera(2),
        Seen::Link(Link::Down(ReasonCode::NoRoute)),
    );
    station.watch(at(6, 0), at(8, 0)).await;
    s.saw(at(8, 0), camera(2), Seen::Link(Link::Live));
    s.saw(at(8, 0), camera(1), Seen::Fault(EventKind::Covered));
    station.watch(at(8, 0), at(8, 6)).await;
    s.saw(at(8, 6), camera(1), Seen::Well(EventKind::Covered));
    station.watch(at(8, 6), at(23, 30)).await;
    s.saw(
        at(23, 30),
        camera(2),
        Seen::Link(Link::Down(ReasonCode::Cut)),
    );
    station.watch(at(23, 30), at(24, 30)).await;
    s.saw(at(24, 30), camera(2), Seen::Link(Link::Live));
    station.watch(at(24, 30), at(48, 16)).await;
    assert_eq!(s.unjudged(at(24, 15)).await.unwrap(), [day]);
    let ask = || vec![asked(1, "441403102"), asked(2, "441403103")];
    s.judge(day, ask()).await.unwrap();
    s.judge(day.plus(1), ask()).await.unwrap();
    // Saturday: 2 x 86,400 s expected; 2 h and half an hour are missing.
    assert_eq!(station.rates(day).online, part(172_800 - 9000, 172_800));
    assert_eq!(
        station.rates(day).quality,
        part(1, 2),
        "six minutes are over the five"
    );
    // Sunday: half an hour is missing.
    assert_eq!(
        station.rates(day.plus(1)).online,
        part(172_800 - 1800, 172_800)
    );
    assert!(s.unjudged(at(48, 16)).await.unwrap().is_empty());

    // After a restart the figures are those, whatever is asked again.
    let station = station.again();
    let s = &station.supervision;
    assert_eq!(station.rates(day).online, part(163_800, 172_800));
    s.judge(day, vec![asked(1, "441403102")]).await.unwrap();
    assert_eq!(station.rates(day).online, part(163_800, 172_800));

    // Works from 05:00 to 07:00 are approved afterwards for one town: an hour of the two goes out of it, and one of good time.
    let approve = outage::Change::Approve(Box::new(command::supervision::Outage {
        id: 0,
        cameras: vec![],
        region: "441403103".parse().unwrap(),
        from: at(5, 0),
        to: at(7, 0),
        reason: "works".into(),
        by: "admin".into(),
        withdrawn: None,
    }));
    s.outages.change(at(50, 0), approve).await.unwrap();
    assert!(s.judge_again(day, "outage 1").await.unwrap());
    assert!(!s.judge_again(day.plus(9), "outage 1").await.unwrap());
    assert_eq!(
        station.rates(day).online,
        part(172_800 - 7200 - 5400, 172_800 - 7200)
    );
    let station = station.again();
    assert_eq!(station.rates(day).online, part(160_200, 165_600));
    let table = station.supervision.table();
    assert_eq!(table.day(day).unwrap().why.as_deref(), Some("outage 1"));
    assert_eq!(table.day(day).unwrap().revision, 1);
}

#[tokio::test]
async fn what_the_gateway_did_not_watch_is_nobodys_fault() {
    let station = Station::start();
    let day: Day = "2026-11-28".parse().unwrap();
    let at = |h: u64, m: u64| day.start(OFFSET) + Duration::from_secs(h * 3600 + m * 60);
    station.supervision.begin(at(0, 0)).await.unwrap();
    station
        .supervision
        .saw(at(0, 0), camera(1), Seen::Link(Link::Live));
    station.watch(at(0, 0), at(6, 0)).await;
    // Killed; the last mark is from 05:59. Back at 12:00, the camera is seen at 14:00 only: what was known stands three hours.
    let station = station.again();
    station.supervision.begin(at(12, 0)).await.unwrap();
    station.watch(at(12, 0), at(14, 0)).await;
    station
        .supervision
        .saw(at(14, 0), camera(1), Seen::Link(Link::Live));
    station.watch(at(14, 0), at(24, 16)).await;
    let s = &station.supervision;
    s.judge(day, vec![asked(1, "441403102")]).await.unwrap();
    // 5 h 59 min, and from 14:00 on ten hours; noon lies six hours behind what was last known.
    assert_eq!(station.rates(day).online, part(57_540, 57_540));
}

#[tokio::test]
async fn today_is_shown_as_far_as_it_is_and_is_not_kept() {
    let station = Station::start();
    let day: Day = "2026-11-28".parse().unwrap();
    let at = |h: u64, m: u64| day.start(OFFSET) + Duration::from_secs(h * 3600 + m * 60);
    let s = &station.supervision;
    s.begin(at(0, 0)).await.unwrap();
    s.saw(at(0, 0), camera(1), Seen::Link(Link::Live));
    station.watch(at(0, 0), at(2, 1)).await;
    let mut with = asked(1, "441403102");
    with.coverage.planned = vec![(at(0, 0).0, at(2, 0).0)];
    with.coverage.missing = vec![(at(1, 0).0, at(1, 30).0)];
    s.preview(at(2, 0), vec![with.clone()]).await.unwrap();
    assert_eq!(station.rates(day).online, part(7200, 7200));
    assert_eq!(station.rates(day).recording, part(5400, 7200));
    assert!(!s.is_judged(day));
    // Judged once it is over, recordings included; and again from its own log.
    station.watch(at(2, 1), at(24, 16)).await;
    with.coverage.planned = vec![(at(0, 0).0, at(24, 0).0)];
    s.judge(day, vec![with]).await.unwrap();
    assert_eq!(station.rates(day).recording, part(84_600, 86_400));
    let station = station.again();
    assert!(station.supervision.judge_again(day, "again").await.unwrap());
    assert_eq!(station.rates(day).recording, part(84_600, 86_400));
    assert_eq!(station.rates(day).online, part(86_400, 86_400));
}

#[tokio::test]
async fn logs_that_are_too_old_are_deleted() {
    let station = Station::start();
    let day: Day = "2025-01-01".parse().unwrap();
    let s = &station.supervision;
    s.begin(day.start(OFFSET)).await.unwrap();
    s.write(day.plus(500).start(OFFSET), true).await.unwrap();
    s.write(day.plus(901).start(OFFSET), true).await.unwrap();
    let logged = s.files.logged().unwrap();
    assert_eq!(
        logged,
        [day.plus(901)],
        "the one before last is 401 days old"
    );
}
