//! `sightline demo`: a district with simulated cameras.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use camsim::{
    demo::{Demo, SKETCH},
    scene::Scene,
};
use command::{Camera, Region, register::Change};
use media::{CameraId, Place};
use serde_json::json;

use crate::{
    access::{
        Role, password,
        users::{self, Account},
    },
    config::Config,
    gateway::{Extras, Gateway, Running},
    seal::Seal,
    tls,
};

/// Start simulated cameras in Meixian District and a gateway that records and watches them.
///
/// The first start draws and encodes the scenes; later starts take them from the cache.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Data directory: recordings, events, accounts, certificates
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:8443")]
    listen: SocketAddr,
    /// How many cameras
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1000))]
    cameras: u32,
    /// Password of the user 'admin'; made at random and written there if the file does not exist
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Serve without TLS
    #[arg(long)]
    plain_http: bool,
    /// Print one line of JSON on standard output when it serves
    #[arg(long)]
    json: bool,
    /// A configuration file whose settings hold where the options above say nothing
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The account of the demonstration.
const ADMIN: &str = "admin";

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let mut config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::parse(
            Path::new("configs/demo.toml"),
            include_str!("../../../configs/demo.toml"),
        )?,
    };
    config.data.dir.clone_from(&args.data);
    config.listen.address = args.listen;
    config.listen.plain_http = args.plain_http;
    super::log(&config.log.level, config.log.json)?;
    super::block_on(serve(&args, config)).map(|()| ExitCode::SUCCESS)
}

async fn serve(args: &Args, config: Config) -> Result<()> {
    let known = args.password_file.exists();
    let secret = match known {
        true => super::read_secret(&args.password_file)?,
        false => password::generate(),
    };
    password::check(ADMIN, &secret)
        .with_context(|| format!("the password in {}", args.password_file.display()))?;
    // The gateway first: it refuses a foreign directory before anything is started or written.
    let cameras = args.cameras as usize;
    let district = camsim::demo::District::load()?;
    let extras = Extras {
        regions: district.regions.iter().map(region).collect::<Result<_>>()?,
        sketch: Some(SKETCH.into()),
    };
    let running = Gateway::start(config, extras).await?;
    if !known {
        tls::write_secret(&args.password_file, &format!("{secret}\n"))?;
    }
    let demo = Demo::start(cameras, &cache(&args.data)).await?;
    let prepared = prepare(&running, &demo, secret).await;
    if let Err(error) = prepared {
        running.shutdown().await;
        return Err(error);
    }
    super::serve::announce(&running);
    ready(args, &running, !known)?;
    super::serve::until_asked().await?;
    running.shutdown().await;
    demo_ends(demo).await;
    Ok(())
}

async fn demo_ends(demo: Demo) {
    let deadline = std::time::Duration::from_millis(400);
    // Simulated cameras have nothing to lose.
    let _ = tokio::time::timeout(deadline, demo.shutdown()).await;
}

/// Where encoded scenes are kept: the user's cache, so that every demonstration of this machine shares them.
fn cache(data: &Path) -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("SIGHTLINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("sightline")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/sightline")))
        .unwrap_or_else(|| data.join("demo-clips"))
}

fn ready(args: &Args, running: &Running, new_password: bool) -> Result<()> {
    if args.json {
        let line = json!({"ready": true, "url": running.url, "user": ADMIN});
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        return Ok(out.flush()?);
    }
    let made = if new_password { " (made just now)" } else { "" };
    println!(
        "\n  Sightline shows Meixian District with {} simulated cameras.\n",
        args.cameras
    );
    println!("  Open       {}", running.url);
    println!("  User       {ADMIN}");
    println!("  Password   in {}{made}", args.password_file.display());
    if let Some(fingerprint) = &running.fingerprint {
        println!("  Trust      {}ca.crt, SHA-256 {fingerprint}", running.url);
    }
    println!("  Stop       Ctrl-C\n");
    Ok(())
}

async fn prepare(running: &Running, demo: &Demo, secret: String) -> Result<()> {
    let gateway = &running.gateway;
    let district = gateway.config.district.code;
    let account = Account {
        user: ADMIN.into(),
        name: "Administrator".into(),
        role: Role::Administrator,
        region: district,
        hash: gateway.hasher.hash(secret.clone()).await,
    };
    let before = gateway.users.read().get(ADMIN).map(|a| a.hash.clone());
    let change = match before {
        None => Some(users::Change::Add(account)),
        Some(hash) if gateway.hasher.verify(secret, Some(hash.clone())).await => None,
        Some(_) => Some(users::Change::Replace(account)),
    };
    if let Some(change) = change {
        gateway.users.change(gateway.now(), change).await?;
    }
    let register = gateway.register.read();
    let mut shown = std::collections::BTreeSet::new();
    for simulated in demo.cameras() {
        let camera = camera(
            simulated,
            register.camera(&simulated.code.parse()?),
            &gateway.seal,
        )?;
        shown.insert(camera.code);
        let change = match register.camera(&camera.code) {
            None => Change::Add(Box::new(camera)),
            Some(known) if **known == camera => continue,
            Some(_) => Change::Replace(Box::new(camera)),
        };
        gateway.register.change(gateway.now(), change).await?;
    }
    // A start with fewer cameras than the last: the others have no simulated camera behind them now.
    let simulated: Vec<Arc<Camera>> = register
        .cameras()
        .filter(|c| c.maker == MAKER && !shown.contains(&c.code))
        .cloned()
        .collect();
    for camera in simulated {
        gateway
            .register
            .change(gateway.now(), Change::Remove(camera.code))
            .await?;
    }
    Ok(())
}

/// Tells simulated cameras from those that somebody added.
const MAKER: &str = "Sightline camsim";

fn region(region: &camsim::demo::Region) -> Result<Region> {
    Ok(Region {
        code: region.code.parse()?,
        name: region.name.clone(),
        name_en: region.name_en.clone(),
        place: region
            .lon
            .zip(region.lat)
            .map(|(lon, lat)| Place { lon, lat }),
    })
}

/// A simulated camera's file. What somebody changed in it (its name, whether it is recorded) stays; addresses are new at
/// every start.
fn camera(
    simulated: &camsim::demo::Camera,
    known: Option<&Arc<Camera>>,
    seal: &Seal,
) -> Result<Camera> {
    let code: CameraId = simulated.code.parse()?;
    let mut camera = match known {
        Some(known) => Camera::clone(known),
        None => {
            ensure!(
                simulated.heading.is_finite(),
                "camera {code} has no heading"
            );
            Camera {
                place: Some(Place {
                    lon: simulated.lon,
                    lat: simulated.lat,
                }),
                heading: Some((simulated.heading.rem_euclid(360.0) as u16).min(359)),
                view_angle: Some(simulated.view_angle as u16),
                view_distance: Some(simulated.view_distance as u32),
                site_class: simulated.site_class.clone(),
                form: simulated.form.clone(),
                maker: MAKER.into(),
                address: simulated.address.clone(),
                tags: vec![tag(simulated.scene).to_owned()],
                ..Camera::new(code, simulated.name.clone(), simulated.region.parse()?)
            }
        }
    };
    camera.main_url = Some(simulated.main_url.clone());
    camera.sub_url = Some(simulated.sub_url.clone());
    camera.username = Some(simulated.user.clone());
    let known = camera.password.as_ref().map(|s| seal.open(code, s));
    if !matches!(known, Some(Ok(password)) if password == simulated.password) {
        camera.password = Some(seal.seal(code, &simulated.password)?);
    }
    Ok(camera)
}

/// What a scene is found by, in the words of the district's own spreadsheets.
fn tag(scene: Scene) -> &'static str {
    match scene {
        Scene::Road => "交通",
        Scene::Square => "广场",
        Scene::River => "防汛",
        Scene::Carpark => "停车场",
    }
}
