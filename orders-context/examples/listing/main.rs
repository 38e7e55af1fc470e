//! Measures how long pages of orders take: each filter in each sort, at any number of open orders.
//!
//! ```text
//! cargo run -p orders-context --example listing -- fill ORDERS
//! cargo run -p orders-context --example listing -- ask TIMES
//! ```
//!
//! Over the database that `ORDERS_DATABASE_URL` names: `fill` wants a new one. Pages are asked of the
//! store as the API asks it; what HTTP and JSON cost beside that does not grow with the orders.

mod kitchen;
mod questions;

use anyhow::Context;
use orders_context::boot;
use orders_context::config::Database;
use orders_context::store::Store;
use std::time::Instant;

/// As in `orders`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let url = std::env::var("ORDERS_DATABASE_URL").context("ORDERS_DATABASE_URL is not set")?;
    let database: Database = url.parse().map_err(anyhow::Error::msg)?;
    match words[..] {
        ["fill", orders] => {
            boot::migrate_store(&database).await?;
            kitchen::fill(&*boot::open_store(&database).await?, orders.parse()?).await
        }
        ["ask", times] => ask(&*boot::open_store(&database).await?, times.parse()?).await,
        _ => anyhow::bail!("say fill or ask, as described at the top of this program"),
    }
}

/// A line for each question: the first page, and one in the middle.
async fn ask(store: &dyn Store, times: usize) -> anyhow::Result<()> {
    println!(
        "| Filter | Sort | Orders on the page | First page p50 / p99 ms | In the middle p50 / p99 ms |"
    );
    println!("|---|---|---|---|---|");
    let mut slowest = 0.0_f64;
    for (name, query) in questions::all(store).await? {
        let (sort, mut figures, mut orders) = (query.sort, Vec::new(), 0);
        for query in [query.clone(), questions::in_the_middle(query)] {
            let mut ms = Vec::with_capacity(times);
            for _ in 0..times {
                let began = Instant::now();
                let page = store.orders(query.clone()).await?;
                ms.push(began.elapsed().as_secs_f64() * 1e3);
                if query.after.is_none() {
                    orders = page.orders.len();
                }
            }
            ms.sort_by(f64::total_cmp);
            let at = |percent: usize| ms[(ms.len() * percent).div_ceil(100).saturating_sub(1)];
            slowest = slowest.max(at(99));
            figures.push(format!("{:.1} / {:.1}", at(50), at(99)));
        }
        println!("| {name} | {sort} | {orders} | {} |", figures.join(" | "));
    }
    println!("\nThe slowest p99: {slowest:.1} ms.");
    Ok(())
}
