//! How many may listen to this process at a time, each of them and all together.

use chassis::signal::Signal;
use std::collections::{BTreeSet, HashMap};
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
    came_or_went: Signal,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    by: HashMap<String, usize>,
    /// Apps of restaurants, by restaurant.
    apps: HashMap<String, usize>,
}

impl Seats {
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, taken: Mutex::default(), came_or_went: Signal::new() }
    }

    pub fn limits(&self) -> StreamLimits {
        self.limits
    }

    /// Restaurants of which an app listens.
    pub fn connected(&self) -> BTreeSet<String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.apps.keys().cloned().collect()
    }

    /// Given when the first app of a restaurant listens, and when the last one leaves.
    pub fn came_or_went(&self) -> &Signal {
        &self.came_or_went
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
        Ok(Seat { seats: Arc::clone(self), who: who.to_owned(), app_of: None })
    }

    fn connect(&self, restaurant_id: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let apps = taken.apps.entry(restaurant_id.to_owned()).or_default();
        *apps += 1;
        if *apps == 1 {
            self.came_or_went.notify();
        }
    }

    fn give_back(&self, seat: &Seat) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all = taken.in_all.saturating_sub(1);
        one_fewer(&mut taken.by, &seat.who);
        if seat.app_of.as_ref().is_some_and(|id| one_fewer(&mut taken.apps, id)) {
            self.came_or_went.notify();
        }
        metrics::gauge!(LISTENING).set(taken.in_all as f64);
    }
}

/// Whether it was the last one.
fn one_fewer(counts: &mut HashMap<String, usize>, key: &str) -> bool {
    let Some(left) = counts.get_mut(key) else { return false };
    *left = left.saturating_sub(1);
    let is_last = *left == 0;
    if is_last {
        counts.remove(key);
    }
    is_last
}

/// One stream of somebody, until it is dropped.
pub struct Seat {
    seats: Arc<Seats>,
    who: String,
    app_of: Option<String>,
}

impl Seat {
    /// From now on it is that of an app of this restaurant, which counts as connected.
    pub fn connect(&mut self, restaurant_id: &str) {
        if self.app_of.is_none() {
            self.seats.connect(restaurant_id);
            self.app_of = Some(restaurant_id.to_owned());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.give_back(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_of_each_and_for_so_many_in_all() {
        let limits = StreamLimits { per_principal: 2, in_all: 3, ..StreamLimits::standard() };
        let seats = Arc::new(Seats::new(limits));
        let take = |who: &str| seats.take(who);
        let mut chef = [take("chef").unwrap(), take("chef").unwrap()];
        assert_eq!(take("chef").err(), Some(NoSeat::OfPrincipal(2)));
        let mut waiter = take("waiter").unwrap();
        assert_eq!(take("nonna").err(), Some(NoSeat::InAll));
        assert_eq!(seats.connected(), [].into());
        let [first, second] = &mut chef;
        first.connect("nino");
        second.connect("nino");
        waiter.connect("bombay");
        assert_eq!(seats.connected(), ["bombay", "nino"].map(str::to_owned).into());
        drop(waiter);
        assert_eq!(seats.connected(), ["nino"].map(str::to_owned).into());
        let nonna = take("nonna").unwrap();
        drop(chef);
        drop(nonna);
        let taken = seats.taken.lock().unwrap();
        assert_eq!(
            (taken.in_all, taken.by.len(), taken.apps.len()),
            (0, 0, 0),
            "nobody is remembered who has left"
        );
    }
}
