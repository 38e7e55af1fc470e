//! The order's rules as a specification. Reading order: [`spec`] says what comes of every command in
//! every status, [`edges`] of moments and roles, [`answers`] of what restaurants say, [`operating`] of
//! what operators do beside the flow, [`migrating`] of orders that are moved to other terms, [`effects`]
//! what is asked of the outside, [`availability`] which orders restaurants take, [`endpoints`] and [`deliveries`]
//! what their systems hear of, [`laws`]
//! what holds for every life an order can have, [`breaches`] what of a journal is not such a life,
//! [`stored_format`] what was written once and is read for ever, [`flows`] what has shipped of the
//! flow. [`mother`] has the orders of all of them.

mod answers;
mod availability;
mod breaches;
mod deliveries;
mod edges;
mod effects;
mod endpoints;
mod flows;
pub mod laws;
mod migrating;
pub mod mother;
mod operating;
mod spec;
mod stored_format;
