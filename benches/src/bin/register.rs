//! The register of a district of 10,000 cameras, by the API of the built `sightline serve`: a spreadsheet tried and committed, the
//! tree opened, cameras searched. Floors are the least the same server does for a request: reading the file's rows, writing its
//! bytes durably, and answering a question about the session.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use sightline_bench::{
    gateway::{Api, Gateway},
    results::{self, Figure},
};

#[derive(Debug, Parser)]
struct Args {
    /// Cameras on file.
    #[arg(long, default_value_t = 10_000)]
    cameras: u32,
    /// Searches measured, of each sort.
    #[arg(long, default_value_t = 400)]
    searches: usize,
    /// The district's regions.
    #[arg(long, default_value = "configs/meixian/regions.csv")]
    regions: PathBuf,
    /// The built binary; beside this one if not given.
    #[arg(long)]
    sightline: Option<PathBuf>,
}

/// By name, by initials, by code, by region and initials, by address, by nothing at all, by what is not there.
const WORDS: [&str; 8] = [
    "村口",
    "hd",
    "cktc",
    "132600",
    "丙村 qt",
    "小学",
    "",
    "zzzz",
];

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let program = match &args.sightline {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("sightline"),
    };
    let dir = tempfile::tempdir()?;
    let sheet = sample(&program, dir.path(), &args)?;
    let gateway = Gateway::start(&program, dir.path()).await?;
    let api = gateway.api().await?;
    regions(&api, &args.regions).await?;

    let (tried, check) = import(&api, &sheet, false).await?;
    ensure!(
        tried["good"] == true,
        "the sample has faults: {}",
        tried["faults"][0]
    );
    let (taken, commit) = import(&api, &sheet, true).await?;
    ensure!(
        taken["added"] == args.cameras && taken["committed"] == true,
        "{taken}"
    );
    // The commit tries the file again before it takes it: that is part of what is waited for.
    let rows = read_rows(&sheet);
    let written = write_durably(dir.path(), &sheet)?;

    let mut tree = Histogram::<u64>::new(3)?;
    let mut plain = Histogram::<u64>::new(3)?;
    let mut search = Histogram::<u64>::new(3)?;
    for _ in 0..20 {
        record(&mut tree, timed(&api, "regions").await?)?;
    }
    for n in 0..args.searches {
        for word in WORDS {
            let query = escaped(word);
            let offset = if word.is_empty() { n * 97 % 9900 } else { 0 };
            let path = format!("cameras/search?q={query}&limit=50&offset={offset}");
            record(&mut search, timed(&api, &path).await?)?;
        }
        record(&mut plain, timed(&api, "session").await?)?;
    }
    let ms = |us: u64| us as f64 / 1000.0;
    let floor = ms(plain.value_at_quantile(0.99));
    let figures = [
        Figure::new(
            "import-check",
            check.as_secs_f64(),
            "s",
            Some(rows.as_secs_f64()),
        ),
        Figure::new(
            "import-commit",
            commit.as_secs_f64(),
            "s",
            Some(written.as_secs_f64()),
        ),
        Figure::new(
            "tree-open",
            ms(tree.value_at_quantile(0.99)),
            "ms",
            Some(floor),
        ),
        Figure::new(
            "search-p99",
            ms(search.value_at_quantile(0.99)),
            "ms",
            Some(floor),
        ),
    ];
    print!("{}", results::table(&figures));
    println!(
        "search, median: {:.2} ms",
        ms(search.value_at_quantile(0.5))
    );
    results::append(&figures)?;
    Ok(())
}

/// Such a histogram grows with what it is given; of what a saturating one is given beyond its end nothing would be left.
fn record(of: &mut Histogram<u64>, took: Duration) -> Result<()> {
    Ok(of.record(took.as_micros() as u64)?)
}

fn sample(program: &Path, dir: &Path, args: &Args) -> Result<Vec<u8>> {
    let file = dir.join("cameras.csv");
    let made = Command::new(program)
        .args(["camera", "sample"])
        .arg(&file)
        .arg("--regions")
        .arg(&args.regions)
        .args(["--cameras", &args.cameras.to_string()])
        .stderr(Stdio::null())
        .status()?;
    ensure!(made.success(), "sightline camera sample: {made}");
    // The gateway asks for what it is told to watch: its cameras are on this machine, where nobody answers.
    let sheet = std::fs::read_to_string(&file)?;
    ensure!(
        sheet.contains("//10."),
        "the sample's cameras are elsewhere"
    );
    Ok(sheet.replace("//10.", "//127.").into_bytes())
}

async fn regions(api: &Api, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [code, name, name_en, ..] = cells[..] else {
            continue;
        };
        if code.len() > 6 {
            let body = json!({"name": name, "name_en": name_en});
            api.put(&format!("regions/{code}"), &body).await?;
        }
    }
    Ok(())
}

async fn import(api: &Api, sheet: &[u8], commit: bool) -> Result<(Value, Duration)> {
    let path = format!("cameras/import?commit={}", u8::from(commit));
    let began = Instant::now();
    let said = api.upload(&path, sheet.to_vec()).await?;
    Ok((said, began.elapsed()))
}

async fn timed(api: &Api, path: &str) -> Result<Duration> {
    let began = Instant::now();
    api.text(path).await?;
    Ok(began.elapsed())
}

/// What any reader of the file must do: find its rows and cells.
fn read_rows(sheet: &[u8]) -> Duration {
    let began = Instant::now();
    let cells = sheet.iter().filter(|b| matches!(b, b',' | b'\n')).count();
    std::hint::black_box(cells);
    began.elapsed()
}

/// What any keeper of the file must do: have its bytes on the disk.
fn write_durably(dir: &Path, sheet: &[u8]) -> Result<Duration> {
    let began = Instant::now();
    let mut file = File::create(dir.join("floor"))?;
    file.write_all(sheet)?;
    file.sync_data()?;
    Ok(began.elapsed())
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
