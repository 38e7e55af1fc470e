//! Work that only one instance may do at a time changes hands, and never has two of them.

use super::instances::told;
use super::server::{LIMIT, Place};
use crate::domain::tests::mother::EVENING;
use crate::domain::{Action, Receiver, Status, Timestamp};
use crate::leases::{Held, Leases};
use crate::store::contract::bulk::{app_over, bulk_lease, bulk_wanted};
use crate::store::contract::{commit, moved, placed, unmoved};
use crate::store::postgres::{Postgres, READERS};
use crate::store::{
    Claim, Commit, Deliveries, Health, Lease, OrdersFilter, OrdersQuery, Outcome, Store,
    TaskChange, TaskState,
};
use chassis::shutdown::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

fn claim(owner: &str, names: &[&str], for_ms: i64) -> Claim {
    let names = names.iter().map(|name| (*name).into()).collect();
    Claim { owner: owner.to_owned(), names, for_ms }
}

fn lease(name: &str, token: i64) -> Lease {
    Lease { name: name.into(), token }
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends() {
    let place = Place::migrated();
    let store = place.store();
    let take = async |owner, for_ms| {
        let taken = store.take_leases(claim(owner, &["oven"], for_ms)).await.unwrap();
        taken.first().map(|lease| lease.token)
    };
    assert_eq!(take("nonna", 60_000).await, Some(1));
    assert_eq!(take("mario", 60_000).await, None, "it is hers");
    assert_eq!(take("nonna", 60_000).await, Some(1), "prolonged");
    store.give_back_leases(claim("mario", &["oven"], 0)).await.unwrap();
    assert_eq!(take("mario", 60_000).await, None, "nobody gives back what is not theirs");
    store.give_back_leases(claim("nonna", &["oven"], 0)).await.unwrap();
    assert_eq!(take("mario", 0).await, Some(2), "given back, and a new token");
    assert_eq!(take("nonna", 60_000).await, Some(3), "his ran out");
}

#[tokio::test]
async fn each_instance_sees_who_is_there_and_what_is_held() {
    let place = Place::migrated();
    let store = place.store();
    let look = async |owner, names: &[&str]| {
        store.prolong_leases(claim(owner, names, 60_000)).await.unwrap()
    };
    let alone = look("nonna", &["oven"]).await;
    assert_eq!((alone.instances, alone.settled), (1, 0), "who has just come is not settled");
    assert!(alone.held.is_empty() && alone.taken.is_empty(), "to prolong is not to take");
    store.take_leases(claim("nonna", &["bar", "oven"], 60_000)).await.unwrap();
    let other = look("mario", &["oven"]).await;
    assert_eq!((other.instances, other.held), (2, vec![]));
    assert_eq!(other.taken, ["bar".into(), "oven".into()]);
    let client = place.client().await;
    let aged = "UPDATE instances SET since = since - interval '1 hour' WHERE owner = 'nonna'";
    client.batch_execute(aged).await.unwrap();
    let kept = look("nonna", &["bar", "oven", "till"]).await;
    assert_eq!(kept.held, [lease("bar", 1), lease("oven", 1)]);
    assert_eq!((kept.instances, kept.settled), (2, 1));
    store.leave_leases("mario".to_owned()).await.unwrap();
    assert_eq!(look("nonna", &[]).await.instances, 1);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_prolonged_unless_another_took_it() {
    let place = Place::migrated();
    let store = place.store();
    store.take_leases(claim("nonna", &["bar", "oven"], 0)).await.unwrap();
    assert_eq!(store.take_leases(claim("mario", &["bar"], 60_000)).await.unwrap().len(), 1);
    let late = store.prolong_leases(claim("nonna", &["bar", "oven"], 60_000)).await.unwrap();
    assert_eq!(late.held, [lease("oven", 1)]);
}

/// With every connection for questions taken, a line of listings waits for one.
#[tokio::test]
async fn leases_and_what_is_due_wait_for_no_question() {
    let place = Place::migrated();
    let store = Arc::new(place.store());
    commit(&*store, vec![placed("order-1")]).await;
    store.take_leases(claim("nonna", &["oven"], 60_000)).await.unwrap();
    let mut taken = Vec::new();
    for _ in 0..READERS {
        taken.push(store.readers.get().await.unwrap());
    }
    let list = |store: Arc<Postgres>| async move {
        loop {
            let query = OrdersQuery::newest(OrdersFilter::default(), 10, EVENING);
            // Who has waited in vain asks again.
            if let Ok(listed) = store.orders(query).await {
                return listed;
            }
        }
    };
    let line: Vec<_> = (0..100).map(|_| tokio::spawn(list(Arc::clone(&store)))).collect();
    tokio::task::yield_now().await;

    let later = Timestamp(i64::MAX);
    let standing = store.prolong_leases(claim("nonna", &["oven"], 60_000)).await.unwrap();
    assert_eq!(standing.held, [lease("oven", 1)]);
    assert_eq!(store.due_orders(later, None, 10).await.unwrap().len(), 1);
    assert!(store.next_wake_at().await.unwrap().is_some());
    store.open_tasks(Receiver::Restaurant, Timestamp(0)..=later, 10).await.unwrap();
    store.due_deliveries(later, Health::Well, 1, 10).await.unwrap();
    assert!(line.iter().all(|answer| !answer.is_finished()), "they wait all the while");
    drop(taken);
    for answer in line {
        let listed = tokio::time::timeout(LIMIT, answer).await.expect("it has its turn");
        assert_eq!(listed.unwrap().orders.len(), 1);
    }
}

/// As a process does that was stopped between its call and the report of it.
#[tokio::test]
async fn what_was_done_under_a_lost_lease_is_not_written() {
    let place = Place::migrated();
    let store = place.store();
    let (lost, other) = (placed("order-1"), placed("order-2"));
    commit(&store, vec![lost.clone(), other.clone()]).await;
    store.take_leases(claim("nonna", &["tasks"], 0)).await.unwrap();
    let report = |of: &Commit, token| {
        let close = TaskChange::Close {
            sequence: 1,
            attempts: 1,
            state: TaskState::GivenUp,
            last_error: None,
        };
        let move_on = moved(&of.order, EVENING, told());
        let fence = Some(lease("tasks", token));
        [Commit { fence: fence.clone(), ..unmoved(&of.order, close) }, Commit { fence, ..move_on }]
    };
    store.take_leases(claim("mario", &["tasks"], 60_000)).await.unwrap();
    let [stale, stale_move] = report(&lost, 1);
    let [held, held_move] = report(&other, 2);
    let later = moved(&lost.order, EVENING, told());
    let group = vec![stale, stale_move, held, held_move, later.clone()];
    let outcomes = store.commit(group).await.unwrap();
    let (fenced, committed) = (Outcome::Fenced, Outcome::Committed);
    assert_eq!(outcomes, [fenced, fenced, committed, committed, Outcome::Conflict]);
    commit(&store, vec![later]).await;
    let unknown = Commit { fence: Some(lease("no such", 1)), ..placed("order-3") };
    assert_eq!(store.commit(vec![unknown]).await.unwrap(), [fenced]);
    assert!(store.order("order-3".to_owned()).await.unwrap().is_none());
}

/// As a process does that was stopped within a portion.
#[tokio::test]
async fn a_portion_is_not_acted_on_under_a_lost_lease() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    store.take_leases(claim("nonna", &["bulk-actions"], 0)).await.unwrap();
    let (app, group) = app_over(Arc::new(place.store()));
    tokio::spawn(group.run(Shutdown::new()));
    let wanted = bulk_wanted(Action::Cancel { reason: "kitchen_fire".to_owned() });
    let bulk = app.start_bulk(wanted, "bulk-1".to_owned(), vec![1; 32]).await.unwrap();
    store.take_leases(claim("mario", &["bulk-actions"], 60_000)).await.unwrap();
    let status = async || store.order("order-1".to_owned()).await.unwrap().unwrap().order.status;
    for (token, dealt_with, stands) in [(1, 0, Status::Placed), (2, 1, Status::Cancelled)] {
        let bulk = app.bulk(&bulk.bulk_id).await.unwrap();
        let done = app.advance_bulk(bulk, &bulk_lease(token)).await.unwrap();
        assert_eq!((done, status().await), (dealt_with, stands), "by holder number {token}");
    }
}

/// Counts who is at work, and says so once.
struct Kitchen {
    at_work: Mutex<Vec<Held>>,
    /// At once, while their leases are valid: after a stall one may be at work that is still to be told.
    most: AtomicUsize,
    began: mpsc::UnboundedSender<&'static str>,
}

struct AtWork(Arc<Kitchen>, Held);

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut at_work = self.0.at_work.lock().unwrap();
        at_work.retain(|other| other.lease() != self.1.lease());
    }
}

impl Kitchen {
    async fn work(
        self: Arc<Self>,
        who: &'static str,
        held: Held,
        stop: Shutdown,
    ) -> anyhow::Result<()> {
        let _at_work = AtWork(Arc::clone(&self), held.clone());
        {
            let mut at_work = self.at_work.lock().unwrap();
            at_work.push(held);
            let valid = at_work.iter().filter(|held| held.is_valid()).count();
            self.most.fetch_max(valid, Ordering::SeqCst);
        }
        self.began.send(who)?;
        stop.cancelled().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_hands_the_work_over_at_once_and_a_death_after_a_while() {
    let place = Place::migrated();
    let store: Arc<dyn Store> = Arc::new(place.store());
    let (began, mut begins) = mpsc::unbounded_channel();
    let (at_work, most) = (Mutex::default(), AtomicUsize::new(0));
    let kitchen = Arc::new(Kitchen { at_work, most, began });
    let start = |who: &'static str| {
        let mut leases = Leases::new(Arc::clone(&store), who.to_owned());
        let (stop, kitchen) = (Shutdown::new(), Arc::clone(&kitchen));
        leases.add("oven", move |held, stop| Arc::clone(&kitchen).work(who, held, stop));
        (tokio::spawn(leases.run(stop.clone())), stop)
    };
    let mut next = async || {
        let next = tokio::time::timeout(LIMIT, begins.recv()).await;
        next.expect("somebody takes over").expect("the kitchen is open")
    };
    let (nonna, nonna_stop) = start("nonna");
    assert_eq!(next().await, "nonna");
    let (mario, _mario_stop) = start("mario");
    nonna_stop.cancel();
    nonna.await.unwrap().unwrap();
    assert_eq!(next().await, "mario");
    let (_luca, _luca_stop) = start("luca");
    mario.abort();
    assert_eq!(next().await, "luca", "nobody gave it back: it ran out");
    assert_eq!(kitchen.most.load(Ordering::SeqCst), 1, "never two at once");
}

#[tokio::test]
async fn work_that_ends_by_itself_is_a_failure() {
    let place = Place::migrated();
    let mut leases = Leases::new(Arc::new(place.store()), "nonna".to_owned());
    leases.add("oven", async |_, _| Ok(()));
    let failure = leases.run(Shutdown::new()).await.unwrap_err().to_string();
    assert_eq!(failure, "the work oven ended by itself");
    let mut leases = Leases::new(Arc::new(place.store()), "mario".to_owned());
    leases.add("bar", async |_, _| anyhow::bail!("no coffee"));
    let failure = format!("{:#}", leases.run(Shutdown::new()).await.unwrap_err());
    assert_eq!(failure, "the work bar: no coffee");
}
