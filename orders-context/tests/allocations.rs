//! How often an order asks for memory on its way through the application and its SQLite file: a count,
//! the same on every machine. Whoever raises the ceiling says why.

// What fails here fails the test.
#![allow(clippy::unwrap_used)]

#[path = "../examples/support/one_order.rs"]
mod one_order;

use chassis::clock::SystemClock;
use chassis::ids::UuidV7Ids;
use chassis::shutdown::Shutdown;
use one_order::{take, trattoria};
use orders_context::app::App;
use orders_context::app::group::Limits;
use orders_context::domain::Policy;
use orders_context::store::sqlite::Sqlite;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of a whole order: five events, two tasks, in five commits.
const CEILING: u64 = 240;

const ORDERS: u64 = 100;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[allow(unsafe_code, reason = "an allocator is unsafe by its interface; this one passes all on")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller guarantees it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller guarantees it.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller guarantees it.
        unsafe { System.dealloc(at, layout) }
    }
}

#[tokio::test]
async fn an_order_asks_for_memory_no_more_often_than_agreed() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("orders.db")).unwrap());
    let limits = Limits { queue: 64, group: 64 };
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Ids));
    let (app, group) = App::new(store, clock, ids, Policy::standard(), limits);
    tokio::spawn(group.run(Shutdown::new()));
    app.register_restaurant(trattoria()).await.unwrap();
    // The first ones compile statements and fill pools.
    for number in 0..10 {
        take(&app, number, |_, _| {}).await.unwrap();
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for number in 10..10 + ORDERS {
        take(&app, number, |_, _| {}).await.unwrap();
    }
    let each = (ALLOCATIONS.load(Ordering::Relaxed) - before) / ORDERS;
    println!("{each} allocations an order");
    assert!(each <= CEILING, "{each} allocations an order, where {CEILING} were agreed");
}
