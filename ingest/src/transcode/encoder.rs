//! Which encoders this machine has. A hardware encoder's plugin may be installed where there is no such hardware, so each is
//! tried with a few pictures before it counts.

use std::sync::Arc;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::chain::{Chain, Coded, Output};
use crate::decode::{BASE, element, init};

/// An H.264 encoder that works here.
#[derive(Clone, Copy, Debug)]
pub struct VideoEncoder {
    /// GStreamer's name of it.
    pub name: &'static str,
    /// By a device, not by the processor.
    pub hardware: bool,
    settings: Settings,
}

/// An AAC encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundEncoder {
    /// GStreamer's name of it.
    pub name: &'static str,
    /// Samples that come out before the first that went in.
    pub(super) priming: u32,
}

/// What an encoder is to do.
pub(super) struct Wanted {
    pub(super) bits_per_second: u64,
    /// Frames between key frames where nobody asks for one earlier.
    pub(super) key_frames: u32,
}

/// All that were found, the best first.
#[derive(Clone, Debug, Default)]
pub struct Encoders {
    /// For pictures.
    pub video: Option<VideoEncoder>,
    /// For sound.
    pub sound: Option<SoundEncoder>,
    /// What was tried and does not work, with what it said.
    pub failed: Vec<(&'static str, String)>,
}

/// Best first. Names of properties and values as in GStreamer 1.22; what an element does not know is left out.
const VIDEO: &[VideoEncoder] = &[
    hardware("vah264lpenc", va),
    hardware("vah264enc", va),
    hardware("nvautogpuh264enc", nv),
    hardware("nvh264enc", nv),
    hardware("qsvh264enc", qsv),
    hardware("v4l2h264enc", v4l2),
    software("x264enc", x264),
    software("openh264enc", openh264),
];

/// The delay of the first two was measured; the third's is from its library's documentation.
const SOUND: &[SoundEncoder] = &[
    SoundEncoder {
        name: "avenc_aac",
        priming: 1024,
    },
    SoundEncoder {
        name: "voaacenc",
        priming: 1600,
    },
    SoundEncoder {
        name: "fdkaacenc",
        priming: 2048,
    },
];

type Settings = fn(&Wanted) -> Vec<(&'static str, String)>;

const fn hardware(name: &'static str, settings: Settings) -> VideoEncoder {
    VideoEncoder {
        name,
        hardware: true,
        settings,
    }
}

const fn software(name: &'static str, settings: Settings) -> VideoEncoder {
    VideoEncoder {
        name,
        hardware: false,
        settings,
    }
}

fn kilobits(w: &Wanted) -> String {
    (w.bits_per_second / 1000).max(1).to_string()
}

fn x264(w: &Wanted) -> Vec<(&'static str, String)> {
    vec![
        ("tune", "zerolatency".into()),
        // The next step is a fifth more of the processor (docs/design/transcode.md).
        ("speed-preset", "ultrafast".into()),
        // In the caller's thread: what a re-encoding may cost is then one core at most, and known.
        ("threads", "1".into()),
        ("bframes", "0".into()),
        ("bitrate", kilobits(w)),
        ("vbv-buf-capacity", "1000".into()),
        ("key-int-max", w.key_frames.to_string()),
        ("qos", "false".into()),
    ]
}

fn openh264(w: &Wanted) -> Vec<(&'static str, String)> {
    vec![
        ("usage-type", "camera".into()),
        ("rate-control", "bitrate".into()),
        ("complexity", "low".into()),
        ("multi-thread", "1".into()),
        ("bitrate", w.bits_per_second.to_string()),
        ("max-bitrate", (w.bits_per_second * 3 / 2).to_string()),
        ("gop-size", w.key_frames.to_string()),
    ]
}

fn va(w: &Wanted) -> Vec<(&'static str, String)> {
    vec![
        ("rate-control", "cbr".into()),
        ("bitrate", kilobits(w)),
        ("b-frames", "0".into()),
        ("ref-frames", "1".into()),
        ("target-usage", "6".into()),
        ("key-int-max", w.key_frames.to_string()),
    ]
}

fn nv(w: &Wanted) -> Vec<(&'static str, String)> {
    vec![
        ("zerolatency", "true".into()),
        ("preset", "low-latency-hp".into()),
        ("rc-mode", "cbr".into()),
        ("bitrate", kilobits(w)),
        ("bframes", "0".into()),
        ("b-frames", "0".into()),
        ("rc-lookahead", "0".into()),
        ("gop-size", w.key_frames.to_string()),
    ]
}

fn qsv(w: &Wanted) -> Vec<(&'static str, String)> {
    vec![
        ("low-latency", "true".into()),
        ("rate-control", "cbr".into()),
        ("bitrate", kilobits(w)),
        ("b-frames", "0".into()),
        ("ref-frames", "1".into()),
        ("gop-size", w.key_frames.to_string()),
    ]
}

fn v4l2(w: &Wanted) -> Vec<(&'static str, String)> {
    let controls = format!(
        "controls,video_bitrate={},video_gop_size={},repeat_sequence_header=1",
        w.bits_per_second, w.key_frames
    );
    vec![("extra-controls", controls)]
}

/// Sets what the element has; values it does not take are left at its default.
fn set(element: &gst::Element, name: &str, text: &str) {
    let Some(spec) = element.find_property(name) else {
        return;
    };
    match gst::glib::Value::deserialize_with_pspec(text, &spec) {
        Ok(value) if value.type_().is_a(spec.value_type()) => {
            element.set_property_from_value(name, &value);
        }
        _ => {
            tracing::debug!(element = %element.name(), name, text, "a setting that is not known here")
        }
    }
}

impl VideoEncoder {
    /// The elements from raw pictures to H.264 in access units with a configuration record.
    pub(super) fn elements(&self, wanted: &Wanted) -> Result<[gst::Element; 4], String> {
        let encoder = gst::ElementFactory::make(self.name)
            .build()
            .map_err(|e| e.to_string())?;
        for (name, text) in (self.settings)(wanted) {
            set(&encoder, name, &text);
        }
        let caps = |caps: gst::Caps| -> Result<gst::Element, String> {
            let filter = element("capsfilter", crate::decode::CORE).map_err(|e| e.to_string())?;
            filter.set_property("caps", caps);
            Ok(filter)
        };
        let mut profiles = vec!["constrained-baseline", "baseline"];
        if self.hardware {
            // Theirs costs no more, and some know no other.
            profiles.insert(0, "main");
        }
        let profile = caps(
            gst::Caps::builder("video/x-h264")
                .field("profile", gst::List::new(profiles))
                .build(),
        )?;
        let parser = element("h264parse", crate::decode::BAD).map_err(|e| e.to_string())?;
        let form = caps(
            gst::Caps::builder("video/x-h264")
                .field("stream-format", "avc")
                .field("alignment", "au")
                .build(),
        )?;
        Ok([encoder, profile, parser, form])
    }

    /// Encodes a few pictures.
    fn tried(&self) -> Result<(), String> {
        let (width, height) = (320usize, 192usize);
        let wanted = Wanted {
            bits_per_second: 500_000,
            key_frames: 50,
        };
        let [encoder, profile, parser, form] = self.elements(&wanted)?;
        let convert = element("videoconvert", BASE).map_err(|e| e.to_string())?;
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", width as i32)
            .field("height", height as i32)
            .field("framerate", gst::Fraction::new(25, 1))
            .build();
        let output = Arc::new(Output::default());
        let elements = [&convert, &encoder, &profile, &parser, &form];
        let chain = Chain::new(&elements, &caps, Arc::clone(&output))?;
        for n in 0..5u8 {
            let picture = Bytes::from(vec![64 + n; width * height * 3 / 2]);
            chain.push(picture, u64::from(n) * 40_000_000, true)?;
        }
        chain.finish();
        // Hardware finishes in its own time.
        output.wait(std::time::Duration::from_secs(5));
        let coded = output.take();
        let has = |wanted: fn(&Coded) -> bool| coded.iter().any(wanted);
        let described =
            has(|c| matches!(c, Coded::Caps(caps) if super::video::track(caps).is_some()));
        match (
            described,
            has(|c| matches!(c, Coded::Unit { key: true, .. })),
        ) {
            (true, true) => Ok(()),
            (_, false) => Err("no key frame came out of five pictures".into()),
            (false, _) => Err("its pictures have no configuration record".into()),
        }
    }
}

impl Encoders {
    /// Looks for them: `wanted` is `auto` or a name. Blocks for some tenths of a second.
    pub fn find(wanted: &str) -> Self {
        let mut found = Self::default();
        if let Err(error) = init() {
            found.failed.push(("GStreamer", error.to_string()));
            return found;
        }
        let known = |name| gst::ElementFactory::find(name).is_some();
        let names = VIDEO
            .iter()
            .filter(|e| wanted == "auto" || e.name == wanted);
        for encoder in names.filter(|e| known(e.name)) {
            match encoder.tried() {
                Ok(()) => {
                    found.video = Some(*encoder);
                    break;
                }
                Err(text) => found.failed.push((encoder.name, text)),
            }
        }
        found.sound = SOUND.iter().find(|e| known(e.name)).copied();
        found
    }

    /// Every H.264 encoder that could be named in the configuration.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VIDEO.iter().map(|e| e.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_works_and_what_is_not_there_is_not_found() {
        let found = Encoders::find("auto");
        let video = found.video.expect("x264enc, at least");
        assert!(Encoders::names().any(|n| n == video.name));
        assert!(found.sound.is_some());
        assert_eq!(
            Encoders::find("x264enc").video.map(|v| v.name),
            Some("x264enc")
        );
        assert!(Encoders::find("fakesink").video.is_none());
    }

    #[test]
    fn settings_an_element_does_not_know_are_left_out() {
        init().unwrap();
        let x264 = gst::ElementFactory::make("x264enc").build().unwrap();
        set(&x264, "no-such-property", "1");
        set(&x264, "speed-preset", "no-such-preset");
        set(&x264, "bitrate", "777");
        assert_eq!(x264.property::<u32>("bitrate"), 777);
    }
}
