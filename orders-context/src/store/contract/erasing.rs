//! Erasing persons.

use super::archive::{ALL, archive, completed};
use super::endpoints::house;
use super::{commit, placed};
use crate::domain::{MailAddress, Order, Restaurant, Timestamp};
use crate::store::{
    Commit, Contact, Erased, Erasure, Outcome, Pass, Person, Remembered, Store, TaskState,
    ToPublish, Wanted, key_scope,
};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

/// An order of that customer, with a contact and a key.
fn order_of(order_id: &str, customer: &str, email: &str) -> Commit {
    let commit = placed(order_id);
    let order = Order { customer_id: customer.to_owned(), ..(*commit.order).clone() };
    Commit {
        contact: Some(Contact {
            name: "Rosa".to_owned(),
            email: email.to_owned(),
            note: Some("The bell says Parodi.".to_owned()),
            remark: Some("Rosa, come back tomorrow.".to_owned()),
        }),
        remember: Some(Remembered {
            key: key_of(order_id, customer),
            request_hash: vec![7; 32],
            order_id: order_id.to_owned(),
            at: order.placed_at,
        }),
        order: Arc::new(order),
        ..commit
    }
}

fn key_of(order_id: &str, customer: &str) -> String {
    format!("{}{order_id}", key_scope(customer))
}

pub fn erasure(id: &str, person: Person) -> Erasure {
    Erasure {
        erasure_id: id.to_owned(),
        person: Some(person),
        requested_at: Timestamp(1),
        done_at: None,
        pass: Pass::default(),
        erased: Erased::default(),
    }
}

/// Five orders of three people; two of them have ids that begin alike.
async fn filled(store: &dyn Store) {
    let outcomes = store.commit(vec![
        order_of("order-1", "rosa", "rosa@example.org"),
        order_of("order-2", "luca", "luca@example.org"),
        order_of("order-3", "rosa", "Rosa@Example.ORG"),
        order_of("order-4", "rosa-2", "rosa.two@example.org"),
        order_of("order-5", "luca", "rosa@example.org"),
    ]);
    assert_eq!(outcomes.await.unwrap(), [Outcome::Committed; 5]);
}

/// Changes one row of a SQLite file, as a hand or a broken disk does.
pub fn change_row(file: &Path, sql: &str) {
    let changed = Connection::open(file).and_then(|conn| conn.execute(sql, []));
    assert_eq!(changed, Ok(1), "{sql}");
}

/// Goes through all contacts in portions of two: what that came to, and the ids of what was left.
pub async fn pass(store: &dyn Store, erasure: &Erasure) -> (Pass, Vec<String>) {
    let (mut pass, mut left) = (Pass::default(), Vec::new());
    let (mut next, mut portions) = (Some(String::new()), 0);
    while let Some(after) = next {
        let looked_at = store.erase_portion(erasure.clone(), after, 2).await.unwrap();
        pass.scanned += looked_at.scanned;
        pass.unreadable += looked_at.unreadable.len() as i64;
        left.extend(looked_at.unreadable.into_iter().map(|unreadable| unreadable.id));
        next = looked_at.last;
        portions += 1;
    }
    assert!(portions > pass.scanned / 2, "{portions} portions");
    (pass, left)
}

/// Erases somebody of whom all can be read; the count.
async fn erase(store: &dyn Store, erasure: Erasure) -> (i64, Erased) {
    let id = erasure.erasure_id.clone();
    store.ask_erasure(erasure).await.unwrap();
    let open = store.open_erasures(Timestamp(1), 10).await.unwrap().remove(0);
    let (pass, left) = pass(store, &open).await;
    assert_eq!(left, [""; 0]);
    store.end_pass(id.clone(), pass, Timestamp(2)).await.unwrap();
    store.close_erasures(vec![id.clone()], Timestamp(2)).await.unwrap();
    let done = store.erasure(id).await.unwrap().unwrap();
    (done.pass.scanned, done.erased)
}

/// Which of the five orders still have a contact, and a key.
async fn left(store: &dyn Store) -> (Vec<u8>, Vec<u8>) {
    let (mut contacts, mut keys) = (Vec::new(), Vec::new());
    let customers = ["rosa", "luca", "rosa", "rosa-2", "luca"];
    for (number, customer) in (1..).zip(customers) {
        let order_id = format!("order-{number}");
        if store.contact(order_id.clone()).await.unwrap().is_some() {
            contacts.push(number);
        }
        let idempotency_keys = vec![key_of(&order_id, customer)];
        let wanted = Wanted { idempotency_keys, ..Wanted::default() };
        if !store.load(wanted).await.unwrap().remembered.is_empty() {
            keys.push(number);
        }
        assert!(store.order(order_id.clone()).await.unwrap().is_some(), "the order stays");
        assert_eq!(store.history(order_id, 0, 10).await.unwrap().len(), 1, "and its history");
    }
    (contacts, keys)
}

pub async fn a_customers_contacts_and_keys_are_erased_and_nobody_elses(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    filled(&*store).await;
    let person = Person::Customer("rosa".to_owned());
    let erased = erase(&*store, erasure("erasure-1", person)).await;
    assert_eq!(erased, (5, Erased { orders: 2, contacts: 2, keys: 2 }));
    assert_eq!(left(&*store).await, (vec![2, 4, 5], vec![2, 4, 5]));
    assert_eq!(buried(&*store), ["order-1", "order-3"], "nothing more is said of these");
}

/// The orders that have a tombstone.
fn buried(store: &dyn Store) -> Vec<String> {
    let mut reader = store.journal_reader().unwrap();
    let mut page = ToPublish::default();
    reader.read_to_publish(0, 100, &mut page).unwrap();
    let mut buried: Vec<_> = page.tombstones.into_iter().map(|stone| stone.order_id).collect();
    buried.sort();
    buried
}

pub async fn a_mail_address_is_erased_however_it_is_written(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    filled(&*store).await;
    let of = |id: &str, address: &str| {
        let mail = Some(MailAddress(address.to_owned()));
        Restaurant { restaurant_id: id.to_owned(), mail, ..house() }
    };
    let (hers, other) = (of("rosas", "Rosa@example.org"), of("nino", "nino@example.org"));
    for restaurant in [&hers, &other] {
        store.put_restaurant(restaurant.clone()).await.unwrap();
    }
    let person = Person::Mail("ROSA@example.org".to_owned());
    let erased = erase(&*store, erasure("erasure-1", person)).await;
    assert_eq!(erased, (5, Erased { orders: 3, contacts: 4, keys: 3 }), "her restaurant's too");
    assert_eq!(left(&*store).await, (vec![2, 4], vec![2, 4]));
    let found = async |id: &str| store.restaurant(id.to_owned()).await.unwrap().unwrap();
    assert_eq!(found("rosas").await, Restaurant { mail: None, ..hers });
    assert_eq!(found("nino").await, other);
}

pub async fn an_address_is_the_same_in_capitals_of_every_alphabet(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    filled(&*store).await;
    commit(&*store, vec![order_of("order-6", "käthe", "Käthe@example.org")]).await;
    let mail = Some(MailAddress("KÄTHE@example.org".to_owned()));
    let hers = Restaurant { mail, ..house() };
    store.put_restaurant(hers.clone()).await.unwrap();
    let person = Person::Mail("käthe@example.org".to_owned());
    let erased = erase(&*store, erasure("erasure-1", person)).await;
    assert_eq!(erased, (6, Erased { orders: 1, contacts: 2, keys: 1 }));
    let found = store.restaurant(hers.restaurant_id.clone()).await.unwrap().unwrap();
    assert_eq!(found, Restaurant { mail: None, ..hers });
}

/// What of these is damaged is left, and nothing else: `order-1` in compact history, and a restaurant.
/// Whoever gave the address of a damaged order is erased all the same, by their address.
pub async fn what_is_damaged_is_passed_over(
    open: impl Fn() -> Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    let store = open();
    store.put_restaurant(house()).await.unwrap();
    for id in ["order-1", "order-6"] {
        let mut order = completed(id, TaskState::Done);
        let born = order_of(id, "rosa", "rosa@example.org");
        order[0].contact = born.contact;
        order[0].remember = born.remember;
        commit(&*store, order).await;
    }
    assert_eq!(archive(&*store, ALL).await.orders, 2);
    let customer =
        store.order("order-1".to_owned()).await.unwrap().unwrap().order.customer_id.clone();
    let others = ["order-2", "order-3", "order-4", "order-5"]
        .map(|id| order_of(id, &customer, "elsewhere@example.org"));
    commit(&*store, others.into()).await;
    spoil("UPDATE archive SET data = substr(data, 1, 9) WHERE order_id = 'order-1'").await;
    spoil("UPDATE restaurants SET data = '{'").await;

    let by_id = erasure("erasure-1", Person::Customer(customer));
    store.ask_erasure(by_id.clone()).await.unwrap();
    for _ in 0..2 {
        let (pass, left) = pass(&*store, &by_id).await;
        assert_eq!(left, ["order-1"]);
        store.end_pass("erasure-1".to_owned(), pass, Timestamp(20)).await.unwrap();
    }
    let open = store.erasure("erasure-1".to_owned()).await.unwrap().unwrap();
    assert_eq!(open.pass, Pass { scanned: 1, unreadable: 1 }, "of the last pass alone");
    assert_eq!((open.done_at, open.erased.contacts), (None, 5));
    assert!(store.contact("order-1".to_owned()).await.unwrap().is_some());

    let by_mail = erasure("erasure-2", Person::Mail("rosa@example.org".to_owned()));
    store.ask_erasure(by_mail.clone()).await.unwrap();
    let (pass, left) = pass(&*store, &by_mail).await;
    assert_eq!((pass.scanned, left), (1, vec![house().restaurant_id]));
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), None);
    let idempotency_keys = vec![key_of("order-1", "rosa")];
    let wanted = Wanted { idempotency_keys, ..Wanted::default() };
    assert!(store.load(wanted).await.unwrap().remembered.is_empty(), "its key neither");
    assert_eq!(buried(&*store).len(), 6);
}

pub async fn erasures_come_in_turn(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    for id in ["erasure-1", "erasure-2", "erasure-3"] {
        let asked = erasure(id, Person::Customer("rosa".to_owned()));
        store.ask_erasure(asked).await.unwrap();
    }
    let pass = Pass { scanned: 7, unreadable: 1 };
    for (id, next) in [("erasure-1", 5), ("erasure-2", 4)] {
        store.end_pass(id.to_owned(), pass, Timestamp(next)).await.unwrap();
    }
    for (now, expected) in [
        (0, vec![]),
        (1, vec!["erasure-3"]),
        (4, vec!["erasure-3", "erasure-2"]),
        (9, vec!["erasure-3", "erasure-2"]),
    ] {
        let open = store.open_erasures(Timestamp(now), 2).await.unwrap();
        let open: Vec<_> = open.into_iter().map(|erasure| erasure.erasure_id).collect();
        assert_eq!(open, expected, "at {now}");
    }
}

pub async fn an_order_in_compact_history_is_erased_too(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let orders = ["order-1", "order-2", "order-3"].map(|id| completed(id, TaskState::Done));
    let customer = orders[0][0].order.customer_id.clone();
    for order in orders {
        commit(&*store, order).await;
    }
    assert_eq!(archive(&*store, ALL).await.orders, 3);
    let (scanned, erased) = erase(&*store, erasure("erasure-1", Person::Customer(customer))).await;
    assert_eq!((scanned, erased.orders, erased.contacts), (3, 3, 3));
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), None);
    let nobody = Person::Customer("nobody".to_owned());
    commit(&*store, completed("order-4", TaskState::Done)).await;
    commit(&*store, completed("order-5", TaskState::Done)).await;
    commit(&*store, completed("order-6", TaskState::Done)).await;
    let (scanned, erased) = erase(&*store, erasure("erasure-2", nobody)).await;
    assert_eq!((scanned, erased.orders), (3, 0));
}

pub async fn an_erasure_is_asked_for_once_and_forgets_whom_it_was_about(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let asked = erasure("erasure-1", Person::Customer("rosa".to_owned()));
    store.ask_erasure(asked.clone()).await.unwrap();
    let again = Erasure { requested_at: Timestamp(9), ..asked.clone() };
    store.ask_erasure(again).await.unwrap();
    let store = open();
    assert_eq!(store.open_erasures(Timestamp(1), 10).await.unwrap(), std::slice::from_ref(&asked));
    assert_eq!(store.erasure("erasure-1".to_owned()).await.unwrap(), Some(asked.clone()));
    store.close_erasures(vec!["erasure-1".to_owned()], Timestamp(5)).await.unwrap();
    assert_eq!(store.open_erasures(Timestamp(9), 10).await.unwrap(), []);
    let done = Erasure { person: None, done_at: Some(Timestamp(5)), ..asked };
    assert_eq!(store.erasure("erasure-1".to_owned()).await.unwrap(), Some(done));
    assert_eq!(store.erasure("erasure-2".to_owned()).await.unwrap(), None);
}
