//! How a restaurant stands to new orders: shown, and changed by itself or an operator.

use super::{App, Failure};
use crate::domain::{Availability, Opening, Role, Timestamp};

/// How often a change is made again because another came before it.
const ATTEMPTS: usize = 6;

/// What somebody says of a restaurant.
#[derive(Clone, Debug)]
pub struct SetAvailability {
    /// Whether it takes orders.
    pub opening: Opening,
    /// Until when, unless it is open.
    pub until: Option<Timestamp>,
    /// Why: a code.
    pub reason: Option<String>,
    /// How many orders may be in work at once; `None`: any number.
    pub capacity: Option<u32>,
    /// Who says so.
    pub by: Role,
}

impl App {
    /// How a restaurant stands to new orders.
    ///
    /// # Errors
    /// [`Failure::UnknownRestaurant`], [`Failure::Unavailable`].
    pub async fn availability(&self, restaurant_id: &str) -> Result<Availability, Failure> {
        self.restaurant(restaurant_id).await?.ok_or(Failure::UnknownRestaurant)?;
        let said = self.store.availability(restaurant_id.to_owned()).await?;
        Ok(said.unwrap_or_else(Availability::unsaid))
    }

    /// Says how it stands from now on, durably: orders that are placed once this returns are judged by
    /// it. Whoever speaks is there: orders that expired before are counted no more. `None`, and nothing
    /// has changed, if `only_at` is given and how it stands is of another version.
    ///
    /// # Errors
    /// [`Failure::UnknownRestaurant`], [`Failure::Contended`], [`Failure::Unavailable`].
    pub async fn set_availability(
        &self,
        restaurant_id: &str,
        said: SetAvailability,
        only_at: Option<i64>,
    ) -> Result<Option<Availability>, Failure> {
        for _ in 0..ATTEMPTS {
            let before = self.availability(restaurant_id).await?;
            if only_at.is_some_and(|version| version != before.version) {
                return Ok(None);
            }
            let next = Availability {
                version: before.version + 1,
                opening: said.opening,
                until: said.until,
                reason: said.reason.clone(),
                set_by: said.by,
                since: self.now(),
                capacity: said.capacity,
                expired_in_a_row: 0,
            };
            let id = restaurant_id.to_owned();
            if self.store.put_availability(id, next.clone()).await? {
                return Ok(Some(next));
            }
        }
        Err(Failure::Contended)
    }
}
