//! Endpoints of restaurants as they are kept. Each change of one is compared with the round before.

use super::Answer;
use crate::domain::Endpoint;

/// Keeps endpoints.
pub trait Endpoints: Send + Sync {
    /// Keeps a new endpoint, unless its key was used before, its restaurant has `most` already, or there
    /// is no such restaurant. Of many at once no more find room than there is.
    fn add_endpoint(&self, new: NewEndpoint, most: usize) -> Answer<'_, Added>;

    /// The endpoints of a restaurant, the oldest first.
    fn endpoints(&self, restaurant_id: String) -> Answer<'_, Vec<Endpoint>>;

    /// Replaces an endpoint by its next round; whether the round before was the one kept.
    fn replace_endpoint(&self, next: Endpoint) -> Answer<'_, bool>;

    /// Forgets an endpoint and what was to be delivered there; whether the restaurant had it.
    fn remove_endpoint(&self, restaurant_id: String, endpoint_id: String) -> Answer<'_, bool>;
}

/// A new endpoint, with the key under which a repetition is recognised.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// In round 1.
    pub endpoint: Endpoint,
    /// With its scope in front.
    pub key: String,
    /// SHA-256 of the request it came with.
    pub request_hash: Vec<u8>,
}

/// What became of a new endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is kept.
    New,
    /// The key was used before, by a request with this hash, for that one.
    Before {
        /// SHA-256 of the request.
        request_hash: Vec<u8>,
        /// As it stands now.
        endpoint: Box<Endpoint>,
    },
    /// The restaurant has as many as it may.
    TooMany,
    /// There is no such restaurant.
    NoRestaurant,
}
