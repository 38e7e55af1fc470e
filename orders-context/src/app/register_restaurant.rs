//! Register a restaurant or change its menu, and look it up on the way to each order.

use super::{App, Failure};
use crate::domain::{Announce, Endpoint, Heard, Restaurant};
use crate::store;
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

/// A restaurant, with how it learns of new orders.
#[derive(Clone)]
pub(super) struct Known {
    pub restaurant: Arc<Restaurant>,
    pub announce: Announce,
}

#[derive(Default)]
struct Menus {
    kept: HashMap<String, (Instant, Known)>,
    /// How many restaurants this process has changed.
    changes: u64,
}

impl Restaurants {
    /// The restaurant, if it is remembered, and else what to say to [`Restaurants::keep`].
    fn recent(&self, id: &str, is_shared: bool) -> Result<Known, u64> {
        let menus = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match menus.kept.get(id) {
            Some((read_at, known)) if !is_shared || read_at.elapsed() < FRESH_FOR => {
                Ok(known.clone())
            }
            _ => Err(menus.changes),
        }
    }

    /// The restaurant, if it is remembered, however old that is.
    fn remembered(&self, id: &str) -> Option<Arc<Restaurant>> {
        let menus = self.0.read().unwrap_or_else(PoisonError::into_inner);
        menus.kept.get(id).map(|(_, known)| Arc::clone(&known.restaurant))
    }

    /// Keeps what was read, unless something was changed since: it may have been that.
    fn keep(&self, known: &Known, changes: u64) {
        let mut menus = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if menus.changes != changes {
            return;
        }
        if menus.kept.len() >= KEPT {
            menus.kept.clear();
        }
        let id = known.restaurant.restaurant_id.clone();
        menus.kept.insert(id, (Instant::now(), known.clone()));
    }

    /// What is remembered of all restaurants, or is being read, is no longer true.
    pub(super) fn forget_all(&self) {
        let mut menus = self.0.write().unwrap_or_else(PoisonError::into_inner);
        menus.changes += 1;
        menus.kept.clear();
    }

    /// What is remembered of the restaurant, or is being read, is no longer true.
    pub(super) fn forget(&self, id: &str) {
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
        let (store, id) = (Arc::clone(&self.store), restaurant.restaurant_id.clone());
        self.change_restaurant(&id, async move { store.put_restaurant(restaurant).await }).await
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
        let (store, id) = (Arc::clone(&self.store), next.restaurant_id.clone());
        self.change_restaurant(&id, async move { store.replace_restaurant(before, next).await })
            .await
    }

    /// Carries a change out and then forgets what was remembered, even if who asked for it does not wait:
    /// what is stored afterwards would not be what is remembered.
    pub(super) async fn change_restaurant<T: Send + 'static>(
        &self,
        id: &str,
        change: impl Future<Output = Result<T, store::Error>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (restaurants, id) = (Arc::clone(&self.restaurants), id.to_owned());
        let changing = tokio::spawn(async move {
            let changed = change.await;
            restaurants.forget(&id);
            changed
        });
        Ok(changing.await.map_err(|panicked| Failure::Unavailable(panicked.into()))??)
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
        Ok(self.known_restaurant(id).await?.map(|known| known.restaurant))
    }

    /// Whether letters are all that is sent to the restaurant itself, as far as this process remembers.
    #[must_use]
    pub fn has_mail_alone(&self, id: &str) -> bool {
        let remembered = self.restaurants.remembered(id);
        remembered.is_some_and(|known| known.mail.is_some() && known.webhook.is_none())
    }

    /// The restaurant as [`App::restaurant`] gives it, with how it learns of new orders.
    pub(super) async fn known_restaurant(&self, id: &str) -> Result<Option<Known>, Failure> {
        let changes = match self.restaurants.recent(id, self.store.is_shared()) {
            Ok(recent) => return Ok(Some(recent)),
            Err(changes) => changes,
        };
        let Some(restaurant) = self.store.restaurant(id.to_owned()).await? else {
            return Ok(None);
        };
        let announce = self.announcing_to(&restaurant).await?;
        let known = Known { restaurant: Arc::new(restaurant), announce };
        self.restaurants.keep(&known, changes);
        Ok(Some(known))
    }

    /// The endpoints of a restaurant, but those that cannot be read, unless that is all of them.
    pub(super) async fn endpoints_to_tell(&self, id: &str) -> Result<Vec<Endpoint>, Failure> {
        let readable = self.store.endpoints_of(vec![id.to_owned()]).await?;
        Ok(match readable.is_empty() {
            true => self.store.endpoints(id.to_owned()).await?,
            false => readable,
        })
    }

    /// A paused endpoint is a channel all the same: it may be resumed at any moment.
    async fn announcing_to(&self, restaurant: &Restaurant) -> Result<Announce, Failure> {
        if restaurant.webhook.is_some() {
            return Ok(Announce::ByWebhook);
        }
        if restaurant.mail.is_some() {
            return Ok(Announce::ByMailOrEndpoint);
        }
        let endpoints = self.endpoints_to_tell(&restaurant.restaurant_id).await?;
        Ok(match endpoints.iter().any(|to| to.events.contains(&Heard::OrderPlaced)) {
            true => Announce::ByMailOrEndpoint,
            false => Announce::NotAtAll,
        })
    }
}
