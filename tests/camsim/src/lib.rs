//! Simulated cameras.
pub mod clip;
pub mod counter;
pub mod scene;
mod serve;
pub mod stamp;
pub use clip::Clip;
pub use serve::{
    auth::Auth,
    camera::{CameraConfig, CameraHandle, Profile, Stats},
    fault::{Desync, Faults, RefuseAt, SdpQuirks, Switches},
    server::{Server, ServerConfig},
};
