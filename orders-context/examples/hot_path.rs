//! Takes orders through the application over a SQLite file in a folder of its own, one after the
//! other, and nothing else: what a profiler or a counter of instructions is let loose on. The
//! difference between runs of two lengths is what orders cost, the start left out.
//!
//! ```text
//! cargo run --release -p orders-context --example hot_path -- ORDERS [AT_ONCE]
//! ```

#[path = "support/one_order.rs"]
mod one_order;

use chassis::clock::SystemClock;
use chassis::ids::UuidV7Ids;
use chassis::shutdown::Shutdown;
use one_order::{take, trattoria};
use orders_context::app::App;
use orders_context::app::group::Limits;
use orders_context::domain::Policy;
use orders_context::store::Store;
use orders_context::store::sqlite::Sqlite;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// As in `orders`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let orders: u64 = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let at_once: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("hot-path-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.join("orders.db"))?);
    let limits = Limits { queue: 4_096, group: 512 };
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Ids));
    let (app, group) = App::new(store, clock, ids, Policy::standard(), limits);
    let stop = Shutdown::new();
    let group = tokio::spawn(group.run(stop.clone()));
    app.register_restaurant(trattoria()).await?;
    let (began, mut under_way) = (Instant::now(), JoinSet::new());
    for number in 0..orders {
        if under_way.len() >= at_once {
            under_way.join_next().await.transpose()?.transpose()?;
        }
        let app = app.clone();
        under_way.spawn(async move { take(&app, number, |_, _| {}).await });
    }
    while let Some(order) = under_way.join_next().await {
        order??;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{orders} orders in {seconds:.1} s: {:.0} a second", orders as f64 / seconds);
    stop.cancel();
    group.await??;
    Ok(std::fs::remove_dir_all(&folder)?)
}
