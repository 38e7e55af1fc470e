//! Whatever comes together in a group, waits for another, is decided again or is lost with its commit:
//! what became of each order, and what everybody was told, is as if they had come one by one.

use crate::faulty::Fault;
use crate::support::{MINUTE, Takeaway, bella_napoli, cook, everything, margherite, placed, told};
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{App, Cause, Failure, PlaceOrder};
use orders_context::domain::{Actor, Decision, Order};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use std::sync::Arc;

/// How many orders there are in the beginning.
const ORDERS: usize = 3;

/// What somebody asks for.
#[derive(Clone, Debug)]
enum Asked {
    Decided { order: usize, decision: Decision, by_cook: bool },
    Woken { order: usize },
    Placed { key: u8, request: u8 },
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Ask(Asked),
    /// The store begins with one more commit.
    Commit,
    /// Everybody does what can be done without the store.
    Pause,
    /// Deadlines come nearer.
    Minutes(i64),
}

fn asked() -> impl Strategy<Value = Asked> {
    let reason = || "too_busy".to_owned();
    let decisions = vec![
        Decision::Accept,
        Decision::Complete,
        Decision::Reject { reason: reason() },
        Decision::Cancel { reason: "restaurant_closed".to_owned() },
        Decision::Redrive,
    ];
    prop_oneof![
        6 => (0..ORDERS, select(decisions), any::<bool>())
            .prop_map(|(order, decision, by_cook)| Asked::Decided { order, decision, by_cook }),
        1 => (0..ORDERS).prop_map(|order| Asked::Woken { order }),
        2 => (0..2_u8, 0..2_u8).prop_map(|(key, request)| Asked::Placed { key, request }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => asked().prop_map(Step::Ask),
        3 => Just(Step::Commit),
        3 => Just(Step::Pause),
        1 => (1..6_i64).prop_map(Step::Minutes),
    ]
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    select(vec![None, None, Some(Fault::Before), Some(Fault::Moved)])
}

/// What was said, but for ids, which are drawn in another order.
async fn ask(app: &App, orders: &[Arc<Order>], asked: Asked) -> Result<String, String> {
    let said = match asked {
        Asked::Decided { order, decision, by_cook } => {
            let by = if by_cook { cook() } else { Actor::Operator };
            let decided = app.decide_order(&orders[order].order_id, decision, by, Cause::default());
            decided.await.map(|order| format!("{:?} at {}", order.status, order.version))
        }
        Asked::Woken { order } => {
            app.wake_order(orders[order].order_id.clone()).await.map(|()| "woken".to_owned())
        }
        Asked::Placed { key, request } => {
            let wanted = margherite(&format!("key-{key}"));
            let wanted = PlaceOrder { request_hash: vec![request; 32], ..wanted };
            let placed = app.place_order(wanted, Cause::default()).await;
            placed.map(|placed| format!("replayed: {}", placed.replayed))
        }
    };
    said.map_err(|failure| match failure {
        Failure::Unavailable(_) => LOST.to_owned(),
        failure => format!("{failure:?}"),
    })
}

/// What is said to somebody whose commit failed.
const LOST: &str = "lost";

/// Bella Napoli with its first orders.
struct Evening {
    takeaway: Takeaway,
    app: App,
    orders: Vec<Arc<Order>>,
}

impl Evening {
    async fn begin(group: usize) -> Self {
        let takeaway = Takeaway::open();
        let (app, running) = takeaway.idle_app(Limits { queue: 128, group });
        tokio::spawn(running.run(Shutdown::new()));
        app.register_restaurant(bella_napoli(None)).await.unwrap();
        let mut orders = Vec::new();
        for number in 0..ORDERS {
            orders.push(placed(&app, &format!("rosa-{number}")).await);
        }
        Self { takeaway, app, orders }
    }

    /// What became of everything.
    async fn histories(&self) -> Vec<Vec<&'static str>> {
        let mut histories = Vec::new();
        for order in &self.orders {
            histories.push(told(&self.app, &order.order_id).await);
        }
        for order in self.app.orders(everything(100)).await.unwrap().orders {
            if self.orders.iter().all(|first| first.order_id != order.order_id) {
                histories.push(told(&self.app, &order.order_id).await);
            }
        }
        histories
    }
}

/// Everything at once, the store as slow and as faulty as is said; what everybody was told.
async fn together(
    evening: &Evening,
    script: &[Step],
    faults: Vec<Option<Fault>>,
) -> Vec<Result<String, String>> {
    let Evening { takeaway, app, orders } = evening;
    takeaway.store.spoil_writes(faults);
    takeaway.store.hold();
    let mut answers = Vec::new();
    for step in script {
        match step {
            Step::Ask(asked) => {
                let (app, orders, asked) = (app.clone(), orders.clone(), asked.clone());
                answers.push(tokio::spawn(async move { ask(&app, &orders, asked).await }));
                // It is in the queue, and taken or not.
                tokio::task::yield_now().await;
            }
            Step::Commit => takeaway.store.let_one_go(),
            Step::Pause => {
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
            }
            Step::Minutes(minutes) => takeaway.clock.advance_us(minutes * MINUTE),
        }
    }
    takeaway.store.let_go();
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.unwrap());
    }
    told
}

/// The same, one after the other, but for those whose commit failed.
async fn one_by_one(
    evening: &Evening,
    script: &[Step],
    told: &[Result<String, String>],
) -> Vec<Result<String, String>> {
    let mut told = told.iter();
    let mut answers = Vec::new();
    for step in script {
        match step {
            Step::Ask(asked) => {
                let lost = Err(LOST.to_owned());
                answers.push(match told.next() == Some(&lost) {
                    true => lost,
                    false => ask(&evening.app, &evening.orders, asked.clone()).await,
                });
            }
            Step::Minutes(minutes) => evening.takeaway.clock.advance_us(minutes * MINUTE),
            Step::Commit | Step::Pause => {}
        }
    }
    answers
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn what_came_together_is_as_if_it_had_come_one_by_one(
        script in vec(step(), 1..40),
        faults in vec(fault(), 0..5),
        group in select(vec![1_usize, 2, 3, 64]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (evening, quiet_evening) = (Evening::begin(group).await, Evening::begin(1).await);
            let told = together(&evening, &script, faults).await;
            let one_by_one = one_by_one(&quiet_evening, &script, &told).await;
            prop_assert_eq!(told, one_by_one);
            prop_assert_eq!(evening.histories().await, quiet_evening.histories().await);
            Ok(())
        })?;
    }
}
