//! The restaurant and its menu: where prices come from.

use super::{Item, Rejection};
use serde::{Deserialize, Serialize};

/// A restaurant as the orders context knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restaurant {
    /// Chosen by whoever registers the restaurant.
    pub restaurant_id: String,
    /// Shown to customers.
    pub name: String,
    /// ISO 4217 code of every price on the menu.
    pub currency: String,
    /// What can be ordered.
    pub menu: Vec<MenuItem>,
    /// Where new orders are announced.
    pub webhook: Option<Webhook>,
    /// Where letters about its orders go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailAddress>,
}

/// A mail address: as personal as whoever reads it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailAddress(pub String);

impl std::fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

/// A dish and its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// Unique within the menu.
    pub item_id: String,
    /// Shown to customers.
    pub name: String,
    /// Price of one, in minor units of the restaurant's currency.
    pub price_minor: i64,
}

/// A place that receives signed announcements (Standard Webhooks).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Receives `POST`.
    pub url: String,
    /// `whsec_` and base64 of the signing key.
    pub secret: String,
}

impl std::fmt::Debug for Webhook {
    /// Shows neither the secret nor the address, which may carry a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(…)")
    }
}

impl Restaurant {
    /// Prices what a customer asks for from the menu. `wanted` is item ids and quantities.
    ///
    /// # Errors
    /// [`Rejection::UnknownItem`] names the position of the first item that the menu lacks.
    pub fn price(&self, wanted: &[(String, u32)]) -> Result<Vec<Item>, Rejection> {
        let price_one = |(at, (item_id, quantity)): (usize, &(String, u32))| {
            let dish = self.menu.iter().find(|dish| &dish.item_id == item_id);
            let dish = dish.ok_or(Rejection::UnknownItem { at })?;
            Ok(Item {
                item_id: item_id.clone(),
                name: dish.name.clone(),
                quantity: *quantity,
                unit_price_minor: dish.price_minor,
            })
        };
        wanted.iter().enumerate().map(price_one).collect()
    }
}
