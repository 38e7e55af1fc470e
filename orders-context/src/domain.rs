//! The order: pure rules, no clock, no id source, no network, no disk.
//!
//! Reading order: [`flow`] is the whole life of an order as one table; [`command`] and [`event`] are
//! what comes in and what becomes true; [`order`] is the state and [`terms`] what it was promised. [`decide`](mod@decide) turns a command
//! into events, [`evolve`](mod@evolve) folds events into state, [`react`](mod@react) asks for what has
//! to happen outside. Time and ids arrive with the command. [`conformance`] judges what a journal holds.

pub mod action;
pub mod actor;
pub mod availability;
pub mod command;
pub mod conformance;
pub mod decide;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod evolve;
mod fixed;
pub mod flow;
pub mod intervention;
pub mod migrate;
pub mod operate;
pub mod order;
pub mod policy;
pub mod react;
pub mod rejection;
pub mod restaurant;
pub mod spent;
pub mod terms;
#[cfg(test)]
pub(crate) mod tests;
pub mod time;
mod upcast;
mod words;

pub(crate) use words::words;

pub use action::{Action, Waiting};
pub use actor::Actor;
pub use availability::{Availability, Bearing, MOST_IN_WORK, Opening, Pauses, Shut};
pub use command::{Announce, Command, Decision, Operation, Placement, Role, Until};
pub use decide::{ITEM_UNAVAILABLE, decide};
pub use delivery::{Attempt, Delivery, DeliveryState};
pub use endpoint::{
    Endpoint, Heard, Key, MOST_ENDPOINTS, Pause, PausedBy, Profile, Retiring, Signing, Url,
};
pub use event::{Event, Migrated, Notification, Receiver, TaskKind};
pub use evolve::evolve;
pub use fixed::Fixed;
pub use flow::{FlowVersion, Status, Trigger};
pub use intervention::{Deadline, Intervention, TaskWas};
pub use order::{Decided, Item, Order};
pub use policy::Policy;
pub use react::{Effect, react, wake_at};
pub use rejection::Rejection;
pub use restaurant::{MailAddress, MenuItem, Restaurant, Webhook};
pub use terms::Terms;
pub use time::Timestamp;
