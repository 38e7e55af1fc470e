//! Endpoints of restaurants: made, looked at, given other keys, paused, tried and removed.

use super::{App, Failure, Reach};
use crate::domain::{Endpoint, Heard, Key, MOST_ENDPOINTS, PausedBy, Profile, Signing, Url};
use crate::store::{Added, NewEndpoint};
use chassis::signing;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How often a change is made again because another came before it.
pub(super) const ATTEMPTS: usize = 6;

/// How many tests may wait to be sent.
const TESTS: usize = 16;

/// What somebody wants an endpoint to be.
#[derive(Clone, Debug)]
pub struct EndpointWanted {
    /// Whose.
    pub restaurant_id: String,
    /// Receives `POST`.
    pub url: Url,
    /// What it wants to hear of.
    pub events: Vec<Heard>,
    /// How it is signed to.
    pub signing: Signing,
    /// How a failed attempt is repeated.
    pub profile: Profile,
}

/// A change of an endpoint that nothing is made anew for.
#[derive(Clone, Copy, Debug)]
pub enum EndpointChange {
    /// Nothing is sent until it is resumed.
    Pause,
    /// It is sent to again.
    Resume,
}

/// Why an endpoint was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointRefusal {
    /// The restaurant has no such endpoint.
    #[error("The restaurant has no endpoint with this id.")]
    Unknown,
    /// The endpoint has no such delivery, or it is forgotten.
    #[error("The endpoint has no delivery with this id, or it is older than a week.")]
    UnknownDelivery,
    /// The restaurant has as many as it may.
    #[error("A restaurant has at most {MOST_ENDPOINTS} endpoints: remove one first.")]
    TooMany,
    /// So many older keys still sign that there may be no more.
    #[error(
        "The keys before this one still sign too: wait until they no longer do, or rotate with \
         overlap_seconds 0."
    )]
    StillRotating,
    /// As with any other use case.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<crate::store::Error> for EndpointRefusal {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A test on its way to whoever sends it.
pub struct EndpointTest {
    /// To which endpoint.
    pub endpoint: Endpoint,
    /// Names this test: the same for nothing else.
    pub test_id: String,
    /// Takes what came of it.
    pub reply: oneshot::Sender<Tried>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The status it was taken with, or a stable code of why it was not.
    pub outcome: Result<u16, String>,
    /// How long that took.
    pub duration_ms: i64,
}

/// What use cases know of the outside.
#[derive(Clone)]
pub(super) struct Outside {
    reach: Reach,
    tests: mpsc::Sender<EndpointTest>,
}

impl Outside {
    /// Nobody sends anything.
    pub fn none() -> Self {
        Self { reach: Reach::PublicOnly, tests: mpsc::channel(1).0 }
    }
}

impl App {
    /// The same application for endpoints within this reach, and the tests it asks for, which must be
    /// sent.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> (Self, mpsc::Receiver<EndpointTest>) {
        let (tests, asked) = mpsc::channel(TESTS);
        self.outside = Outside { reach, tests };
        (self, asked)
    }

    /// How far endpoints may reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.outside.reach
    }

    /// Makes an endpoint, durably, with a key of its own: it hears of what happens from now on. The same
    /// idempotency key again is the same endpoint, as it stands now.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; the restaurant is unknown or has as many as it may, or the key was used for
    /// another request.
    pub async fn add_endpoint(
        &self,
        wanted: EndpointWanted,
        key: String,
        request_hash: Vec<u8>,
    ) -> Result<Endpoint, EndpointRefusal> {
        let endpoint = Endpoint {
            endpoint_id: self.ids.next().to_string(),
            restaurant_id: wanted.restaurant_id,
            round: 1,
            url: wanted.url,
            events: wanted.events,
            profile: wanted.profile,
            key: new_key(wanted.signing)?,
            key_is_first: true,
            retiring: Vec::new(),
            created_at: self.now(),
            failing_since: None,
            pause: None,
        };
        let hash = request_hash.clone();
        let new = NewEndpoint { endpoint: endpoint.clone(), key, request_hash };
        let (store, restaurant_id) = (Arc::clone(&self.store), endpoint.restaurant_id.clone());
        let add = async move { store.add_endpoint(new, MOST_ENDPOINTS).await };
        match self.change_restaurant(&restaurant_id, add).await? {
            Added::New => Ok(endpoint),
            Added::Before { request_hash, endpoint } if request_hash == hash => Ok(*endpoint),
            Added::Before { .. } => Err(Failure::KeyReused.into()),
            Added::TooMany => Err(EndpointRefusal::TooMany),
            Added::NoRestaurant => Err(Failure::UnknownRestaurant.into()),
        }
    }

    /// The endpoints of a restaurant, the oldest first.
    ///
    /// # Errors
    /// The restaurant is unknown, or the database does not answer.
    pub async fn endpoints(&self, restaurant_id: &str) -> Result<Vec<Endpoint>, Failure> {
        self.restaurant(restaurant_id).await?.ok_or(Failure::UnknownRestaurant)?;
        Ok(self.store.endpoints(restaurant_id.to_owned()).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; the restaurant is unknown or has no such endpoint.
    pub async fn endpoint(&self, of: &str, endpoint_id: &str) -> Result<Endpoint, EndpointRefusal> {
        let found = self.endpoints(of).await?;
        let named = found.into_iter().find(|endpoint| endpoint.endpoint_id == endpoint_id);
        named.ok_or(EndpointRefusal::Unknown)
    }

    /// Forgets an endpoint, durably, and what it has not heard yet.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; the restaurant is unknown or has no such endpoint.
    pub async fn remove_endpoint(
        &self,
        of: &str,
        endpoint_id: &str,
    ) -> Result<(), EndpointRefusal> {
        self.endpoint(of, endpoint_id).await?;
        let (store, named) = (Arc::clone(&self.store), (of.to_owned(), endpoint_id.to_owned()));
        let remove = async move { store.remove_endpoint(named.0, named.1).await };
        match self.change_restaurant(of, remove).await? {
            true => Ok(()),
            false => Err(EndpointRefusal::Unknown),
        }
    }

    /// Has a new key sign, durably, and the one before it for `overlap_ms` more.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; unknown, or too many older keys sign still.
    pub async fn rotate_key(
        &self,
        of: &str,
        endpoint_id: &str,
        overlap_ms: i64,
    ) -> Result<Endpoint, EndpointRefusal> {
        self.change_endpoint(of, endpoint_id, |endpoint| {
            let key = new_key(endpoint.key.signing())?;
            let rotated = endpoint.rotated(key, self.now(), overlap_ms);
            rotated.ok_or(EndpointRefusal::StillRotating)
        })
        .await
    }

    /// Pauses or resumes an endpoint, durably. Again: the same answer. What it has not heard is due at once
    /// when it is resumed.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; there is no such endpoint.
    pub async fn interrupt_endpoint(
        &self,
        of: &str,
        endpoint_id: &str,
        change: EndpointChange,
    ) -> Result<Endpoint, EndpointRefusal> {
        let changed = self.change_endpoint(of, endpoint_id, |endpoint| {
            Ok(match change {
                EndpointChange::Pause => endpoint.paused(PausedBy::Request, self.now()),
                EndpointChange::Resume => endpoint.resumed(),
            })
        });
        let endpoint = changed.await?;
        if matches!(change, EndpointChange::Resume) {
            self.store.hurry_deliveries(endpoint.endpoint_id.clone(), self.now()).await?;
        }
        Ok(endpoint)
    }

    /// Sends a test at once, and waits for what comes of it. Nothing is kept of it.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; unknown, or too many tests are waiting.
    pub async fn test_endpoint(
        &self,
        of: &str,
        endpoint_id: &str,
    ) -> Result<Tried, EndpointRefusal> {
        let endpoint = self.endpoint(of, endpoint_id).await?;
        let (reply, answer) = oneshot::channel();
        let test = EndpointTest { endpoint, test_id: self.ids.next().to_string(), reply };
        self.outside.tests.try_send(test).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Failure::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Failure::stopping(),
        })?;
        answer.await.map_err(|_| Failure::stopping().into())
    }

    /// Makes a change of whatever round is kept.
    async fn change_endpoint(
        &self,
        of: &str,
        endpoint_id: &str,
        change: impl Fn(&Endpoint) -> Result<Endpoint, EndpointRefusal>,
    ) -> Result<Endpoint, EndpointRefusal> {
        for _ in 0..ATTEMPTS {
            let before = self.endpoint(of, endpoint_id).await?;
            let next = change(&before)?;
            if next == before || self.store.replace_endpoint(next.clone()).await? {
                return Ok(next);
            }
        }
        Err(Failure::Contended.into())
    }
}

fn new_key(signing: Signing) -> Result<Key, Failure> {
    let made = match signing {
        Signing::Hmac => signing::new_secret().map(Key::Hmac),
        Signing::Ed25519 => {
            signing::new_pair().map(|(private, public)| Key::Ed25519 { private, public })
        }
    };
    made.map_err(Failure::Unavailable)
}
