//! An endpoint as its owner sees it. A secret is shown in the answer that makes it, and nowhere else.

use super::super::view::Moment;
use crate::app::Tried;
use crate::domain::{Endpoint, Heard, Key, Profile, Signing, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A place that hears of a restaurant's orders.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointView<'a> {
    /// UUIDv7.
    id: &'a str,
    /// Whose.
    restaurant_id: &'a str,
    /// Receives `POST`.
    url: &'a str,
    /// What it hears of.
    events: &'a [Heard],
    /// How it is signed to.
    signing: Signing,
    /// How a failed attempt is repeated.
    profile: Profile,
    /// `active`, or `paused`: then nothing is sent until it is resumed.
    #[schema(value_type = String, example = "active")]
    state: &'static str,
    /// `failing` when every attempt failed for long, `request` when somebody asked for it; null unless
    /// it is paused.
    #[schema(required, value_type = Option<String>, example = "failing")]
    paused_because: Option<&'static str>,
    /// Since when; null unless it is paused.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    paused_since: Option<Moment>,
    /// Since when every attempt has failed; null if the last one did not.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    failing_since: Option<Moment>,
    /// `whsec_` and base64 of the signing key, with `hmac`, in the answer that makes it; null in every
    /// other.
    #[schema(required)]
    secret: Option<&'a str>,
    /// `whpk_` and base64 of the public key, with `ed25519`; else null.
    #[schema(required)]
    public_key: Option<&'a str>,
    /// Until when older keys sign too, the newest first.
    #[schema(value_type = Vec<String>, example = json!(["2026-11-28T18:30:00Z"]))]
    older_keys_until: Vec<Moment>,
    /// It hears of what happens from then on.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
}

/// The endpoints of a restaurant.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoints)]
pub struct EndpointsView<'a> {
    /// The oldest first; five at most.
    pub endpoints: Vec<EndpointView<'a>>,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub struct TestView {
    /// Whether it was answered with a 2xx.
    delivered: bool,
    /// The status of that answer; null if there was none, or another.
    #[schema(required)]
    status: Option<u16>,
    /// Why it was not delivered: `http_500` and the like, `timeout`, `connect`, `broken_connection`,
    /// `forbidden_address`, `bad_address`; null if it was.
    #[schema(required, example = "http_500")]
    error: Option<String>,
    /// How long the attempt took.
    duration_ms: i64,
}

impl<'a> EndpointView<'a> {
    /// Without its secret.
    pub fn of(endpoint: &'a Endpoint, now: Timestamp) -> Self {
        let public_key = match &endpoint.key {
            Key::Hmac(_) => None,
            Key::Ed25519 { public, .. } => Some(public.as_str()),
        };
        let older = endpoint.retiring.iter().filter(|old| now < old.until);
        Self {
            id: &endpoint.endpoint_id,
            restaurant_id: &endpoint.restaurant_id,
            url: &endpoint.url.0,
            events: &endpoint.events,
            signing: endpoint.key.signing(),
            profile: endpoint.profile,
            state: if endpoint.pause.is_some() { "paused" } else { "active" },
            paused_because: endpoint.pause.map(|pause| pause.why.as_str()),
            paused_since: endpoint.pause.map(|pause| pause.since.into()),
            failing_since: endpoint.failing_since.map(Moment::from),
            secret: None,
            public_key,
            older_keys_until: older.map(|old| old.until.into()).collect(),
            created_at: endpoint.created_at.into(),
        }
    }

    /// With the secret, if it has one: for the answer that makes it.
    pub fn new(endpoint: &'a Endpoint, now: Timestamp) -> Self {
        let secret = match &endpoint.key {
            Key::Hmac(secret) => Some(secret.as_str()),
            Key::Ed25519 { .. } => None,
        };
        Self { secret, ..Self::of(endpoint, now) }
    }
}

impl From<Tried> for TestView {
    fn from(tried: Tried) -> Self {
        let status = tried.outcome.as_ref().ok().copied();
        let delivered = status.is_some();
        Self { delivered, status, error: tried.outcome.err(), duration_ms: tried.duration_ms }
    }
}
