//! What a soak found: memory and descriptors over time, and how visits ended.

use std::collections::BTreeMap;

use serde::Serialize;

/// A moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Since the start.
    pub(crate) seconds: f64,
    /// Resident, kB (1,000 bytes).
    pub(crate) memory_kb: f64,
    pub(crate) descriptors: usize,
    /// Since the sample before.
    pub(crate) cpu_percent: f64,
}

/// The outcome for one server.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) server: String,
    pub(crate) minutes: f64,
    pub(crate) warm_up_minutes: f64,
    pub(crate) viewers_at_once: usize,
    pub(crate) seed: u64,
    /// By manner and way.
    pub(crate) visits: BTreeMap<String, u64>,
    pub(crate) failed: u64,
    /// The first few, in words.
    pub(crate) failures: Vec<String>,
    pub(crate) received_gb: f64,
    pub(crate) cpu_percent: f64,
    /// Mean of the first tenth after the warm-up.
    pub(crate) memory_start_kb: f64,
    /// Mean of the last tenth.
    pub(crate) memory_end_kb: f64,
    /// Of the straight line through all samples after the warm-up.
    pub(crate) slope_kb_an_hour: f64,
    /// Before the first viewer.
    pub(crate) descriptors_before: usize,
    /// After the last one.
    pub(crate) descriptors_after: usize,
    /// After the last one.
    pub(crate) memory_after_kb: f64,
    pub(crate) samples: Vec<Sample>,
}

impl Report {
    /// Fills in what follows from the samples.
    pub(crate) fn conclude(&mut self) {
        let warm = self.warm_up_minutes * 60.0;
        let steady: Vec<_> = self.samples.iter().filter(|s| s.seconds >= warm).collect();
        let tenth = steady.len().div_ceil(10);
        let mean = |of: &[&Sample]| of.iter().map(|s| s.memory_kb).sum::<f64>() / of.len() as f64;
        if steady.is_empty() {
            return;
        }
        self.memory_start_kb = mean(&steady[..tenth]);
        self.memory_end_kb = mean(&steady[steady.len() - tenth..]);
        self.slope_kb_an_hour = slope(&steady) * 3600.0;
        self.cpu_percent = steady.iter().map(|s| s.cpu_percent).sum::<f64>() / steady.len() as f64;
    }

    /// For a terminal.
    pub(crate) fn table(&self) -> String {
        let total: u64 = self.visits.values().sum();
        let mut out = format!(
            "{}: {:.0} minutes ({:.0} of them warm-up), {} viewers at once, seed {}\n\
             memory at start {:.0} kB, at end {:.0} kB, slope {:+.0} kB an hour, {:.0} kB after the last viewer\n\
             descriptors before {}, after {}; CPU {:.1} % of a core; {:.1} GB received\n\
             {total} visits, {} failed\n",
            self.server,
            self.minutes,
            self.warm_up_minutes,
            self.viewers_at_once,
            self.seed,
            self.memory_start_kb,
            self.memory_end_kb,
            self.slope_kb_an_hour,
            self.memory_after_kb,
            self.descriptors_before,
            self.descriptors_after,
            self.cpu_percent,
            self.received_gb,
            self.failed,
        );
        for (kind, count) in &self.visits {
            out += &format!("  {kind:<26} {count:>7}\n");
        }
        for failure in &self.failures {
            out += &format!("  failed: {failure}\n");
        }
        out
    }
}

/// Least squares, kB a second.
fn slope(samples: &[&Sample]) -> f64 {
    let n = samples.len() as f64;
    let mean = |f: fn(&Sample) -> f64| samples.iter().map(|s| f(s)).sum::<f64>() / n;
    let (x, y) = (mean(|s| s.seconds), mean(|s| s.memory_kb));
    let (mut above, mut below) = (0.0, 0.0);
    for s in samples {
        above += (s.seconds - x) * (s.memory_kb - y);
        below += (s.seconds - x).powi(2);
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_of_a_kilobyte_a_second_is_seen_through_the_noise() {
        let mut report = Report {
            warm_up_minutes: 1.0,
            ..Report::default()
        };
        for n in 0..600 {
            // The warm-up's growth must not count.
            let warm = f64::from(n.min(12)) * 1000.0;
            let noise = f64::from(n * 7919 % 13);
            report.samples.push(Sample {
                seconds: f64::from(n) * 5.0,
                memory_kb: 20_000.0 + warm + f64::from(n) * 5.0 + noise,
                descriptors: 10,
                cpu_percent: 2.0,
            });
        }
        report.conclude();
        assert!((report.slope_kb_an_hour - 3600.0).abs() < 20.0);
        assert!(report.memory_end_kb - report.memory_start_kb > 2_000.0);
        assert!((report.cpu_percent - 2.0).abs() < 1e-9);
    }
}
