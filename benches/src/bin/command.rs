//! How fast the command centre is: what one seat does until the others see it, and how long a long incident takes to open.
//!
//! `command transition` has seats listen to the gateway's stream while one of them moves tasks. `command incident-open` fills an
//! incident's log and opens it, in Chromium where that is there. `command all` does them in the length that `make bench` has.

#[path = "../command/incident_open.rs"]
mod incident_open;
#[path = "../command/near.rs"]
mod near;
#[path = "../command/transition.rs"]
mod transition;

use anyhow::Result;
use clap::Parser;
use sightline_bench::results::{self, Figure};

#[derive(Debug, Parser)]
enum Args {
    /// A transition on one seat, to the other seats: `transition-p95`.
    Transition(transition::Args),
    /// An incident with a long log, opened: `incident-open`.
    IncidentOpen(incident_open::Args),
    /// Cameras for a place, of ten thousand: `near-10000`.
    Near(near::Args),
    /// All of them.
    All,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse() {
        Args::Transition(args) => told(transition::run(&args).await?),
        Args::IncidentOpen(args) => told(incident_open::run(&args).await?),
        Args::Near(args) => told(near::run(&args)?),
        Args::All => {
            let parse = |text: &str| Args::parse_from(text.split(' '));
            if let Args::Transition(args) = parse("command transition") {
                told(transition::run(&args).await?)?;
            }
            if let Args::IncidentOpen(args) = parse("command incident-open") {
                told(incident_open::run(&args).await?)?;
            }
            if let Args::Near(args) = parse("command near") {
                told(near::run(&args)?)?;
            }
            Ok(())
        }
    }
}

fn told(figures: Vec<Figure>) -> Result<()> {
    print!("{}", results::table(&figures));
    results::append(&figures)?;
    Ok(())
}
