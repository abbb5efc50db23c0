//! How a camera's packets come.

use serde::{Deserialize, Serialize};

/// How RTP packets come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection (RFC 2326, 10.12).
    Tcp,
    /// By UDP: no reordering, no receiver reports; what is lost is lost.
    Udp,
    /// TCP, and UDP where the camera answers 461 (Unsupported Transport) to it.
    #[default]
    Auto,
}
