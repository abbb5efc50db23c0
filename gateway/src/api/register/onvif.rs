//! ONVIF devices: found on the gateway's links, and read to fill a camera's file.

use std::{net::SocketAddr, time::Duration};

use ::media::{CameraId, said};
use command::{Camera, register::fields};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::{Answer, Call, Problem, json, problem};
use crate::{
    access::Action,
    onvif::{self, Account, Device, Error, Found, Reading, discovery, reading},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Discover {
    /// How long to listen, ms.
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// Devices to ask directly, where multicast does not reach: IP or IP:PORT.
    #[serde(default)]
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    found: Found,
    /// Cameras on file with one of its addresses.
    known: Vec<CameraId>,
}

fn asked(text: &str) -> Result<SocketAddr, Problem> {
    let port = discovery::PORT;
    text.parse()
        .or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, port)))
        .map_err(|_| {
            let said = said!("no-ip", "'{value}', expected IP or IP:PORT", value = text);
            Problem::wrong("addresses", said)
        })
}

/// `POST /onvif/discover`.
pub(in crate::api) async fn discover(call: Call) -> Answer {
    let wanted: Discover = call.json()?;
    let patience = wanted.timeout_ms.unwrap_or(3000);
    if !(200..=10_000).contains(&patience) {
        let said = said!(
            "within",
            "{value}, expected {least} to {most}",
            value = patience,
            least = 200,
            most = 10_000
        );
        return Err(Problem::wrong("timeout_ms", said));
    }
    if wanted.addresses.len() > 256 {
        return Err(Problem::wrong(
            "addresses",
            said!("more-than", "more than {most}", most = 256),
        ));
    }
    let addresses: Vec<SocketAddr> = wanted
        .addresses
        .iter()
        .map(|a| asked(a))
        .collect::<Result<_, _>>()?;
    let region = call.user()?.region;
    call.audit(call.entry("devices-searched", "network", Some(region))?)
        .await?;
    let found = onvif::discover(&addresses, Duration::from_millis(patience)).await;
    let found = found
        .map_err(|e| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-network", e.to_string()))?;
    let register = call.gateway.register.read();
    let hosts: Vec<(CameraId, Vec<String>)> = register
        .cameras()
        .filter(|c| call.sees(Action::Look, c.region))
        .map(|c| (c.code, hosts(c)))
        .collect();
    let shown: Vec<Shown> = found
        .into_iter()
        .map(|found| {
            let own: Vec<String> = found.addresses.iter().filter_map(|a| host(a)).collect();
            let same =
                |(_, hosts): &&(CameraId, Vec<String>)| hosts.iter().any(|h| own.contains(h));
            Shown {
                known: hosts.iter().filter(same).map(|(c, _)| *c).collect(),
                found,
            }
        })
        .collect();
    json(&shown)
}

fn host(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(host.trim_matches(['[', ']']).to_owned())
}

fn hosts(camera: &Camera) -> Vec<String> {
    let urls = [&camera.main_url, &camera.sub_url].into_iter().flatten();
    let mut hosts: Vec<String> = urls.filter_map(|u| host(u)).collect();
    hosts.extend(camera.asset.ipv4.map(|ip| ip.to_string()));
    hosts.extend(camera.asset.ipv6.map(|ip| ip.to_string()));
    hosts
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadDevice {
    address: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    /// Whose file is compared; its account is used where none is given.
    #[serde(default)]
    camera: Option<CameraId>,
}

#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    reading: Reading,
    /// What would change in the camera's file.
    changes: Vec<fields::Difference>,
}

/// `POST /onvif/read`.
pub(in crate::api) async fn read(call: Call) -> Answer {
    let wanted: ReadDevice = call.json()?;
    let register = call.gateway.register.read();
    let camera = match wanted.camera {
        Some(code) => {
            let camera = register.camera(&code);
            let camera =
                camera.ok_or_else(|| Problem::wrong("camera", problem::unknown_camera(code)))?;
            call.may(Action::ChangeRegister, camera.region, code.as_str())?;
            Some(camera)
        }
        None => None,
    };
    let device = Device::parse(&wanted.address).map_err(|e| Problem::wrong("address", e.said()))?;
    let mut account = Account {
        user: wanted.user,
        password: wanted.password,
    };
    if account.user.is_empty()
        && let Some(camera) = camera
    {
        // The camera's password goes to the camera's own host only: to nobody who merely asks for it.
        let own = hosts(camera);
        let asked = host(&format!(
            "http://{}",
            wanted.address.trim_start_matches("http://")
        ));
        if asked.is_some_and(|h| own.contains(&h)) {
            account.user = camera.username.clone().unwrap_or_default();
            let opened = camera.password.as_ref();
            let opened = opened.map(|p| call.gateway.seal.open(camera.code, p));
            account.password = opened.transpose()?.unwrap_or_default();
        }
    }
    let region = camera.map_or(call.user()?.region, |c| c.region);
    let object = wanted
        .camera
        .map_or("network".to_owned(), |c| c.to_string());
    let mut entry = call.entry("device-read", object, Some(region))?;
    entry.detail.clone_from(&wanted.address);
    call.audit(entry).await?;
    let gateway = &call.gateway;
    let reading = onvif::read(&device, &account, || gateway.now()).await;
    let reading = reading.map_err(|error| {
        let (status, code) = match &error {
            Error::Address(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            Error::Unreachable { .. } => (StatusCode::BAD_GATEWAY, "device-unreachable"),
            Error::Account(_) => (StatusCode::BAD_GATEWAY, "device-account"),
            Error::Foreign { .. } => (StatusCode::BAD_GATEWAY, "device-foreign"),
        };
        Problem::says(status, code, error.said())
    })?;
    let changes = match camera {
        Some(camera) => {
            let mut after = Camera::clone(camera);
            reading::fill(&mut after, &reading);
            fields::differences(Some(camera), Some(&after))
        }
        None => Vec::new(),
    };
    json(&Told { reading, changes })
}
