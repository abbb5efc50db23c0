//! On a page in Chinese there is no English sentence: what the register, links, diagnosis, ONVIF and supervision refuse is said as
//! a code with values, too, for the page to word (`web-ui/src/i18n/said.test.ts` holds the words against the codes).
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

/// The files whose answers these pages show.
const FILES: [&str; 11] = [
    "api/register",
    "api/links.rs",
    "api/links",
    "api/diagnosis.rs",
    "api/supervision.rs",
    "api/supervision",
    "api/outages.rs",
    "api/cameras.rs",
    "api/call.rs",
    "onvif",
    "links.rs",
];

fn read(path: &Path, into: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), into);
        }
    } else {
        into.push((
            path.display().to_string(),
            fs::read_to_string(path).unwrap(),
        ));
    }
}

#[test]
fn what_these_pages_show_has_a_code_for_a_page_to_word() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for file in FILES {
        read(&source.join(file), &mut files);
    }
    assert!(files.len() > 20, "{}", files.len());
    // These take an English sentence alone.
    let plain = ["Problem::bad(", "Problem::not_found("];
    let mut found = Vec::new();
    for (path, text) in &files {
        for (n, line) in text.lines().enumerate() {
            if plain.iter().any(|p| line.contains(p)) {
                found.push(format!("{path}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
