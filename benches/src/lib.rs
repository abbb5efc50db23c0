//! What the benches share: where figures go, how a process's cost is read, a source of frames, the servers under load and their viewers.
//!
//! A bench is a program in `src/bin/`. It starts what it measures in a process of its own (itself, with a subcommand), so that
//! the CPU it reads is that of the server alone, and measures a floor in the same run: the least that any server would have to
//! do. What does not belong here: anything that only one bench needs.

pub mod gateway;
pub mod process;
pub mod results;
pub mod serve;
pub mod source;
pub mod tls;
pub mod viewers;

/// As the product has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
