//! The parts of a GB/T 28181 code (annex D): what the 20 digits of a [`CameraId`] say.

use crate::id::{CameraId, CodeError};

/// What kind of device a code names (digits 11 to 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// 111: digital video recorder.
    Dvr,
    /// 118: network video recorder.
    Nvr,
    /// 131: camera.
    Camera,
    /// 132: network camera.
    NetworkCamera,
    /// 134: alarm input.
    AlarmInput,
    /// 200: centre.
    Centre,
    /// 215: business group.
    BusinessGroup,
    /// 216: virtual organisation.
    VirtualOrganisation,
    /// Any other number.
    Other(u16),
}

/// The five fields of a 20-digit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Centre code, 8 digits: the region (6 or 8 digits significant) the code was given by.
    pub centre: u32,
    /// Industry, 2 digits.
    pub industry: u8,
    /// Device type, 3 digits.
    pub device: DeviceType,
    /// Network, 1 digit; 6 is the government extranet.
    pub network: u8,
    /// Serial number, 6 digits.
    pub serial: u32,
}

impl Parts {
    /// Takes a code apart.
    pub fn of(id: &CameraId) -> Self {
        let number = |range: std::ops::Range<usize>| {
            id.as_bytes()[range]
                .iter()
                .fold(0u32, |n, d| n * 10 + u32::from(d - b'0'))
        };
        Self {
            centre: number(0..8),
            industry: number(8..10) as u8,
            device: match number(10..13) {
                111 => DeviceType::Dvr,
                118 => DeviceType::Nvr,
                131 => DeviceType::Camera,
                132 => DeviceType::NetworkCamera,
                134 => DeviceType::AlarmInput,
                200 => DeviceType::Centre,
                215 => DeviceType::BusinessGroup,
                216 => DeviceType::VirtualOrganisation,
                n => DeviceType::Other(n as u16),
            },
            network: number(13..14) as u8,
            serial: number(14..20),
        }
    }

    /// Puts a camera's code together: the inverse of [`Parts::of`].
    ///
    /// # Errors
    /// [`CodeError::Length`] where a field has more digits than its place.
    pub fn to_id(self) -> Result<CameraId, CodeError> {
        let device = match self.device {
            DeviceType::Dvr => 111,
            DeviceType::Nvr => 118,
            DeviceType::Camera => 131,
            DeviceType::NetworkCamera => 132,
            DeviceType::AlarmInput => 134,
            DeviceType::Centre => 200,
            DeviceType::BusinessGroup => 215,
            DeviceType::VirtualOrganisation => 216,
            DeviceType::Other(n) => n,
        };
        format!(
            "{:08}{:02}{:03}{:01}{:06}",
            self.centre, self.industry, device, self.network, self.serial
        )
        .parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_and_code_are_inverse(code in "[0-9]{20}") {
            let id: CameraId = code.parse().unwrap();
            prop_assert_eq!(Parts::of(&id).to_id().unwrap(), id);
        }
    }
}
