//! The page that plays a package offline: one file, no other origin, opened from the unpacked package.

use serde_json::json;

use super::manifest::{File, Manifest};
use crate::Error;

const TEMPLATE: &str = include_str!("page.html");

/// `index.html`. `files` are those that are in the package already: its films.
pub(super) fn render(manifest: &Manifest, files: &[File]) -> Result<String, Error> {
    let cameras = manifest.cameras.iter().map(|c| {
        let films = c.films.iter().map(|f| {
            json!({
                "file": f.file, "profile": f.profile, "codecs": f.codecs, "duration": f.duration_s, "pieces": f.pieces,
                "segments": f.segments.len(), "whole": f.segments.iter().filter(|s| s.whole).count(),
            })
        });
        json!({
            "code": c.camera, "name": c.name, "region": c.region, "offset": c.clock_offset_ms,
            "gaps": c.gaps, "films": films.collect::<Vec<_>>(),
        })
    });
    let data = json!({
        "id": manifest.id, "made": manifest.made, "software": manifest.software, "gateway": manifest.gateway,
        "by": manifest.by, "reason": manifest.reason, "incident": manifest.incident,
        "from": manifest.from, "to": manifest.to, "utcOffset": manifest.utc_offset_minutes,
        "cameras": cameras.collect::<Vec<_>>(), "key": manifest.key, "files": files,
    });
    let data = serde_json::to_string(&data).map_err(|e| Error::Value {
        what: "a page",
        why: e.to_string(),
    })?;
    // Nothing of what people wrote may end the script it stands in.
    let data = data
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    Ok(TEMPLATE.replace("\"@DATA@\"", &data))
}
