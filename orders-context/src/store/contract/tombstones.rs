//! Tombstones: one for each order, at a position among the journal's, and in nobody else's way.

use super::{commit, journal, moved, placed};
use crate::domain::tests::mother::{after, order_accepted};
use crate::store::{JournalReader, Store, ToPublish};
use std::sync::Arc;

async fn bury(store: &dyn Store, order_ids: &[&str]) -> usize {
    let order_ids = order_ids.iter().map(ToString::to_string).collect();
    store.bury(order_ids, after(5)).await.expect("the store answers")
}

/// What there is to publish, read in steps: each as its order's id, a tombstone with a cross before it.
fn read_by(reader: &mut dyn JournalReader, limit: usize) -> Vec<(i64, String)> {
    let (mut all, mut position) = (Vec::new(), 0);
    loop {
        let mut page = ToPublish::default();
        reader.read_to_publish(position, limit, &mut page).expect("the journal is read");
        let rows = page.rows.into_iter().map(|row| (row.position, row.order_id));
        let stones = page.tombstones.into_iter().map(|stone| {
            assert_eq!(stone.at, after(5));
            (stone.position, format!("+{}", stone.order_id))
        });
        let mut step: Vec<_> = rows.chain(stones).collect();
        step.sort();
        assert!(step.len() <= limit, "{step:?}");
        let Some((last, _)) = step.last() else { return all };
        position = *last;
        all.extend(step);
    }
}

pub async fn a_tombstone_stands_once_where_it_was_set(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert_eq!(bury(&*store, &["order-0"]).await, 1, "also before the first event");
    commit(&*store, vec![placed("order-1"), placed("order-2")]).await;
    assert_eq!(bury(&*store, &["order-1", "order-2", "order-1"]).await, 2);
    commit(&*store, vec![placed("order-3")]).await;
    assert_eq!(bury(&*store, &["order-2", "order-3", "order-0"]).await, 1, "each once");
    assert_eq!(bury(&*store, &["order-1"]).await + bury(&*store, &[]).await, 0);
    let expected =
        ["+order-0", "+order-1", "+order-2", "+order-3", "order-1", "order-2", "order-3"];
    for store in [Arc::clone(&store), open()] {
        let mut reader = store.journal_reader().expect("the journal can be read");
        let all = read_by(&mut *reader, 100);
        let mut names: Vec<_> = all.iter().map(|(_, name)| &**name).collect();
        let place = |name| names.iter().position(|other| *other == name).expect("it is there");
        assert!(place("+order-0") < place("order-1"));
        assert!(place("order-2") < place("+order-1").min(place("+order-2")));
        assert!(place("+order-1").max(place("+order-2")) < place("order-3"));
        assert!(place("order-3") < place("+order-3"));
        names.sort_unstable();
        assert_eq!(names, expected);
        assert!(all.is_sorted_by(|one, other| one.0 < other.0), "no position is given twice");
        for limit in 1..=4 {
            assert_eq!(read_by(&mut *reader, limit), all, "in steps of {limit}");
        }
        assert_eq!(reader.newest().unwrap(), all.last().unwrap().0, "the end is a tombstone");
    }
}

pub async fn so_many_rows_and_tombstones_follow_an_earlier_position(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    commit(&*store, vec![placed("order-1"), placed("order-2")]).await;
    bury(&*store, &["order-1"]).await;
    commit(&*store, vec![placed("order-3")]).await;
    let mut reader = store.journal_reader().unwrap();
    let all = read_by(&mut *reader, 100);
    assert_eq!(all.len(), 4);
    for (index, (position, _)) in all.iter().enumerate() {
        for rows in 0..=5 {
            let expected = index.checked_sub(rows).map_or(0, |earlier| all[earlier].0);
            assert_eq!(reader.earlier(*position, rows).unwrap(), expected, "{rows} before {index}");
        }
    }
}

pub async fn the_journal_itself_shows_no_tombstone(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, vec![placed("order-1")]).await;
    let before = (journal(&*store), store.kept(vec!["order-1".to_owned()]).await.unwrap());
    bury(&*store, &["order-1", "order-never-placed"]).await;
    let after = (journal(&*store), store.kept(vec!["order-1".to_owned()]).await.unwrap());
    assert_eq!(before, after);
    assert_eq!(store.known_ids(String::new(), 10).await.unwrap(), ["order-1"]);
}

pub async fn what_is_known_of_an_order_ends_at_a_position(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born, placed("order-2")]).await;
    bury(&*store, &["order-2"]).await;
    commit(&*store, vec![moved(&order, after(1), order_accepted())]).await;
    let mut reader = store.journal_reader().unwrap();
    let asked = ["order-1", "order-2", "order-3"];
    let rows = journal(&*store);
    for (position, expected) in
        [(0, 0), (rows[0].position, 1), (rows[1].position, 2), (i64::MAX, 3)]
    {
        let known = reader.known_of(&asked, position).unwrap();
        assert_eq!(known.rows.len(), expected, "up to {position}");
        assert!(known.rows.is_sorted_by_key(|row| (row.order_id.clone(), row.sequence)));
        let buried: Vec<_> = known.tombstones.iter().map(|stone| &*stone.order_id).collect();
        assert_eq!(buried, ["order-2"], "whatever the position");
    }
}

pub async fn of_many_who_bury_an_order_one_does(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let all = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { bury(&*store, &["order-1", "order-2"]).await })
    });
    let mut buried = 0;
    for one in all.collect::<Vec<_>>() {
        buried += one.await.expect("no panic");
    }
    assert_eq!(buried, 2);
}
