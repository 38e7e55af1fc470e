//! Tickets: whoever takes one has it, and nobody else ever.

use crate::domain::tests::mother::after;
use crate::store::Store;
use crate::store::ticket::Ticket;
use std::sync::Arc;

pub fn ticket(number: u8, good_until_us: i64) -> Ticket {
    Ticket {
        digest: vec![number; 32],
        restaurant_id: "nino".to_owned(),
        role: "restaurant".to_owned(),
        subject: "chef".to_owned(),
        good_until: after(good_until_us),
        listens_until: after(1_000),
    }
}

pub async fn a_ticket_is_taken_once(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    store.keep_ticket(ticket(1, 30)).await.unwrap();
    store.keep_ticket(ticket(2, 30)).await.unwrap();
    assert_eq!(store.take_ticket(vec![3; 32]).await.unwrap(), None, "nobody has given it out");
    let elsewhere = open();
    assert_eq!(elsewhere.take_ticket(vec![1; 32]).await.unwrap(), Some(ticket(1, 30)));
    assert_eq!(store.take_ticket(vec![1; 32]).await.unwrap(), None);
    assert_eq!(store.take_ticket(vec![2; 32]).await.unwrap(), Some(ticket(2, 30)));
}

pub async fn of_many_who_take_a_ticket_one_gets_it(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    for round in 0..5 {
        store.keep_ticket(ticket(round, 30)).await.unwrap();
        let take = |store: Arc<dyn Store>| {
            tokio::spawn(async move { store.take_ticket(vec![round; 32]).await.unwrap() })
        };
        let taking: Vec<_> = (0..8).map(|_| take(Arc::clone(&store))).collect();
        let mut taken = 0;
        for one in taking {
            taken += usize::from(one.await.unwrap().is_some());
        }
        assert_eq!(taken, 1);
    }
}

pub async fn old_tickets_are_forgotten_and_good_ones_are_not(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    for (number, good_until_us) in [(1, 10), (2, 20), (3, 30), (4, 31)] {
        store.keep_ticket(ticket(number, good_until_us)).await.unwrap();
    }
    assert_eq!(store.forget_tickets(after(30), 2).await.unwrap(), 2);
    assert_eq!(store.forget_tickets(after(30), 2).await.unwrap(), 1);
    assert_eq!(store.forget_tickets(after(30), 2).await.unwrap(), 0);
    assert_eq!(store.take_ticket(vec![3; 32]).await.unwrap(), None);
    assert_eq!(store.take_ticket(vec![4; 32]).await.unwrap(), Some(ticket(4, 31)));
}
