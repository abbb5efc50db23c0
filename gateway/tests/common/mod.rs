//! A gateway in this process, on a free loopback port, with one simulated camera of camsim behind it.
// Shared by several test binaries, none of which uses all of it; helpers panic as tests do.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use camsim::{
    CameraConfig, CameraHandle, Server, ServerConfig,
    scene::{QuickClip, quick_clip},
};
use command::{Camera, Region, register::Change};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use media::WallTime;
use serde_json::Value;
use sightline::{
    access::{
        Role, password,
        users::{self, Account},
    },
    config::Config,
    gateway::{Extras, Gateway, Running},
};
use tempfile::TempDir;
use tokio::net::TcpStream;

pub const CAMERA: &str = "44140300001326000001";
pub const ELSEWHERE: &str = "44140300001326000002";
pub const PASSWORD: &str = "correct horse battery";

/// A gateway with two cameras: one that plays in town 441403102, one on file only in town 441403103.
pub struct Station {
    pub running: Running,
    pub camera: CameraHandle,
    server: Server,
    _dir: TempDir,
}

fn region(code: &str, name: &str) -> Region {
    Region {
        code: code.parse().unwrap(),
        name: name.into(),
        name_en: String::new(),
        place: None,
    }
}

pub fn account(user: &str, role: Role, region: &str) -> Account {
    Account {
        user: user.into(),
        name: user.to_uppercase(),
        role,
        region: region.parse().unwrap(),
        hash: password::hash(PASSWORD),
    }
}

/// A gateway's configuration on this data directory and a free port.
pub fn config(data: &Path) -> Config {
    let text = format!(
        "[district]\ncode = \"441403\"\nname = \"梅县区\"\n[data]\ndir = \"{}\"\n\
         [listen]\naddress = \"127.0.0.1:0\"\nplain_http = true\n[recording]\nsegment_s = 5\n",
        data.display()
    );
    Config::parse(Path::new("test.toml"), &text).unwrap()
}

/// The administrator `admin`.
pub async fn add_admin(gateway: &Gateway) {
    let change = users::Change::Add(account("admin", Role::Administrator, "441403"));
    gateway.users.change(WallTime::now(), change).await.unwrap();
}

impl Station {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, of another configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = std::env::temp_dir().join("sightline-test-clips");
        let clip = tokio::task::spawn_blocking(move || {
            quick_clip(&QuickClip::default(), &cache).expect("a clip")
        })
        .await
        .unwrap();
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let camera = server.add_camera(CameraConfig {
            sub: Some(clip.clone()),
            ..CameraConfig::new("c1", clip)
        });
        let mut config = config(&dir.path().join("data"));
        change(&mut config);
        let extras = Extras {
            regions: vec![
                region("441403102", "石扇镇"),
                region("441403102201", "一村"),
                region("441403103", "梅西镇"),
            ],
            sketch: Some(Bytes::from_static(
                b"{\"type\":\"FeatureCollection\",\"features\":[]}",
            )),
        };
        let running = Box::pin(Gateway::start(config, extras)).await.unwrap();
        let gateway = &running.gateway;
        for account in [
            account("admin", Role::Administrator, "441403"),
            account("officer", Role::Operator, "441403102"),
            account("rescuer", Role::Responder, "441403"),
            account("auditor", Role::Auditor, "441403"),
        ] {
            let change = users::Change::Add(account);
            gateway.users.change(WallTime::now(), change).await.unwrap();
        }
        let url = |profile| Some(camera.url(profile));
        let cameras = [
            Camera {
                main_url: url(camsim::Profile::Main),
                sub_url: url(camsim::Profile::Sub),
                username: Some("admin".into()),
                password: Some(
                    gateway
                        .seal
                        .seal(CAMERA.parse().unwrap(), "camsim")
                        .unwrap(),
                ),
                ..Camera::new(
                    CAMERA.parse().unwrap(),
                    "码头",
                    "441403102201".parse().unwrap(),
                )
            },
            Camera {
                main_url: Some("rtsp://127.0.0.1:9/none".into()),
                record: false,
                tag: false,
                ..Camera::new(
                    ELSEWHERE.parse().unwrap(),
                    "别处",
                    "441403103".parse().unwrap(),
                )
            },
        ];
        for camera in cameras {
            let change = Change::Add(Box::new(camera));
            gateway
                .register
                .change(WallTime::now(), change)
                .await
                .unwrap();
        }
        Self {
            running,
            camera,
            server,
            _dir: dir,
        }
    }

    pub async fn sign_in(&self, user: &str) -> Client {
        self.nobody().sign_in(user).await
    }

    pub fn nobody(&self) -> Client {
        Client::of(&self.running)
    }

    pub fn data(&self) -> std::path::PathBuf {
        self._dir.path().join("data")
    }

    /// Stops, and leaves the data directory there.
    pub async fn keep(self, to: &Path) {
        self.running.shutdown().await;
        self.server.shutdown().await;
        std::fs::rename(self._dir.path().join("data"), to).unwrap();
    }

    /// Stops, and starts anew on the same data without its cameras' server: who runs, an administrator, and where the data lie.
    pub async fn anew(self) -> (Running, Client, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("kept");
        self.keep(&data).await;
        let running = Box::pin(Gateway::start(config(&data), Extras::default()))
            .await
            .unwrap();
        let admin = Client::of(&running).sign_in("admin").await;
        (running, admin, dir)
    }

    pub async fn stop(self) {
        self.running.shutdown().await;
        self.server.shutdown().await;
    }
}

/// A client of the API, one connection a request.
#[derive(Clone)]
pub struct Client {
    pub address: std::net::SocketAddr,
    pub token: String,
}

pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    /// Of nobody, yet.
    pub fn of(running: &Running) -> Self {
        Self {
            address: running.address,
            token: String::new(),
        }
    }

    pub async fn sign_in(mut self, user: &str) -> Self {
        let body = serde_json::json!({"user": user, "password": PASSWORD});
        let answer = self.post("session?token=1", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        self.token = answer.json()["token"].as_str().unwrap().to_owned();
        self
    }

    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let target = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/v1/{path}")
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, self.address.to_string());
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        request
    }

    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> http::Response<hyper::body::Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let exchange = async {
            let response = self.open(request).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Got {
                status: head.status,
                headers: head.headers,
                body,
            }
        };
        tokio::time::timeout(HUNG, exchange)
            .await
            .expect("an answer")
    }

    /// The status of the answer, which may come before the request has been sent whole.
    pub async fn send_head(&self, request: Request<Full<Bytes>>) -> StatusCode {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        tokio::time::timeout(HUNG, read)
            .await
            .expect("an answer")
            .unwrap();
        let status = std::str::from_utf8(&answer[9..]).unwrap();
        status.parse().unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Got {
        let request = self.request(method, path).body(Full::new(body.into()));
        self.send(request.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.call(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Got {
        self.call(Method::POST, path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Got {
        self.call(Method::PUT, path, body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Got {
        self.call(Method::DELETE, path, "").await
    }

    /// The camera as it is once `is` holds.
    pub async fn camera_once(&self, is: impl Fn(&Value) -> bool) -> Value {
        eventually(|| async {
            let camera = self.get(&format!("cameras/{CAMERA}")).await.json();
            is(&camera).then_some(camera)
        })
        .await
    }
}

/// No test waits for so long unless something hangs, however slow the machine.
pub const HUNG: Duration = Duration::from_secs(180);

/// Asks again until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < HUNG, "still not");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
