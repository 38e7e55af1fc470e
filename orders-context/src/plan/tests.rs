//! What a plan says is what is done.

use super::*;
use crate::domain::tests::laws::{lived_order, moment, terms};
use crate::domain::tests::mother::{
    ACCEPT_BY, MINUTE, after, evening, intervention, order_accepted, order_cancelled,
    restaurant_notified,
};
use crate::domain::{Action, Event, FlowVersion, Migrated, decide};
use crate::store::contract::{commit, moved, placed};
use crate::store::sqlite::Sqlite;
use proptest::prelude::*;

#[tokio::test]
async fn a_plan_says_what_would_become_of_whom() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Sqlite::open(&folder.path().join("orders.db")).unwrap();
    let born: Vec<_> = (0..4).map(|number| placed(&format!("order-{number}"))).collect();
    let later = vec![
        moved(&born[1].order, after(MINUTE), restaurant_notified()),
        moved(&born[2].order, after(MINUTE), order_accepted()),
        moved(&born[3].order, after(MINUTE), order_cancelled()),
    ];
    commit(&store, born).await;
    commit(&store, later).await;

    let plan_at = async |now| plan(&store, &evening(), now).await.expect("the store answers");
    let soon = plan_at(after(2 * MINUTE)).await;
    let standing: Vec<_> = soon.statuses.iter().filter(|each| each.orders > 0).collect();
    assert_eq!(standing.len(), 4, "{soon}");
    assert!(standing.iter().all(|each| each.orders == 1 && each.has_place), "{soon}");
    let of = |plan: &Plan, status| {
        let mut groups = plan.groups.iter().filter(|group| group.status == status);
        let group = groups.next().expect("it is under way");
        (group.outcome, group.accept_by_ms, group.complete_by_ms, group.orders)
    };
    let five_minutes = Some(5 * 60_000);
    assert_eq!(of(&soon, Status::Placed), (Outcome::Moves, five_minutes, 0, 1));
    assert_eq!(of(&soon, Status::Notified), (Outcome::Moves, five_minutes, 0, 1));
    assert_eq!(of(&soon, Status::Accepted), (Outcome::Moves, None, 0, 1));
    assert_eq!(soon.groups.len(), 3, "one is at rest: {soon}");
    let told = soon.to_string();
    assert!(told.contains("+5m") && told.contains("3 orders would move"), "{told}");
    let late = plan_at(ACCEPT_BY).await;
    assert_eq!(of(&late, Status::Placed).0, Outcome::TooLate, "{late}");
    let same = plan(&store, &Terms::standard(), after(1)).await.expect("it answers");
    assert!(same.groups.iter().all(|group| group.outcome == Outcome::Stands), "{same}");
}

#[test]
fn spans_are_told_in_two_units() {
    for (ms, told) in [
        (0, "0"),
        (-45_000, "-45s"),
        (300_000, "+5m"),
        (5_400_000, "+1h 30m"),
        (90_061_001, "+1d 1h"),
        (1, "+1ms"),
    ] {
        assert_eq!(span(ms), told);
    }
}

#[tokio::test]
async fn those_without_a_place_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Sqlite::open(&folder.path().join("orders.db")).unwrap();
    commit(&store, vec![placed("order-1")]).await;
    let to = Terms { flow: FlowVersion::nowhere(), ..evening() };
    let plan = plan(&store, &to, after(MINUTE)).await.expect("the store answers");
    assert_eq!(plan.without_place, ["order-1"], "{plan}");
    assert!(plan.to_string().contains("0 orders would move"), "{plan}");
}

/// By how much the event moves a deadline, in milliseconds.
fn moved_ms(from: Timestamp, to: Timestamp) -> i64 {
    (to.0 - from.0) / 1_000
}

proptest! {
    /// The row of the table that an order is counted in is what becomes of it.
    #[test]
    fn what_the_plan_counts_is_what_is_done(
        order in lived_order(), to in terms(), now in moment(),
    ) {
        let planned = group(&order, &to, now);
        let command = Action::Migrate { to }.command(None, intervention(), now);
        let decided = decide(Some(&order), &command.expect("there is one"));
        match (planned.outcome, decided.as_deref()) {
            (Outcome::Moves, Ok([Event::FlowMigrated(Migrated { accept_by, complete_by, .. })])) => {
                let accept_by_ms = moved_ms(order.accept_by, *accept_by);
                prop_assert_eq!(planned.accept_by_ms.unwrap_or_default(), accept_by_ms);
                prop_assert_eq!(planned.complete_by_ms, moved_ms(order.complete_by, *complete_by));
            }
            (Outcome::Stands, Ok([])) => {}
            (Outcome::TooLate, Err(rejection)) => {
                prop_assert_eq!(rejection.code(), "deadline_passed");
            }
            (planned, decided) => prop_assert!(false, "planned {planned:?}, decided {decided:?}"),
        }
    }
}
