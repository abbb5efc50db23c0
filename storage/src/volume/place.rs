//! Which volume a new segment goes to. Pure.

use media::CameraId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How recordings are put on several volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Every segment goes where the fewest are being written for the volume's size: all disks fill, and work, alike.
    #[default]
    Spread,
    /// A camera has one disk, by its code and the disks' sizes: a disk that is lost takes whole cameras, and the others none.
    Camera,
}

/// A volume as it is chosen from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) number: u16,
    /// Segments being written there.
    pub(super) open: u32,
    /// Its size, bytes.
    pub(super) total: u64,
    /// Free on it, bytes.
    pub(super) free: u64,
}

/// The number of the volume; none where there are none.
pub(super) fn choose(policy: Policy, camera: CameraId, from: &[Candidate]) -> Option<u16> {
    let best = match policy {
        Policy::Spread => from.iter().min_by(|a, b| {
            let load = |c: &Candidate| f64::from(c.open.saturating_add(1)) / c.total.max(1) as f64;
            load(a)
                .total_cmp(&load(b))
                .then(b.free.cmp(&a.free))
                .then(a.number.cmp(&b.number))
        }),
        // Rendezvous hashing with weights: a volume more or less moves no other camera.
        Policy::Camera => from
            .iter()
            .max_by(|a, b| draw(camera, a).total_cmp(&draw(camera, b))),
    };
    best.map(|c| c.number)
}

/// What a volume draws for a camera; the highest has it.
fn draw(camera: CameraId, of: &Candidate) -> f64 {
    let mut hash = Sha256::new();
    hash.update(camera.as_bytes());
    hash.update(of.number.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let n = digest[..8].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    // In (0, 1), so that its logarithm is finite and negative.
    let share = ((n >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
    of.total.max(1) as f64 / -share.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(n: u32) -> CameraId {
        format!("44140301001320{n:06}").parse().unwrap()
    }

    fn disks(sizes: &[u64]) -> Vec<Candidate> {
        let of = |(n, total): (usize, &u64)| Candidate {
            number: n as u16 + 1,
            open: 0,
            total: *total,
            free: 0,
        };
        sizes.iter().enumerate().map(of).collect()
    }

    #[test]
    fn spread_fills_volumes_by_their_size() {
        let mut all = disks(&[4_000, 8_000, 4_000]);
        for n in 0..1600 {
            let to = choose(Policy::Spread, camera(n), &all).unwrap();
            all[usize::from(to) - 1].open += 1;
        }
        assert_eq!([all[0].open, all[1].open, all[2].open], [400, 800, 400]);
        assert_eq!(choose(Policy::Spread, camera(1), &[]), None);
    }

    #[test]
    fn a_camera_keeps_its_disk_when_another_comes_or_goes() {
        let all = disks(&[4_000, 8_000, 4_000, 4_000]);
        let of = |n: u32, from: &[Candidate]| choose(Policy::Camera, camera(n), from).unwrap();
        let mut counts = [0u32; 4];
        for n in 0..2000 {
            let to = of(n, &all);
            counts[usize::from(to) - 1] += 1;
            for gone in 1..=4u16 {
                let left: Vec<Candidate> =
                    all.iter().filter(|c| c.number != gone).copied().collect();
                if gone != to {
                    assert_eq!(of(n, &left), to, "camera {n} without volume {gone}");
                }
            }
        }
        // 400, 800, 400, 400 were the shares.
        assert!((320..480).contains(&counts[0]), "{counts:?}");
        assert!((700..900).contains(&counts[1]), "{counts:?}");
    }
}
