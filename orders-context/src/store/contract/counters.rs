//! Counters say at every moment what a count of all rows would say.

use super::archive::{ALL, archive, completed};
use super::{commit, moved, placed, placed_at, unmoved};
use crate::domain::spent::bucket_of;
use crate::domain::tests::mother::{
    EVENING, MINUTE, SECOND, after, order_accepted, order_cancelled, order_completed,
    restaurant_notified,
};
use crate::domain::{Status, TaskKind};
use crate::store::{
    Commit, Counted, Counter, Counters, ENDPOINT_NOT_YET, Error, FlowFigures, OrdersFilter,
    OrdersQuery, Outcome, Store, Task, TaskChange, TaskCondition, TaskState,
};
use std::sync::Arc;
use std::time::Duration;

async fn flow(store: &dyn Store) -> FlowFigures {
    store.flow(EVENING).await.expect("the store answers")
}

async fn counters(store: &dyn Store) -> Counters {
    let Counted { kept, found } = store.counted(None).await.expect("the store answers");
    assert_eq!(kept, found);
    assert_eq!(kept, flow(store).await.counters);
    assert_eq!(kept, store.counters().await.expect("the store answers"));
    kept
}

pub async fn every_step_is_counted(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert!(counters(&*store).await.is_empty());
    let born = placed("order-1");
    let told = moved(&born.order, after(7), restaurant_notified());
    let accepted = moved(&told.order, after(9 * MINUTE), order_accepted());
    let completed = moved(&accepted.order, after(60 * MINUTE), order_completed());
    commit(&*store, vec![born, told, placed("order-2")]).await;
    commit(&*store, vec![accepted, completed, placed("order-3")]).await;
    let expected = [
        (Counter::Orders(Status::Placed), 2),
        (Counter::Orders(Status::Completed), 1),
        (Counter::Spent(Status::Placed, 0), 1),
        (Counter::Spent(Status::Notified, bucket_of(9 * MINUTE - 7)), 1),
        (Counter::Spent(Status::Accepted, bucket_of(51 * MINUTE)), 1),
    ];
    assert_eq!(counters(&*store).await.iter().collect::<Vec<_>>(), expected);
    drop(store);
    assert_eq!(counters(&*open()).await.iter().collect::<Vec<_>>(), expected);
}

pub async fn spans_of_every_length_are_counted_alike(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let lengths = (0..44).flat_map(|power| [-1, 0, 1].map(|ms| ((1i64 << power) + ms) * 1_000));
    for (number, us) in lengths.chain([-5, 999, 1_000]).enumerate() {
        let born = placed(&format!("order-{number}"));
        let later = moved(&born.order, after(us), restaurant_notified());
        let outcomes = store.commit(vec![born, later]).await.expect("the store answers");
        assert_eq!(outcomes, [Outcome::Committed; 2]);
    }
    assert_eq!(counters(&*store).await.spent(Status::Placed).spans(), 135);
}

pub async fn what_does_not_stand_is_not_counted(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let seen = Arc::clone(&born.order);
    commit(&*store, vec![born, moved(&seen, after(1), order_cancelled())]).await;
    let late = moved(&seen, after(2), restaurant_notified());
    let later = moved(&late.order, after(3), order_accepted());
    let outcomes = store.commit(vec![late, later, placed("order-1"), placed("order-2")]).await;
    assert_eq!(outcomes.unwrap()[..3], [Outcome::Conflict; 3]);
    let counters = counters(&*store).await;
    let orders = Status::ALL.iter().map(|status| counters.get(Counter::Orders(*status)));
    assert_eq!(orders.collect::<Vec<_>>(), [1, 0, 0, 0, 0, 0, 0, 1, 0]);
}

pub async fn tasks_in_trouble_are_counted(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    let opened = (1..=7).map(|sequence| {
        TaskChange::Open(Task {
            order_id: "order-1".to_owned(),
            sequence,
            kind: TaskKind::NotifyRestaurant,
            state: TaskState::Open,
            attempts: 0,
            next_attempt_at: EVENING,
            give_up_at: after(1_000),
            last_error: None,
            event_id: format!("event-{sequence}"),
            traceparent: None,
        })
    });
    commit(&*store, vec![Commit { tasks: opened.collect(), ..born }]).await;
    let tried = |sequence, attempts, last_error: &str| TaskChange::TryAgain {
        sequence,
        attempts,
        next_attempt_at: after(50),
        last_error: last_error.to_owned(),
    };
    let failed = |sequence, attempts| tried(sequence, attempts, "timeout");
    let waits = |sequence, attempts| tried(sequence, attempts, ENDPOINT_NOT_YET);
    let anew = |kind| TaskChange::WithdrawGivenUp { kind };
    let ended =
        |sequence, state| TaskChange::Close { sequence, attempts: 2, state, last_error: None };
    let (done, given_up) = (TaskState::Done, TaskState::GivenUp);
    // What happens in one group, and how many are retrying and given up after it.
    let steps: Vec<(Vec<TaskChange>, i64, i64)> = vec![
        (vec![failed(1, 1), failed(2, 1), failed(3, 1)], 3, 0),
        (vec![failed(1, 2), failed(9, 1)], 3, 0),
        (vec![ended(1, done), ended(2, given_up), ended(4, done), ended(5, given_up)], 1, 2),
        (vec![ended(1, given_up), ended(5, done), failed(2, 7), failed(4, 3)], 1, 2),
        (vec![waits(6, 1), waits(7, 1)], 1, 2),
        (vec![waits(6, 2), failed(7, 2)], 2, 2),
        (vec![waits(7, 3), ended(6, done)], 1, 2),
        (vec![failed(6, 1), TaskChange::WithdrawOpen], 0, 2),
        (vec![ended(6, done), failed(3, 2)], 0, 2),
        // Withdrawn, it is nobody's trouble.
        (vec![ended(3, given_up)], 0, 2),
        (vec![anew(Some(TaskKind::RemindRestaurant(1)))], 0, 2),
        (vec![anew(Some(TaskKind::NotifyRestaurant)), anew(None)], 0, 0),
        (vec![ended(2, given_up)], 0, 0),
    ];
    for (changes, retrying, gave_up) in steps {
        let told = format!("{changes:?}");
        let group = changes.into_iter().map(|change| unmoved(&order, change)).collect();
        commit(&*store, group).await;
        let counters = counters(&*store).await;
        let tasks = |condition| counters.get(Counter::Tasks(condition));
        let found = (tasks(TaskCondition::Retrying), tasks(TaskCondition::GivenUp));
        assert_eq!(found, (retrying, gave_up), "{told}");
        for condition in [TaskCondition::Retrying, TaskCondition::GivenUp] {
            let filter = OrdersFilter { task: Some(condition), ..OrdersFilter::default() };
            let page = store.orders(OrdersQuery::newest(filter, 10, EVENING)).await.unwrap();
            assert_eq!(page.orders.len(), usize::from(tasks(condition) > 0), "{told}");
        }
    }
}

pub async fn tasks_of_compact_history_are_in_no_trouble(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let given_up = async || counters(&*store).await.get(Counter::Tasks(TaskCondition::GivenUp));
    commit(&*store, completed("order-1", TaskState::GivenUp)).await;
    commit(&*store, completed("order-2", TaskState::GivenUp)).await;
    commit(&*store, completed("order-3", TaskState::Done)).await;
    assert_eq!(given_up().await, 2);
    assert_eq!(archive(&*store, ALL).await.orders, 3);
    assert_eq!(given_up().await, 0);
    for (order_id, expected) in [("order-3", 0), ("order-1", 1)] {
        let order = store.order(order_id.to_owned()).await.unwrap().expect("it is there").order;
        commit(&*store, vec![moved(&Arc::new(order), after(9), restaurant_notified())]).await;
        assert_eq!(given_up().await, expected, "{order_id} came back");
    }
}

pub async fn the_flow_shows_the_oldest_and_what_is_due(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let (one, two) = (placed_at("order-1", after(1)), placed_at("order-2", after(2)));
    let first = moved(&one.order, after(3), restaurant_notified());
    let cancelled = placed_at("order-4", after(0));
    let at_rest = moved(&cancelled.order, after(1), order_cancelled());
    commit(&*store, vec![one, two, first, placed_at("order-3", after(5)), cancelled, at_rest])
        .await;
    let figures = flow(&*store).await;
    assert_eq!(figures.oldest, [(Status::Placed, after(2)), (Status::Notified, after(3))]);
    assert_eq!(figures.due, 0);
    // The first wants to be looked at for its reminder, the others at their deadlines.
    for (now, due) in [(after(89 * SECOND), 0), (after(91 * SECOND), 1), (after(11 * MINUTE), 3)] {
        assert_eq!(store.flow(now).await.unwrap().due, due);
    }
}

pub async fn counting_again_ends_when_its_time_is_over(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, vec![placed("order-1")]).await;
    let late = store.counted(Some(Duration::ZERO)).await;
    assert!(matches!(late, Err(Error::TooLong)), "{late:?}");
    let counted = store.counted(Some(Duration::from_secs(60))).await.expect("there is time enough");
    assert_eq!(counted.found.get(Counter::Orders(Status::Placed)), 1);
}
