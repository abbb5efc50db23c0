//! Why a camera does not start: injected faults, each of which names its cause. The table of `docs/reference/diagnosis.md` is the
//! same one, word for word.
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use camsim::{CameraConfig, CameraHandle, Faults, RefuseAt, SdpQuirks, Server, ServerConfig};
use common::{Client, Station, eventually};
use http::StatusCode;
use ingest::diagnose::Cause;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const REGION: &str = "441403102";
/// A village whose link is set to nothing.
const CLOSED: &str = "441403102201";

/// A town whose link is narrower than a main stream.
const NARROW: &str = "441403103";

fn clip(dark: bool) -> camsim::Clip {
    let cache = std::env::temp_dir().join("sightline-test-clips");
    let want = camsim::scene::QuickClip {
        dark,
        ..camsim::scene::QuickClip::default()
    };
    camsim::scene::quick_clip(&want, &cache).expect("a clip")
}

/// What is put on file, and what is done to the camera.
struct Case {
    /// What was done, as the reference tells it.
    fault: &'static str,
    cause: Cause,
    url: String,
    password: &'static str,
    user: Option<&'static str>,
    region: &'static str,
    disabled: bool,
}

fn case(fault: &'static str, cause: Cause, url: impl Into<String>) -> Case {
    Case {
        fault,
        cause,
        url: url.into(),
        password: "camsim",
        user: Some("admin"),
        region: REGION,
        disabled: false,
    }
}

/// A loopback server that takes connections, and does this with each.
async fn server(
    answer: impl Fn() -> Option<&'static [u8]> + Send + Sync + 'static,
    close: bool,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(bytes) = answer() {
                let mut asked = [0; 512];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(bytes).await;
            }
            if !close {
                kept.push(stream);
            }
        }
    });
    address
}

/// A port whose queue of connections is full: what is sent to it is dropped, as by a firewall.
async fn full_port() -> (SocketAddr, Vec<tokio::task::JoinHandle<()>>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let listener = socket.listen(1).unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(tokio::spawn(async move {
            let _stream = tokio::net::TcpStream::connect(address).await;
            std::future::pending::<()>().await;
        }));
    }
    held.push(tokio::spawn(async move {
        let _listener = listener;
        std::future::pending::<()>().await;
    }));
    // Until nobody gets in any more.
    loop {
        let tried = tokio::net::TcpStream::connect(address);
        if tokio::time::timeout(Duration::from_millis(700), tried)
            .await
            .is_err()
        {
            return (address, held);
        }
    }
}

struct Field {
    server: Server,
    clip: camsim::Clip,
    count: usize,
}

impl Field {
    fn camera(&mut self, faults: Faults) -> CameraHandle {
        self.count += 1;
        let name = format!("f{}", self.count);
        let camera = self
            .server
            .add_camera(CameraConfig::new(name, self.clip.clone()));
        camera.faults().set(faults);
        camera
    }

    fn url(&mut self, faults: Faults) -> String {
        self.camera(faults).url(camsim::Profile::Main)
    }
}

fn refuse(status: u16, at: RefuseAt) -> Faults {
    Faults {
        refuse: Some(status),
        refuse_at: at,
        ..Faults::default()
    }
}

fn sdp(quirk: impl FnOnce(&mut SdpQuirks)) -> Faults {
    let mut faults = Faults::default();
    quirk(&mut faults.sdp);
    faults
}

async fn diagnose(admin: &Client, code: &str) -> Value {
    let path = format!("cameras/{code}/diagnosis");
    let begun = admin.call(http::Method::POST, &path, "").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{:?}", begun.body);
    eventually(|| async {
        let now = admin.get(&path).await.json();
        (now["running"] == false).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_names_its_cause() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let clips = tokio::task::spawn_blocking(|| (clip(false), clip(true)));
    let (bright, dark) = clips.await.unwrap();
    let mut field = Field {
        server: Server::start(ServerConfig::default()).await.unwrap(),
        clip: bright,
        count: 0,
    };
    let well = Faults::default();
    let at = |address: SocketAddr| format!("rtsp://{address}/main");

    // The network.
    let http = server(
        || Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice()),
        true,
    )
    .await;
    let mute_port = server(|| None, false).await;
    let closing = server(|| None, true).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let (full, _held) = full_port().await;
    let dark = field.server.add_camera(CameraConfig::new("dark", dark));
    let busy = field.server.add_camera(CameraConfig {
        limit: Some(0),
        ..CameraConfig::new("busy", field.clip.clone())
    });

    let mut cases = vec![
        Case {
            disabled: true,
            ..case(
                "out of service in the register",
                Cause::Disabled,
                field.url(well.clone()),
            )
        },
        case(
            "a host name that no name server knows",
            Cause::NameNotResolved,
            "rtsp://no-such-camera.invalid/main",
        ),
        case("nothing listens at the port", Cause::Refused, at(closed)),
        case(
            "the port is behind a firewall that drops, the host is not",
            Cause::PortSilent,
            at(full),
        ),
        case("the port is a web server's", Cause::NotRtsp, at(http)),
        case(
            "connections are taken and nothing is said",
            Cause::RtspSilent,
            at(mute_port),
        ),
        case(
            "connections are taken and closed",
            Cause::RtspClosed,
            at(closing),
        ),
        Case {
            password: "wrong",
            ..case(
                "a wrong password on file",
                Cause::WrongPassword,
                field.url(well.clone()),
            )
        },
        Case {
            user: None,
            ..case(
                "no user on file",
                Cause::NoCredentials,
                field.url(well.clone()),
            )
        },
        case(
            "the account may not watch (403)",
            Cause::NotAllowed,
            field.url(refuse(403, RefuseAt::Describe)),
        ),
        case(
            "all connections of the camera are in use (453)",
            Cause::CameraBusy,
            busy.url(camsim::Profile::Main),
        ),
        case(
            "another path on file (404)",
            Cause::NotFound,
            field.url(refuse(404, RefuseAt::Describe)),
        ),
        case(
            "the camera fails inside (500)",
            Cause::RtspError,
            field.url(refuse(500, RefuseAt::Describe)),
        ),
        case(
            "a description that is none",
            Cause::BadDescription,
            field.url(sdp(|q| q.unreadable = true)),
        ),
        case(
            "a description without video",
            Cause::NoVideo,
            field.url(sdp(|q| q.no_video = true)),
        ),
        case(
            "MPEG-4 Part 2",
            Cause::Codec,
            field.url(sdp(|q| q.other_codec = true)),
        ),
        Case {
            region: CLOSED,
            ..case(
                "a link set to zero",
                Cause::LinkClosed,
                field.url(well.clone()),
            )
        },
        Case {
            region: NARROW,
            ..case(
                "a link of 1 Mbit/s before a main stream",
                Cause::LinkBudget,
                field.url(well.clone()),
            )
        },
        case(
            "neither TCP nor UDP is taken (461)",
            Cause::Transport,
            field.url(Faults {
                refuse_tcp: true,
                refuse_udp: true,
                ..well.clone()
            }),
        ),
        case(
            "PLAY is refused (500)",
            Cause::Setup,
            field.url(refuse(500, RefuseAt::Play)),
        ),
        case(
            "it plays and sends nothing",
            Cause::NoPackets,
            field.url(Faults {
                mute: true,
                ..well.clone()
            }),
        ),
        case(
            "it cuts the connection as it plays",
            Cause::Cut,
            field.url(Faults {
                flap_every_s: Some(0.2),
                no_key_frames: true,
                ..well.clone()
            }),
        ),
        case(
            "no key frames",
            Cause::NoKeyFrame,
            field.url(Faults {
                no_key_frames: true,
                ..well.clone()
            }),
        ),
        case(
            "pictures that are damaged",
            Cause::NotDecoded,
            field.url(Faults {
                garble: true,
                ..well.clone()
            }),
        ),
        case("a lens cap", Cause::Dark, dark.url(camsim::Profile::Main)),
        case(
            "a clock ten minutes ahead",
            Cause::ClockWrong,
            field.url(Faults {
                clock_offset_s: 600.0,
                ..well.clone()
            }),
        ),
    ];
    // A cable that is cut, and one on which everything is dropped: only where this machine gives a network of its own.
    let cables = [
        sightline_tests::netns::Cable::lay_or_skip(),
        sightline_tests::netns::Cable::lay_or_skip(),
    ];
    if let [Some(cut), Some(drops)] = &cables {
        cut.pull_out(true).unwrap();
        drops.drop_all().unwrap();
        cases.push(case(
            "the cable is out",
            Cause::NoRoute,
            format!("rtsp://{}/main", cut.there),
        ));
        cases.push(case(
            "everything on the way is dropped",
            Cause::NoAnswer,
            format!("rtsp://{}/main", drops.there),
        ));
    }

    // Those that wait for a time-out wait together.
    let waits = [
        Cause::NoKeyFrame,
        Cause::NoPackets,
        Cause::RtspSilent,
        Cause::PortSilent,
        Cause::NoAnswer,
        Cause::NoRoute,
    ];
    cases.sort_by_key(|case| !waits.contains(&case.cause));
    let closed_link = json!({"capacity_bps": 50_000_000, "share": 0.0});
    let got = admin.put(&format!("links/{CLOSED}"), closed_link).await;
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    let narrow = json!({"capacity_bps": 1_000_000, "share": 1.0});
    admin.put(&format!("links/{NARROW}"), narrow).await;
    let mut running = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        let code = format!("441403000013269{n:05}");
        let record = json!({
            "code": code, "name": case.fault, "region": case.region, "main_url": case.url, "disabled": case.disabled,
            "username": case.user, "password": case.user.map(|_| case.password), "record": false, "tag": false,
        });
        let added = admin.post("cameras", record).await;
        assert_eq!(added.status, StatusCode::CREATED, "{:?}", added.body);
        running.push(code);
    }
    // The supervisor has heard of all of them.
    let last = running.last().unwrap().parse().unwrap();
    eventually(|| async { station.running.gateway.supervisor.camera(last) }).await;
    eventually(|| async {
        let links = admin.get("links").await.json();
        let link = links
            .as_array()?
            .iter()
            .find(|l| l["id"] == CLOSED)?
            .clone();
        (link["budget_bps"] == 0).then_some(())
    })
    .await;

    // As many at a time as there may be.
    let mut found = Vec::new();
    for some in running.chunks(8) {
        let asked = some.iter().map(|code| diagnose(&admin, code));
        found.extend(futures_util::future::join_all(asked).await);
    }
    let mut wrong = Vec::new();
    for (case, diagnosis) in cases.iter().zip(&found) {
        let failure = &diagnosis["failure"];
        if failure["cause"] != case.cause.as_str() {
            wrong.push(format!(
                "{}: {failure} in {}",
                case.fault, diagnosis["steps"]
            ));
            continue;
        }
        assert_eq!(failure["zh"]["what"], case.cause.zh().what);
        assert_eq!(failure["en"]["todo"], case.cause.en().todo);
        // What came before it passed.
        let steps = diagnosis["steps"].as_array().unwrap();
        let at = steps.iter().position(|s| !s["cause"].is_null()).unwrap();
        assert!(
            steps[..at].iter().all(|s| s["cause"].is_null()),
            "{}",
            case.fault
        );
        let said = diagnosis.to_string();
        assert!(
            !said.contains("camsim\""),
            "a password is never told: {said}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let causes: BTreeSet<Cause> = cases.iter().map(|c| c.cause).collect();
    assert!(causes.len() >= 20, "{} causes", causes.len());
    for case in &cases {
        let row = row(case.cause, case.fault);
        assert!(
            REFERENCE.contains(&row),
            "docs/reference/diagnosis.md lacks the line\n{row}"
        );
    }

    // And a camera that is well says so, by a session of its own and by the one that plays.
    let opened = admin.delete(&format!("links/{CLOSED}")).await;
    assert_eq!(opened.status, StatusCode::NO_CONTENT);
    eventually(|| async {
        let links = admin.get("links").await.json();
        let link = links
            .as_array()?
            .iter()
            .find(|l| l["id"] == CLOSED)?
            .clone();
        (link["budget_bps"] != 0).then_some(())
    })
    .await;
    let code = common::CAMERA;
    let camera = diagnose(&admin, code).await;
    assert!(camera["failure"].is_null(), "{camera}");
    assert_eq!(camera["steps"].as_array().unwrap().len(), 15, "{camera}");
    admin.camera_once(|c| c["state"] == "live").await;
    let again = diagnose(&admin, code).await;
    assert!(again["failure"].is_null(), "{again}");
    // Who may not watch may not ask.
    let auditor = station.sign_in("auditor").await;
    let path = format!("cameras/{code}/diagnosis");
    let refused = auditor.call(http::Method::POST, &path, "").await;
    assert_eq!(refused.code(), "forbidden");
    field.server.shutdown().await;
    station.stop().await;
}

const REFERENCE: &str = include_str!("../../docs/reference/diagnosis.md");

fn row(cause: Cause, fault: &str) -> String {
    let (zh, en) = (cause.zh(), cause.en());
    let step = serde_json::to_value(cause.step()).unwrap();
    format!(
        "| {} | `{}` | {fault} | {} {} | {} {} |",
        step.as_str().unwrap(),
        cause.as_str(),
        en.what,
        en.todo,
        zh.what,
        zh.todo
    )
}

/// Every cause there is has a line in the reference with the words that a user reads.
#[test]
fn every_cause_is_in_the_reference() {
    for cause in Cause::ALL {
        let (start, end) = row(*cause, "\u{0}")
            .split_once('\u{0}')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let told = REFERENCE
            .lines()
            .any(|l| l.starts_with(&start) && l.ends_with(&end));
        assert!(
            told,
            "docs/reference/diagnosis.md has no line\n{start}...{end}"
        );
    }
}

/// Writes the table anew: `SIGHTLINE_WRITE=1 cargo test --test diagnosis -- --ignored`, with the faults as they stand in it.
#[test]
#[ignore = "writes a document"]
fn write_the_reference() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/diagnosis.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let fault = |cause: Cause| {
        let mark = format!("| `{}` |", cause.as_str());
        let line = text.lines().find(|l| l.contains(&mark))?;
        line.split('|').nth(3).map(|f| f.trim().to_owned())
    };
    let rows: Vec<String> = Cause::ALL
        .iter()
        .map(|c| row(*c, &fault(*c).unwrap_or_else(|| "not injected".into())))
        .collect();
    let head = text.split("\n| step |").next().unwrap();
    let table = format!(
        "{head}\n| step | cause | injected fault | English | 中文 |\n| --- | --- | --- | --- | --- |\n{}\n",
        rows.join("\n")
    );
    std::fs::write(&path, table).unwrap();
}
