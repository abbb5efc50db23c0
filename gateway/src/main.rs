//! The binary `sightline`: see `sightline --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sightline::cli::main()
}
