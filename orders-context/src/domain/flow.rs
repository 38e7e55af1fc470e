//! The life of an order as one table. `decide` consults it, the picture is drawn from it, the
//! journal is checked against it.
//!
//! A table that has shipped never changes: orders live by it. A change of the flow is another table
//! behind it in [`FLOWS`], and nothing else; each order follows the one that it carries the number of.

use super::Role;
use super::words::words;
use serde::{Deserialize, Serialize};

words! {
    /// Where an order stands.
    Status {
        /// Stored; the restaurant is being told.
        Placed = "placed",
        /// A channel delivered it to the restaurant.
        Notified = "notified",
        /// The restaurant said yes; the customer is being told.
        Accepted = "accepted",
        /// The customer knows.
        Confirmed = "confirmed",
        /// Delivered.
        Completed = "completed",
        /// The restaurant said no, with a reason.
        Rejected = "rejected",
        /// Nobody answered in time.
        Expired = "expired",
        /// Called off, with a reason.
        Cancelled = "cancelled",
        /// Accepted, but not completed within the order's total time.
        TimedOut = "timed_out",
    }
}

words! {
    /// What can make an order move.
    Trigger {
        /// A channel delivered the order to the restaurant.
        RestaurantNotified = "restaurant_notified",
        /// A reminder is due.
        ReminderDue = "reminder_due",
        /// The restaurant says yes.
        Accept = "accept",
        /// The restaurant says no.
        Reject = "reject",
        /// The acceptance window has closed.
        AcceptDeadline = "accept_deadline",
        /// The customer was told how the order stands.
        UserNotified = "user_notified",
        /// The order was delivered.
        Complete = "complete",
        /// Somebody calls it off.
        Cancel = "cancel",
        /// The order's total time is over.
        CompleteDeadline = "complete_deadline",
        /// An operator runs it again, on purpose.
        Redrive = "redrive",
    }
}

/// One arrow of the flow: in `from`, `on` leads to `to`, if `by` may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Where the order stands.
    pub from: Status,
    /// What happens.
    pub on: Trigger,
    /// Where it stands then. The same status means: recorded, moves nothing.
    pub to: Status,
    /// Who may cause it.
    pub by: &'static [Role],
}

const fn arrow(from: Status, on: Trigger, to: Status, by: &'static [Role]) -> Transition {
    Transition { from, on, to, by }
}

const SYSTEM: &[Role] = &[Role::System];
const KITCHEN: &[Role] = &[Role::Restaurant, Role::Operator];
const ANYONE: &[Role] = &[Role::Customer, Role::Restaurant, Role::Operator];
const OPERATOR: &[Role] = &[Role::Operator];

/// Every flow that has shipped, the newest last. The one at place n is version n + 1.
pub const FLOWS: &[&[Transition]] = &[FLOW_1];

/// The newest flow: the one of new orders.
pub const FLOW: &[Transition] = FLOWS[FLOWS.len() - 1];

#[rustfmt::skip]
const FLOW_1: &[Transition] = {
    use Status as S;
    use Trigger as T;
    &[
        arrow(S::Placed,    T::RestaurantNotified, S::Notified,  SYSTEM),
        arrow(S::Placed,    T::Accept,             S::Accepted,  KITCHEN),
        arrow(S::Placed,    T::Reject,             S::Rejected,  KITCHEN),
        arrow(S::Placed,    T::Cancel,             S::Cancelled, ANYONE),
        arrow(S::Placed,    T::AcceptDeadline,     S::Expired,   SYSTEM),

        arrow(S::Notified,  T::ReminderDue,        S::Notified,  SYSTEM),
        arrow(S::Notified,  T::Accept,             S::Accepted,  KITCHEN),
        arrow(S::Notified,  T::Reject,             S::Rejected,  KITCHEN),
        arrow(S::Notified,  T::Cancel,             S::Cancelled, ANYONE),
        arrow(S::Notified,  T::AcceptDeadline,     S::Expired,   SYSTEM),

        arrow(S::Accepted,  T::UserNotified,       S::Confirmed, SYSTEM),
        arrow(S::Accepted,  T::Complete,           S::Completed, KITCHEN),
        arrow(S::Accepted,  T::Cancel,             S::Cancelled, KITCHEN),
        arrow(S::Accepted,  T::CompleteDeadline,   S::TimedOut,  SYSTEM),

        arrow(S::Confirmed, T::Complete,           S::Completed, KITCHEN),
        arrow(S::Confirmed, T::Cancel,             S::Cancelled, KITCHEN),
        arrow(S::Confirmed, T::CompleteDeadline,   S::TimedOut,  SYSTEM),

        arrow(S::Expired,   T::Redrive,            S::Placed,    OPERATOR),
        arrow(S::TimedOut,  T::Redrive,            S::Accepted,  OPERATOR),
    ]
};

/// Names one of [`FLOWS`]. A number that this program has no table for cannot be read: such an order
/// was placed by a newer one, and nothing is decided about it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct FlowVersion(i32);

impl FlowVersion {
    /// The one of orders that were placed before flows had numbers.
    pub const FIRST: Self = Self(1);

    /// The newest.
    pub const LATEST: Self = Self(FLOWS.len() as i32);

    /// The number in tables, on topics and in the API.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Its arrows.
    #[must_use]
    pub fn table(self) -> &'static [Transition] {
        let place = usize::try_from(self.0 - 1).ok();
        place.and_then(|place| FLOWS.get(place)).copied().unwrap_or_default()
    }

    /// The arrow that leaves `from` by `on`.
    #[must_use]
    pub fn transition(self, from: Status, on: Trigger) -> Option<&'static Transition> {
        self.table().iter().find(|arrow| arrow.from == from && arrow.on == on)
    }

    /// One that nobody has written: it has no arrow.
    #[cfg(test)]
    pub(crate) const fn nowhere() -> Self {
        Self(0)
    }

    /// Whether an order can stand there.
    #[must_use]
    pub fn knows(self, status: Status) -> bool {
        self.table().iter().any(|arrow| arrow.from == status || arrow.to == status)
    }
}

impl TryFrom<i32> for FlowVersion {
    type Error = String;

    fn try_from(number: i32) -> Result<Self, String> {
        match number {
            1.. if number <= Self::LATEST.0 => Ok(Self(number)),
            _ => Err(format!("this version knows the flows 1 to {}, not {number}", Self::LATEST)),
        }
    }
}

impl From<FlowVersion> for i32 {
    fn from(version: FlowVersion) -> Self {
        version.0
    }
}

impl std::fmt::Display for FlowVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Status {
    /// No arrow leaves it, or only an operator's: nothing happens by itself any more.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        !matches!(self, Self::Placed | Self::Notified | Self::Accepted | Self::Confirmed)
    }

    /// The restaurant has not answered yet.
    #[must_use]
    pub fn awaits_answer(self) -> bool {
        matches!(self, Self::Placed | Self::Notified)
    }
}
