//! Stills: the newest key frame of a feed, or a recorded one, as a JPEG. Decoded a few at a time, kept by key frame, so that a
//! wall of pages asking for the same camera costs one decode a key frame.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use media::{CameraId, FeedId, Frame, Priority, Profile, SourceState, Tracks, WallTime};
use tokio::sync::Semaphore;

use crate::{api::Problem, config, gateway::Gateway};

/// A still.
#[derive(Clone, Debug)]
pub struct Still {
    /// Strong validator, with its quotes.
    pub etag: String,
    /// When it was captured.
    pub at: WallTime,
    /// The picture.
    pub jpeg: Bytes,
}

/// Decodes and keeps stills.
#[derive(Debug)]
pub struct Stills {
    config: config::Stills,
    turns: Semaphore,
    kept: Mutex<VecDeque<Still>>,
}

impl Stills {
    /// None yet.
    pub fn new(config: config::Stills) -> Self {
        Self {
            turns: Semaphore::new(config.at_once),
            config,
            kept: Mutex::default(),
        }
    }

    /// A turn for decoding.
    pub(crate) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    fn known(&self, etag: &str) -> Option<Still> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|s| s.etag == etag).cloned()
    }

    fn keep(&self, still: Still) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(still);
        let mut bytes: usize = kept.iter().map(|s| s.jpeg.len()).sum();
        while bytes as u64 > self.config.cache.0.0 && kept.len() > 1 {
            bytes -= kept.pop_front().map_or(0, |s| s.jpeg.len());
        }
    }

    async fn make(
        &self,
        etag: String,
        at: WallTime,
        tracks: Arc<Tracks>,
        key_frame: Bytes,
        width: u32,
    ) -> Result<Still, Problem> {
        if let Some(still) = self.known(&etag) {
            return Ok(still);
        }
        let turn = tokio::time::timeout(Duration::from_secs(10), self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many stills are asked for at once",
            ));
        };
        // Somebody else may have made it while this one waited.
        if let Some(still) = self.known(&etag) {
            return Ok(still);
        }
        let quality = self.config.quality;
        let decode = move || {
            let picture = ingest::decode::still(&tracks.video, &key_frame, width)
                .map_err(|e| e.to_string())?;
            let rgb = picture.rgb.ok_or("the decoder gave no colours")?;
            let mut jpeg = Vec::with_capacity(64 * 1024);
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, quality)
                .encode(
                    &rgb,
                    picture.width,
                    picture.height,
                    image::ExtendedColorType::Rgb8,
                )
                .map_err(|e| e.to_string())?;
            Ok::<_, String>(Bytes::from(jpeg))
        };
        let jpeg = tokio::task::spawn_blocking(decode)
            .await
            .map_err(Problem::internal)?
            .map_err(|text| no_picture(format!("the picture does not decode: {text}")))?;
        let still = Still { etag, at, jpeg };
        self.keep(still.clone());
        Ok(still)
    }
}

fn no_picture(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-picture", detail)
}

/// The newest picture of a camera, from a feed that runs, else by asking the camera for a moment.
///
/// # Errors
/// 503 with the reason why there is none.
pub async fn newest(
    gateway: &Gateway,
    camera: &command::Camera,
    width: u32,
) -> Result<Still, Problem> {
    // A small still from the small stream: a fifth of the work.
    let order = match width > 640 {
        true => [Profile::Main, Profile::Sub],
        false => [Profile::Sub, Profile::Main],
    };
    let feed = |profile| FeedId {
        camera: camera.code,
        profile,
    };
    let running = order.into_iter().find_map(|profile| {
        let feed = gateway.supervisor.feed(feed(profile))?;
        let live = feed.status.borrow().state == SourceState::Live;
        feed.ring.newest_key().filter(|_| live)
    });
    let frame = match running {
        Some(frame) => frame,
        None => {
            let has = |p: &Profile| match p {
                Profile::Main => camera.main_url.is_some(),
                Profile::Sub => camera.sub_url.is_some(),
            };
            let profile = [Profile::Sub, Profile::Main].into_iter().find(has);
            let profile = profile.ok_or_else(|| no_picture("the camera has no stream"))?;
            first_picture(gateway, feed(profile)).await?
        }
    };
    let etag = format!("\"{}-{}-{width}\"", frame.feed, frame.group);
    let (tracks, data) = (Arc::clone(&frame.tracks), frame.data.clone());
    gateway
        .stills
        .make(etag, frame.captured, tracks, data, width)
        .await
}

async fn first_picture(gateway: &Gateway, feed: FeedId) -> Result<Arc<Frame>, Problem> {
    let lease = gateway.supervisor.pull(feed, Priority::Viewer)?;
    let bell = Arc::new(tokio::sync::Notify::new());
    let mut cursor = lease.feed.ring.cursor_at_key(bell);
    let wait = Duration::from_secs(gateway.config.stills.wait_s);
    let first = async {
        loop {
            match cursor.next().await {
                media::Next::Frame(frame) if frame.key => return Some(frame),
                media::Next::Frame(_) | media::Next::Skipped(_) => {}
                media::Next::Closed(_) => return None,
            }
        }
    };
    match tokio::time::timeout(wait, first).await {
        Ok(Some(frame)) => Ok(frame),
        _ => {
            let status = lease.feed.status.borrow().clone();
            Err(match status.reason {
                Some(reason) => reason.into(),
                None => no_picture(format!("no picture within {} s", wait.as_secs())),
            })
        }
    }
}

/// The recorded picture at or before a moment.
///
/// # Errors
/// 404 where nothing is recorded there.
pub async fn recorded(
    gateway: &Gateway,
    camera: CameraId,
    at: WallTime,
    width: u32,
) -> Result<Still, Problem> {
    let found = gateway.archive.frame_at(camera, at).await?;
    let (tracks, time, data) = found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-recording",
            format!("nothing is recorded at {at}"),
        )
    })?;
    let etag = format!("\"{camera}-{}-{width}\"", time.as_micros());
    gateway.stills.make(etag, time, tracks, data, width).await
}
