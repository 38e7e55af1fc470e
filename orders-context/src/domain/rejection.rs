//! The business "no": stable codes that a caller can act on.

use super::{Deadline, FlowVersion, Opening, Role, Shut, Status, Timestamp};

/// Why a command changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such order.
    UnknownOrder,
    /// An order with this id exists already.
    AlreadyPlaced,
    /// There is nothing in it.
    NoItems,
    /// The menu has no such item; `at` is its place in the list, from 0.
    UnknownItem {
        /// From 0.
        at: usize,
    },
    /// The restaurant takes no new order now.
    RestaurantShut(Shut),
    /// The customer has as many orders under way as one may have.
    TooManyOpen,
    /// Quantities and prices do not fit into 64 bits of minor units.
    TotalTooLarge,
    /// The order is not as the caller believes it to be.
    Changed,
    /// Another decision was made, or the flow has moved on.
    DecidedOtherwise {
        /// Where the order stands.
        status: Status,
        /// When it was decided, if by a person.
        decided_at: Option<Timestamp>,
    },
    /// The moment for this has passed, even if the order has not been moved yet.
    TooLate {
        /// Where the order stands.
        status: Status,
        /// The moment that passed.
        deadline: Timestamp,
    },
    /// The flow has such an arrow here, but not for this role.
    NotForRole {
        /// Where the order stands.
        status: Status,
        /// Who tried.
        role: Role,
    },
    /// The flow has no such arrow here yet (completing what nobody has accepted).
    NotYet {
        /// Where the order stands.
        status: Status,
    },
    /// A deadline is only ever moved to a later moment.
    NotLater {
        /// Where the order stands.
        status: Status,
        /// The moment the deadline is at.
        deadline: Timestamp,
    },
    /// A deadline is not moved that far.
    TooFar {
        /// Where the order stands.
        status: Status,
        /// Which deadline.
        which: Deadline,
        /// The last moment it may be moved to.
        limit: Timestamp,
    },
    /// The food is to be ready at a moment that has passed.
    ReadyInThePast {
        /// Where the order stands.
        status: Status,
    },
    /// The food is to be ready when the order's time is over.
    ReadyTooLate {
        /// Where the order stands.
        status: Status,
        /// The food has to be ready before this moment.
        limit: Timestamp,
    },
    /// What has run out was not ordered; `at` is its place in the list, from 0.
    NotOrdered {
        /// Where the order stands.
        status: Status,
        /// From 0.
        at: usize,
    },
    /// Of what would help the order where it stands, nothing was given up.
    TaskNotGivenUp {
        /// Where the order stands.
        status: Status,
    },
    /// No task of the order waits for an attempt.
    NoOpenTask {
        /// Where the order stands.
        status: Status,
    },
    /// The flow it should follow has no such status.
    NoPlace {
        /// Where the order stands.
        status: Status,
        /// The flow.
        flow: FlowVersion,
    },
}

impl Rejection {
    /// The stable code of the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownOrder => "order_not_found",
            Self::AlreadyPlaced => "order_already_placed",
            Self::NoItems => "no_items",
            Self::UnknownItem { .. } => "unknown_item",
            Self::RestaurantShut(Shut::Full { .. }) => "restaurant_full",
            Self::RestaurantShut(Shut::Away { opening: Opening::Closed, .. }) => {
                "restaurant_closed"
            }
            Self::RestaurantShut(Shut::Away { .. }) => "restaurant_paused",
            Self::TooManyOpen => "too_many_open_orders",
            Self::TotalTooLarge => "total_too_large",
            Self::Changed => "precondition_failed",
            Self::DecidedOtherwise { .. } => "decided_otherwise",
            Self::TooLate { .. } => "deadline_passed",
            Self::NotForRole { .. } => "not_for_role",
            Self::NotYet { .. } => "not_yet",
            Self::NotLater { .. } => "not_later",
            Self::TooFar { .. } => "too_far",
            Self::ReadyInThePast { .. } => "ready_in_the_past",
            Self::ReadyTooLate { .. } => "ready_too_late",
            Self::NotOrdered { .. } => "item_not_ordered",
            Self::TaskNotGivenUp { .. } => "task_not_given_up",
            Self::NoOpenTask { .. } => "no_open_task",
            Self::NoPlace { .. } => "no_place_in_flow",
        }
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownOrder => write!(f, "There is no such order."),
            Self::AlreadyPlaced => write!(f, "An order with this id exists already."),
            Self::NoItems => write!(f, "An order needs at least one item."),
            Self::UnknownItem { at } => write!(f, "Item {at} is not on the restaurant's menu."),
            Self::RestaurantShut(Shut::Full { .. }) => {
                write!(f, "The restaurant has as many orders in work as it takes at once.")
            }
            Self::RestaurantShut(Shut::Away { opening, .. }) => {
                write!(f, "The restaurant is {opening} and takes no orders now.")
            }
            Self::TooManyOpen => {
                write!(f, "As many orders are under way as one customer may have.")
            }
            Self::TotalTooLarge => write!(f, "The total is too large."),
            Self::Changed => {
                write!(f, "The order has changed: fetch it again, with its ETag, and decide anew.")
            }
            Self::DecidedOtherwise { status, .. } => {
                write!(f, "The order is {status}; this decision no longer fits.")
            }
            Self::TooLate { status, .. } => {
                write!(f, "The order is {status} and the time for this decision is over.")
            }
            Self::NotForRole { status, role } => {
                write!(f, "While the order is {status}, this is not for the role {role}.")
            }
            Self::NotYet { status } => {
                write!(f, "The order is {status}; it is too early for this.")
            }
            Self::NotLater { .. } => {
                write!(f, "The deadline is at a later moment already, and is only moved further.")
            }
            Self::TooFar { which, .. } => {
                write!(f, "The deadline {which} may not be moved that far.")
            }
            Self::ReadyInThePast { .. } => {
                write!(f, "ready_by must be a moment that is still to come.")
            }
            Self::ReadyTooLate { .. } => {
                write!(f, "ready_by must be before complete_by, when the order's time is over.")
            }
            Self::NotOrdered { at, .. } => write!(f, "Item {at} is none of the order's."),
            Self::TaskNotGivenUp { status } => {
                write!(f, "No task that would help while the order is {status} was given up.")
            }
            Self::NoOpenTask { status } => {
                write!(f, "The order is {status}; no task of it waits for an attempt.")
            }
            Self::NoPlace { status, flow } => {
                write!(f, "The order is {status}, and flow {flow} has no such status.")
            }
        }
    }
}

impl std::error::Error for Rejection {}
