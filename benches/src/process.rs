//! A helper process of a bench: started as this very program with a subcommand, asked by lines, and its cost read from `/proc`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// `CLK_TCK`: 100 on every Linux there is.
const TICKS_A_SECOND: f64 = 100.0;

/// A running helper; killed when dropped.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts this program with these arguments.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(args: &[String]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(&program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {} {}", program.display(), args.join(" ")))?;
        let input = child.stdin.take().context("its input was asked for")?;
        let output = child.stdout.take().context("its output was asked for")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// It has ended.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the helper ended: {:?}", self.child.try_wait()?);
        }
        Ok(line.trim().to_owned())
    }

    /// Sends an empty line and returns the answer.
    ///
    /// # Errors
    /// It has ended.
    pub fn ask(&mut self) -> Result<String> {
        self.input.write_all(b"\n")?;
        self.input.flush()?;
        self.line()
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// User and system time so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of_threads(self.child.id())
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> Result<u64> {
        resident(self.child.id())
    }
}

/// User and system time of a process's living threads so far, to the nanosecond where the kernel keeps such a count. Only for
/// a process that ends none of its threads: one that ended is missing in the next sum.
///
/// # Errors
/// It has ended.
pub fn cpu_of_threads(process: u32) -> Result<Duration> {
    let sum = || {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            sum += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(sum))
    };
    match sum() {
        Some(time) => Ok(time),
        None => cpu(process),
    }
}

/// User and system time of the thread that asks.
pub fn cpu_of_this_thread() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// User and system time of a process so far, in steps of 10 ms.
///
/// # Errors
/// It has ended.
pub fn cpu(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).context(path)?;
    // After the name, which may hold anything but ends in ')': field 3 and on.
    let (_, rest) = text.rsplit_once(')').context("/proc/PID/stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("/proc/PID/stat")?;
    Ok(Duration::from_secs_f64((user + system) / TICKS_A_SECOND))
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// It has ended.
pub fn resident(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).context(path)?;
    let kib = text
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<u64>().ok())
        .context("VmRSS")?;
    Ok(kib * 1024)
}

/// Open file descriptors of a process.
///
/// # Errors
/// It has ended.
pub fn descriptors(process: u32) -> Result<usize> {
    let path = format!("/proc/{process}/fd");
    Ok(fs::read_dir(&path).context(path)?.count())
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
