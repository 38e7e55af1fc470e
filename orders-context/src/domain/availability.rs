//! Whether a restaurant takes orders at present: what it says itself, and what its silence says.

use super::words::words;
use super::{Event, Rejection, Role, Timestamp};

words! {
    /// Whether a restaurant takes orders.
    Opening {
        /// It does.
        Open = "open",
        /// Not for a while.
        Paused = "paused",
        /// Not before it opens again.
        Closed = "closed",
    }
}

/// Orders in work at once, as many as a restaurant can set at most.
pub const MOST_IN_WORK: u32 = 10_000;

/// How a restaurant stands to new orders. One that has never said anything, and has never been silent
/// when it was asked, is [`Availability::unsaid`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Rises with each change; 0 for one that was never stored.
    pub version: i64,
    /// What was said last. [`Availability::opening_at`] says what holds.
    pub opening: Opening,
    /// Until when, unless it is open. `None`: until somebody opens it.
    pub until: Option<Timestamp>,
    /// Why: a code.
    pub reason: Option<String>,
    /// Who said so.
    pub set_by: Role,
    /// When.
    pub since: Timestamp,
    /// How many of its orders may be in work at once; `None`: any number.
    pub capacity: Option<u32>,
    /// How many of its orders expired since it last answered one.
    pub expired_in_a_row: u32,
}

/// For how long a restaurant is paused by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After so many orders expired in a row. 0: never.
    pub after_expired: u32,
    /// So long, in milliseconds: after silence, and when it says that it is too busy. 0: not at all.
    pub pause_ms: i64,
    /// So long, in milliseconds, when it says that it is closed. 0: not at all.
    pub closed_ms: i64,
}

/// What a step of an order means for its restaurant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// A new order: stands only if the restaurant takes it.
    Asks,
    /// The restaurant answered.
    Answered,
    /// It did not, in time.
    Silent {
        /// That many in a row pause it; 0: never.
        pause_after: u32,
        /// Until then.
        until: Timestamp,
    },
    /// It answered that it takes no orders at all.
    Declines {
        /// For a while, or closed.
        opening: Opening,
        /// Until then.
        until: Timestamp,
        /// The code it gave.
        reason: &'static str,
    },
}

/// Why a restaurant takes no new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Paused or closed, until then if that is known.
    Away {
        /// Which of the two.
        opening: Opening,
        /// Until when.
        until: Option<Timestamp>,
        /// When the order came.
        asked_at: Timestamp,
    },
    /// As many orders are in work as it takes at once.
    Full {
        /// So many.
        capacity: u32,
    },
}

impl Pauses {
    /// Nothing pauses a restaurant but itself and operators.
    pub const NEVER: Self = Self { after_expired: 0, pause_ms: 0, closed_ms: 0 };

    /// Three orders in silence pause a restaurant for half an hour; one that is closed is asked again
    /// after four hours.
    #[must_use]
    pub const fn standard() -> Self {
        Self { after_expired: 3, pause_ms: 30 * 60_000, closed_ms: 4 * 3_600_000 }
    }
}

impl Bearing {
    /// What `event`, which happened at `at`, means for the restaurant; `None`: nothing.
    #[must_use]
    pub fn of(event: &Event, at: Timestamp, pauses: &Pauses) -> Option<Self> {
        let declines = |opening, ms, reason| match ms {
            0 => Some(Self::Answered),
            ms => Some(Self::Declines { opening, until: at.plus_ms(ms), reason }),
        };
        match event {
            Event::OrderPlaced { .. } => Some(Self::Asks),
            Event::OrderExpired { .. } => Some(Self::Silent {
                pause_after: pauses.after_expired,
                until: at.plus_ms(pauses.pause_ms),
            }),
            Event::OrderAccepted { decided_by: Role::Restaurant, .. } => Some(Self::Answered),
            Event::OrderRejected { decided_by: Role::Restaurant, reason, .. } => {
                match reason.as_str() {
                    "too_busy" => declines(Opening::Paused, pauses.pause_ms, "too_busy"),
                    "closed" => declines(Opening::Closed, pauses.closed_ms, "closed"),
                    _ => Some(Self::Answered),
                }
            }
            _ => None,
        }
    }
}

impl Availability {
    /// Of a restaurant that was never spoken of: open, for any number of orders.
    #[must_use]
    pub fn unsaid() -> Self {
        Self {
            version: 0,
            opening: Opening::Open,
            until: None,
            reason: None,
            set_by: Role::System,
            since: Timestamp::beginning(),
            capacity: None,
            expired_in_a_row: 0,
        }
    }

    /// What holds at `now`: it opens by itself when its time has come.
    #[must_use]
    pub fn opening_at(&self, now: Timestamp) -> Opening {
        match self.until {
            Some(until) if until <= now => Opening::Open,
            _ => self.opening,
        }
    }

    /// Nothing, if a new order may come at `now`, when `in_work` others are being prepared or waited
    /// for.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, now: Timestamp, in_work: i64) -> Result<(), Shut> {
        match (self.opening_at(now), self.capacity) {
            (Opening::Open, Some(capacity)) if in_work >= i64::from(capacity) => {
                Err(Shut::Full { capacity })
            }
            (Opening::Open, _) => Ok(()),
            (opening, _) => Err(Shut::Away { opening, until: self.until, asked_at: now }),
        }
    }

    /// How it stands after that; `None`: as before. What was said for longer stands.
    #[must_use]
    pub fn after(&self, bearing: &Bearing, at: Timestamp) -> Option<Self> {
        match bearing {
            Bearing::Asks => None,
            Bearing::Answered if self.expired_in_a_row == 0 => None,
            Bearing::Answered => Some(Self { expired_in_a_row: 0, ..self.next() }),
            Bearing::Silent { pause_after, until } => {
                let expired_in_a_row = self.expired_in_a_row.saturating_add(1);
                let counted = Self { expired_in_a_row, ..self.next() };
                let is_too_many = *pause_after > 0 && expired_in_a_row >= *pause_after;
                if !is_too_many || self.is_away_until(*until, at) {
                    return Some(counted);
                }
                Some(counted.away(Opening::Paused, *until, "no_answer", Role::System, at))
            }
            Bearing::Declines { opening, until, reason } => {
                let answered = Self { expired_in_a_row: 0, ..self.next() };
                if self.is_away_until(*until, at) {
                    return (self.expired_in_a_row > 0).then_some(answered);
                }
                Some(answered.away(*opening, *until, reason, Role::Restaurant, at))
            }
        }
    }

    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    fn away(
        self,
        opening: Opening,
        until: Timestamp,
        reason: &str,
        set_by: Role,
        since: Timestamp,
    ) -> Self {
        let (until, reason) = (Some(until), Some(reason.to_owned()));
        Self { opening, until, reason, set_by, since, ..self }
    }

    /// Whether it takes no orders until then, or for longer.
    fn is_away_until(&self, until: Timestamp, at: Timestamp) -> bool {
        self.opening_at(at) != Opening::Open && self.until.is_none_or(|own| own >= until)
    }
}

impl From<Shut> for Rejection {
    fn from(shut: Shut) -> Self {
        Self::RestaurantShut(shut)
    }
}
