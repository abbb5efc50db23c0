//! The binary `sightline`: see `sightline --help`.

use std::process::ExitCode;

/// Set up in `.cargo/config.toml`; what it saves: `docs/design/relay.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    sightline::cli::main()
}
