//! A package of evidence plays anywhere, holds the recordings byte for byte, and shows every alteration.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use common::*;
use media::{AudioCodec, Reason, ReasonCode, VideoCodec, WallTime};
use rand::{Rng, SeedableRng};
use ring::signature::KeyPair;
use storage::{
    Archive, DataDir,
    evidence::{self, Failure, Person, Progress, Report, Request, Subject},
};
use tokio_util::sync::CancellationToken;

fn base() -> WallTime {
    at("23:59:30")
}

fn request(cameras: &[u32], from: WallTime, to: WallTime) -> Request {
    let subject = |n: &u32| Subject {
        camera: camera(*n),
        name: format!("码头 {n} </script>"),
        region: "441403102".parse().unwrap(),
        clock_offset_ms: Some(-120),
    };
    Request {
        id: "e1".into(),
        made: at("23:59:59") + s(3650 * 86_400),
        software: "sightline test".into(),
        district: "441403".into(),
        district_name: "梅县区".into(),
        by: Person {
            user: "admin".into(),
            name: "Admin".into(),
            role: "administrator".into(),
        },
        reason: "case 17".into(),
        incident: None,
        from,
        to,
        cameras: cameras.iter().map(subject).collect(),
    }
}

async fn pack(archive: &Archive, request: Request, path: &Path) -> Result<u64, Failure> {
    let (progress, stop) = (Arc::new(Progress::default()), CancellationToken::new());
    let made = archive
        .package(
            request,
            path.to_owned(),
            u64::MAX,
            Arc::clone(&progress),
            stop,
        )
        .await?;
    let (done, total) = progress.get();
    assert_eq!(done, total);
    assert_eq!(fs::metadata(path).unwrap().len(), made.bytes);
    assert!(!path.with_extension("zip.part").exists());
    Ok(made.bytes)
}

/// Two cameras, one with a gap, sound and another resolution on the way, one in H.265; recorded, stopped (so that the heads of
/// the chains are signed), and opened again.
async fn store() -> (tempfile::TempDir, Archive) {
    let store = Store::new();
    let clip_a = clip(Spec {
        b_frames: 2,
        audio: Some(AudioCodec::Aac),
        ..SMALL
    });
    let clip_b = clip(Spec {
        size: (192, 108),
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let clip_c = clip(Spec {
        codec: VideoCodec::H265,
        ..SMALL
    });
    let mut one = Source::new(1, base());
    let mut two = Source::new(2, base());
    let recorders = [
        store.archive.record(one.lease(), 36_500),
        store.archive.record(two.lease(), 36_500),
    ];
    one.play(&clip_a, 20);
    one.advance(20 * 90_000, s(20));
    one.lost(Reason::new(ReasonCode::NoRoute, "10.0.0.9"));
    one.play(&clip_b, 25);
    two.play(&clip_c, 50);
    let end = base() + s(20 * 4 + 20 + 25 * 4 - 4);
    recorded(&store.archive, 1, base() + s(100), end).await;
    recorded(&store.archive, 2, base(), base() + s(196)).await;
    for recorder in recorders {
        recorder.stop().await;
    }
    let dir = store.close().await;
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    (dir, archive)
}

fn verify(path: &Path) -> Report {
    evidence::verify(path, None).unwrap()
}

/// An entry as any reader of ZIP sees it: name, place of its header, place and size of its bytes.
fn entries(bytes: &[u8]) -> Vec<(String, usize, usize, usize)> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut out) = (0, Vec::new());
    while bytes[at..at + 4] == *b"PK\x03\x04" {
        let size = u32_at(at + 18);
        let name = usize::from(bytes[at + 26]);
        let text = String::from_utf8(bytes[at + 30..at + 30 + name].to_vec()).unwrap();
        let data = at + 30 + name;
        out.push((text, at, data, size));
        at = data + size;
    }
    out
}

fn unzip(package: &Path, into: &Path) {
    for (name, _, data, size) in entries(&fs::read(package).unwrap()) {
        let to = into.join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, &fs::read(package).unwrap()[data..data + size]).unwrap();
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |c, _| match c & 1 {
            1 => (c >> 1) ^ 0xedb8_8320,
            _ => c >> 1,
        })
    })
}

/// Puts other bytes of the same length into a file of the package, as somebody would who knows ZIP.
fn replace(package: &mut [u8], name: &str, with: &[u8]) {
    let all = entries(package);
    let (_, at, data, size) = all.iter().find(|e| e.0 == name).unwrap();
    assert_eq!(with.len(), *size);
    package[*data..data + size].copy_from_slice(with);
    let crc = crc32(with).to_le_bytes();
    package[at + 14..at + 18].copy_from_slice(&crc);
    let directory = all.last().map(|e| e.2 + e.3).unwrap();
    let needle = name.as_bytes();
    let named = package[directory..]
        .windows(needle.len())
        .position(|w| w == needle)
        .unwrap();
    let crc_at = directory + named - 46 + 16;
    package[crc_at..crc_at + 4].copy_from_slice(&crc);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plays_everywhere_and_holds_the_recordings_themselves() {
    let (dir, archive) = store().await;
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("p.zip");
    // From the middle of a group to the newest, which is signed; over midnight, a gap and another resolution.
    let (from, to) = (base() + s(10), base() + s(400));
    pack(&archive, request(&[1, 2, 3], from, to), &path)
        .await
        .unwrap();
    let report = verify(&path);
    assert!(report.is_genuine(), "{report}");
    assert!(report.sealed >= 3 && report.linked >= 3, "{report}");
    assert!(report.signed >= 1, "{report}");
    let key = archive.signing_key();
    assert!(evidence::verify(&path, Some(&key)).unwrap().is_genuine());
    let manifest = report.manifest.as_ref().unwrap();
    assert_eq!(manifest.reason, "case 17");
    let gaps = &manifest.cameras[0].gaps;
    // Frames and the word of why they stopped come by two ways, here in the same moment: either may be first.
    let known = [ReasonCode::NoRoute, ReasonCode::NoPackets];
    assert!(known.contains(&gaps[0].reason.code), "{gaps:?}");
    assert!(
        manifest.cameras[2].films.is_empty(),
        "nothing is recorded of it"
    );

    // Any reader of ZIP takes it apart.
    let unpacked = out.path().join("unpacked");
    let listed = Command::new("unzip").arg("-tq").arg(&path).output();
    if let Ok(listed) = listed {
        assert!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stdout)
        );
    }
    unzip(&path, &unpacked);
    let page = fs::read_to_string(unpacked.join("index.html")).unwrap();
    assert!(page.contains("case 17") && !page.contains("@DATA@"));
    assert_eq!(
        page.matches("</script>").count(),
        1,
        "no name ends the script"
    );
    // Another resolution is another film: a browser seeks in each.
    assert_eq!(manifest.cameras[0].films.len(), 2);
    assert_eq!(manifest.cameras[1].films.len(), 1);
    for camera in &manifest.cameras[..2] {
        let played = archive
            .playback(camera.camera, from, to)
            .await
            .unwrap()
            .unwrap();
        let whole = out.path().join("playback.mp4");
        fs::write(&whole, bytes_of(&played).await).unwrap();
        let files: Vec<PathBuf> = camera
            .films
            .iter()
            .map(|f| unpacked.join(&f.file))
            .collect();
        let pictures: usize = files.iter().map(|f| decode(f)).sum();
        assert_eq!(pictures, decode(&whole), "the same pictures");
        let of = |p: &storage::Piece| (p.start, p.end);
        let pieces: Vec<_> = camera
            .films
            .iter()
            .flat_map(|f| f.pieces.iter().map(of))
            .collect();
        assert_eq!(pieces, played.pieces().iter().map(of).collect::<Vec<_>>());
        if let [file] = &files[..] {
            let hash = |file: &Path| {
                run(Command::new("ffmpeg")
                    .args(["-v", "error", "-i"])
                    .arg(file)
                    .args(["-f", "framemd5", "-"]))
            };
            assert_eq!(hash(file), hash(&whole));
        }
    }
    // The segments in it are those of the disk, and play by themselves.
    let extracted = out.path().join("segments");
    let count = evidence::extract(&path, &extracted).unwrap();
    assert_eq!(count, report.segments);
    let originals: Vec<Vec<u8>> = segment_files(dir.path())
        .iter()
        .map(|f| fs::read(f).unwrap())
        .collect();
    let (mut whole, mut cut) = (0, 0);
    for film in manifest.cameras.iter().flat_map(|c| &c.films) {
        let dir = extracted.join(film.file.trim_end_matches(".mp4"));
        for segment in &film.segments {
            let file = dir.join(format!("{:010}.mp4", segment.sequence));
            let bytes = fs::read(&file).unwrap();
            assert!(decode(&file) > 0);
            if segment.whole {
                whole += 1;
                assert!(originals.contains(&bytes), "{}", file.display());
            } else {
                cut += 1;
            }
        }
    }
    assert!(whole >= 4 && cut >= 2, "{whole} {cut}");

    // The same request is the same package.
    let again = out.path().join("again.zip");
    pack(&archive, request(&[1, 2, 3], from, to), &again)
        .await
        .unwrap();
    assert!(fs::read(&path).unwrap() == fs::read(&again).unwrap());

    let nothing = pack(&archive, request(&[3], from, to), &again).await;
    assert!(matches!(nothing, Err(Failure::Nothing)), "{nothing:?}");
    let (progress, stop) = (Arc::new(Progress::default()), CancellationToken::new());
    let ask = request(&[1], from, to);
    let full = archive
        .package(
            ask.clone(),
            again.clone(),
            1000,
            Arc::clone(&progress),
            stop.clone(),
        )
        .await;
    assert!(
        matches!(full, Err(Failure::Room { has: 1000, .. })),
        "{full:?}"
    );
    stop.cancel();
    let cancelled = archive
        .package(ask, out.path().join("c.zip"), u64::MAX, progress, stop)
        .await;
    assert!(
        matches!(cancelled, Err(Failure::Cancelled)),
        "{cancelled:?}"
    );
    let left: Vec<PathBuf> = fs::read_dir(out.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert!(
        !left.iter().any(|p| p.to_string_lossy().contains("c.zip")),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_byte_anywhere_is_found_and_named() {
    let (_dir, archive) = store().await;
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("p.zip");
    pack(
        &archive,
        request(&[1, 2], base() + s(10), base() + s(60)),
        &path,
    )
    .await
    .unwrap();
    let genuine = fs::read(&path).unwrap();
    let all = entries(&genuine);
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    // Some of every file, of every header, of the directory, and the very ends.
    let mut offsets = vec![0, genuine.len() - 1];
    let directory = all.last().map(|e| e.2 + e.3).unwrap();
    for (_, header, data, size) in &all {
        offsets.extend([*header, *data, data + size - 1]);
        offsets.extend((0..4).map(|_| random.random_range(*header..*data)));
        offsets.extend((0..6).map(|_| random.random_range(*data..data + size)));
    }
    offsets.extend((0..20).map(|_| random.random_range(directory..genuine.len())));
    // Where the directory says that the second file lies: it agrees with what was signed in all else.
    offsets.push(directory + 46 + all[0].0.len() + 42);
    let altered = out.path().join("altered.zip");
    for offset in offsets {
        let mut bytes = genuine.clone();
        bytes[offset] ^= random.random_range(1..=255u8);
        fs::write(&altered, &bytes).unwrap();
        let report = verify(&altered);
        let first = report
            .faults
            .first()
            .unwrap_or_else(|| panic!("byte {offset} is not found"));
        let inside = all
            .iter()
            .find(|(_, _, data, size)| (*data..data + size).contains(&offset));
        match inside {
            Some((name, _, data, _)) => {
                assert_eq!(first.file, *name, "byte {offset}: {report}");
                assert_eq!(
                    first.byte,
                    Some((offset - data) as u64),
                    "byte {offset}: {report}"
                );
            }
            None => assert_eq!(first.byte, Some(offset as u64), "{report}"),
        }
        assert_eq!(first.at, offset as u64, "{report}");
    }
    // Several bytes of a block: the block.
    let mut bytes = genuine.clone();
    let (name, _, data, _) = &all[0];
    (bytes[data + 40_000], bytes[data + 40_900]) =
        (bytes[data + 40_000] ^ 1, bytes[data + 40_900] ^ 1);
    fs::write(&altered, &bytes).unwrap();
    let report = verify(&altered);
    let first = &report.faults[0];
    assert_eq!(first.file, *name);
    assert_eq!(first.within, Some([32_768, 49_152]), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_put_in_swapped_cut_or_forged_is_found() {
    let (_dir, archive) = store().await;
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("p.zip");
    pack(
        &archive,
        request(&[1, 2], base() + s(10), base() + s(400)),
        &path,
    )
    .await
    .unwrap();
    let genuine = fs::read(&path).unwrap();
    let all = entries(&genuine);
    let altered = out.path().join("altered.zip");
    let judge = |bytes: &[u8]| {
        fs::write(&altered, bytes).unwrap();
        let report = verify(&altered);
        assert!(!report.is_genuine(), "{report}");
        report
    };
    // Cut short at places of all kinds, and something behind the end.
    for cut in [
        0,
        10,
        21,
        all[0].2 + 100,
        all[1].1,
        genuine.len() - 30,
        genuine.len() - 1,
    ] {
        judge(&genuine[..cut]);
    }
    let longer = judge(&[&genuine[..], b"more"].concat());
    assert_eq!(
        longer.faults[0].byte,
        Some(genuine.len() as u64),
        "{longer}"
    );
    // A file under another name: one is missing, one was put in.
    let rename = |bytes: &mut Vec<u8>, from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let directory = all.last().map(|e| e.2 + e.3).unwrap();
        let header = all.iter().find(|e| e.0 == from).unwrap().1 + 30;
        let listed = genuine[directory..]
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        for at in [header, directory + listed] {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    };
    let mut bytes = genuine.clone();
    rename(&mut bytes, "index.html", "other.html");
    let report = judge(&bytes);
    let told = |report: &Report, file: &str, what: &str| {
        assert!(
            report
                .faults
                .iter()
                .any(|f| f.file == file && f.what.contains(what)),
            "{file} {what}: {report}"
        );
    };
    told(&report, "index.html", "missing");
    told(&report, "other.html", "put it in");
    // Two cameras' films, one under the other's name.
    let film = |n: u32| format!("{}-main.mp4", camera(n));
    let (a, b) = (film(1), film(2));
    let mut bytes = genuine.clone();
    rename(&mut bytes, &a, &b);
    rename(&mut bytes, &b, &a);
    let report = judge(&bytes);
    told(&report, &a, "packed");
    told(&report, &b, "packed");
    // A manifest that says something else, with the ZIP's sums put right.
    let manifest = all.iter().find(|e| e.0 == "manifest.json").unwrap();
    let text = String::from_utf8(genuine[manifest.2..manifest.2 + manifest.3].to_vec()).unwrap();
    let forged = text.replace("case 17", "case 18");
    let mut bytes = genuine.clone();
    replace(&mut bytes, "manifest.json", forged.as_bytes());
    let report = judge(&bytes);
    assert_eq!(report.faults[0].file, "manifest.json", "{report}");
    assert!(
        report.faults[0].what.contains("not what was signed"),
        "{report}"
    );
    // And signed anew, with a key of the forger's own.
    let made =
        ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let pair = ring::signature::Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let (own, real) = (hex(pair.public_key().as_ref()), archive.signing_key());
    let forged = forged.replace(&real, &own);
    let signed = [b"sightline evidence manifest 1\n", forged.as_bytes()].concat();
    let seal = all.iter().find(|e| e.0 == "manifest.sig").unwrap();
    let seal = String::from_utf8(genuine[seal.2..seal.2 + seal.3].to_vec()).unwrap();
    let old = seal.split('"').nth(7).unwrap().to_owned();
    let seal = seal
        .replace(&real, &own)
        .replace(&old, &hex(pair.sign(&signed).as_ref()));
    replace(&mut bytes, "manifest.json", forged.as_bytes());
    replace(&mut bytes, "manifest.sig", seal.as_bytes());
    let report = judge(&bytes);
    assert!(
        report
            .faults
            .iter()
            .all(|f| f.file.starts_with("signatures/")),
        "{report}"
    );
    let known = evidence::verify(&altered, Some(&real)).unwrap();
    told(&known, "manifest.sig", "expected");
    // Nonsense is no package, and no panic.
    for bytes in [
        &b""[..],
        b"PK",
        &[0u8; 1000],
        b"PK\x05\x06................................",
    ] {
        judge(bytes);
    }
}
