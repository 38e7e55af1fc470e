//! Places of a restaurant that hear of its orders: what each wants to hear, how it is signed to, and when
//! it is paused. Pure; a change gives the next round of the endpoint.

use super::words::words;
use super::{Event, Status, Timestamp};
use serde::{Deserialize, Serialize};

/// How many endpoints a restaurant may have.
pub const MOST_ENDPOINTS: usize = 5;

/// How many keys may still sign beside the newest.
pub const MOST_RETIRING: usize = 2;

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// UUIDv7 as text.
    pub endpoint_id: String,
    /// Whose.
    pub restaurant_id: String,
    /// Rises with each change; the first is 1.
    pub round: i64,
    /// Receives `POST`.
    pub url: Url,
    /// What it wants to hear of.
    pub events: Vec<Heard>,
    /// How a failed attempt is repeated.
    pub profile: Profile,
    /// Signs everything.
    pub key: Key,
    /// Whether it was made with that key. Where it is not known, it was not.
    #[serde(default)]
    pub key_is_first: bool,
    /// Sign too, for a while.
    pub retiring: Vec<Retiring>,
    /// It hears of what happens from then on.
    pub created_at: Timestamp,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent while this is so.
    pub pause: Option<Pause>,
}

/// An address, which may carry a token: it is shown to its owner only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Url(pub String);

/// What signs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// HMAC-SHA256: both sides have it.
    Hmac(String),
    /// Ed25519: the receiver has the public half.
    Ed25519 {
        /// Never leaves us.
        private: String,
        /// For the receiver.
        public: String,
    },
}

/// A key that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retiring {
    /// The key.
    pub key: Key,
    /// It signs before this moment.
    pub until: Timestamp,
}

/// Why and since when nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: PausedBy,
    /// Whether its owner was told, or cannot be.
    #[serde(default)]
    pub owner_told: bool,
}

words! {
    /// What an endpoint can hear of: events of orders, by their names.
    Heard {
        /// A new order, or one that expired and waits for an answer again (`order_redriven`).
        OrderPlaced = "order_placed",
        /// A channel delivered it to the restaurant.
        RestaurantNotified = "restaurant_notified",
        /// The restaurant has not answered.
        RestaurantReminded = "restaurant_reminded",
        /// The restaurant took it.
        OrderAccepted = "order_accepted",
        /// The restaurant refused it.
        OrderRejected = "order_rejected",
        /// Nobody answered.
        OrderExpired = "order_expired",
        /// It was called off.
        OrderCancelled = "order_cancelled",
        /// It was delivered.
        OrderCompleted = "order_completed",
        /// It was not delivered in time.
        OrderTimedOut = "order_timed_out",
        /// It has another chance.
        OrderRedriven = "order_redriven",
        /// It has more time.
        DeadlineExtended = "deadline_extended",
    }
}

words! {
    /// How a failed attempt is repeated.
    Profile {
        /// Quickly, and not for long: for who cooks.
        Urgent = "urgent",
        /// For days: for who keeps books.
        Patient = "patient",
    }
}

words! {
    /// How endpoints are signed to.
    Signing {
        /// `v1`: HMAC-SHA256.
        Hmac = "hmac",
        /// `v1a`: Ed25519.
        Ed25519 = "ed25519",
    }
}

words! {
    /// Who or what paused an endpoint.
    PausedBy {
        /// Every attempt failed for long.
        Failing = "failing",
        /// Somebody asked for it.
        Request = "request",
    }
}

impl Heard {
    /// What an event is called here; `None` for what concerns no restaurant.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        Self::from_word(event.event_type())
    }
}

impl Endpoint {
    /// Whether it is to hear of this: it wants to, and it was there already. Whoever wants new orders
    /// wants those too that wait for an answer again after they expired.
    #[must_use]
    pub fn hears(&self, event: &Event, occurred_at: Timestamp) -> bool {
        let wants = |heard| self.events.contains(&heard);
        let is_as_new = matches!(event, Event::OrderRedriven { from: Status::Expired, .. });
        let wanted = Heard::of(event).is_some_and(wants) || is_as_new && wants(Heard::OrderPlaced);
        wanted && occurred_at >= self.created_at
    }

    /// The keys that sign at `now`, the newest first.
    #[must_use]
    pub fn keys(&self, now: Timestamp) -> Vec<&str> {
        let retiring = self.retiring.iter().filter(|old| now < old.until).map(|old| &old.key);
        std::iter::once(&self.key).chain(retiring).map(Key::signs).collect()
    }

    /// The next round, in which `key` signs, and the one before it for `overlap_ms` more; with no overlap
    /// no older key signs any more. `None`: as many as there may be are retiring already.
    #[must_use]
    pub fn rotated(&self, key: Key, now: Timestamp, overlap_ms: i64) -> Option<Self> {
        let mut retiring = self.retiring.clone();
        retiring.retain(|old| now < old.until && overlap_ms > 0);
        if retiring.len() >= MOST_RETIRING {
            return None;
        }
        if overlap_ms > 0 {
            let until = now.plus_ms(overlap_ms);
            retiring.insert(0, Retiring { key: self.key.clone(), until });
        }
        Some(Self { key, key_is_first: false, retiring, ..self.next() })
    }

    /// The next round, paused; this one if it is paused already.
    #[must_use]
    pub fn paused(&self, why: PausedBy, now: Timestamp) -> Self {
        match self.pause {
            Some(_) => self.clone(),
            None => {
                let owner_told = why == PausedBy::Request;
                Self { pause: Some(Pause { since: now, why, owner_told }), ..self.next() }
            }
        }
    }

    /// The next round, in which its owner knows of the pause; this one if it is not paused.
    #[must_use]
    pub fn owner_told(&self) -> Self {
        match self.pause {
            Some(pause) => Self { pause: Some(Pause { owner_told: true, ..pause }), ..self.next() },
            None => self.clone(),
        }
    }

    /// The next round, in which it is sent to again, with all failures forgiven; this one if it is not
    /// paused.
    #[must_use]
    pub fn resumed(&self) -> Self {
        match self.pause {
            Some(_) => Self { pause: None, failing_since: None, ..self.next() },
            None => self.clone(),
        }
    }

    pub(super) fn next(&self) -> Self {
        Self { round: self.round + 1, ..self.clone() }
    }
}

impl Key {
    /// What signs.
    #[must_use]
    pub fn signs(&self) -> &str {
        match self {
            Self::Hmac(secret) => secret,
            Self::Ed25519 { private, .. } => private,
        }
    }

    /// Of which kind it is.
    #[must_use]
    pub fn signing(&self) -> Signing {
        match self {
            Self::Hmac(_) => Signing::Hmac,
            Self::Ed25519 { .. } => Signing::Ed25519,
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url(…)")
    }
}
