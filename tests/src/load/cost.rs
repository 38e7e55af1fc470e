//! What processes cost, read from Linux's `/proc` and `/sys`.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Linux counts CPU time in hundredths of a second, on every machine it runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is measured: two process trees, and the files of the first.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The process of orders.
    pub orders: u32,
    /// The process of the broker.
    pub broker: u32,
    /// The files in which orders keeps what it is told.
    pub files: Vec<PathBuf>,
}

/// Numbers that only grow; the difference of two moments is what was used between them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// User and kernel time of orders and its children, in seconds.
    pub orders_s: f64,
    /// The same of the broker.
    pub broker_s: f64,
    /// The same of this process.
    pub own_s: f64,
    /// Bytes allocated to the files; may shrink.
    pub disk_bytes: f64,
    /// Bytes that anybody wrote to the device under the files.
    pub device_bytes: f64,
    /// Cache flushes of that device, by anybody.
    pub device_flushes: f64,
    /// Ticks in which the machine was idle.
    pub idle: f64,
    /// Ticks in which it was idle and waited for a disk.
    pub iowait: f64,
    /// All ticks of the machine.
    pub ticks: f64,
}

impl Watched {
    /// The parts of the stack in that folder.
    pub fn of_stack(var: &Path) -> Result<Self> {
        let files = ["orders.db", "orders.db-wal", "orders.db-shm"];
        Ok(Self {
            orders: pid(var, "orders")?,
            broker: pid(var, "kafka")?,
            files: files.iter().map(|file| var.join(file)).collect(),
        })
    }

    /// Everything used until now.
    pub fn cost(&self) -> Cost {
        let (device_bytes, device_flushes) = self.files.first().map_or((0.0, 0.0), |f| device(f));
        let (idle, iowait, ticks) = machine();
        Cost {
            orders_s: tree(self.orders).into_iter().map(cpu_seconds).sum(),
            broker_s: tree(self.broker).into_iter().map(cpu_seconds).sum(),
            own_s: cpu_seconds(std::process::id()),
            disk_bytes: self.files.iter().map(|file| allocated(file)).sum(),
            device_bytes,
            device_flushes,
            idle,
            iowait,
            ticks,
        }
    }

    /// Memory of orders and its children in MB, what they share counted once.
    pub fn memory_mb(&self) -> f64 {
        let kb = |pid: u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kb.unwrap_or(0.0)
        };
        tree(self.orders).into_iter().map(kb).sum::<f64>() / 1024.0
    }
}

impl Cost {
    /// What was used since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            orders_s: self.orders_s - earlier.orders_s,
            broker_s: self.broker_s - earlier.broker_s,
            own_s: self.own_s - earlier.own_s,
            disk_bytes: self.disk_bytes - earlier.disk_bytes,
            device_bytes: self.device_bytes - earlier.device_bytes,
            device_flushes: self.device_flushes - earlier.device_flushes,
            idle: self.idle - earlier.idle,
            iowait: self.iowait - earlier.iowait,
            ticks: self.ticks - earlier.ticks,
        }
    }
}

/// How many processes wanted to run lately, as an average of a minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

fn pid(var: &Path, part: &str) -> Result<u32> {
    let file = var.join("run").join(format!("{part}.pid"));
    let text = fs::read_to_string(&file)
        .with_context(|| format!("{} is missing: does {part} run?", file.display()))?;
    text.trim().parse().with_context(|| format!("{} holds no number", file.display()))
}

/// The fields of `/proc/PID/stat` behind the name, which may contain spaces: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// Of a process and of its children that have ended.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = stat(pid).unwrap_or_default();
    let ticks = stat.iter().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// A process and all that it has started.
fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let parent = stat(pid).and_then(|stat| stat.get(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(pid) = tree.get(at) {
        tree.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    tree
}

fn allocated(file: &Path) -> f64 {
    fs::metadata(file).map_or(0.0, |meta| meta.blocks() as f64 * 512.0)
}

/// Bytes written to the device under that file, and its cache flushes: the kernel's block
/// statistics, fields 7 and 16 (Linux, Documentation/block/stat.rst).
fn device(file: &Path) -> (f64, f64) {
    let device = fs::metadata(file).map_or(0, |meta| meta.dev());
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    let path = format!("/sys/dev/block/{major}:{minor}/stat");
    let text = fs::read_to_string(path).unwrap_or_default();
    let fields: Vec<f64> = text.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied().unwrap_or(0.0);
    (field(6) * 512.0, field(15))
}

/// Ticks idle, idle with a disk awaited, and all.
fn machine() -> (f64, f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
    let at = |at: usize| ticks.get(at).copied().unwrap_or(0.0);
    (at(3), at(4), ticks.iter().take(8).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_and_its_child_are_a_tree_that_costs_something() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("cat runs");
        let own = std::process::id();
        let found = tree(own);
        assert!(found.contains(&own) && found.contains(&child.id()), "{found:?}");
        drop(child.stdin.take());
        child.wait().expect("cat ends");
        let watched = Watched { orders: own, broker: own, files: Vec::new() };
        assert!(watched.memory_mb() > 0.1);
        let (first, second) = (watched.cost(), watched.cost());
        assert!(second.since(&first).ticks >= 0.0 && second.orders_s >= first.orders_s);
    }
}
