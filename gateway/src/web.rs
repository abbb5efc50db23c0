//! The page, embedded: compressed once, cached by content, and with headers that let nothing foreign in.

use std::{
    collections::HashMap,
    io::Write,
    sync::{Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use crate::api::{Head, Problem};

#[derive(rust_embed::RustEmbed)]
#[folder = "../web-ui/dist"]
struct Files;

/// Only our own files; pictures and media also as blobs that our own script made; nobody may frame us.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
    style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Puts the headers on an answer that every answer has.
pub fn protect(headers: &mut HeaderMap) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    for (name, value) in fixed {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// A file of the page; for a path without one, the page itself, which then shows what the path names.
pub fn page(head: &Head) -> Response {
    let nothing = || Problem::not_found(format!("there is nothing at {}", short(&head.path)));
    if head.path.starts_with("/api/") {
        return nothing().into_response();
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let mut problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("{} is not possible here, GET is", head.method),
        );
        problem.allow = Some("GET".into());
        return problem.into_response();
    }
    let path = head.path.trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    let (name, file) = match Files::get(name) {
        Some(file) => (name, file),
        // What looks like a file is one that is missing; anything else is a place in the page.
        None if name.rsplit('/').next().is_some_and(|n| n.contains('.')) => {
            return nothing().into_response();
        }
        None => match Files::get("index.html") {
            Some(file) => ("index.html", file),
            None => return nothing().into_response(),
        },
    };
    let hash = file.metadata.sha256_hash();
    let etag: String = hash[..12].iter().map(|b| format!("{b:02x}")).collect();
    let etag = format!("\"{etag}\"");
    let has = |name, text: &str| {
        head.headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
            .is_some_and(|v| v.contains(text))
    };
    let mime = mime(name);
    let unchanged = has(header::IF_NONE_MATCH, &etag);
    let zipped = !unchanged && compressible(mime) && has(header::ACCEPT_ENCODING, "gzip");
    let body = match (unchanged, zipped) {
        (true, _) => Bytes::new(),
        (_, true) => gzip(hash, &file.data),
        _ => file.data.into_owned().into(),
    };
    let length = body.len();
    let body = if head.method == Method::HEAD {
        Bytes::new()
    } else {
        body
    };
    let mut response = Response::new(body.into());
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Files under assets/ carry a hash of their content in their name.
    let caching = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if zipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if head.method == Method::HEAD && !unchanged {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

fn short(path: &str) -> String {
    path.chars().take(100).collect()
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn compressible(mime: &str) -> bool {
    mime.starts_with("text/")
        || mime.starts_with("application/json")
        || mime == "image/svg+xml"
        || mime == "application/wasm"
}

/// Compressed once a content.
fn gzip(hash: [u8; 32], content: &[u8]) -> Bytes {
    static DONE: OnceLock<Mutex<HashMap<[u8; 32], Bytes>>> = OnceLock::new();
    let done = DONE.get_or_init(Mutex::default);
    if let Some(bytes) = done
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&hash)
    {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zipped = encoder.write_all(content).and_then(|()| encoder.finish());
    let bytes: Bytes = zipped.unwrap_or_default().into();
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    // Bounded by the files there are; a page under development changes them.
    if done.len() > 500 {
        done.clear();
    }
    done.insert(hash, bytes.clone());
    bytes
}
