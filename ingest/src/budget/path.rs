//! The links that a pull goes over: small enough to be copied, so that a decision allocates nothing for it.

use media::RegionCode;

use super::{Link, Links};

/// Links of a path, from the camera upwards: positions in [`Links::links`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Path {
    pub(super) at: [u16; MAX_DEPTH],
    pub(super) len: u8,
}

/// Five levels by code, and detours. A deeper path is cut, and [`Links::fault`] says so before it comes to that.
pub(super) const MAX_DEPTH: usize = 8;
impl Path {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.at[..usize::from(self.len)]
            .iter()
            .map(|i| usize::from(*i))
    }

    /// The links of both, as far as there is room for them.
    pub(super) fn with(mut self, other: &Self) -> Self {
        for link in other.iter() {
            if !self.iter().any(|l| l == link) && !self.push(link) {
                break;
            }
        }
        self
    }

    pub(super) fn push(&mut self, link: usize) -> bool {
        let place = self.at.get_mut(usize::from(self.len));
        match (place, u16::try_from(link)) {
            (Some(place), Ok(link)) => {
                *place = link;
                self.len += 1;
                true
            }
            _ => false,
        }
    }
}

impl Links {
    pub(super) fn path(&self, region: RegionCode) -> Path {
        let mut path = Path::default();
        let mut next = region.path().find_map(|c| self.by_code.get(&c).copied());
        while let Some(link) = next {
            if path.iter().any(|l| l == link) || !path.push(link) {
                break;
            }
            next = self.links[link].up;
        }
        path
    }
}

/// Where a link may lead: the region it says, else those above its own by the code.
pub(super) fn above(link: &Link) -> impl Iterator<Item = RegionCode> + use<> {
    let detour = link.via.into_iter().flat_map(RegionCode::path);
    let by_code = link.id.path().skip(1);
    let detours = link.via.is_some();
    detour.chain(by_code.filter(move |_| !detours))
}
