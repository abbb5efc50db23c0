//! A network of its own behind a cable whose rate can be set and on which packets can be dropped: a namespace, a pair of
//! virtual interfaces, `tc tbf` and nftables.
//!
//! Nothing stays behind: the namespace is held by a child process that ends with the test's, or after [`LIFE`]; with it go
//! the cable and all rules. Where the machine refuses (no rights, no programs), [`Cable::lay`] says why and the test is skipped.

use std::{
    io::Read,
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The longest life of one.
const LIFE: Duration = Duration::from_secs(900);
/// Most in one run of the tests.
const MAX_CABLES: u8 = 32;

static LAID: AtomicU8 = AtomicU8::new(0);

/// A cable from the machine's own network into a namespace.
#[derive(Debug)]
pub struct Cable {
    holder: Child,
    /// The interface on our side.
    near: String,
    /// Our address, as those in the namespace see it.
    pub here: Ipv4Addr,
    /// Theirs.
    pub there: Ipv4Addr,
}

impl Cable {
    /// Lays one. An error tells why this machine cannot have it.
    pub fn lay() -> anyhow::Result<Self> {
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        ensure!(number < MAX_CABLES, "more than {MAX_CABLES} cables");
        let hold = format!("echo ready; exec sleep {}", LIFE.as_secs());
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(["unshare", "--net", "sh", "-c", &hold])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("setpriv")?;
        let (mut said, mut why) = ([0; 6], String::new());
        let out = holder.stdout.as_mut().context("its output")?;
        if out.read_exact(&mut said).is_err() {
            let complaint = holder.stderr.as_mut().context("its complaint")?;
            complaint.read_to_string(&mut why)?;
            holder.wait()?;
            bail!("unshare is refused: {}", why.trim());
        }
        // 198.18.0.0/15 is for tests of networks (RFC 2544); a block of four addresses a cable.
        let (own, block) = ((std::process::id() % 251) as u8, number * 4);
        let cable = Self {
            near: format!("slt{}n{number}", std::process::id()),
            here: Ipv4Addr::new(198, 18, own, block + 1),
            there: Ipv4Addr::new(198, 18, own, block + 2),
            holder,
        };
        let (pid, near) = (cable.holder.id().to_string(), &cable.near);
        let (here, there) = (format!("{}/30", cable.here), format!("{}/30", cable.there));
        run(
            "ip",
            &[
                "link", "add", near, "type", "veth", "peer", "name", "far", "netns", &pid,
            ],
        )?;
        run("ip", &["address", "add", &here, "dev", near])?;
        run("ip", &["link", "set", near, "up"])?;
        cable.inside("ip", &["address", "add", &there, "dev", "far"])?;
        cable.inside("ip", &["link", "set", "far", "up"])?;
        cable.inside("ip", &["link", "set", "lo", "up"])?;
        Ok(cable)
    }

    /// Or says that the test is skipped, and why.
    pub fn lay_or_skip() -> Option<Self> {
        match Self::lay() {
            Ok(cable) => Some(cable),
            Err(error) => {
                eprintln!("skipped: no network namespace on this machine: {error:#}");
                None
            }
        }
    }

    /// From here into the namespace: so many bits a second, and a queue of so many bytes before it.
    pub fn set_rate(&self, bits: u64, queue: usize) -> anyhow::Result<()> {
        let (rate, limit) = (format!("{bits}bit"), queue.to_string());
        let burst = (bits / 8 / 100).max(3000).to_string();
        let tbf = ["tbf", "rate", &rate, "burst", &burst, "limit", &limit];
        let at = ["qdisc", "replace", "dev", &self.near, "root"];
        run("tc", &[&at[..], &tbf[..]].concat())
    }

    /// Drops all UDP that leaves or enters the namespace, or no longer.
    pub fn drop_udp(&self, drop: bool) -> anyhow::Result<()> {
        if !drop {
            return self.inside("nft", &["delete", "table", "inet", "cable"]);
        }
        self.inside("nft", &["add", "table", "inet", "cable"])?;
        for hook in ["input", "output"] {
            let chain =
                format!("add chain inet cable {hook} {{ type filter hook {hook} priority 0; }}");
            self.inside("nft", &[&chain])?;
            self.inside(
                "nft",
                &[&format!("add rule inet cable {hook} meta l4proto udp drop")],
            )?;
        }
        Ok(())
    }

    /// Bytes that have come from the namespace.
    pub fn received_bytes(&self) -> anyhow::Result<u64> {
        let path = format!("/sys/class/net/{}/statistics/rx_bytes", self.near);
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        text.trim().parse().context(path)
    }

    /// Drops everything that leaves or enters the namespace, without a word to anybody.
    pub fn drop_all(&self) -> anyhow::Result<()> {
        self.inside("nft", &["add", "table", "inet", "drops"])?;
        for hook in ["input", "output"] {
            let chain = format!(
                "add chain inet drops {hook} {{ type filter hook {hook} priority 0; policy drop; }}"
            );
            self.inside("nft", &[&chain])?;
        }
        Ok(())
    }

    /// Takes the cable out, or puts it in again: nothing passes, and nobody is told.
    pub fn pull_out(&self, out: bool) -> anyhow::Result<()> {
        let state = if out { "down" } else { "up" };
        self.inside("ip", &["link", "set", "far", state])
    }

    /// Runs a program in the namespace to its end.
    pub fn inside(&self, program: &str, args: &[&str]) -> anyhow::Result<()> {
        let pid = self.holder.id().to_string();
        run("nsenter", &[&["-t", &pid, "-n", program], args].concat())
    }

    /// Runs asynchronous code on a thread of its own in the namespace: its sockets are there.
    pub fn block_on<T, F>(
        &self,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> std::thread::JoinHandle<anyhow::Result<T>>
    where
        T: Send + 'static,
        F: Future<Output = anyhow::Result<T>>,
    {
        let path = format!("/proc/{}/ns/net", self.holder.id());
        std::thread::spawn(move || {
            let namespace = std::fs::File::open(&path).context("the namespace")?;
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(LinkNameSpaceType::Network),
            )
            .context("entering the namespace")?;
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(work())
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // With the last process in it the namespace goes, and with it the cable.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = run("ip", &["link", "delete", &self.near]);
    }
}

fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.to_owned())?;
    ensure!(
        out.status.success(),
        "{program} {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_cable_carries_and_leaves_nothing_behind() {
        let Some(cable) = Cable::lay_or_skip() else {
            return;
        };
        let listener = std::net::TcpListener::bind((cable.here, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        cable.set_rate(8_000_000, 100_000).unwrap();
        cable.drop_udp(true).unwrap();
        cable.drop_udp(false).unwrap();
        let inside = cable.block_on(move || async move {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(b"from inside")?;
            Ok(stream.local_addr()?)
        });
        let (mut stream, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip(), cable.there);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "from inside");
        assert_eq!(inside.join().unwrap().unwrap(), peer);
        let near = cable.near.clone();
        drop((cable, stream));
        assert!(run("ip", &["link", "show", &near]).is_err());
    }
}
