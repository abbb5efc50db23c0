//! The server: one listener, any number of cameras behind it.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
};

use tokio::{
    net::TcpListener,
    time::{Duration, Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    camera::{Camera, CameraConfig, CameraHandle},
    connection, control,
};

/// Where a server listens.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    /// RTSP; where `None`, a free port of `[::1]`, or of 127.0.0.1 where there is no IPv6.
    pub listen: Option<SocketAddr>,
    /// The control port (see [`control`]); none where `None`. Loopback, please: it has no password.
    pub control: Option<SocketAddr>,
}

/// A running server. It stops when dropped; [`Server::shutdown`] also waits for it.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    control: Option<SocketAddr>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// What connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    origin: Instant,
    cameras: RwLock<BTreeMap<String, Arc<Camera>>>,
}

impl Shared {
    pub(crate) fn camera(&self, name: &str) -> Option<Arc<Camera>> {
        self.cameras
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    pub(crate) fn cameras(&self) -> Vec<Arc<Camera>> {
        self.cameras
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

impl Server {
    /// Binds and begins to serve; cameras may be added at any time. Errors if a port is taken.
    pub async fn start(config: ServerConfig) -> io::Result<Self> {
        let listener = match config.listen {
            Some(address) => TcpListener::bind(address).await?,
            None => loopback().await?,
        };
        let control = match config.control {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let server = Self {
            shared: Arc::new(Shared {
                origin: Instant::now(),
                cameras: RwLock::default(),
            }),
            address: listener.local_addr()?,
            control: control.as_ref().map(TcpListener::local_addr).transpose()?,
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        };
        let (shared, tasks, cancel) = (
            server.shared.clone(),
            server.tasks.clone(),
            server.cancel.clone(),
        );
        server
            .tasks
            .spawn(accept(listener, cancel.clone(), tasks.clone(), {
                let shared = shared.clone();
                move |stream, cancel| connection::serve(stream, shared.clone(), cancel)
            }));
        if let Some(listener) = control {
            server
                .tasks
                .spawn(accept(listener, cancel, tasks, move |stream, cancel| {
                    control::serve(stream, shared.clone(), cancel)
                }));
        }
        Ok(server)
    }

    /// Adds a camera, or replaces the one of that name for sessions to come.
    pub fn add_camera(&self, config: CameraConfig) -> CameraHandle {
        let name = config.name.clone();
        let camera = Arc::new(Camera::new(config, self.shared.origin));
        self.shared
            .cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, camera.clone());
        CameraHandle {
            camera,
            address: self.address,
        }
    }

    /// Takes a camera away: its sessions are cut, and it is not found any more.
    pub fn remove_camera(&self, name: &str) {
        let gone = self
            .shared
            .cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        if let Some(camera) = gone {
            camera.command(super::fault::Command::Cut);
        }
    }

    /// Where RTSP is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control port is, if it was asked for.
    pub fn control_addr(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Ends all sessions and waits until they are gone.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn loopback() -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

async fn accept<F>(
    listener: TcpListener,
    cancel: CancellationToken,
    tasks: TaskTracker,
    serve: impl Fn(tokio::net::TcpStream, CancellationToken) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(serve(stream, cancel.clone()));
            }
            Err(e) => {
                // Out of descriptors, as a rule: some will be given back.
                tracing::warn!("accept: {e}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
