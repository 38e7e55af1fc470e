//! Under load, processes are killed at random moments: orders, promotions and analytics at least
//! seven times each, the broker three times. Meanwhile orders at rest move to compact history and leave
//! the journal. Afterwards every promise of the design has to hold.
//!
//! `CHAOS_SEED` repeats the kills of an earlier run (not its interleaving, which is the machine's);
//! the seed is printed.

mod kills;
mod promises;

use std::{env, sync::Arc};

use anyhow::{Context, Result};
use system_tests::{
    api::{Api, trattoria},
    customers::{self, Doors, HASTE},
    restaurant::{Conduct, RestaurantSink, SECRET},
    stack::{Settings, Stack},
};

/// Orders in flight while processes die.
const CUSTOMERS: usize = 8;

/// Half a second after its last event an order at rest moves.
const SETTINGS: Settings = &[("ORDERS_ARCHIVE_AFTER_MS", "500"), HASTE[0], HASTE[1], HASTE[2]];

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_loses_or_doubles_anything() -> Result<()> {
    let seed = match env::var("CHAOS_SEED") {
        Ok(seed) => seed.parse().context("CHAOS_SEED is a whole number")?,
        Err(_) => rand::random::<u64>(),
    };
    println!("CHAOS_SEED={seed}");
    let start = || Stack::start_told("chaos", 14_000, &[], SETTINGS);
    let stack = tokio::task::spawn_blocking(start).await??;
    let stack = Arc::new(stack);
    let addresses = stack.addresses();
    let api = Api::of(addresses)?;
    let sink = RestaurantSink::open(Conduct::Silent).await?;
    api.put_restaurant("trattoria", &trattoria(Some((&sink.url(), SECRET)))).await?;

    let customers = customers::start(&Doors::of(vec![api.clone()]), CUSTOMERS);
    let in_this_run = format!("with CHAOS_SEED={seed}");
    let killed = kills::kill_them_all(stack.clone(), seed).await.context(in_this_run.clone())?;
    let taken = customers.finish().await.context(in_this_run.clone())?;
    println!("{killed}\n{} orders were taken meanwhile", taken.len());
    promises::hold(&stack, &api, &taken).await.context(in_this_run)
}
