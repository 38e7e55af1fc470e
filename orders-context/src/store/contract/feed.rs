//! What feeds ask: where the journal's end is, and what one restaurant has missed.

use super::archive::{ALL, archive, completed};
use super::{commit, journal, moved, placed};
use crate::domain::tests::mother::{after, order_accepted, order_redriven};
use crate::store::feed::Stretch;
use crate::store::{Commit, Store, TaskState};
use std::sync::Arc;

/// An order at another restaurant.
pub fn at_nino(order_id: &str) -> Commit {
    let mut commit = placed(order_id);
    Arc::make_mut(&mut commit.order).restaurant_id = "nino".to_owned();
    commit
}

async fn end(store: &dyn Store) -> i64 {
    store.settled_end().await.expect("the store answers")
}

/// The events between two positions, as order and sequence, or that they cannot be told whole.
async fn stretch(
    store: &dyn Store,
    restaurant_id: &str,
    after: i64,
    up_to: i64,
    most: usize,
) -> Option<Vec<(String, i64)>> {
    let restaurant_id = restaurant_id.to_owned();
    let stretch = Stretch { restaurant_id, after, up_to, most };
    let rows = store.stretch(stretch).await.expect("the store answers")?;
    assert!(rows.is_sorted_by(|one, next| one.position < next.position));
    Some(rows.into_iter().map(|row| (row.order_id, row.sequence)).collect())
}

fn names(rows: &[(&str, i64)]) -> Option<Vec<(String, i64)>> {
    Some(rows.iter().map(|(order_id, sequence)| ((*order_id).to_owned(), *sequence)).collect())
}

pub async fn the_settled_end_rises_and_nothing_comes_before_it(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let mut reader = store.journal_reader().expect("the journal can be read");
    let (mut last_end, mut read) = (end(&*store).await, Vec::new());
    for number in 1..=4 {
        commit(&*store, vec![placed(&format!("order-{number}")), at_nino(&format!("n-{number}"))])
            .await;
        let mut new = Vec::new();
        reader.read_after(last_end, 10, &mut new).expect("the journal is read");
        assert_eq!(new.len(), 2, "what is committed now lies behind the end before");
        read.extend(new);
        let now = end(&*store).await;
        assert!(
            now > last_end && now >= read[read.len() - 1].position,
            "what was read is before it"
        );
        last_end = now;
    }
    assert_eq!(read, journal(&*store));
    assert!(end(&*open()).await >= last_end, "also when it is opened again");
}

pub async fn a_stretch_tells_of_one_restaurant_what_lies_within(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let (one, two) = (placed("order-1"), placed("order-2"));
    let accepted = moved(&one.order, after(2), order_accepted());
    commit(&*store, vec![one, at_nino("n-1")]).await;
    commit(&*store, vec![two, accepted]).await;
    let at: Vec<i64> = journal(&*store).iter().map(|row| row.position).collect();
    let all = [("order-1", 1), ("order-2", 1), ("order-1", 2)];
    let up_to = end(&*store).await;
    let naples =
        async |after, up_to, most| stretch(&*store, "bella-napoli", after, up_to, most).await;
    assert_eq!(naples(0, up_to, 10).await, names(&all));
    assert_eq!(naples(at[0], up_to, 10).await, names(&all[1..]), "behind, not from");
    assert_eq!(naples(at[0], at[2], 10).await, names(&all[1..2]), "up to, that included");
    assert_eq!(naples(at[3], up_to, 10).await, names(&[]));
    assert_eq!(naples(0, up_to, 3).await, names(&all), "as many as may be");
    assert_eq!(naples(0, up_to, 2).await, None, "one more");
    assert_eq!(stretch(&*store, "nino", 0, up_to, 10).await, names(&[("n-1", 1)]));
    assert_eq!(stretch(&*store, "nobody", 0, up_to, 10).await, names(&[]));
}

pub async fn what_went_to_compact_history_is_missed_aloud(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, completed("order-1", TaskState::Done)).await;
    commit(&*store, vec![placed("order-2")]).await;
    let at: Vec<i64> = journal(&*store).iter().map(|row| row.position).collect();
    let history = store.order("order-1".to_owned()).await.unwrap().expect("it is there").order;
    archive(&*store, ALL).await;
    for store in [Arc::clone(&store), open()] {
        let up_to = end(&*store).await;
        let since = async |after| stretch(&*store, "bella-napoli", after, up_to, 10).await;
        assert_eq!(since(0).await, None);
        assert_eq!(since(at[1]).await, None, "its last event lies behind");
        assert_eq!(since(at[2]).await, names(&[("order-2", 1)]), "all of it lies before");
        assert_eq!(stretch(&*store, "nino", at[1], up_to, 10).await, None, "whoever asks");
    }
    commit(&*store, vec![moved(&Arc::new(history), after(9), order_redriven())]).await;
    let up_to = end(&*store).await;
    let since = stretch(&*store, "bella-napoli", at[2], up_to, 10).await;
    assert_eq!(since, names(&[("order-2", 1), ("order-1", 4)]), "what came back is told of");
}
