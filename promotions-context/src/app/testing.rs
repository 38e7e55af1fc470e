//! A taker on a store of its own, and the orders that it takes in tests.

use std::sync::Arc;

use chassis::clock::ManualClock;
use chassis::ids::SequentialIds;

use super::{CodeKey, Rules, Taker};
use crate::domain::Campaign;
use crate::store::Store;

/// Five euros for every order from fifteen euros on.
pub fn five_euros_from_fifteen() -> Campaign {
    Campaign {
        id: "thanks".into(),
        minimum_minor: 1500,
        value_minor: 500,
        currency: "EUR".into(),
        voucher_minimum_minor: 1000,
        valid_days: 30,
    }
}

/// A taker of that campaign.
pub fn new_taker(store: &Store, clock: &ManualClock) -> Taker {
    let rules = Rules {
        campaign: five_euros_from_fifteen(),
        key: CodeKey::from([0x7a; 32]),
        clock: Arc::new(clock.clone()),
        ids: Arc::new(SequentialIds::new()),
    };
    Taker::new(store.writer().expect("a connection"), rules)
}
