//! Three instances of orders on one PostgreSQL, under load: instances are killed, stopped and woken
//! again at random moments, the database and the broker crash, the binary is replaced under way, and
//! in the end the journal is divided among other numbers of relays. Afterwards every promise has to
//! hold. Before, without load, it is measured how soon others have the work of an instance that dies or
//! stops.
//!
//! `INSTANCES_SEED` repeats the blows of an earlier run (not its interleaving, which is the machine's);
//! the seed is printed. `INSTANCES_KILLS` sets the number of blows, 25 by
//! default; `make storm` deals 125. `INSTANCES_BEFORE` names the program of an earlier version: two of three
//! instances run it, on the tables of this one, until the upgrade replaces them.

mod blows;
mod bulk;
mod instance;
mod repeats;
mod resharding;
mod takeovers;

use std::{env, str::FromStr, sync::Arc};

use anyhow::{Context, Result, ensure};
use instance::Fleet;
use system_tests::{
    api::{Api, trattoria},
    contexts::run,
    customers::{self, Doors},
    promises::{checked, deadlines, ends, tasks_end, topic, verified},
    restaurant::{Conduct, RestaurantSink, SECRET},
};

/// Orders in flight meanwhile.
const CUSTOMERS: usize = 8;

/// Orders taken afterwards, when nothing is an excuse.
const QUIET: usize = 40;

fn setting<T: FromStr>(name: &str, default: impl FnOnce() -> T) -> Result<T> {
    match env::var(name) {
        Ok(text) => text.parse().ok().with_context(|| format!("{name} is a whole number")),
        Err(_) => Ok(default()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_blow_to_an_instance_loses_or_doubles_anything() -> Result<()> {
    let seed = setting("INSTANCES_SEED", rand::random::<u64>)?;
    let blows = setting("INSTANCES_KILLS", || 25)?;
    println!("INSTANCES_SEED={seed} INSTANCES_KILLS={blows}");
    weather(seed, blows).await.with_context(|| format!("with INSTANCES_SEED={seed}"))
}

async fn weather(seed: u64, blows: usize) -> Result<()> {
    let fleet = Arc::new(tokio::task::spawn_blocking(Fleet::start).await??);
    let addresses = fleet.addresses();
    let api = Api::of(addresses)?;
    let apis: Vec<Api> = fleet.urls().map(|url| api.at(&url)).collect();
    let sink = RestaurantSink::open(Conduct::Silent).await?;
    let api = apis.first().context("there are instances")?.clone();
    api.put_restaurant("trattoria", &trattoria(Some((&sink.url(), SECRET)))).await?;

    bulk::survives_kills(&fleet, &api).await?;
    let hurried = Arc::clone(&fleet);
    tokio::task::spawn_blocking(move || hurried.hurry()).await??;
    let measured = takeovers::are_quick(&fleet, &apis, &sink).await?;
    let doors = Doors::of(apis);
    let customers = customers::start(&doors, CUSTOMERS);
    let dealt = blows::deal(Arc::clone(&fleet), seed, blows).await?;
    let resharded = resharding::reshard(Arc::clone(&fleet), seed).await?;
    let mut taken = customers.finish().await?;
    println!("{}\n{} orders were taken meanwhile", dealt.summary(), taken.len());
    ensure!(taken.len() > 50, "that was no load");
    tasks_end(&api, &taken).await?;
    taken.extend(customers::one_by_one(&doors, QUIET).await?);

    let versions = ends(&api, &taken).await?;
    println!("{}", deadlines(addresses, &api, &taken).await?);
    tasks_end(&api, &taken).await?;
    verified(addresses, "orders", &["verify"]).await?;
    checked(addresses, taken.len() + bulk::ORDERS + takeovers::ORDERS).await?;
    topic(addresses, &versions).await?;
    let away = [&measured, dealt.away(), &[resharded]].concat();
    println!("{}", repeats::webhooks(&sink, &away)?);
    println!("{}", repeats::letters(addresses, &taken, &away).await?);
    let said = tokio::task::block_in_place(|| run(addresses, "orders", &["reshard", "3"]))?;
    ensure!(said.contains("published by 3 relays"), "reshard said {said}");
    fleet.stop()
}
