//! Open files: a socket a camera on either side.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many sockets, and some more.
pub(crate) fn raise(sockets: u32) -> Result<()> {
    let wanted = u64::from(sockets) * 2 + 512;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        let limit = Rlimit {
            current: Some(now.maximum.map_or(wanted, |most| most.min(wanted))),
            maximum: now.maximum,
        };
        setrlimit(Resource::Nofile, limit).context("more open files")?;
    }
    Ok(())
}
