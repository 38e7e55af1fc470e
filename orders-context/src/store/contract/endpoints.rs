//! Endpoints of restaurants: made once, changed by one at a time, removed.

use crate::domain::tests::mother::EVENING;
use crate::domain::{Endpoint, Heard, Key, PausedBy, Profile, Restaurant, Url};
use crate::store::{Added, NewEndpoint, Store};
use std::sync::Arc;
use tokio::task::JoinSet;

pub const HOUSE: &str = "bella-napoli";

/// An endpoint that wants everything.
pub fn endpoint(endpoint_id: &str) -> Endpoint {
    Endpoint {
        endpoint_id: endpoint_id.to_owned(),
        restaurant_id: HOUSE.to_owned(),
        round: 1,
        url: Url("https://napoli.example/hooks".to_owned()),
        events: Heard::ALL.to_vec(),
        profile: Profile::Urgent,
        key: Key::Hmac("whsec_Rm9yIHRlc3RzIG9ubHksIG5vIHNlY3JldCE=".to_owned()),
        key_is_first: true,
        retiring: Vec::new(),
        created_at: EVENING,
        failing_since: None,
        pause: None,
    }
}

/// A restaurant without a menu.
pub fn house() -> Restaurant {
    Restaurant {
        restaurant_id: HOUSE.to_owned(),
        name: "Bella Napoli".to_owned(),
        currency: "EUR".to_owned(),
        menu: Vec::new(),
        webhook: None,
        mail: None,
    }
}

fn new(endpoint_id: &str) -> NewEndpoint {
    let key = format!("key of {endpoint_id}");
    NewEndpoint { endpoint: endpoint(endpoint_id), key, request_hash: vec![7; 32] }
}

/// Makes it, with room for a hundred.
pub async fn add(store: &dyn Store, endpoint: Endpoint) {
    let new = NewEndpoint { key: endpoint.endpoint_id.clone(), endpoint, request_hash: vec![7] };
    assert_eq!(store.add_endpoint(new, 100).await.unwrap(), Added::New);
}

async fn of(store: &dyn Store, restaurant_id: &str) -> Vec<Endpoint> {
    store.endpoints(restaurant_id.to_owned()).await.expect("the store answers")
}

pub async fn an_endpoint_is_made_once_for_each_key(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let absent = store.add_endpoint(new("endpoint-1"), 5).await.unwrap();
    assert_eq!(absent, Added::NoRestaurant);
    store.put_restaurant(house()).await.unwrap();
    assert_eq!(store.add_endpoint(new("endpoint-1"), 5).await.unwrap(), Added::New);
    assert_eq!(store.add_endpoint(new("endpoint-2"), 5).await.unwrap(), Added::New);
    drop(store);
    let store = open();
    let again = NewEndpoint { key: "key of endpoint-1".to_owned(), ..new("endpoint-3") };
    let before =
        Added::Before { request_hash: vec![7; 32], endpoint: endpoint("endpoint-1").into() };
    assert_eq!(store.add_endpoint(again, 2).await.unwrap(), before, "also where there is no room");
    assert_eq!(of(&*store, HOUSE).await, [endpoint("endpoint-1"), endpoint("endpoint-2")]);
    assert_eq!(of(&*store, "nino").await, []);
}

pub async fn a_restaurant_has_no_more_endpoints_than_it_may(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    store.put_restaurant(house()).await.unwrap();
    let mut racing = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&store);
        let new = new(&format!("endpoint-{number}"));
        racing.spawn(async move { store.add_endpoint(new, 3).await.unwrap() });
    }
    let added = racing.join_all().await;
    assert_eq!(added.iter().filter(|added| **added == Added::New).count(), 3, "{added:?}");
    assert_eq!(added.iter().filter(|added| **added == Added::TooMany).count(), 5, "{added:?}");
    assert_eq!(of(&*store, HOUSE).await.len(), 3);
}

pub async fn an_endpoint_is_changed_by_one_at_a_time(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    store.put_restaurant(house()).await.unwrap();
    add(&*store, endpoint("endpoint-1")).await;
    let rotated = |secret: &str| {
        let rotated = endpoint("endpoint-1").rotated(Key::Hmac(secret.to_owned()), EVENING, 1_000);
        rotated.expect("room for a key")
    };
    assert!(store.replace_endpoint(rotated("whsec_QQ==")).await.unwrap());
    assert!(!store.replace_endpoint(rotated("whsec_Qg==")).await.unwrap(), "somebody was faster");
    let third = rotated("whsec_QQ==").paused(PausedBy::Failing, EVENING);
    assert!(store.replace_endpoint(third.clone()).await.unwrap());
    assert!(!store.replace_endpoint(endpoint("endpoint-9")).await.unwrap(), "there is none");
    assert_eq!(of(&*store, HOUSE).await, [third]);
}

pub async fn an_endpoint_is_removed_by_its_restaurant(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    store.put_restaurant(house()).await.unwrap();
    for id in ["endpoint-1", "endpoint-2"] {
        add(&*store, endpoint(id)).await;
    }
    let remove = async |house: &str, id: &str| {
        store.remove_endpoint(house.to_owned(), id.to_owned()).await.unwrap()
    };
    assert!(!remove("nino", "endpoint-1").await, "it is another's");
    assert!(remove(HOUSE, "endpoint-1").await);
    assert!(!remove(HOUSE, "endpoint-1").await);
    assert_eq!(of(&*store, HOUSE).await, [endpoint("endpoint-2")]);
    add(&*store, endpoint("endpoint-1")).await;
}
