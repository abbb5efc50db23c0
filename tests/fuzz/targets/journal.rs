//! The journal's reader: a damaged file is cut back or refused, never believed and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a directory");
    let path = dir.path().join("any.journal");
    for start in [&b""[..], &good()] {
        let mut bytes = start.to_vec();
        bytes.extend_from_slice(data);
        std::fs::write(&path, &bytes).expect("a file");
        let mut seen = 0u64;
        let _ = storage::journal::read::<serde_json::Value>(&path, |_| seen += 1);
        assert!(seen <= bytes.len() as u64 / 8);
    }
});

/// A journal with two records, to be continued by anything.
fn good() -> Vec<u8> {
    static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    GOOD.get_or_init(|| {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a directory");
        let path = dir.path().join("good.journal");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (journal, _) = storage::journal::open::<serde_json::Value>(&path, Default::default()).expect("opens");
            for n in 0..2 {
                journal.append(media::WallTime(n), "test", serde_json::json!({ "n": n })).await.expect("appends");
            }
        });
        std::fs::read(&path).expect("reads")
    })
    .clone()
}
