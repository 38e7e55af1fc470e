//! How the journal is divided among relays.
//!
//! Every order belongs to one of [`SLOTS`] slots for ever, and a slot to one shard as long as a
//! generation lasts. A new generation begins at a position of the journal that no reader of the one
//! before ever passes; it is opened once all before it is published. So an order's events are never
//! published by two relays at a time, whatever the number of shards becomes.

use sha2::{Digest, Sha256};

/// How many slots there are: each number of shards up to the most divides it.
pub const SLOTS: u16 = 840;

/// The most shards.
pub const MOST_SHARDS: i32 = 8;

/// The slot of an order: the first two bytes of the SHA-256 of its id, modulo [`SLOTS`].
#[must_use]
pub fn slot(order_id: &str) -> u16 {
    let hash = Sha256::digest(order_id.as_bytes());
    u16::from_be_bytes([hash[0], hash[1]]) % SLOTS
}

/// The time during which the number of shards stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// From 1.
    pub number: i64,
    /// From 1 to [`MOST_SHARDS`].
    pub shards: i32,
    /// Its events are those after this position of the journal.
    pub begins_after: i64,
}

impl Generation {
    /// What there is without a choice: one shard for everything.
    pub const ONLY: Self = Self { number: 1, shards: 1, begins_after: 0 };

    /// The shard that publishes the events of an order, from 0.
    #[must_use]
    pub fn shard_of(&self, order_id: &str) -> i32 {
        i32::from(slot(order_id)) % self.shards.max(1)
    }
}

/// How the journal is divided at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// The one that is being published.
    pub active: Generation,
    /// The one that begins once that is published to its end.
    pub next: Option<Generation>,
}

/// What became of the wish for another number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resharded {
    /// It is so already, or will be once the generation before is published.
    Already,
    /// A new generation has begun.
    Begun,
    /// Another change is under way, to so many shards.
    UnderWay(i32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_of_an_order_never_changes() {
        for (order_id, at) in
            [("order-1", 471), ("order-2", 590), ("01890a5d-ac96-774b-bcce-b302099a8057", 309)]
        {
            assert_eq!(slot(order_id), at, "{order_id}");
        }
    }

    #[test]
    fn every_number_of_shards_divides_the_slots_evenly() {
        for shards in 1..=MOST_SHARDS {
            assert_eq!(i32::from(SLOTS) % shards, 0);
            let generation = Generation { shards, ..Generation::ONLY };
            let mut orders = vec![0; shards as usize];
            for number in 0..4_000 {
                orders[generation.shard_of(&format!("order-{number}")) as usize] += 1;
            }
            let fair = 4_000 / shards;
            assert!(orders.iter().all(|count| (count - fair).abs() < fair / 4), "{orders:?}");
        }
    }
}
