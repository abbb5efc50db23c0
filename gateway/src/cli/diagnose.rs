//! `sightline camera diagnose`: each step as it is done, and the first failure with what to do about it.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use http::Method;
use media::{CameraId, Profile};
use serde_json::Value;

use super::remote::{Api, SignIn};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The camera's 20-digit code
    #[arg(value_name = "CODE")]
    code: CameraId,
    /// Which stream, main or sub; the main one where there is one if not given
    #[arg(long)]
    profile: Option<Profile>,
    /// Words: zh or en
    #[arg(long, default_value = "en", value_parser = ["zh", "en"])]
    language: String,
    /// Print the whole diagnosis as JSON, once it is over
    #[arg(long)]
    json: bool,
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    sign_in: SignIn,
}

/// How often it is asked how far it is.
const ASK: Duration = Duration::from_millis(300);
/// The gateway ends a diagnosis after a minute.
const MOST_ASKS: u32 = 400;

pub(super) async fn run(args: Args) -> Result<ExitCode> {
    let api = Api::open(&SignIn::url(&args.url)?, &args.sign_in).await?;
    let path = format!("cameras/{}/diagnosis", args.code);
    let begin = match args.profile {
        Some(profile) => format!("{path}?profile={profile}"),
        None => path.clone(),
    };
    let mut told = 0;
    let mut diagnosis = api.json(Method::POST, &begin, None).await?;
    for _ in 0..MOST_ASKS {
        if !args.json {
            told = print(&diagnosis, told);
        }
        if diagnosis["running"] == false {
            api.close().await;
            return Ok(end(&args, &diagnosis));
        }
        tokio::time::sleep(ASK).await;
        diagnosis = api.json(Method::GET, &path, None).await?;
    }
    bail!("the diagnosis does not end")
}

/// The steps that are new; how many there are.
fn print(diagnosis: &Value, told: usize) -> usize {
    let steps = diagnosis["steps"].as_array().map_or(&[][..], Vec::as_slice);
    for step in steps.iter().skip(told) {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let outcome = match text("cause") {
            "" => "ok",
            cause => cause,
        };
        println!(
            "{:<15} {:>6} ms  {:<20} {}",
            text("step"),
            step["took_ms"],
            outcome,
            text("detail")
        );
    }
    steps.len()
}

fn end(args: &Args, diagnosis: &Value) -> ExitCode {
    if args.json {
        println!("{diagnosis}");
    }
    let failure = &diagnosis["failure"];
    if failure.is_null() {
        return ExitCode::SUCCESS;
    }
    if !args.json {
        let words = &failure[args.language.as_str()];
        let text = |key: &str| words[key].as_str().unwrap_or_default();
        println!("\n{}\n{}", text("what"), text("todo"));
    }
    ExitCode::FAILURE
}
