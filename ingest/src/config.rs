//! Settings of ingest; the defaults are what a district starts with.

use std::{path::PathBuf, time::Duration};

use media::{BitRate, ByteCount, ring};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::backoff;

/// Settings for every camera. In a configuration file durations are seconds (`grace_s = 10`), sizes bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a feed goes on after its last lease: a viewer who switches back finds it running.
    #[serde(rename = "grace_s", with = "seconds")]
    pub grace: Duration,
    /// For all of name, connection, DESCRIBE, SETUP and PLAY together. With the longest retry it stays under 10 s, so that a
    /// camera is live again within 10 s of its return.
    #[serde(rename = "connect_timeout_s", with = "seconds")]
    pub connect_timeout: Duration,
    /// A session that plays and gives nothing for so long is cut and begun anew.
    #[serde(rename = "packet_timeout_s", with = "seconds")]
    pub packet_timeout: Duration,
    /// Packets but no key frame for so long is reported; it is waited on, since groups may be longer.
    #[serde(rename = "key_frame_timeout_s", with = "seconds")]
    pub key_frame_timeout: Duration,
    /// For the goodbye (TEARDOWN) to a camera.
    #[serde(rename = "teardown_timeout_s", with = "seconds")]
    pub teardown_timeout: Duration,
    /// Connections begun in a second, over all cameras: after a power cut a thousand of them come back at once.
    pub connects_per_second: u32,
    /// What cameras send is looked at in this beat, so that several cameras' packets are found at once: what they cost is mostly
    /// waking up. Frames are late by as much, by 2 ms at most while somebody looks. A quarter of a second at most; zero looks
    /// at once.
    #[serde(
        rename = "beat_s",
        serialize_with = "seconds::serialize",
        deserialize_with = "beat"
    )]
    pub beat: Duration,
    /// PEM file of the authorities that certificates of `rtsps` cameras are checked by; read anew for each session. The default
    /// is what Debian knows; for cameras that sign their own, a file with those certificates.
    pub camera_authorities: PathBuf,
    /// An access unit larger than this is no picture: the session is dropped.
    pub max_unit_bytes: ByteCount,
    /// What a feed's ring holds.
    #[serde(with = "limits")]
    pub ring: ring::Limits,
    /// How long to wait before trying again.
    pub retry: backoff::Policy,
    /// Room taken for a main stream that says nothing and was never measured, bits a second.
    pub main_bit_rate: BitRate,
    /// The same for a sub stream.
    pub sub_bit_rate: BitRate,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(6),
            packet_timeout: Duration::from_secs(5),
            key_frame_timeout: Duration::from_secs(15),
            teardown_timeout: Duration::from_secs(2),
            connects_per_second: 100,
            beat: Duration::from_millis(200),
            camera_authorities: "/etc/ssl/certs/ca-certificates.crt".into(),
            max_unit_bytes: ByteCount::mebibytes(8),
            ring: ring::Limits::default(),
            retry: backoff::Policy::default(),
            main_bit_rate: BitRate::megabits(4),
            sub_bit_rate: BitRate::kilobits(768),
        }
    }
}

/// Longest beat: what is late by no more than this is put right in a frame's time of capture.
pub(crate) const MAX_BEAT: Duration = Duration::from_millis(250);

fn beat<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    let beat = seconds::deserialize(d)?;
    if beat > MAX_BEAT {
        let (beat, most) = (beat.as_secs_f64(), MAX_BEAT.as_secs_f64());
        return Err(D::Error::custom(format!(
            "{beat} is out of range, expected 0 to {most} seconds"
        )));
    }
    Ok(beat)
}

/// Durations as seconds, whole or not.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(d.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let s = f64::deserialize(d)?;
        // A day: what is meant to be seconds and is longer was meant otherwise.
        if (0.0..=86_400.0).contains(&s) {
            Ok(Duration::from_secs_f64(s))
        } else {
            Err(D::Error::custom(format!(
                "{s} is out of range, expected 0 to 86400 seconds"
            )))
        }
    }
}

mod limits {
    use media::{ByteCount, ring::Limits};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        max_bytes: ByteCount,
        history_bytes: ByteCount,
    }

    pub(super) fn serialize<S: Serializer>(l: &Limits, s: S) -> Result<S::Ok, S::Error> {
        Written {
            max_bytes: l.max,
            history_bytes: l.history,
        }
        .serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Limits, D::Error> {
        let written = Written::deserialize(d)?;
        if written.history_bytes > written.max_bytes {
            return Err(D::Error::custom("history_bytes is more than max_bytes"));
        }
        Ok(Limits {
            max: written.max_bytes,
            history: written.history_bytes,
        })
    }
}
