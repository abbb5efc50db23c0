//! Which of a camera's streams are pulled, and what they carry.

use bytes::Bytes;
use media::{AudioCodec, AudioTrack, VideoCodec, VideoTrack};
use retina::{
    client::{Demuxed, Described, Session, Stream},
    codec::ParametersRef,
};

use crate::{
    bitstream,
    description::Section,
    error::{Failure, Kind},
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

/// The video track as the description has it.
pub(crate) fn described(stream: &Stream, sections: &[Section]) -> Option<VideoTrack> {
    section_of(stream, sections)?.video_track(video_codec(stream))
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

/// What the video stream carries; none where its parameters are not known yet.
pub(crate) fn video(demuxed: &mut Demuxed, video: usize) -> Result<Option<VideoTrack>, Failure> {
    let Some(stream) = demuxed.streams().get(video) else {
        return Ok(None);
    };
    let codec = video_codec(stream);
    let Some(ParametersRef::Video(parameters)) = stream.parameters() else {
        return Ok(None);
    };
    let (width, height) = parameters.pixel_dimensions();
    let pixels = |n: u32| u16::try_from(n).ok().filter(|n| (1..=16_384).contains(n));
    let (Some(width), Some(height)) = (pixels(width), pixels(height)) else {
        let text = format!("a picture of {width}x{height}, at most 16384x16384 is carried");
        return Err(Failure::new(Kind::Codec, text));
    };
    let config = Bytes::copy_from_slice(parameters.extra_data());
    Ok(Some(VideoTrack {
        codec,
        codec_string: bitstream::codec_string(codec, &config),
        config,
        width,
        height,
    }))
}
