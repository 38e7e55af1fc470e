//! Erasing persons.

use super::archive::{ALL, archive, completed};
use super::endpoints::house;
use super::{commit, placed};
use crate::domain::{MailAddress, Order, Restaurant, Timestamp};
use crate::store::{
    Commit, Contact, Erased, Erasure, Outcome, Person, Remembered, Store, TaskState, ToPublish,
    Wanted, key_scope,
};
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

fn erasure(id: &str, person: Person) -> Erasure {
    Erasure {
        erasure_id: id.to_owned(),
        person: Some(person),
        requested_at: Timestamp(1),
        done_at: None,
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

/// Erases in portions of two; the count.
async fn erase(store: &dyn Store, erasure: Erasure) -> Erased {
    let id = erasure.erasure_id.clone();
    store.ask_erasure(erasure).await.unwrap();
    let open = store.open_erasures(10).await.unwrap().remove(0);
    let (mut after, mut portions) = (String::new(), 0);
    while let Some(next) = store.erase_portion(open.clone(), after, 2).await.unwrap() {
        after = next;
        portions += 1;
    }
    assert!(portions >= 2, "{portions} portions");
    store.close_erasure(id.clone(), Timestamp(2)).await.unwrap();
    store.erasure(id).await.unwrap().unwrap().erased
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
    assert_eq!(erased, Erased { scanned: 5, orders: 2, contacts: 2, keys: 2 });
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
    assert_eq!(
        erased,
        Erased { scanned: 5, orders: 3, contacts: 4, keys: 3 },
        "her restaurant's too"
    );
    assert_eq!(left(&*store).await, (vec![2, 4], vec![2, 4]));
    let found = async |id: &str| store.restaurant(id.to_owned()).await.unwrap().unwrap();
    assert_eq!(found("rosas").await, Restaurant { mail: None, ..hers });
    assert_eq!(found("nino").await, other);
}

pub async fn an_order_in_compact_history_is_erased_too(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let orders = ["order-1", "order-2", "order-3"].map(|id| completed(id, TaskState::Done));
    let customer = orders[0][0].order.customer_id.clone();
    for order in orders {
        commit(&*store, order).await;
    }
    assert_eq!(archive(&*store, ALL).await.orders, 3);
    let erased = erase(&*store, erasure("erasure-1", Person::Customer(customer))).await;
    assert_eq!((erased.scanned, erased.orders, erased.contacts), (3, 3, 3));
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), None);
    let nobody = Person::Customer("nobody".to_owned());
    commit(&*store, completed("order-4", TaskState::Done)).await;
    commit(&*store, completed("order-5", TaskState::Done)).await;
    commit(&*store, completed("order-6", TaskState::Done)).await;
    let erased = erase(&*store, erasure("erasure-2", nobody)).await;
    assert_eq!((erased.scanned, erased.orders), (3, 0));
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
    assert_eq!(store.open_erasures(10).await.unwrap(), std::slice::from_ref(&asked));
    assert_eq!(store.erasure("erasure-1".to_owned()).await.unwrap(), Some(asked.clone()));
    store.close_erasure("erasure-1".to_owned(), Timestamp(5)).await.unwrap();
    assert_eq!(store.open_erasures(10).await.unwrap(), []);
    let done = Erasure { person: None, done_at: Some(Timestamp(5)), ..asked };
    assert_eq!(store.erasure("erasure-1".to_owned()).await.unwrap(), Some(done));
    assert_eq!(store.erasure("erasure-2".to_owned()).await.unwrap(), None);
}
