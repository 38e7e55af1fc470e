//! Register a restaurant or change its menu, and look it up on the way to each order.

use super::{App, Failure};
use crate::domain::Restaurant;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a menu is served from memory where other instances may change it too.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// How many restaurants are kept; beyond that the memory starts anew.
const KEPT: usize = 10_000;

/// Restaurants looked up recently.
#[derive(Default)]
pub struct Restaurants(RwLock<Menus>);

#[derive(Default)]
struct Menus {
    kept: HashMap<String, (Instant, Arc<Restaurant>)>,
    /// How many restaurants this process has changed.
    changes: u64,
}

impl Restaurants {
    /// The restaurant, if it is remembered, and else what to say to [`Restaurants::keep`].
    fn recent(&self, id: &str, is_shared: bool) -> Result<Arc<Restaurant>, u64> {
        let menus = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match menus.kept.get(id) {
            Some((read_at, restaurant)) if !is_shared || read_at.elapsed() < FRESH_FOR => {
                Ok(Arc::clone(restaurant))
            }
            _ => Err(menus.changes),
        }
    }

    /// Keeps what was read, unless something was changed since: it may have been that.
    fn keep(&self, restaurant: &Arc<Restaurant>, changes: u64) {
        let mut menus = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if menus.changes != changes {
            return;
        }
        if menus.kept.len() >= KEPT {
            menus.kept.clear();
        }
        let id = restaurant.restaurant_id.clone();
        menus.kept.insert(id, (Instant::now(), Arc::clone(restaurant)));
    }

    fn forget(&self, id: &str) {
        let mut menus = self.0.write().unwrap_or_else(PoisonError::into_inner);
        menus.changes += 1;
        menus.kept.remove(id);
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

    /// Replaces a restaurant, durably, if it is still `before`; whether it was.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn replace_restaurant(
        &self,
        before: Restaurant,
        next: Restaurant,
    ) -> Result<bool, Failure> {
        let id = next.restaurant_id.clone();
        let replaced = self.store.replace_restaurant(before, next).await;
        self.restaurants.forget(&id);
        Ok(replaced?)
    }

    /// The restaurant with this id as it is stored, whoever changed it last.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn stored_restaurant(&self, id: &str) -> Result<Option<Restaurant>, Failure> {
        Ok(self.store.restaurant(id.to_owned()).await?)
    }

    /// The restaurant with this id as this process left it, and where other instances may change it
    /// too, at most a second old.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn restaurant(&self, id: &str) -> Result<Option<Arc<Restaurant>>, Failure> {
        let changes = match self.restaurants.recent(id, self.store.is_shared()) {
            Ok(recent) => return Ok(Some(recent)),
            Err(changes) => changes,
        };
        let found = self.store.restaurant(id.to_owned()).await?.map(Arc::new);
        if let Some(restaurant) = &found {
            self.restaurants.keep(restaurant, changes);
        }
        Ok(found)
    }
}
