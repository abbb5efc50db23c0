//! What recording takes of the links: told before a district of cameras is taken in, not after its links are full.

use std::collections::HashSet;

use command::Camera;
use media::{BitRate, CameraId, Profile, RegionCode};
use serde::Serialize;

use super::{is_recorded, recorded_feed};
use crate::gateway::Gateway;

/// What recording would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Cameras whose streams are pulled to be recorded, by their files and plans.
    pub cameras: usize,
    /// What they send together: as declared, else as the configuration guesses; bit/s.
    pub bps: u64,
    /// What video may take on the district's own link just now, bit/s; none where it has no link.
    pub budget_bps: Option<u64>,
}

impl Load {
    /// Of the register as it would be with these cameras.
    pub fn with(gateway: &Gateway, cameras: &[Camera]) -> Self {
        let register = gateway.register.read();
        let new: HashSet<CameraId> = cameras.iter().map(|c| c.code).collect();
        let others = register.cameras().map(AsRef::as_ref);
        let others = others.filter(|c| !new.contains(&c.code));
        let district: RegionCode = gateway.config.district.code;
        let links = gateway.supervisor.links();
        let mut load = Self {
            budget_bps: links.iter().find(|l| l.id == district).map(|l| l.budget.0),
            ..Self::default()
        };
        for camera in others.chain(cameras) {
            if let Some(rate) = rate(gateway, camera) {
                load.cameras += 1;
                load.bps = load.bps.saturating_add(rate.0);
            }
        }
        load
    }
}

/// What a camera's recording takes at the most; none where it is not recorded.
fn rate(gateway: &Gateway, camera: &Camera) -> Option<BitRate> {
    let config = &gateway.config;
    if !is_recorded(&config.recording, camera) {
        return None;
    }
    let (_, setting) = gateway.plans.read().of(camera);
    let feed = recorded_feed(&config.recording, camera, setting.profile)
        .filter(|_| setting.plan != storage::Plan::Off)?;
    let (declared, usual) = match feed.profile {
        Profile::Main => (camera.asset.main_kbps, config.ingest.main_bit_rate),
        Profile::Sub => (camera.asset.sub_kbps, config.ingest.sub_bit_rate),
    };
    Some(declared.map_or(usual, |kbps| BitRate::kilobits(kbps.into())))
}
