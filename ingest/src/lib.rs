//! Cameras in, frames out.
pub mod backoff;
pub mod bitstream;
pub mod budget;
pub mod camera;
pub mod config;
pub mod decode;
pub mod error;
pub mod file;
pub mod timeline;

pub use camera::{Camera, Source, Transport, UrlError, parse_camera_url};
pub use config::Config;
