//! What a new endpoint must be like, and for how long an older key signs on.

use super::super::faults::{Faults, URL_RULE, server_url};
use super::super::problem::Answer;
use crate::app::{EndpointWanted, Reach};
use crate::domain::{DeliveryState, Heard, Profile, Signing, Url};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Characters of an address.
const LONGEST_URL: usize = 2_000;

/// How long the key before signs too where nothing is said: a day.
const OVERLAP_SECONDS: i64 = 24 * 3_600;

/// And the longest: a week.
const MOST_OVERLAP_SECONDS: i64 = 7 * 24 * 3_600;

/// A place that is to hear of a restaurant's orders.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Receives `POST`.
    #[schema(format = "uri", max_length = 2_000, example = "https://nino.example/hooks")]
    url: String,
    /// What it wants to hear of; everything if it is left out. With `order_placed` it hears of
    /// `order_redriven` too when an order that had expired waits for an answer again.
    #[schema(min_items = 1)]
    events: Option<Vec<Heard>>,
    /// How it is signed to: `hmac` if it is left out.
    signing: Option<Signing>,
    /// How a failed attempt is repeated: `urgent` if it is left out.
    profile: Option<Profile>,
}

/// For how long the older key signs on.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// In seconds; a day if it is left out. With 0 no older key signs any more.
    #[schema(minimum = 0, maximum = 604_800, example = 86_400)]
    overlap_seconds: Option<i64>,
}

impl NewEndpoint {
    /// What is wanted, if it makes sense.
    pub fn wanted(self, restaurant_id: String, reach: Reach) -> Answer<EndpointWanted> {
        let mut faults = Faults::default();
        match server_url(&self.url) {
            Some(_) if self.url.len() > LONGEST_URL => {
                faults.at("/url", "must be 2000 characters or fewer");
            }
            Some(url) if !reach.allows(&url) => {
                faults.at("/url", "must not lead to an address that is not public");
            }
            Some(_) => {}
            None => faults.at("/url", URL_RULE),
        }
        let mut events = self.events.unwrap_or_else(|| Heard::ALL.to_vec());
        if events.is_empty() {
            faults.at("/events", "must name one event at least; leave it out for all");
        }
        events.sort_unstable();
        events.dedup();
        faults.none()?;
        Ok(EndpointWanted {
            restaurant_id,
            url: Url(self.url),
            events,
            signing: self.signing.unwrap_or(Signing::Hmac),
            profile: self.profile.unwrap_or(Profile::Urgent),
        })
    }
}

impl Rotation {
    /// In milliseconds, if it makes sense.
    pub fn overlap_ms(&self) -> Answer<i64> {
        let mut faults = Faults::default();
        let seconds = self.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        if !(0..=MOST_OVERLAP_SECONDS).contains(&seconds) {
            faults.at("/overlap_seconds", "must be from 0 to 604800");
        }
        faults.none()?;
        Ok(seconds * 1_000)
    }
}

macro_rules! words_of {
    ($($words:ident: $what:literal,)*) => {$(
        impl PartialSchema for $words {
            fn schema() -> RefOr<Schema> {
                let words = Self::ALL.iter().map(|word| word.as_str());
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(words))
                    .description(Some($what))
                    .into()
            }
        }

        impl ToSchema for $words {}
    )*};
}

words_of! {
    DeliveryState: "How a delivery stands: `pending`, `done`, or `given_up` when it became pointless.",
    Heard: "An event of an order.",
    Signing: "How an endpoint is signed to: `hmac` (`v1`, both sides have the secret) or `ed25519` \
        (`v1a`, the receiver has the public key).",
    Profile: "How a failed attempt is repeated: `urgent` after 1, 2, 4, 8, 16, 32 and then 60 seconds; \
        `patient` after 5 and 30 seconds, 2, 10 and 30 minutes and then each hour.",
}
