//! Orders at rest, and whether they slow the living down.

use crate::kitchen::{Tasks, open, place, policy};
use anyhow::{Context, ensure};
use chassis::clock::{Clock, SteadyClock};
use orders_context::app::{App, Cause};
use orders_context::boot;
use orders_context::config::Database;
use orders_context::domain::{Actor, Decision, Timestamp};
use orders_context::store::{Archived, Portion, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many customers order at the same time, each one order after the other.
const CUSTOMERS: usize = 128;

/// How often each of the two is measured, in turn.
const ROUNDS: usize = 3;

/// Brings orders to rest and moves them to compact history; what they take there.
pub async fn rest(database: &Database, orders: usize) -> anyhow::Result<()> {
    let store = boot::open_store(database).await?;
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
    let (app, _stop) = open(&store, &clock, policy(600_000), Tasks::Delivered).await?;
    let began = Instant::now();
    let each = orders.div_ceil(CUSTOMERS);
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let app = app.clone();
        customers.spawn(async move {
            for turn in 0..each {
                take_order(&app, "rest", number * each + turn).await?;
            }
            anyhow::Ok(())
        });
    }
    for done in customers.join_all().await {
        done?;
    }
    let taken = began.elapsed();
    let archived = archive(&store).await?;
    let moving = began.elapsed() - taken;
    println!(
        "{} orders came to rest in {taken:.1?} and moved in {moving:.1?}, {} events, {:.0} bytes each",
        archived.orders,
        archived.events,
        archived.bytes as f64 / archived.orders.max(1) as f64
    );
    Ok(())
}

/// Everything that rests, without a pause.
async fn archive(store: &Arc<dyn Store>) -> anyhow::Result<Archived> {
    let mut all = Archived::default();
    loop {
        let portion = Portion {
            after: all.reached,
            published: i64::MAX,
            before: Timestamp(i64::MAX),
            now: Timestamp(i64::MAX),
            limit: 2_048,
        };
        let one = store.archive(portion).await?;
        all.reached = one.reached;
        all.orders += one.orders;
        all.events += one.events;
        all.bytes += one.bytes;
        if !one.has_more {
            return Ok(all);
        }
    }
}

/// Orders a second in the database and in an empty one, in turn, and the ratio of the medians.
pub async fn compare(database: &Database, seconds: u64) -> anyhow::Result<()> {
    let Database::Sqlite(path) = database else { anyhow::bail!("SQLite only") };
    ensure!(path.exists(), "{} does not exist", path.display());
    let empty = Database::Sqlite(beside(path)?);
    let (mut of_full, mut of_empty) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        of_empty.push(rate(&empty, round, seconds).await?);
        of_full.push(rate(database, round, seconds).await?);
    }
    println!("orders/s with the orders at rest: {of_full:.0?}, in the empty store: {of_empty:.0?}");
    let (full, empty) = (median(of_full), median(of_empty));
    println!("ratio of the medians: {:.3}", full / empty);
    Ok(())
}

fn beside(path: &std::path::Path) -> anyhow::Result<PathBuf> {
    let empty = path.with_extension("empty");
    for ending in ["empty", "empty-wal", "empty-shm"] {
        let file = path.with_extension(ending);
        if file.exists() {
            std::fs::remove_file(&file).with_context(|| format!("{}", file.display()))?;
        }
    }
    Ok(empty)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Full orders a second. What came to rest moves to compact history afterwards, so that both
/// databases differ in what they held before and in nothing else.
async fn rate(database: &Database, round: usize, seconds: u64) -> anyhow::Result<f64> {
    let store = boot::open_store(database).await?;
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
    let name = format!("{round}-{}", clock.now_us());
    let (app, _stop) = open(&store, &clock, policy(600_000), Tasks::Delivered).await?;
    let (began, mut customers) = (Instant::now(), JoinSet::new());
    let until = began + Duration::from_secs(seconds);
    for number in 0..CUSTOMERS {
        let (app, name) = (app.clone(), name.clone());
        customers.spawn(async move {
            let mut orders = 0;
            while Instant::now() < until {
                take_order(&app, &name, number * 1_000_000 + orders).await?;
                orders += 1;
            }
            anyhow::Ok(orders)
        });
    }
    let orders: usize = customers.join_all().await.into_iter().sum::<anyhow::Result<usize>>()?;
    let rate = orders as f64 / began.elapsed().as_secs_f64();
    archive(&store).await?;
    Ok(rate)
}

/// From placing to completion.
async fn take_order(app: &App, name: &str, number: usize) -> anyhow::Result<()> {
    let order_id = place(app, name, number).await?;
    let cook = Arc::new(Actor::Restaurant(vec!["bella-napoli".to_owned()]));
    for decision in [Decision::Accept, Decision::Complete] {
        app.decide_order(&order_id, decision, Arc::clone(&cook), Cause::default()).await?;
    }
    Ok(())
}
