//! Tokens for the local stack, as `orders token` makes them.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use chassis::{
    clock::{Clock, SystemClock},
    http::auth::LocalIssuer,
};
use serde_json::{Map, json};

/// Longer than a test's clock is ever moved.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// Makes tokens with the key of one stack.
#[derive(Clone)]
pub struct Tokens(Arc<LocalIssuer>);

impl Tokens {
    /// Tokens signed with the key in that file, which is made if there is none.
    pub fn of(key: &Path) -> Result<Self> {
        Ok(Self(Arc::new(LocalIssuer::open(key)?)))
    }

    /// For the customer with this id.
    pub fn customer(&self, id: &str) -> Result<String> {
        self.mint("customer", id, &[])
    }

    /// For somebody of this restaurant.
    pub fn restaurant(&self, id: &str) -> Result<String> {
        self.mint("restaurant", "chef", &[id])
    }

    /// For who looks after the system.
    pub fn operator(&self) -> Result<String> {
        self.mint("operator", "olga", &[])
    }

    /// For a system of ours.
    pub fn service(&self) -> Result<String> {
        self.mint("service", "tests", &[])
    }

    fn mint(&self, role: &str, subject: &str, restaurants: &[&str]) -> Result<String> {
        let mut claims = Map::new();
        claims.insert("role".to_owned(), role.into());
        if !restaurants.is_empty() {
            claims.insert("restaurants".to_owned(), json!(restaurants));
        }
        self.0.mint("takeaway", subject, claims, SystemClock.now_us(), VALID_FOR)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}
