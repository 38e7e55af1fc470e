//! Orders that wait, and orders that are due in the same moment.

use crate::kitchen::{LIMITS, Tasks, open, place, place_many, policy};
use crate::lateness::Lateness;
use crate::process::{cpu, memory_mib, percentile};
use chassis::clock::{Clock, Machine, ManualClock, Source, SteadyClock};
use chassis::shutdown::Shutdown;
use orders_context::app::App;
use orders_context::config::Database;
use orders_context::{boot, deadlines};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long before the moment the clock starts.
const BEFORE_US: i64 = 3_000_000;

/// Waiting orders, and nothing else.
pub async fn idle(database: &Database, orders: usize, seconds: u64) -> anyhow::Result<()> {
    let (store, clock) = (boot::open_store(database).await?, now());
    let (app, _stop) = open(&store, &clock, policy(86_400_000), Tasks::Left).await?;
    place_many(&app, "idle", orders).await?;
    let (stop, watching) = watch(&app, &clock);
    let (cpu_before, began) = (cpu()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let share = (cpu()? - cpu_before).as_secs_f64() / began.elapsed().as_secs_f64();
    println!("{orders} orders wait: {:.2} % of a core, {:.0} MiB", share * 100.0, memory_mib()?);
    stop.cancel();
    watching.await?
}

/// All due in one moment, while people go on placing orders.
pub async fn due(database: &Database, orders: usize, rate: u32) -> anyhow::Result<()> {
    let lateness = Lateness::default();
    metrics::set_global_recorder(lateness.clone())?;
    let store = boot::open_store(database).await?;
    let wait_ms = 600_000;
    let placed_at_us = Machine.wall_us();
    let standing: Arc<dyn Clock> = Arc::new(ManualClock::at(placed_at_us));
    let (app, stop) = open(&store, &standing, policy(wait_ms), Tasks::Left).await?;
    place_many(&app, "due", orders).await?;
    drop((app, stop));
    // The clock is put forward to just before the moment.
    let ahead_us = placed_at_us + wait_ms * 1_000 - BEFORE_US - Machine.wall_us();
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::over(Ahead(ahead_us)));
    let (app, _stop) = open(&store, &clock, policy(wait_ms), Tasks::Left).await?;
    let (stop, watching) = watch(&app, &clock);
    let (began, mut placing, mut number) = (Instant::now(), JoinSet::new(), 0);
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    let cpu_before = cpu()?;
    while lateness.count() < orders && began.elapsed() < Duration::from_secs(120) {
        tick.tick().await;
        let (app, asked_at) = (app.clone(), Instant::now());
        placing.spawn(async move {
            let placed = place(&app, "meanwhile", number).await;
            placed.map(|_| asked_at.elapsed().as_secs_f64())
        });
        number += 1;
    }
    let spent = (cpu()? - cpu_before).as_secs_f64();
    let answers = placing.join_all().await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    let mut answered: Vec<f64> = answers.into_iter().flatten().collect();
    let mut late = lateness.take();
    println!(
        "{} of {orders} due at once: late p50 {:.0} ms, p99 {:.0} ms, last {:.0} ms; CPU {spent:.1} s",
        late.len(),
        percentile(&mut late, 50.0),
        percentile(&mut late, 99.0),
        percentile(&mut late, 100.0),
    );
    println!(
        "placed meanwhile: {}, refused {refused}, answered p50 {:.0} ms, p99 {:.0} ms; {:.0} MiB",
        answered.len(),
        percentile(&mut answered, 50.0),
        percentile(&mut answered, 99.0),
        memory_mib()?
    );
    stop.cancel();
    watching.await?
}

fn now() -> Arc<dyn Clock> {
    Arc::new(SteadyClock::start())
}

fn watch(
    app: &App,
    clock: &Arc<dyn Clock>,
) -> (Shutdown, tokio::task::JoinHandle<anyhow::Result<()>>) {
    let stop = Shutdown::new();
    let (app, clock) = (app.clone(), Arc::clone(clock));
    let share = LIMITS.for_deadlines();
    (stop.clone(), tokio::spawn(deadlines::run(app, clock, share, stop)))
}

/// The clocks of this machine, so many microseconds ahead.
struct Ahead(i64);

impl Source for Ahead {
    fn wall_us(&self) -> i64 {
        Machine.wall_us() + self.0
    }

    fn passed_us(&self) -> i64 {
        Machine.passed_us()
    }
}
