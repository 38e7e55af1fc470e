//! `orders token`: tokens for the local stack.

use crate::http::Role;
use anyhow::ensure;
use chassis::clock::{Clock, SystemClock};
use chassis::config::Settings;
use chassis::http::auth::{AuthConfig, Environment, LocalIssuer};
use clap::Args;
use serde_json::Map;
use std::time::Duration;

/// What the token shall say.
#[derive(Args)]
pub struct Wish {
    /// `customer`, `restaurant`, `operator` or `service`.
    #[arg(long, value_parser = role)]
    role: Role,
    /// Whom it stands for; a customer's id.
    #[arg(long)]
    subject: String,
    /// The id of a restaurant it is for; may be repeated.
    #[arg(long = "restaurant")]
    restaurants: Vec<String>,
    /// For how many hours it shall count.
    #[arg(long, default_value_t = 12)]
    hours: u64,
}

impl Wish {
    /// One for an operator, for an hour.
    #[must_use]
    pub fn of_operator(subject: &str) -> Self {
        let (role, subject) = (Role::Operator, subject.to_owned());
        Self { role, subject, restaurants: Vec::new(), hours: 1 }
    }
}

fn role(word: &str) -> Result<Role, String> {
    let known: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    Role::from_word(word).ok_or_else(|| format!("is none of {}", known.join(", ")))
}

/// A token signed with the key of this machine, which is made if there is none.
///
/// # Errors
/// When the key cannot be read or made, or this is a production environment.
pub fn mint(wish: &Wish) -> anyhow::Result<String> {
    let mut settings = Settings::from_env();
    let auth = AuthConfig::from_settings(&mut settings);
    let auth = settings.finish(auth)?;
    ensure!(
        auth.environment == Environment::Development && auth.jwks.is_none(),
        "tokens are your issuer's to make where TOKEN_JWKS or TAKEAWAY_ENV=production is set"
    );
    let is_restaurant = wish.role == Role::Restaurant;
    ensure!(
        is_restaurant != wish.restaurants.is_empty(),
        "the role restaurant, and no other, needs --restaurant with an id"
    );
    let mut claims = Map::new();
    claims.insert("role".to_owned(), wish.role.as_str().into());
    if is_restaurant {
        claims.insert("restaurants".to_owned(), wish.restaurants.clone().into());
    }
    let valid_for = Duration::from_secs(wish.hours.saturating_mul(3_600));
    let issuer = LocalIssuer::open(&auth.local_key)?;
    issuer.mint(&auth.audience, &wish.subject, claims, SystemClock.now_us(), valid_for)
}
