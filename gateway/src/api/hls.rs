//! Any recorded range as HLS, for players that want it: the playlist, and the files it names.

use ::media::WallTime;
use http::{HeaderValue, StatusCode, header};
use storage::{Hls, HlsFile};
use warp::reply::Response;

use super::{Answer, Call, Problem, bytes, recordings::no_recording};
use crate::access::Action;

async fn find(call: &Call) -> Result<(Hls, WallTime, WallTime), Problem> {
    let camera = call.camera(Action::Playback)?;
    let (from, to) = call.range()?;
    let found = call.gateway.archive.hls(camera.code, from, to).await?;
    let hls = found.ok_or_else(|| no_recording(from, to))?;
    Ok((hls, from, to))
}

/// The same bytes for as long as the segments are there; `etag` tells them apart.
fn with_tag(call: &Call, mut response: Response, etag: &str) -> Answer {
    let etag = format!("\"{etag}\"");
    let asked = call.headers.get(header::IF_NONE_MATCH);
    if asked.is_some_and(|asked| asked.as_bytes() == etag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Default::default();
    }
    let etag = HeaderValue::from_str(&etag).map_err(Problem::internal)?;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

/// `GET /cameras/{code}/recording.m3u8`.
pub(super) async fn playlist(call: Call) -> Answer {
    let (hls, from, to) = find(&call).await?;
    let code = call.param("code").to_owned();
    let region = call.camera(Action::Playback)?.region;
    let mut entry = call.entry("playback", code.clone(), Some(region))?;
    entry.detail = format!("{from} to {to}, as HLS");
    entry.reason = call.query.get("reason").cloned().unwrap_or_default();
    let session = call.signed()?.session.id;
    let camera = code.parse().map_err(Problem::internal)?;
    let key = (session, "playback", camera, entry.detail.clone());
    if !call.head_only && call.gateway.repeats.is_first(key) {
        call.audit(entry).await?;
    }
    let range = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("from", &from.to_string())
        .append_pair("to", &to.to_string())
        .finish();
    // Relative to the playlist's own place.
    let text = hls.playlist(|file| match file {
        HlsFile::Init(n) => format!("recording/init-{n}.mp4?{range}"),
        HlsFile::Part(n) => format!("recording/part-{n}.m4s?{range}"),
    });
    let id = format!("{}-list", hls.id());
    with_tag(&call, bytes("application/vnd.apple.mpegurl", text), &id)
}

/// The number in `init-0.mp4` and `part-12.m4s`.
fn file(name: &str) -> Option<HlsFile> {
    let number = |text: &str| {
        let digits = text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| digits)
    };
    let between = |prefix, suffix| number(name.strip_prefix(prefix)?.strip_suffix(suffix)?);
    let init = between("init-", ".mp4").map(HlsFile::Init);
    init.or_else(|| between("part-", ".m4s").map(HlsFile::Part))
}

/// `GET /cameras/{code}/recording/{file}`.
pub(super) async fn part(call: Call) -> Answer {
    let name = call.param("file");
    let file = file(name).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no file '{name}', expected init-N.mp4 or part-N.m4s as in the playlist"
        ))
    })?;
    let (hls, ..) = find(&call).await?;
    let (content, kind) = match file {
        HlsFile::Init(n) => (hls.init(n), "video/mp4"),
        HlsFile::Part(n) => (hls.part(n).await?, "video/iso.segment"),
    };
    let content = content.ok_or_else(|| {
        Problem::not_found(format!("'{name}': the range has {} parts", hls.parts()))
    })?;
    let id = format!("{}-{name}", hls.id());
    with_tag(&call, bytes(kind, content), &id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_playlist_are_files() {
        assert_eq!(file("init-0.mp4"), Some(HlsFile::Init(0)));
        assert_eq!(file("part-12.m4s"), Some(HlsFile::Part(12)));
        for wrong in [
            "part-12.mp4",
            "part-+1.m4s",
            "part-.m4s",
            "part-99999999999.m4s",
            "..",
            "init-0",
        ] {
            assert_eq!(file(wrong), None, "{wrong}");
        }
    }
}
