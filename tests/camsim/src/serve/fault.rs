//! Everything that can be made to go wrong, on switches.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::camera::Camera;
use crate::clip::Clip;

/// Faults that last until they are taken back. The default is a healthy camera.
///
/// In JSON (the control port) every field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Nothing at all is sent any more, neither media nor answers; connections stay open.
    pub stall: bool,
    /// Requests are read and never answered; what plays goes on.
    pub silent: bool,
    /// PLAY is answered, and no packet ever follows.
    pub mute: bool,
    /// Pictures are sent with their insides overwritten (interleaved only): every packet is sound, and nothing decodes.
    pub garble: bool,
    /// Every connection that names this camera is closed without an answer.
    pub dead: bool,
    /// The status that DESCRIBE, SETUP or PLAY is refused with: 401 (even with the right
    /// password), 404, 453, or any other.
    pub refuse: Option<u16>,
    /// Which request is refused.
    pub refuse_at: RefuseAt,
    /// SETUP over TCP gets 461.
    pub refuse_tcp: bool,
    /// SETUP over UDP gets 461.
    pub refuse_udp: bool,
    /// Share of RTP packets lost on UDP, 0 to 1.
    pub lose: f64,
    /// Share of RTP packets on UDP that change places with the next one, 0 to 1.
    pub reorder: f64,
    /// Key frames are left out, as if every client had come in the middle of a very long group.
    pub no_key_frames: bool,
    /// No RTCP sender report is ever sent.
    pub no_sender_reports: bool,
    /// Seconds from PLAY to the first sender report.
    pub first_sender_report_after_s: f64,
    /// What the camera's wall clock is ahead of the truth, in seconds; change it to step the clock.
    pub clock_offset_s: f64,
    /// The connection is cut after this many seconds of media, counted as for `audio_after_s`.
    pub flap_every_s: Option<f64>,
    /// Seconds of media from the first that a session is sent to its first sound. Media's own time: how late the machine
    /// sends, or a client reads, changes nothing.
    pub audio_after_s: f64,
    /// Seconds of media to the last sound, counted likewise.
    pub audio_until_s: Option<f64>,
    /// RTP timestamps of sessions begun from now on pass 2^32 after this many seconds of media, counted
    /// likewise.
    pub wrap_after_s: Option<f64>,
    /// Oddities of the description.
    pub sdp: SdpQuirks,
}

/// Where [`Faults::refuse`] applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefuseAt {
    /// At DESCRIBE: where cameras check passwords and paths.
    #[default]
    Describe,
    /// At SETUP.
    Setup,
    /// At PLAY.
    Play,
}

/// Oddities seen in cameras' descriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdpQuirks {
    /// Nothing after `IN IP4`.
    pub no_address: bool,
    /// `a=framerate:` with a fraction that is not quite the rate.
    pub fractional_framerate: bool,
    /// An ONVIF metadata track beside the pictures.
    pub metadata_track: bool,
    /// An audio back channel (`a=sendonly`).
    pub back_channel: bool,
    /// No `sprop-parameter-sets`: they come in the stream alone.
    pub no_parameter_sets: bool,
    /// No video at all.
    pub no_video: bool,
    /// The video says that it is MPEG-4 Part 2.
    pub other_codec: bool,
    /// No description, but noise.
    pub unreadable: bool,
}

/// Ways to lose step on the interleaved connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Desync {
    /// One byte too many between two packets.
    StrayByte,
    /// A packet that says it is 3 bytes long: less than an RTP header.
    ShortLength,
    /// A packet that says it is 60,000 bytes long, and is not.
    HugeLength,
}

/// What happens once, to every connection of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Cut,
    Reset,
    Desync(Desync),
}

/// The switches of one camera.
#[derive(Debug)]
pub struct Switches<'a>(pub(crate) &'a Camera);

impl Switches<'_> {
    /// The faults in force.
    pub fn get(&self) -> Faults {
        Faults::clone(&self.0.faults())
    }

    /// Puts these faults in force, in place of all that were.
    pub fn set(&self, faults: Faults) {
        self.0.set_faults(faults);
    }

    /// Changes some faults and leaves the others.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        let mut faults = self.get();
        change(&mut faults);
        self.set(faults);
    }

    /// Makes the camera healthy again.
    pub fn clear(&self) {
        self.set(Faults::default());
    }

    /// Closes every connection (FIN), without a goodbye.
    pub fn cut(&self) {
        self.0.command(Command::Cut);
    }

    /// Resets every connection (RST).
    pub fn reset(&self) {
        self.0.command(Command::Reset);
    }

    /// Makes every interleaved connection lose step.
    pub fn desync(&self, how: Desync) {
        self.0.command(Command::Desync(how));
    }

    /// Moves all RTP timestamps by so many seconds, back where negative. Adds up.
    pub fn jump_timestamps(&self, seconds: f64) {
        self.0
            .jump_ms
            .fetch_add((seconds * 1_000.0) as i64, Ordering::Relaxed);
    }

    /// Goes over to another clip in mid-stream: other parameter sets, another size.
    pub fn switch_main(&self, clip: Clip) {
        self.0.main.start_over(Some(clip));
    }

    /// As [`Switches::switch_main`], for the sub stream, if there is one.
    pub fn switch_sub(&self, clip: Clip) {
        if let Some(sub) = &self.0.sub {
            sub.start_over(Some(clip));
        }
    }
}
