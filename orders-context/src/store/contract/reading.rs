//! The journal in commit order, histories, restaurants and contacts.

use super::{commit, journal, moved, placed, rosa};
use crate::domain::tests::mother::{
    MINUTE, after, order_accepted, order_rejected, restaurant_notified,
};
use crate::domain::{MenuItem, Restaurant, Webhook};
use crate::store::{Commit, Contact, Outcome, Store, Wanted};
use std::sync::Arc;

pub async fn the_journal_is_read_in_commit_order_by_any_steps(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let mut reader = store.journal_reader().unwrap();
    assert_eq!(reader.newest().unwrap(), 0);
    let (one, two) = (placed("order-1"), placed("order-2"));
    let told = moved(&two.order, after(1), restaurant_notified());
    let accepted = moved(&one.order, after(2), order_accepted());
    commit(&*store, vec![one, two]).await;
    commit(&*store, vec![told]).await;
    commit(&*store, vec![accepted]).await;

    let rows = journal(&*store);
    let order: Vec<_> = rows.iter().map(|row| (row.order_id.as_str(), row.sequence)).collect();
    assert_eq!(order, [("order-1", 1), ("order-2", 1), ("order-2", 2), ("order-1", 2)]);
    assert!(rows.windows(2).all(|pair| pair[0].position < pair[1].position));
    assert!(rows[0].position > 0);
    assert_eq!(reader.newest().unwrap(), rows[3].position);
    for limit in 1..=5 {
        let mut read = Vec::new();
        loop {
            let (from, position) =
                (read.len(), read.last().map_or(0, |row: &crate::store::JournalRow| row.position));
            reader.read_after(position, limit, &mut read).unwrap();
            assert!(read.len() - from <= limit);
            if read.len() == from {
                break;
            }
        }
        assert_eq!(read, rows, "{limit} at a time, added to what was read");
    }
}

pub async fn a_reader_sees_what_is_committed_while_it_reads(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let mut reader = store.journal_reader().unwrap();
    let mut position = 0;
    for number in 1..=3 {
        let order_id = format!("order-{number}");
        commit(&*store, vec![placed(&order_id)]).await;
        let mut rows = Vec::new();
        reader.read_after(position, 10, &mut rows).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].order_id, order_id);
        position = rows[0].position;
        assert_eq!(reader.newest().unwrap(), position);
    }
}

pub async fn the_history_of_an_order_comes_in_pages(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let told = moved(&born.order, after(1), restaurant_notified());
    let accepted = moved(&told.order, after(2), order_accepted());
    commit(&*store, vec![born, placed("order-2"), told, accepted]).await;
    let page = async |after, limit| -> Vec<i64> {
        let rows = store.history("order-1".to_owned(), after, limit).await.unwrap();
        assert!(rows.iter().all(|row| row.order_id == "order-1"));
        rows.iter().map(|row| row.sequence).collect()
    };
    assert_eq!(page(0, 2).await, [1, 2]);
    assert_eq!(page(2, 2).await, [3]);
    assert_eq!(page(3, 2).await, [0; 0]);
    assert_eq!(page(0, 0).await, [0; 0]);
}

pub async fn what_was_never_stored_is_not_found(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let nobody = || "order-9".to_owned();
    assert_eq!(store.order(nobody()).await.unwrap(), None);
    assert_eq!(store.history(nobody(), 0, 10).await.unwrap(), []);
    assert_eq!(store.contact(nobody()).await.unwrap(), None);
    assert_eq!(store.restaurant("bella-napoli".to_owned()).await.unwrap(), None);
    assert!(store.load(crate::store::Wanted::default()).await.unwrap().orders.is_empty());
    assert_eq!(journal(&*store), []);
}

fn restaurant(id: &str, name: &str, price_minor: i64, webhook: Option<Webhook>) -> Restaurant {
    Restaurant {
        restaurant_id: id.to_owned(),
        name: name.to_owned(),
        currency: "EUR".to_owned(),
        menu: vec![MenuItem {
            item_id: "margherita".to_owned(),
            name: "Pizza Margherita".to_owned(),
            price_minor,
        }],
        webhook,
        mail: None,
    }
}

pub async fn a_restaurant_is_replaced_whole(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let webhook = Webhook {
        url: "https://bella-napoli.example/orders".to_owned(),
        secret: "whsec_bm90LWEtc2VjcmV0".to_owned(),
    };
    let old = restaurant("bella-napoli", "Bella Napoli", 950, Some(webhook));
    let new = restaurant("bella-napoli", "Bella Napoli da Rosa", 990, None);
    let other = restaurant("nino", "Trattoria Nino", 900, None);
    let found = async |store: &Arc<dyn Store>, id: &str| {
        store.restaurant(id.to_owned()).await.unwrap().expect("it is there")
    };
    store.put_restaurant(old.clone()).await.unwrap();
    store.put_restaurant(other.clone()).await.unwrap();
    assert_eq!(found(&store, "bella-napoli").await, old);
    store.put_restaurant(new.clone()).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(found(&store, "bella-napoli").await, new);
    assert_eq!(found(&store, "nino").await, other);
}

pub async fn a_restaurant_that_has_changed_is_not_replaced(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let menu = |price| restaurant("nino", "Trattoria Nino", price, None);
    let replace = async |before, next| {
        store.replace_restaurant(menu(before), menu(next)).await.expect("the store answers")
    };
    assert!(!replace(900, 950).await, "there is none");
    store.put_restaurant(menu(900)).await.unwrap();
    assert!(replace(900, 950).await);
    assert!(!replace(900, 990).await, "somebody was faster");
    let found = store.restaurant("nino".to_owned()).await.unwrap();
    assert_eq!(found, Some(menu(950)));
    let mut racing = tokio::task::JoinSet::new();
    for price in 1_000..1_008 {
        let (store, before, next) = (Arc::clone(&store), menu(950), menu(price));
        racing.spawn(async move { store.replace_restaurant(before, next).await.unwrap() });
    }
    assert_eq!(racing.join_all().await.into_iter().filter(|won| *won).count(), 1);
}

pub async fn a_contact_belongs_to_its_order_alone(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let silent = Contact { note: None, ..rosa() };
    commit(
        &*store,
        vec![
            Commit { contact: Some(rosa()), ..placed("order-1") },
            Commit { contact: Some(silent.clone()), ..placed("order-2") },
            placed("order-3"),
        ],
    )
    .await;
    let contact = async |id: &str| store.contact(id.to_owned()).await.unwrap();
    assert_eq!(contact("order-1").await, Some(rosa()));
    assert_eq!(contact("order-2").await, Some(silent));
    assert_eq!(contact("order-3").await, None);
    let said = |order: &str| Commit {
        remark: Some("Parodi, come back tomorrow".to_owned()),
        ..moved(&placed(order).order, after(MINUTE), order_rejected())
    };
    commit(&*store, vec![said("order-1"), said("order-3")]).await;
    let told = contact("order-1").await.unwrap();
    assert_eq!(told.remark.as_deref(), Some("Parodi, come back tomorrow"));
    assert_eq!((told.name, told.note), (rosa().name, rosa().note));
    assert_eq!(contact("order-2").await.unwrap().remark, None);
    assert_eq!(contact("order-3").await, None);
    let second = Commit { remark: Some("Never".to_owned()), ..said("order-2") };
    let stale = store.commit(vec![said("order-2"), second]).await.unwrap();
    assert_eq!(stale, [Outcome::Committed, Outcome::Conflict]);
    let told = contact("order-2").await.unwrap();
    assert_eq!(told.remark.as_deref(), Some("Parodi, come back tomorrow"));
    // Nothing personal lies where it would be kept for ever.
    let journal = format!("{:?}", journal(&*store));
    assert!(!journal.contains("Parodi") && !journal.contains("example.org"));
}

/// One order cannot be understood, and spoils nothing for another that is loaded with it.
pub async fn who_is_readable(store: &dyn Store, readable: &str, unreadable: &str) {
    let order_ids = vec![unreadable.to_owned(), readable.to_owned()];
    let loaded = store.load(Wanted { order_ids, ..Wanted::default() }).await.expect("an answer");
    assert_eq!(loaded.orders.keys().collect::<Vec<_>>(), [readable]);
    assert_eq!(loaded.unreadable.keys().collect::<Vec<_>>(), [unreadable]);
}
