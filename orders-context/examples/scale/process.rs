//! What this process takes, and times in order.

use anyhow::Context;
use std::time::Duration;

/// Ticks a second of Linux' `/proc`.
const TICKS: f64 = 100.0;

/// User and kernel time so far.
pub fn cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit_once(") ").context("/proc/self/stat reads otherwise")?.1;
    let fields = behind_name.split(' ').skip(11).take(2).map(str::parse::<f64>);
    let ticks: f64 = fields.sum::<Result<f64, _>>()?;
    Ok(Duration::from_secs_f64(ticks / TICKS))
}

/// Resident memory without the pages of files, in MiB.
pub fn memory_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no RssAnon")?;
    Ok(kib.parse::<f64>()? / 1_024.0)
}

/// The p-th percentile in milliseconds.
pub fn percentile(seconds: &mut [f64], p: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let at = ((seconds.len() as f64 * p / 100.0).ceil() as usize).saturating_sub(1);
    seconds.get(at).map_or(f64::NAN, |found| found * 1e3)
}
