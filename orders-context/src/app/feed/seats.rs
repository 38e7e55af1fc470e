//! How many may listen to this process at a time, each of them and all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many listen at present.
const LISTENING: &str = "orders_feed_streams";

/// Bounds of the streams of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// How many one principal may hold.
    pub per_principal: usize,
    /// How many all of them may hold together.
    pub in_all: usize,
    /// How long one lasts at most: then its client comes back, behind what it was told last.
    pub lasts: Duration,
}

impl StreamLimits {
    /// What holds where nothing else is said.
    #[must_use]
    pub const fn standard() -> Self {
        Self { per_principal: 10, in_all: 4_096, lasts: Duration::from_secs(3_600) }
    }
}

/// There is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// This principal holds as many as one may.
    #[error("You hold {0} streams already, as many as one may: end one of them first.")]
    OfPrincipal(usize),
    /// This process holds as many as it can.
    #[error("As many listen as this instance has room for; try again in a moment.")]
    InAll,
}

/// Who listens.
pub struct Seats {
    limits: StreamLimits,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    by: HashMap<String, usize>,
}

impl Seats {
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, taken: Mutex::default() }
    }

    pub fn limits(&self) -> StreamLimits {
        self.limits
    }

    /// A seat for `who`, as long as it is kept.
    ///
    /// # Errors
    /// [`NoSeat`].
    pub fn take(self: &Arc<Self>, who: &str) -> Result<Seat, NoSeat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.by.get(who).copied().unwrap_or(0) >= self.limits.per_principal {
            return Err(NoSeat::OfPrincipal(self.limits.per_principal));
        }
        if taken.in_all >= self.limits.in_all {
            return Err(NoSeat::InAll);
        }
        taken.in_all += 1;
        *taken.by.entry(who.to_owned()).or_default() += 1;
        metrics::gauge!(LISTENING).set(taken.in_all as f64);
        Ok(Seat { seats: Arc::clone(self), who: who.to_owned() })
    }

    fn give_back(&self, who: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all = taken.in_all.saturating_sub(1);
        if let Some(left) = taken.by.get_mut(who) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                taken.by.remove(who);
            }
        }
        metrics::gauge!(LISTENING).set(taken.in_all as f64);
    }
}

/// One stream of somebody, until it is dropped.
pub struct Seat {
    seats: Arc<Seats>,
    who: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.give_back(&self.who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_of_each_and_for_so_many_in_all() {
        let limits = StreamLimits { per_principal: 2, in_all: 3, ..StreamLimits::standard() };
        let seats = Arc::new(Seats::new(limits));
        let chef = [seats.take("chef").unwrap(), seats.take("chef").unwrap()];
        assert_eq!(seats.take("chef").err(), Some(NoSeat::OfPrincipal(2)));
        let waiter = seats.take("waiter").unwrap();
        assert_eq!(seats.take("nonna").err(), Some(NoSeat::InAll));
        drop(waiter);
        let nonna = seats.take("nonna").unwrap();
        drop(chef);
        drop(nonna);
        let taken = seats.taken.lock().unwrap();
        assert_eq!((taken.in_all, taken.by.len()), (0, 0), "nobody is remembered who has left");
    }
}
