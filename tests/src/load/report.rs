//! The figures, for people and for programs.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    cost::{Cost, load_average},
    order::Notes,
    run::{Load, Pace},
    times::Percentiles,
    visible::{Seen, Step},
};

/// What one run measured. The first names are those of the driver that measures other engines, so
/// that lines of both can be read together; the others are ours alone.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub engine: String,
    /// Orders in flight; none when they came at a rate.
    pub in_flight: Option<usize>,
    /// Orders that were completed.
    pub orders: usize,
    /// Orders that were not.
    pub failed: u64,
    /// From the end of the warm-up until the last order was completed and everything was published.
    pub seconds: f64,
    /// Completed orders a second.
    pub orders_per_s: f64,
    /// From before the order is placed until it is completed, both notifications awaited.
    pub latency_p50_ms: f64,
    /// The same.
    pub latency_p99_ms: f64,
    /// From before the order is placed until that is answered.
    pub start_p50_ms: f64,
    /// The same.
    pub start_p99_ms: f64,
    /// CPU of orders, in seconds an order.
    pub cpu_s_per_order: f64,
    /// CPU of this tool.
    pub driver_cpu_s_per_order: f64,
    /// Memory of orders before anything was counted.
    pub memory_before_mb: f64,
    /// Largest memory of orders that was seen.
    pub memory_peak_mb: f64,
    /// Growth of the database's files.
    pub disk_bytes_per_order: f64,
    /// Written to the device by the whole machine.
    pub device_bytes_per_order: f64,
    /// Cache flushes of the device by the whole machine.
    pub device_flushes_per_order: f64,
    /// How much of the machine was idle.
    pub machine_idle_pct: f64,
    /// How much of it waited for a disk.
    pub machine_iowait_pct: f64,
    /// How many processes wanted to run.
    pub load_average: f64,
    /// CPU of the broker.
    pub broker_cpu_ms_per_order: f64,
    /// Orders that were to come a second; none when they were kept in flight.
    pub rate: Option<f64>,
    /// From the request to accept to its answer.
    pub accept_p50_ms: f64,
    /// The same.
    pub accept_p99_ms: f64,
    /// From the request to complete to its answer.
    pub complete_p50_ms: f64,
    /// The same.
    pub complete_p99_ms: f64,
    /// From an answer until its event was read from Kafka under `read_committed`, when that was
    /// watched.
    pub visible_p50_ms: Option<f64>,
    /// The same.
    pub visible_p99_ms: Option<f64>,
    /// Answers whose event was not on the topic; their number must be 0.
    pub unseen: usize,
    /// Answers 429 and 503 that said when to come back.
    pub refused: usize,
    /// How long those took.
    pub refused_p50_ms: f64,
    /// The same.
    pub refused_p99_ms: f64,
    /// What went wrong and how often.
    pub failures: BTreeMap<String, u64>,
}

/// What orders held in memory.
pub(super) struct Memory {
    pub(super) before_mb: f64,
    pub(super) peak_mb: f64,
}

impl Report {
    pub(super) fn of(
        load: &Load,
        seconds: f64,
        mut notes: Notes,
        seen: Seen,
        used: Cost,
        memory: Memory,
    ) -> Self {
        let orders = notes.totals.len();
        let an_order = |amount: f64| amount / orders.max(1) as f64;
        let mut call = |step| Percentiles::of(notes.calls.remove(&step).unwrap_or_default());
        let (start, accept, complete) =
            (call(Step::Placed), call(Step::Accepted), call(Step::Completed));
        let total = Percentiles::of(std::mem::take(&mut notes.totals));
        let refused = Percentiles::of(std::mem::take(&mut notes.refusals));
        let visible = visible(&notes, &seen);
        let unseen = notes.acknowledged.len() - visible.count;
        // Where nobody looked meanwhile, only that it came is known, not when.
        let visible = load.watch.then_some(visible);
        let percent = |ticks: f64| 100.0 * ticks / used.ticks.max(1.0);
        let (in_flight, rate) = match load.pace {
            Pace::InFlight(number) => (Some(number), None),
            Pace::PerSecond(rate) => (None, Some(rate)),
        };
        Self {
            engine: load.name.clone(),
            in_flight,
            orders,
            failed: notes.failures.values().sum(),
            seconds: round(seconds, 2),
            orders_per_s: round(orders as f64 / seconds, 1),
            latency_p50_ms: round(total.p50_ms, 2),
            latency_p99_ms: round(total.p99_ms, 2),
            start_p50_ms: round(start.p50_ms, 2),
            start_p99_ms: round(start.p99_ms, 2),
            cpu_s_per_order: round(an_order(used.orders_s), 6),
            driver_cpu_s_per_order: round(an_order(used.own_s), 6),
            memory_before_mb: round(memory.before_mb, 0),
            memory_peak_mb: round(memory.peak_mb, 0),
            disk_bytes_per_order: round(an_order(used.disk_bytes), 0),
            device_bytes_per_order: round(an_order(used.device_bytes), 0),
            device_flushes_per_order: round(an_order(used.device_flushes), 2),
            machine_idle_pct: round(percent(used.idle), 1),
            machine_iowait_pct: round(percent(used.iowait), 1),
            load_average: load_average(),
            broker_cpu_ms_per_order: round(an_order(used.broker_s * 1_000.0), 3),
            rate,
            accept_p50_ms: round(accept.p50_ms, 2),
            accept_p99_ms: round(accept.p99_ms, 2),
            complete_p50_ms: round(complete.p50_ms, 2),
            complete_p99_ms: round(complete.p99_ms, 2),
            visible_p50_ms: visible.map(|times| round(times.p50_ms, 2)),
            visible_p99_ms: visible.map(|times| round(times.p99_ms, 2)),
            unseen,
            refused: refused.count,
            refused_p50_ms: round(refused.p50_ms, 2),
            refused_p99_ms: round(refused.p99_ms, 2),
            failures: notes.failures.into_iter().collect(),
        }
    }
}

fn visible(notes: &Notes, seen: &Seen) -> Percentiles {
    let waits = notes.acknowledged.iter().filter_map(|(order, step, at)| {
        let seen = seen.get(&(*order, *step))?;
        Some(seen.saturating_duration_since(*at))
    });
    Percentiles::of(waits.collect())
}

fn round(number: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (number * factor).round() / factor
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match (self.in_flight, self.rate) {
            (Some(number), _) => format!("{number} in flight"),
            (None, rate) => format!("{} a second wanted", rate.unwrap_or_default()),
        };
        let (rate, orders, seconds) = (self.orders_per_s, self.orders, self.seconds);
        writeln!(
            f,
            "{}: {rate:.0} full orders/s ({orders} in {seconds:.1} s, {pace})",
            self.engine
        )?;
        writeln!(f, "\n{:<30}{:>10}{:>10}", "", "p50 ms", "p99 ms")?;
        let visible = self.visible_p50_ms.zip(self.visible_p99_ms);
        let times = [
            ("place", Some((self.start_p50_ms, self.start_p99_ms))),
            ("accept", Some((self.accept_p50_ms, self.accept_p99_ms))),
            ("complete", Some((self.complete_p50_ms, self.complete_p99_ms))),
            ("whole order", Some((self.latency_p50_ms, self.latency_p99_ms))),
            ("acknowledged to visible", visible),
            (
                "to be refused",
                (self.refused > 0).then_some((self.refused_p50_ms, self.refused_p99_ms)),
            ),
        ];
        for (name, times) in times {
            if let Some((p50, p99)) = times {
                writeln!(f, "{name:<30}{p50:>10.1}{p99:>10.1}")?;
            }
        }
        writeln!(f, "\n{:<30}{:>10}", "an order", "")?;
        for (name, amount, unit) in [
            ("CPU of orders", self.cpu_s_per_order * 1_000.0, "ms"),
            ("CPU of the broker", self.broker_cpu_ms_per_order, "ms"),
            ("CPU of this tool", self.driver_cpu_s_per_order * 1_000.0, "ms"),
            ("database grew by", self.disk_bytes_per_order, "bytes"),
            ("device was written", self.device_bytes_per_order, "bytes"),
            ("device was flushed", self.device_flushes_per_order, "times"),
        ] {
            writeln!(f, "{name:<30}{amount:>10.2} {unit}")?;
        }
        if self.refused > 0 {
            writeln!(f, "\n{} times refused, to come back later", self.refused)?;
        }
        if self.unseen > 0 {
            writeln!(f, "\nNOT SEEN on the topic: {} acknowledged events", self.unseen)?;
        }
        for (failure, times) in &self.failures {
            writeln!(f, "\n{times} x {failure}")?;
        }
        Ok(())
    }
}
