//! Register a restaurant or change its menu, and look it up on the way to each order.

use super::{App, Failure};
use crate::domain::Restaurant;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a menu is served from memory: another instance's change is seen after this.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// How many restaurants are kept; beyond that the memory starts anew.
const KEPT: usize = 10_000;

/// Restaurants looked up recently.
#[derive(Default)]
pub struct Restaurants(RwLock<HashMap<String, (Instant, Arc<Restaurant>)>>);

impl Restaurants {
    fn recent(&self, id: &str) -> Option<Arc<Restaurant>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (read_at, restaurant) = kept.get(id)?;
        (read_at.elapsed() < FRESH_FOR).then(|| Arc::clone(restaurant))
    }

    fn keep(&self, restaurant: &Arc<Restaurant>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        let id = restaurant.restaurant_id.clone();
        kept.insert(id, (Instant::now(), Arc::clone(restaurant)));
    }

    fn forget(&self, id: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl App {
    /// Creates or replaces a restaurant, durably. Orders keep the prices they were placed at.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn register_restaurant(&self, restaurant: Restaurant) -> Result<(), Failure> {
        let id = restaurant.restaurant_id.clone();
        let stored = self.store.put_restaurant(restaurant).await;
        self.restaurants.forget(&id);
        Ok(stored?)
    }

    /// The restaurant with this id, at most a second old.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn restaurant(&self, id: &str) -> Result<Option<Arc<Restaurant>>, Failure> {
        if let Some(recent) = self.restaurants.recent(id) {
            return Ok(Some(recent));
        }
        let found = self.store.restaurant(id.to_owned()).await?.map(Arc::new);
        if let Some(restaurant) = &found {
            self.restaurants.keep(restaurant);
        }
        Ok(found)
    }
}
