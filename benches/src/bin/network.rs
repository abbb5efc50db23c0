//! What the one network costs: deciding (`network admit`), pulling a thousand cameras (`network pull`), and a district whose
//! power comes back (`network power`, which needs network namespaces and `tc`).

#[path = "../network/admit.rs"]
mod admit;
#[path = "../network/limits.rs"]
mod limits;
#[path = "../network/power.rs"]
mod power;
#[path = "../network/pull.rs"]
mod pull;

use anyhow::Result;
use clap::Parser;
use sightline_bench::results::{self, Figure};

#[derive(Debug, Parser)]
enum Args {
    /// Whether a pull may start: microseconds.
    Admit(admit::Args),
    /// A thousand cameras at once: CPU and memory.
    Pull(pull::Args),
    /// That, in a process of its own: started by `pull`.
    #[command(hide = true)]
    PullServe(pull::Serve),
    /// Power comes back to a thousand cameras behind twenty links.
    Power(power::Args),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse() {
        Args::Admit(args) => told(admit::run(&args)?),
        Args::Pull(args) => told(pull::run(&args).await?),
        Args::PullServe(args) => {
            let ended = std::thread::spawn(move || pull::serve(&args)).join();
            ended.map_err(|_| anyhow::anyhow!("it panicked"))?
        }
        Args::Power(args) => told(power::run(&args).await?),
    }
}

fn told(figures: Vec<Figure>) -> Result<()> {
    println!("{}", results::table(&figures));
    println!("written to {}", results::append(&figures)?.display());
    Ok(())
}
