//! The figures, for people and for programs.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Instant,
};

use serde::Serialize;
use uuid::Uuid;

use super::{
    measure::Percentiles,
    run::{Load, Notes},
    visible::Step,
};

/// What one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Orders in flight.
    pub customers: usize,
    /// How long was counted.
    pub seconds: f64,
    /// Orders that were completed meanwhile.
    pub orders: usize,
    /// Completed orders a second.
    pub orders_per_second: f64,
    /// From the request for a new order to its answer.
    pub place: Percentiles,
    /// From the request to accept to its answer.
    pub accept: Percentiles,
    /// From the request to complete to its answer.
    pub complete: Percentiles,
    /// From the first request of an order to its last answer, webhook and mail awaited.
    pub total: Percentiles,
    /// From an answer until the event was read from Kafka under `read_committed`.
    pub visible: Percentiles,
    /// Answers whose event was never read; their number must be 0.
    pub unseen: usize,
    /// CPU of orders in milliseconds an order.
    pub orders_cpu_ms: f64,
    /// CPU of the broker in milliseconds an order.
    pub broker_cpu_ms: f64,
    /// CPU of this tool, its sinks and its reader, in milliseconds an order.
    pub load_cpu_ms: f64,
    /// What went wrong and how often.
    pub failures: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn of(
        load: Load,
        seconds: f64,
        mut notes: Notes,
        seen: &HashMap<(Uuid, Step), Instant>,
        cpu_ms: [u64; 3],
    ) -> Self {
        let orders = notes.totals.len();
        let mut call = |step| Percentiles::of(notes.calls.remove(&step).unwrap_or_default());
        let (place, accept, complete) =
            (call(Step::Placed), call(Step::Accepted), call(Step::Completed));
        let waits: Vec<_> = notes
            .acknowledged
            .iter()
            .filter_map(|(order, step, at)| Some(seen.get(&(*order, *step))?.duration_since(*at)))
            .collect();
        let each = |ms: u64| ms as f64 / orders.max(1) as f64;
        Self {
            customers: load.customers,
            seconds,
            orders,
            orders_per_second: orders as f64 / seconds,
            place,
            accept,
            complete,
            total: Percentiles::of(notes.totals),
            unseen: notes.acknowledged.len() - waits.len(),
            visible: Percentiles::of(waits),
            orders_cpu_ms: each(cpu_ms[0]),
            broker_cpu_ms: each(cpu_ms[1]),
            load_cpu_ms: each(cpu_ms[2]),
            failures: notes.failures.into_iter().collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (orders, seconds, rate) = (self.orders, self.seconds, self.orders_per_second);
        let customers = self.customers;
        writeln!(f, "{rate:.0} full orders/s ({orders} in {seconds:.1} s, {customers} in flight)")?;
        writeln!(f, "\n{:<30}{:>10}{:>10}", "", "p50 ms", "p99 ms")?;
        for (name, times) in [
            ("place", &self.place),
            ("accept", &self.accept),
            ("complete", &self.complete),
            ("whole order", &self.total),
            ("acknowledged to visible", &self.visible),
        ] {
            writeln!(f, "{name:<30}{:>10.1}{:>10.1}", times.p50_ms, times.p99_ms)?;
        }
        writeln!(f, "\n{:<30}{:>10}", "CPU an order", "ms")?;
        for (name, ms) in [
            ("orders", self.orders_cpu_ms),
            ("broker", self.broker_cpu_ms),
            ("load tool, sinks, reader", self.load_cpu_ms),
        ] {
            writeln!(f, "{name:<30}{ms:>10.2}")?;
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
