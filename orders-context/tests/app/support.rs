//! An orders context without the outside: Bella Napoli, and Rosa who is hungry.

use crate::faulty::Faulty;
use chassis::clock::{BootInstant, Clock, ManualClock};
use chassis::ids::SequentialIds;
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{
    App, Bulk, Cause, Failure, Group, ListOrders, OrdersFilter, OrdersSort, PlaceOrder, Placed,
};
use orders_context::bulk_actions;
use orders_context::domain::{
    Actor, Decision, Event, MenuItem, Order, Policy, Restaurant, Webhook,
};
use orders_context::leases::Held;
use orders_context::store::sqlite::Sqlite;
use orders_context::store::{Contact, JournalRow, Lease, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// 21 September 2026, in the evening.
pub const EVENING_US: i64 = 1_790_013_600_000_000;

/// In the clock's microseconds.
pub const SECOND: i64 = 1_000_000;

/// In the clock's microseconds.
pub const MINUTE: i64 = 60 * SECOND;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// More room than a test needs.
pub const ROOMY: Limits = Limits { queue: 2_048, group: 256 };

/// A store, a clock and ids: what several instances of the application share.
pub struct Takeaway {
    pub store: Arc<Faulty>,
    pub clock: ManualClock,
    ids: Arc<SequentialIds>,
    folder: TempDir,
}

impl Takeaway {
    pub fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Sqlite::open(&folder.path().join("orders.db")).unwrap();
        Self {
            store: Arc::new(Faulty::new(Arc::new(store))),
            clock: ManualClock::at(EVENING_US),
            ids: Arc::new(SequentialIds::new()),
            folder,
        }
    }

    /// The store as it is found by a process that starts later.
    pub fn open_again(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(&self.folder.path().join("orders.db")).unwrap())
    }

    /// An application whose loop is not running yet.
    pub fn idle_app(&self, limits: Limits) -> (App, Group) {
        App::new(
            Arc::<Faulty>::clone(&self.store),
            Arc::new(self.clock.clone()),
            Arc::<SequentialIds>::clone(&self.ids),
            Policy::standard(),
            limits,
        )
    }

    /// An application at work, with Bella Napoli in it.
    pub async fn app(&self) -> App {
        let (app, group) = self.idle_app(ROOMY);
        tokio::spawn(group.run(Shutdown::new()));
        app.register_restaurant(bella_napoli(None)).await.unwrap();
        app
    }
}

/// The restaurant, with a webhook at `url` if it has one.
pub fn bella_napoli(url: Option<String>) -> Restaurant {
    Restaurant {
        restaurant_id: "bella-napoli".to_owned(),
        name: "Bella Napoli".to_owned(),
        currency: "EUR".to_owned(),
        menu: vec![MenuItem {
            item_id: "margherita".to_owned(),
            name: "Pizza Margherita".to_owned(),
            price_minor: 950,
        }],
        webhook: url.map(|url| Webhook { url, secret: "whsec_bm90LWEtc2VjcmV0".to_owned() }),
        mail: None,
    }
}

/// Places two Margherite under `key`, beside whoever asks.
pub fn place(app: &App, key: &str) -> JoinHandle<Result<Placed, Failure>> {
    let (app, wanted) = (app.clone(), margherite(key));
    tokio::spawn(async move { app.place_order(wanted, Cause::default()).await })
}

/// The restaurant cannot.
pub fn reject() -> Decision {
    Decision::Reject { reason: "too_busy".to_owned() }
}

/// Two Margherite for Rosa, under `key`.
pub fn margherite(key: &str) -> PlaceOrder {
    PlaceOrder {
        restaurant_id: "bella-napoli".to_owned(),
        customer_id: "customer-rosa".to_owned(),
        items: vec![("margherita".to_owned(), 2)],
        contact: Contact {
            name: "Rosa Parodi".to_owned(),
            email: "rosa@example.org".to_owned(),
            note: None,
            remark: None,
        },
        idempotency_key: key.to_owned(),
        request_hash: vec![7; 32],
    }
}

/// Somebody of Bella Napoli.
pub fn cook() -> Actor {
    Actor::Restaurant(vec!["bella-napoli".to_owned()])
}

/// An order just placed.
pub async fn placed(app: &App, key: &str) -> Arc<Order> {
    let placed = app.place_order(margherite(key), Cause::default()).await.unwrap();
    assert!(!placed.replayed);
    placed.order
}

/// The lease of tasks, as somebody holds it.
pub fn lease() -> Lease {
    Lease { name: "tasks".into(), token: 1 }
}

pub async fn history(app: &App, order_id: &str) -> Vec<JournalRow> {
    app.history(order_id, 0, 1_000).await.unwrap()
}

/// What happened to an order, by name.
pub async fn told(app: &App, order_id: &str) -> Vec<&'static str> {
    history(app, order_id).await.iter().map(|row| row.event.event_type()).collect()
}

/// The last thing that happened to an order.
pub async fn last_event(app: &App, order_id: &str) -> Event {
    history(app, order_id).await.pop().unwrap().event
}

/// The first answer that `look` gives; fails when there is none in a long time.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Carries bulk actions on in a process of its own, until this one has ended, which is given back,
/// or until a write of it hangs: then it is killed.
pub async fn run_until_killed(takeaway: &Takeaway, bulk_id: &str) -> Option<Bulk> {
    let process = takeaway.app().await;
    let hung = takeaway.store.hung();
    let held = Held::until(lease(), BootInstant::now() + Duration::from_secs(600));
    let clock: Arc<dyn Clock> = Arc::new(takeaway.clock.clone());
    let running = tokio::spawn(bulk_actions::run(process.clone(), clock, held, Shutdown::new()));
    let bulk = until("the end, or a write that hangs", async || {
        // While it works the clock stands still, however long that takes: no deadline passes by the way.
        if takeaway.clock.sleepers() > 0 {
            takeaway.clock.advance_us(SECOND / 10);
        }
        let bulk = process.bulk(bulk_id).await.unwrap();
        (!bulk.is_open() || takeaway.store.hung() > hung).then_some(bulk)
    });
    let bulk = bulk.await;
    running.abort();
    let _ = running.await;
    takeaway.store.spoil_nothing();
    (!bulk.is_open()).then_some(bulk)
}

/// Every order, the newest first, if there are no more than `limit`.
pub fn everything(limit: usize) -> ListOrders {
    let (filter, sort) = (OrdersFilter::default(), OrdersSort::Newest);
    ListOrders { filter, sort, cursor: None, limit }
}

/// How many orders there are, of a thousand at most.
pub async fn count(app: &App) -> usize {
    app.orders(everything(1_000)).await.unwrap().orders.len()
}
