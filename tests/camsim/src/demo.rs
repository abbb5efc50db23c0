//! The demonstration district: Meixian (441403), its regions, and cameras over real towns.
//!
//! [`District`] is data, read from the files of `configs/meixian`; [`Demo`] puts simulated cameras
//! behind it. Pictures are encoded in the background, short clips before long ones: a camera asked
//! too early lets DESCRIBE wait a few seconds, then answers 503 as a camera does that still boots.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::Context;

use crate::{
    CameraConfig, CameraHandle, Profile, Server, ServerConfig,
    clip::{Clip, VideoCodec},
    scene::{Cut, FIRST_S, ROUND_S, Scene},
};

const REGIONS: &str = include_str!("../../../configs/meixian/regions.csv");
const CAMERAS: &str = include_str!("../../../configs/meixian/demo-cameras.csv");

/// The sketch map of the district as GeoJSON; see `configs/meixian/README.md` on its provenance.
pub const SKETCH: &str = include_str!("../../../configs/meixian/sketch.geojson");

/// User of every demonstration camera.
pub const USER: &str = "admin";
/// Its password.
pub const PASSWORD: &str = "camsim-2026";

/// A district, a town or a village.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Region {
    /// 6, 9 or 12 digits.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its name in English, or in pinyin.
    pub name_en: String,
    /// The code of the region that it lies in; none for the district.
    pub parent: Option<String>,
    /// WGS-84 degrees; villages have none.
    pub lon: Option<f64>,
    /// WGS-84 degrees.
    pub lat: Option<f64>,
}

/// A camera's record.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Camera {
    /// 20 digits, GB/T 28181.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The village or neighbourhood that it stands in: 12 digits.
    pub region: String,
    /// WGS-84 degrees.
    pub lon: f64,
    /// WGS-84 degrees.
    pub lat: f64,
    /// Degrees clockwise from north.
    pub heading: f64,
    /// Degrees.
    pub view_angle: f64,
    /// Metres.
    pub view_distance: f64,
    /// 1, 2, 3, 4 or 9.
    pub site_class: String,
    /// `fixed` or `dome`.
    pub form: String,
    /// Where it stands, in words.
    pub address: String,
    /// What it shows.
    pub scene: Scene,
    /// Without user and password; empty in [`District`].
    pub main_url: String,
    /// Without user and password; empty in [`District`].
    pub sub_url: String,
    /// For both streams.
    pub user: String,
    /// For both streams.
    pub password: String,
}

/// The data of the district.
#[derive(Clone, Debug, PartialEq)]
pub struct District {
    /// The district first, then its towns, then its villages.
    pub regions: Vec<Region>,
    /// All cameras on file.
    pub cameras: Vec<Camera>,
}

impl District {
    /// Reads the data that is built in. Errors name the file and the line.
    pub fn load() -> anyhow::Result<Self> {
        Ok(Self {
            regions: rows("regions.csv", REGIONS, region)?,
            cameras: rows("demo-cameras.csv", CAMERAS, camera)?,
        })
    }

    /// `n` cameras: the ones on file, and then more of them at places a little beside.
    pub fn cameras(&self, n: usize) -> Vec<Camera> {
        let again = |i: usize| {
            let mut camera = self.cameras[i % self.cameras.len()].clone();
            let round = i / self.cameras.len();
            if round > 0 {
                camera.code = format!("{}{:06}", &camera.code[..14], i + 1);
                camera.name = format!("{}{}号", camera.name, round + 1);
                // On a circle of some hundred metres round the first one.
                let turn = round as f64 * 2.4;
                camera.lon += 0.002 * turn.cos() * (round as f64).sqrt();
                camera.lat += 0.002 * turn.sin() * (round as f64).sqrt();
                camera.heading = (camera.heading + 75.0 * round as f64) % 360.0;
            }
            camera
        };
        if self.cameras.is_empty() {
            Vec::new()
        } else {
            (0..n).map(again).collect()
        }
    }
}

/// A running demonstration.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    control: SocketAddr,
    regions: Vec<Region>,
    cameras: Vec<Camera>,
    handles: Vec<CameraHandle>,
    stop: Arc<AtomicBool>,
}

impl Demo {
    /// Starts `n` cameras on a free loopback port and returns at once; clips are read from
    /// `cache`, or made and put there, on two threads in the background.
    pub async fn start(n: usize, cache: &Path) -> anyhow::Result<Self> {
        Self::start_at(n, cache, None, None).await
    }

    /// As [`Demo::start`], with addresses of one's own choice.
    pub async fn start_at(
        n: usize,
        cache: &Path,
        listen: Option<SocketAddr>,
        control: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let District { regions, cameras } = District::load()?;
        let cameras = District {
            regions: Vec::new(),
            cameras,
        }
        .cameras(n);
        let config = |control| ServerConfig {
            listen,
            control: Some(control),
        };
        let server = match control {
            Some(address) => Server::start(config(address)).await,
            None => match Server::start(config((Ipv6Addr::LOCALHOST, 0).into())).await {
                Ok(server) => Ok(server),
                Err(_) => Server::start(config((Ipv4Addr::LOCALHOST, 0).into())).await,
            },
        };
        let server = server.context("simulated cameras: bind")?;
        let control = server.control_addr().context("the control port is bound")?;
        let mut handles = Vec::new();
        let mut cameras = cameras;
        for (i, camera) in cameras.iter_mut().enumerate() {
            let handle = server.add_camera(CameraConfig {
                user: USER.into(),
                password: PASSWORD.into(),
                sub_later: true,
                // Cameras of one scene show different moments of it.
                phase: Duration::from_millis(i as u64 * 7_300 % (u64::from(ROUND_S) * 1_000)),
                ..CameraConfig::later(&camera.code)
            });
            camera.main_url = handle.url(Profile::Main);
            camera.sub_url = handle.url(Profile::Sub);
            (camera.user, camera.password) = (USER.into(), PASSWORD.into());
            handles.push(handle);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let shown: Vec<(Scene, CameraHandle)> = cameras
            .iter()
            .map(|c| c.scene)
            .zip(handles.iter().cloned())
            .collect();
        make_clips(shown, cache.to_owned(), stop.clone())?;
        Ok(Self {
            server,
            control,
            regions,
            cameras,
            handles,
            stop,
        })
    }

    /// The cameras, with their URLs.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }

    /// The district, its towns and its villages.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The running cameras, in the order of [`Demo::cameras`]: figures and faults.
    pub fn handles(&self) -> &[CameraHandle] {
        &self.handles
    }

    /// Where faults can be switched from outside; see [`crate::control`].
    pub fn control_addr(&self) -> SocketAddr {
        self.control
    }

    /// Stops the cameras. A clip that is being made is finished by its thread and then kept.
    pub async fn shutdown(self) {
        self.stop.store(true, Relaxed);
        self.server.shutdown().await;
    }
}

/// Makes clips, what is wanted first first, and gives them to the cameras that show them.
fn make_clips(
    shown: Vec<(Scene, CameraHandle)>,
    cache: PathBuf,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    // The first pictures of all cameras come from a short clip; the whole round follows.
    let short = |cut: Cut, seconds| Cut { seconds, ..cut };
    let scenes: Vec<Scene> = Scene::ALL
        .into_iter()
        .filter(|s| shown.iter().any(|(x, _)| x == s))
        .collect();
    let mut jobs: Vec<(Scene, Profile, Cut)> = Vec::new();
    for (profile, cut) in [
        (Profile::Sub, short(Cut::SUB, FIRST_S)),
        (Profile::Main, short(Cut::MAIN, FIRST_S)),
        (Profile::Sub, Cut::SUB),
        (Profile::Main, Cut::MAIN),
    ] {
        jobs.extend(scenes.iter().map(|&s| (s, profile, cut)));
    }
    jobs.reverse();
    let jobs = Arc::new(Mutex::new(jobs));
    let shown = Arc::new(shown);
    // What is kept already needs no short clip before it.
    let whole: Arc<Mutex<BTreeMap<(Scene, &'static str), ()>>> = Arc::default();
    for worker in 0..2 {
        let (jobs, shown, cache, stop, whole) = (
            jobs.clone(),
            shown.clone(),
            cache.clone(),
            stop.clone(),
            whole.clone(),
        );
        let work = move || {
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some((scene, profile, cut)) = job.filter(|_| !stop.load(Relaxed)) else {
                    return;
                };
                let full = Cut {
                    seconds: ROUND_S,
                    ..cut
                };
                let key = (scene, profile.as_str());
                if whole
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains_key(&key)
                {
                    continue;
                }
                let made = match scene.kept(&full, &cache) {
                    Some(clip) => Ok((clip, true)),
                    None => scene
                        .clip(&cut, &cache)
                        .map(|c| (c, cut.seconds == ROUND_S)),
                };
                match made {
                    Ok((clip, is_whole)) => {
                        if is_whole {
                            whole
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .insert(key, ());
                        }
                        show(&shown, scene, profile, &clip);
                    }
                    Err(e) => tracing::error!(
                        scene = scene.as_str(),
                        "a simulated camera has no picture: {e}"
                    ),
                }
            }
        };
        thread::Builder::new()
            .name(format!("camsim-clips-{worker}"))
            .spawn(work)
            .context("start a thread")?;
    }
    Ok(())
}

fn show(shown: &[(Scene, CameraHandle)], scene: Scene, profile: Profile, clip: &Clip) {
    for (_, camera) in shown.iter().filter(|(s, _)| *s == scene) {
        if let Err(e) = camera.put(profile, clip.clone()) {
            tracing::error!("{e}");
        }
    }
}

/// A demonstration camera's main stream in H.265, for those who want one: blocks while it is made.
pub fn h265_clip(scene: Scene, cache: &Path) -> Result<Clip, crate::clip::ClipError> {
    let cut = Cut {
        codec: VideoCodec::H265,
        width: 1_280,
        height: 720,
        kbit_s: 1_000,
        seconds: 20,
        ..Cut::MAIN
    };
    scene.clip(&cut, cache)
}

fn rows<T>(
    file: &str,
    text: &str,
    parse: impl Fn(&[&str]) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let lines = text
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, l)| !l.is_empty());
    lines
        .map(|(n, line)| {
            let fields: Vec<&str> = line.split(',').collect();
            parse(&fields).with_context(|| format!("configs/meixian/{file}, line {}", n + 1))
        })
        .collect()
}

fn region(fields: &[&str]) -> anyhow::Result<Region> {
    let [code, name, name_en, lon, lat] = fields[..] else {
        anyhow::bail!("{} fields where 5 belong", fields.len())
    };
    let parent = match code.len() {
        6 => None,
        9 => Some(code[..6].to_owned()),
        12 => Some(code[..9].to_owned()),
        n => anyhow::bail!("a region code of {n} digits"),
    };
    let degrees = |s: &str| {
        if s.is_empty() {
            Ok(None)
        } else {
            s.parse().map(Some)
        }
    };
    Ok(Region {
        code: code.into(),
        name: name.into(),
        name_en: name_en.into(),
        parent,
        lon: degrees(lon)?,
        lat: degrees(lat)?,
    })
}

fn camera(fields: &[&str]) -> anyhow::Result<Camera> {
    let [
        code,
        name,
        region,
        lon,
        lat,
        heading,
        view_angle,
        view_distance,
        site_class,
        form,
        address,
        scene,
    ] = fields[..]
    else {
        anyhow::bail!("{} fields where 12 belong", fields.len())
    };
    anyhow::ensure!(
        code.len() == 20 && code.is_ascii(),
        "a camera code of {} digits",
        code.len()
    );
    Ok(Camera {
        code: code.into(),
        name: name.into(),
        region: region.into(),
        lon: lon.parse()?,
        lat: lat.parse()?,
        heading: heading.parse()?,
        view_angle: view_angle.parse()?,
        view_distance: view_distance.parse()?,
        site_class: site_class.into(),
        form: form.into(),
        address: address.into(),
        scene: Scene::from_name(scene).with_context(|| format!("{scene} is no scene"))?,
        main_url: String::new(),
        sub_url: String::new(),
        user: String::new(),
        password: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_district_is_whole() {
        let district = District::load().unwrap();
        let of = |n: usize| {
            district
                .regions
                .iter()
                .filter(|r| r.code.len() == n)
                .count()
        };
        assert_eq!((of(6), of(9), of(12)), (1, 20, 391));
        let known: BTreeMap<&str, &Region> = district
            .regions
            .iter()
            .map(|r| (r.code.as_str(), r))
            .collect();
        assert!(district.regions.iter().all(|r| {
            r.parent
                .as_ref()
                .is_none_or(|p| known.contains_key(p.as_str()))
        }));
        assert!(
            district
                .regions
                .iter()
                .filter(|r| r.code.len() < 12)
                .all(|r| r.lon.is_some() && r.lat.is_some())
        );
        assert_eq!(district.cameras.len(), 24);
        for camera in &district.cameras {
            assert!(
                known.contains_key(camera.region.as_str()),
                "{}",
                camera.name
            );
            assert_eq!(
                (&camera.code[..8], &camera.code[10..13]),
                ("44140300", "132")
            );
            assert!((115.7..116.6).contains(&camera.lon) && (23.9..24.8).contains(&camera.lat));
            assert!(camera.address.starts_with("梅县区"));
        }
        let codes: std::collections::BTreeSet<String> =
            district.cameras(600).into_iter().map(|c| c.code).collect();
        assert_eq!(
            codes.len(),
            600,
            "codes stay unique when cameras are reused"
        );
        assert!(codes.iter().all(|c| c.len() == 20));
        let sketch: serde_json::Value = serde_json::from_str(SKETCH).unwrap();
        let kinds = |kind: &str| {
            sketch["features"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|f| f["properties"]["kind"] == kind)
                .count()
        };
        assert_eq!(
            (kinds("district"), kinds("neighbour"), kinds("town")),
            (1, 9, 20)
        );
    }
}
