//! How long to wait before a camera is tried again. Pure: chance is handed in.

use std::time::Duration;

use media::ReasonCode;
use serde::{Deserialize, Serialize};

use crate::config::seconds;

/// Waits between tries, by what went wrong. Each starts at its first value, doubles, and stops at its longest; jitter of a
/// quarter either way keeps cameras that failed together from coming back together.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// First wait after a session broke or a camera did not answer.
    #[serde(rename = "first_s", with = "seconds")]
    pub first: Duration,
    /// Longest such wait.
    #[serde(rename = "longest_s", with = "seconds")]
    pub longest: Duration,
    /// First wait after the camera said that it has no session to spare.
    #[serde(rename = "busy_first_s", with = "seconds")]
    pub busy_first: Duration,
    /// Longest such wait.
    #[serde(rename = "busy_longest_s", with = "seconds")]
    pub busy_longest: Duration,
    /// First wait after a wrong password: an account locks after a few.
    #[serde(rename = "password_first_s", with = "seconds")]
    pub password_first: Duration,
    /// Longest such wait.
    #[serde(rename = "password_longest_s", with = "seconds")]
    pub password_longest: Duration,
    /// Wait after an answer that asking again does not change soon: no such path, no video, a codec not carried.
    #[serde(rename = "settled_s", with = "seconds")]
    pub settled: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            // With a quarter of jitter and a connection that times out in 6 s: under 10 s after a camera's return.
            longest: Duration::from_secs(3),
            busy_first: Duration::from_secs(5),
            busy_longest: Duration::from_secs(30),
            password_first: Duration::from_secs(60),
            password_longest: Duration::from_secs(300),
            settled: Duration::from_secs(30),
        }
    }
}

/// What has failed in a row, and so how long to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    code: Option<ReasonCode>,
    failures: u32,
}

impl Backoff {
    /// After a failure of this kind. `chance` is uniform in 0.0 to 1.0.
    pub fn next(&mut self, policy: &Policy, code: ReasonCode, chance: f64) -> Duration {
        let (first, longest) = match code {
            ReasonCode::CameraBusy => (policy.busy_first, policy.busy_longest),
            ReasonCode::WrongPassword => (policy.password_first, policy.password_longest),
            ReasonCode::NotFound
            | ReasonCode::NoVideo
            | ReasonCode::CodecUnsupported
            | ReasonCode::RtspError => (policy.settled, policy.settled),
            _ => (policy.first, policy.longest),
        };
        // A camera that refuses, then times out, is one that is away; another kind of wait begins anew.
        let same = self.code.is_some_and(|c| wait_of(c) == wait_of(code));
        self.failures = if same { self.failures + 1 } else { 1 };
        self.code = Some(code);
        let doubled = first.saturating_mul(1 << (self.failures - 1).min(16));
        let wait = doubled.min(longest.max(first));
        wait.mul_f64(0.75 + 0.5 * chance.clamp(0.0, 1.0))
    }

    /// It works.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Failures in a row of the last kind.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

fn wait_of(code: ReasonCode) -> u8 {
    match code {
        ReasonCode::CameraBusy => 1,
        ReasonCode::WrongPassword => 2,
        ReasonCode::NotFound
        | ReasonCode::NoVideo
        | ReasonCode::CodecUnsupported
        | ReasonCode::RtspError => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (policy, mut backoff) = (Policy::default(), Backoff::default());
        let waits: Vec<f64> = (0..5)
            .map(|_| {
                backoff
                    .next(&policy, ReasonCode::Refused, 0.5)
                    .as_secs_f64()
            })
            .collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 3.0, 3.0]);
        backoff.reset();
        assert_eq!(
            backoff.next(&policy, ReasonCode::TimedOut, 0.5),
            policy.first
        );
    }

    #[test]
    fn a_wrong_password_is_tried_slowly() {
        let (policy, mut backoff) = (Policy::default(), Backoff::default());
        let mut tries = 0;
        let mut waited = Duration::ZERO;
        while waited < Duration::from_secs(3600) {
            waited += backoff.next(&policy, ReasonCode::WrongPassword, 0.0);
            tries += 1;
        }
        assert!(tries <= 18, "{tries} tries in an hour");
    }

    #[test]
    fn a_returning_camera_is_met_within_ten_seconds() {
        let config = crate::Config::default();
        let longest = config.retry.longest.mul_f64(1.25) + config.connect_timeout;
        assert!(longest <= Duration::from_secs(10), "{longest:?}");
    }

    proptest! {
        #[test]
        fn every_wait_is_bounded(codes in proptest::collection::vec(0..ReasonCode::ALL.len(), 1..200), chance in 0.0f64..=1.0) {
            let (policy, mut backoff) = (Policy::default(), Backoff::default());
            for code in codes {
                let wait = backoff.next(&policy, ReasonCode::ALL[code], chance);
                prop_assert!(wait >= policy.first.mul_f64(0.75) && wait <= policy.password_longest.mul_f64(1.25));
            }
        }
    }
}
