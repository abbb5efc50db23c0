//! Which of a camera's streams are pulled, and what they carry.

use std::num::NonZeroU32;

use bytes::Bytes;
use media::{AudioCodec, AudioTrack, ByteCount, VideoCodec, VideoTrack};
use retina::{
    client::{Described, Session, Stream},
    codec::ParametersRef,
};

use crate::{
    depacketize::Depacketizer,
    description::Section,
    error::{Failure, Kind},
    parameters,
};

/// The first video stream of a codec that is carried, and the first such audio stream. Back channels (what the camera would
/// hear) and metadata are not touched.
pub(crate) fn choose(
    session: &Session<Described>,
    sections: &[Section],
    audio_wanted: bool,
) -> Result<(usize, Option<usize>), Failure> {
    let usable = |media: &'static str| {
        session.streams().iter().enumerate().filter(move |(_, s)| {
            s.media() == media && !section_of(s, sections).is_some_and(Section::is_back_channel)
        })
    };
    let video = usable("video").find(|(_, s)| matches!(s.encoding_name(), "h264" | "h265"));
    let Some((video, _)) = video else {
        let names: Vec<&str> = usable("video").map(|(_, s)| s.encoding_name()).collect();
        return Err(if names.is_empty() {
            Failure::new(Kind::NoVideo, "the camera describes no video")
        } else {
            let text = format!(
                "the camera's video is {}, expected h264 or h265",
                names.join(", ").chars().take(80).collect::<String>()
            );
            Failure::new(Kind::Codec, text)
        });
    };
    let audio = usable("audio").find(|(_, s)| audio(s).is_some());
    Ok((video, audio.filter(|_| audio_wanted).map(|(i, _)| i)))
}

fn section_of<'a>(stream: &Stream, sections: &'a [Section]) -> Option<&'a Section> {
    let control = stream.control().map(url::Url::as_str);
    let payload = stream.rtp_payload_type();
    sections
        .iter()
        .find(|s| s.is_of(stream.media(), payload, control))
}

/// What puts the video's access units together, and its track as far as the description tells.
pub(crate) fn video(
    stream: &Stream,
    sections: &[Section],
    max_bytes: ByteCount,
) -> (Depacketizer, Option<VideoTrack>) {
    let codec = video_codec(stream);
    let loose = || {
        // Its control URL is written in another way than the library has it.
        let payload = stream.rtp_payload_type();
        sections.iter().find(|s| s.is_of("video", payload, None))
    };
    let sets = section_of(stream, sections)
        .or_else(loose)
        .map(|section| section.parameter_sets(codec))
        .unwrap_or_default();
    let max_bytes = usize::try_from(max_bytes.0).unwrap_or(usize::MAX);
    let track = parameters::track(codec, &sets);
    (Depacketizer::video(codec, &sets, max_bytes), track)
}

/// What puts the sound's access units together.
pub(crate) fn sound(stream: &Stream, track: &AudioTrack) -> Depacketizer {
    match track.codec {
        AudioCodec::PcmA | AudioCodec::PcmU => Depacketizer::g711(),
        AudioCodec::Aac => {
            let samples = match stream.parameters() {
                Some(ParametersRef::Audio(parameters)) => parameters.frame_length(),
                _ => None,
            };
            Depacketizer::aac(samples.map_or(1024, NonZeroU32::get))
        }
    }
}

fn video_codec(stream: &Stream) -> VideoCodec {
    match stream.encoding_name() {
        "h265" => VideoCodec::H265,
        _ => VideoCodec::H264,
    }
}

/// What an audio stream carries; none where the gateway does not.
pub(crate) fn audio(stream: &Stream) -> Option<AudioTrack> {
    let codec = match stream.encoding_name() {
        "mpeg4-generic" => AudioCodec::Aac,
        "pcma" => AudioCodec::PcmA,
        "pcmu" => AudioCodec::PcmU,
        _ => return None,
    };
    let Some(ParametersRef::Audio(parameters)) = stream.parameters() else {
        return None;
    };
    let name = match codec {
        AudioCodec::Aac => parameters.rfc6381_codec().unwrap_or("mp4a.40.2"),
        AudioCodec::PcmA => "alaw",
        AudioCodec::PcmU => "ulaw",
    };
    let config = match codec {
        AudioCodec::Aac => Bytes::copy_from_slice(parameters.extra_data()),
        AudioCodec::PcmA | AudioCodec::PcmU => Bytes::new(),
    };
    Some(AudioTrack {
        codec,
        codec_string: name.to_owned(),
        config,
        rate: parameters.clock_rate(),
        channels: u8::try_from(parameters.channels().get())
            .ok()
            .filter(|n| *n <= 8)?,
    })
}
