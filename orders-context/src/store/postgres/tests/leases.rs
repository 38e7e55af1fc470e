//! Work that only one instance may do at a time changes hands, and never has two of them.

use super::server::Place;
use crate::leases::Leases;
use crate::store::{Claim, Store};
use chassis::shutdown::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

fn claim(owner: &str, for_ms: i64) -> Claim {
    Claim { name: "oven".to_owned(), owner: owner.to_owned(), for_ms }
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends() {
    let place = Place::migrated();
    let store = place.store();
    let take = async |owner, for_ms| store.take_lease(claim(owner, for_ms)).await.unwrap();
    assert_eq!(take("nonna", 60_000).await, Some(1));
    assert_eq!(take("mario", 60_000).await, None, "it is hers");
    assert_eq!(take("nonna", 60_000).await, Some(1), "prolonged");
    store.give_back_lease(claim("mario", 0)).await.unwrap();
    assert_eq!(take("mario", 60_000).await, None, "nobody gives back what is not theirs");
    store.give_back_lease(claim("nonna", 0)).await.unwrap();
    assert_eq!(take("mario", 0).await, Some(2), "given back, and a new token");
    assert_eq!(take("nonna", 60_000).await, Some(3), "his ran out");
}

/// Counts who is at work, and says so once.
struct Kitchen {
    at_work: AtomicUsize,
    most: AtomicUsize,
    began: mpsc::UnboundedSender<&'static str>,
}

impl Kitchen {
    async fn work(self: Arc<Self>, who: &'static str, stop: Shutdown) -> anyhow::Result<()> {
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(at_work, Ordering::SeqCst);
        self.began.send(who)?;
        stop.cancelled().await;
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_hands_the_work_over_at_once_and_a_death_after_a_while() {
    let place = Place::migrated();
    let store: Arc<dyn Store> = Arc::new(place.store());
    let (began, mut begins) = mpsc::unbounded_channel();
    let (at_work, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let kitchen = Arc::new(Kitchen { at_work, most, began });
    let start = |who: &'static str| {
        let leases = Leases::new(Arc::clone(&store), who.to_owned());
        let (stop, kitchen) = (Shutdown::new(), Arc::clone(&kitchen));
        let work = move |_, stop| Arc::clone(&kitchen).work(who, stop);
        (tokio::spawn(leases.run("oven", work, stop.clone())), stop)
    };
    let mut next = async || {
        let next = tokio::time::timeout(Duration::from_secs(20), begins.recv()).await;
        next.expect("somebody takes over").expect("the kitchen is open")
    };
    let (nonna, nonna_stop) = start("nonna");
    assert_eq!(next().await, "nonna");
    let (mario, _mario_stop) = start("mario");
    nonna_stop.cancel();
    nonna.await.unwrap().unwrap();
    assert_eq!(next().await, "mario");
    let (_luca, _luca_stop) = start("luca");
    mario.abort();
    assert_eq!(next().await, "luca", "nobody gave it back: it ran out");
    assert_eq!(kitchen.most.load(Ordering::SeqCst), 1, "never two at once");
}
