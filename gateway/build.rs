//! The page is built by `make web` and embedded. Where it has not been built, a placeholder lets `cargo build` work.

use std::{fs, path::Path, time::SystemTime};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../web-ui/dist");
    let page = Path::new("../web-ui/dist/index.html");
    if page.exists() {
        return;
    }
    let text = "<!doctype html><meta charset=\"utf-8\"><title>Sightline</title>\
        <p>The page has not been built: run <code>make web</code>. The API is at <code>/api/v1</code>.\n";
    let made = page
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(page, text))
        // As old as can be, so that make builds the real one.
        .and_then(|()| fs::File::options().write(true).open(page))
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH));
    if let Err(error) = made {
        println!("cargo:warning=cannot write {}: {error}", page.display());
    }
}
