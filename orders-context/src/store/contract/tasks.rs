//! Durable calls to the outside: open, tried again, closed, withdrawn.

use super::endpoints::HOUSE;
use super::{commit, journal, moved, placed, unmoved};
use crate::domain::tests::mother::{EVENING, after, order_accepted};
use crate::domain::{Notification, Order, Receiver, TaskKind};
use crate::store::{Commit, Store, Task, TaskChange, TaskState};
use std::sync::Arc;

fn task(sequence: i64, kind: TaskKind, due_us: i64) -> Task {
    Task {
        order_id: "order-1".to_owned(),
        sequence,
        kind,
        state: TaskState::Open,
        attempts: 0,
        next_attempt_at: after(due_us),
        give_up_at: after(1_000),
        last_error: None,
        event_id: format!("event-order-1-{sequence}"),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

fn again(sequence: i64, attempts: u32, due_us: i64) -> TaskChange {
    let last_error = "http_503".to_owned();
    TaskChange::TryAgain { sequence, attempts, next_attempt_at: after(due_us), last_error }
}

fn close(sequence: i64, attempts: u32, state: TaskState) -> TaskChange {
    let last_error = (state == TaskState::GivenUp).then(|| "timeout".to_owned());
    TaskChange::Close { sequence, attempts, state, last_error }
}

/// Order 1 with these tasks.
async fn with_tasks(store: &dyn Store, tasks: Vec<Task>) -> Arc<Order> {
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    let tasks = tasks.into_iter().map(TaskChange::Open).collect();
    commit(store, vec![Commit { tasks, ..born }]).await;
    order
}

async fn tasks(store: &dyn Store) -> Vec<Task> {
    let found = store.order("order-1".to_owned()).await.expect("the store answers");
    found.expect("it is there").tasks
}

/// Those that are open and due, whoever is told.
async fn due(store: &dyn Store, us: i64) -> Vec<Task> {
    let mut due = Vec::new();
    for to in [Receiver::Restaurant, Receiver::Customer] {
        let found = store.open_tasks(to, EVENING..=after(us), 10).await.expect("the store answers");
        due.extend(found.into_iter().map(|(_, task)| task));
    }
    due
}

async fn states(store: &dyn Store) -> Vec<(i64, TaskState)> {
    tasks(store).await.iter().map(|task| (task.sequence, task.state)).collect()
}

pub async fn a_task_is_due_from_its_moment_on_and_the_most_overdue_first(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let row = vec![
        task(1, TaskKind::NotifyRestaurant, 30),
        task(2, TaskKind::RemindRestaurant(2), 10),
        task(3, TaskKind::RemindRestaurant(3), 20),
    ];
    with_tasks(&*store, row.clone()).await;
    let due = async |us, limit| -> Vec<i64> {
        let due = EVENING..=after(us);
        let due = store.open_tasks(Receiver::Restaurant, due, limit).await.unwrap();
        assert!(due.iter().all(|(restaurant_id, _)| restaurant_id == HOUSE));
        due.iter().map(|(_, task)| task.sequence).collect()
    };
    assert_eq!(due(9, 10).await, [0; 0]);
    assert_eq!(due(10, 10).await, [2]);
    assert_eq!(due(29, 10).await, [2, 3]);
    assert_eq!(due(30, 10).await, [2, 3, 1]);
    assert_eq!(due(30, 2).await, [2, 3]);
    for (from, later) in [(20, 2), (21, 1)] {
        let due = after(from)..=after(30);
        let due = store.open_tasks(Receiver::Restaurant, due, 10).await.unwrap();
        assert_eq!(due.len(), later, "from {from} on");
    }
    assert_eq!(tasks(&*store).await, row, "oldest first, with everything they were opened with");
}

pub async fn tasks_that_tell_a_customer_do_not_hide_those_that_tell_a_restaurant(
    open: impl Fn() -> Arc<dyn Store>,
) {
    use Notification as N;
    let store = open();
    let to_customer = [N::Accepted, N::Rejected, N::Expired, N::Cancelled, N::TimedOut];
    let mut row: Vec<Task> =
        (1..).zip(to_customer).map(|(n, what)| task(n, what.task(), n)).collect();
    row.push(task(6, TaskKind::NotifyRestaurant, 6));
    row.push(task(7, TaskKind::RemindRestaurant(12), 7));
    with_tasks(&*store, row).await;
    let due = async |to, limit| -> Vec<i64> {
        let due = store.open_tasks(to, EVENING..=after(7), limit).await.unwrap();
        due.iter().map(|(_, task)| task.sequence).collect()
    };
    assert_eq!(due(Receiver::Restaurant, 2).await, [6, 7]);
    assert_eq!(due(Receiver::Customer, 10).await, [1, 2, 3, 4, 5]);
}

pub async fn a_failed_attempt_puts_the_next_one_off(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let order = with_tasks(&*store, vec![task(1, TaskKind::NotifyRestaurant, 0)]).await;
    commit(&*store, vec![unmoved(&order, again(1, 3, 500))]).await;
    drop(store);
    let store = open();
    assert_eq!(due(&*store, 499).await, []);
    let due = due(&*store, 500).await;
    let put_off = Task {
        attempts: 3,
        last_error: Some("http_503".to_owned()),
        ..task(1, TaskKind::NotifyRestaurant, 500)
    };
    assert_eq!(due, [put_off]);
}

pub async fn a_task_comes_to_its_end_once(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let row =
        vec![task(1, TaskKind::NotifyRestaurant, 0), task(2, Notification::Accepted.task(), 0)];
    let order = with_tasks(&*store, row).await;
    let ends = vec![
        unmoved(&order, close(1, 2, TaskState::Done)),
        unmoved(&order, close(2, 9, TaskState::GivenUp)),
    ];
    commit(&*store, ends).await;
    let ended = tasks(&*store).await;
    let told: Vec<_> =
        ended.iter().map(|t| (t.state, t.attempts, t.last_error.as_deref())).collect();
    assert_eq!(told, [(TaskState::Done, 2, None), (TaskState::GivenUp, 9, Some("timeout"))]);
    assert_eq!(due(&*store, 9_999).await, []);
    let too_late = vec![
        unmoved(&order, close(1, 7, TaskState::GivenUp)),
        unmoved(&order, again(1, 7, 0)),
        unmoved(&order, close(2, 10, TaskState::Done)),
        unmoved(&order, again(2, 10, 0)),
        unmoved(&order, TaskChange::WithdrawOpen),
    ];
    commit(&*store, too_late).await;
    assert_eq!(tasks(&*store).await, ended);
}

pub async fn withdrawing_takes_all_that_is_open_and_nothing_else(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let row = (1..=3).map(|n| task(n, TaskKind::NotifyRestaurant, 0)).collect();
    let order = with_tasks(&*store, row).await;
    let of_another =
        Task { order_id: "order-2".to_owned(), ..task(1, TaskKind::NotifyRestaurant, 0) };
    let another = Commit { tasks: vec![TaskChange::Open(of_another)], ..placed("order-2") };
    let done = unmoved(&order, close(2, 1, TaskState::Done));
    commit(&*store, vec![another, done, unmoved(&order, TaskChange::WithdrawOpen)]).await;
    assert_eq!(
        states(&*store).await,
        [(1, TaskState::Withdrawn), (2, TaskState::Done), (3, TaskState::Withdrawn)]
    );
    let open_still = due(&*store, 9_999).await;
    assert_eq!(open_still.len(), 1);
    assert_eq!(open_still[0].order_id, "order-2");
}

pub async fn a_withdrawn_task_may_turn_out_done_but_is_not_tried_again(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let row = (1..=2).map(|n| task(n, TaskKind::NotifyRestaurant, 0)).collect();
    let order = with_tasks(&*store, row).await;
    let reports = vec![
        unmoved(&order, TaskChange::WithdrawOpen),
        unmoved(&order, close(1, 1, TaskState::Done)),
        unmoved(&order, again(2, 1, 0)),
    ];
    commit(&*store, reports).await;
    assert_eq!(states(&*store).await, [(1, TaskState::Done), (2, TaskState::Withdrawn)]);
    assert_eq!(due(&*store, 9_999).await, []);
}

pub async fn tasks_are_opened_after_those_before_are_withdrawn(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let order = with_tasks(&*store, vec![task(1, TaskKind::NotifyRestaurant, 0)]).await;
    let letter = TaskChange::Open(task(2, Notification::Accepted.task(), 0));
    let tasks = vec![TaskChange::WithdrawOpen, letter];
    commit(&*store, vec![Commit { tasks, ..moved(&order, after(1), order_accepted()) }]).await;
    assert_eq!(states(&*store).await, [(1, TaskState::Withdrawn), (2, TaskState::Open)]);
}

/// Also when the order has moved since the attempt began.
pub async fn a_report_does_not_touch_its_order(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let seen = with_tasks(&*store, vec![task(1, TaskKind::NotifyRestaurant, 0)]).await;
    let accepted = moved(&seen, after(1), order_accepted());
    let order = Arc::clone(&accepted.order);
    commit(&*store, vec![accepted]).await;
    let wakes = store.next_wake_at().await.unwrap();
    commit(&*store, vec![unmoved(&seen, again(1, 1, 50))]).await;
    let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!((found.order, found.tasks[0].attempts), ((*order).clone(), 1));
    assert_eq!(store.next_wake_at().await.unwrap(), wakes);
    assert_eq!(journal(&*store).len(), 2);
}

/// To a sooner attempt and a later end only.
pub async fn what_is_open_is_hurried_or_prolonged_and_nothing_else(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let row = (1..=3).map(|n| task(n, TaskKind::NotifyRestaurant, n * 100)).collect();
    let order = with_tasks(&*store, row).await;
    let of_another =
        Task { order_id: "order-2".to_owned(), ..task(1, TaskKind::NotifyRestaurant, 300) };
    let another = Commit { tasks: vec![TaskChange::Open(of_another.clone())], ..placed("order-2") };
    let changes = vec![
        another,
        unmoved(&order, close(2, 1, TaskState::GivenUp)),
        unmoved(&order, TaskChange::HurryOpen { due_at: after(150) }),
        unmoved(&order, TaskChange::ProlongOpen { give_up_at: after(2_000) }),
        unmoved(&order, TaskChange::ProlongOpen { give_up_at: after(1_500) }),
    ];
    commit(&*store, changes).await;
    let moments: Vec<_> = tasks(&*store)
        .await
        .iter()
        .map(|task| (task.sequence, task.next_attempt_at, task.give_up_at))
        .collect();
    assert_eq!(
        moments,
        [
            (1, after(100), after(2_000)),
            (2, after(200), after(1_000)),
            (3, after(150), after(2_000)),
        ]
    );
    let other = store.order("order-2".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(other.tasks, [of_another]);
}
