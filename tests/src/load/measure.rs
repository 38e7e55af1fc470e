//! Times and the CPU that processes have used.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;

/// Linux counts CPU time in hundredths of a second, on every machine it runs on today.
const TICK_MS: u64 = 10;

/// The middle and the tail of some times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many times there were.
    pub count: usize,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
}

impl Percentiles {
    /// Of these times, in any order.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |permille: usize| {
            let rank = (times.len() * permille).div_ceil(1000).max(1) - 1;
            times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self { count: times.len(), p50_ms: at(500), p99_ms: at(990) }
    }
}

/// The CPU time that a process has used so far, in user and kernel mode, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cpu(u64);

impl Cpu {
    /// Of the process whose number is in that file.
    pub fn of_pid_file(file: &Path) -> Result<Self> {
        let pid = fs::read_to_string(file)
            .with_context(|| format!("{} is missing: does it run?", file.display()))?;
        Self::of(pid.trim())
    }

    /// Of this process.
    pub fn of_self() -> Result<Self> {
        Self::of("self")
    }

    fn of(pid: &str) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} is gone"))?;
        // The second field is a name that may contain spaces; what follows is numbers.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("/proc/PID/stat has another form")?;
        Ok(Self((user + system) * TICK_MS))
    }

    /// Milliseconds used since `earlier`.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(times);
        assert_eq!(found, Percentiles { count: 100, p50_ms: 50.0, p99_ms: 99.0 });
        assert_eq!(Percentiles::of(vec![Duration::from_millis(7)]).p99_ms, 7.0);
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }

    #[test]
    fn this_process_has_used_the_cpu() {
        assert!(Cpu::of_self().is_ok());
    }
}
