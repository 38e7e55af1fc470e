//! Who may do what: one policy for each kind of route, printed into the document as `x-policy`.
//!
//! The role is judged before anything is looked up (403), the object once it is loaded: whoever may
//! not know of it is told that there is none (404). Decisions are judged where the order is loaded
//! for them, in the group that commits.

use super::principal::Role::{self, Customer, Operator, Restaurant, Service};
use super::problem::Answer;
use crate::app::Failure;
use crate::domain::{Actor, Order, Rejection};
use chassis::http::Problem;

type Policy = chassis::http::auth::Policy<Role>;

const OWN_ORDERS: &str = "a customer's own orders, a restaurant's orders; every order for others";

/// Placing an order: for oneself.
pub const PLACE: Policy = Policy { roles: &[Customer], objects: "the new order is the caller's" };

/// Looking at an order.
pub const LOOK: Policy =
    Policy { roles: &[Customer, Restaurant, Operator, Service], objects: OWN_ORDERS };

/// Listing orders.
pub const LIST: Policy =
    Policy { roles: &[Customer, Restaurant, Operator, Service], objects: OWN_ORDERS };

/// What the kitchen decides.
pub const COOK: Policy = Policy { roles: &[Restaurant, Operator], objects: OWN_ORDERS };

/// Calling an order off.
pub const CANCEL: Policy = Policy { roles: &[Customer, Restaurant, Operator], objects: OWN_ORDERS };

/// What an operator does about an order.
pub const OPERATE: Policy = Policy { roles: &[Operator], objects: "every order" };

/// What an operator does about many orders.
pub const BULK: Policy = Policy { roles: &[Operator], objects: "every bulk action" };

/// Looking at the flow with what stands where.
pub const FLOW: Policy =
    Policy { roles: &[Operator, Service], objects: "figures of all orders, and none of a person" };

/// Erasing persons.
pub const ERASE: Policy = Policy { roles: &[Operator, Service], objects: "every person" };

/// Registering a restaurant and changing its menu.
pub const REGISTER: Policy = Policy {
    roles: &[Restaurant, Operator],
    objects: "a restaurant's own entry; every restaurant for an operator",
};

/// Where a restaurant's systems hear of its orders.
pub const ENDPOINTS: Policy = Policy {
    roles: &[Restaurant, Operator],
    objects: "a restaurant's own endpoints; every endpoint for an operator",
};

/// Following what happens to a restaurant's orders.
pub const FOLLOW: Policy = Policy {
    roles: &[Restaurant, Operator],
    objects: "a restaurant's own feed; every restaurant's for an operator",
};

/// Reading menus.
pub const MENU: Policy =
    Policy { roles: &[Customer, Restaurant, Operator, Service], objects: "every restaurant" };

/// Nothing, if `actor` may know of the order.
///
/// # Errors
/// The same as if there were no such order.
pub fn judge_order(actor: &Actor, order: &Order) -> Answer<()> {
    judge_owner(actor, &order.customer_id, &order.restaurant_id)
}

/// Nothing, if `actor` may know of an order of this customer at that restaurant.
///
/// # Errors
/// The same as if there were no such order.
pub fn judge_owner(actor: &Actor, customer_id: &str, restaurant_id: &str) -> Answer<()> {
    match actor.is_concerned(customer_id, restaurant_id) {
        true => Ok(()),
        false => Err(Failure::from(Rejection::UnknownOrder).into()),
    }
}

/// Nothing, if `actor` is somebody of this restaurant, or an operator.
///
/// # Errors
/// The same as if there were no such restaurant.
pub fn judge_restaurant(actor: &Actor, restaurant_id: &str) -> Answer<()> {
    match actor {
        Actor::Restaurant(ids) if ids.iter().any(|id| id == restaurant_id) => Ok(()),
        Actor::Operator => Ok(()),
        _ => Err(restaurant_not_found().into()),
    }
}

/// Whether `actor` may see where this restaurant is told of its orders.
pub fn knows_webhooks(actor: &Actor, restaurant_id: &str) -> bool {
    match actor {
        Actor::Restaurant(ids) => ids.iter().any(|id| id == restaurant_id),
        Actor::Operator | Actor::Service => true,
        Actor::Customer(_) => false,
    }
}

/// There is no such restaurant, or none that the caller may know of.
pub fn restaurant_not_found() -> Problem {
    Problem::not_found("restaurant_not_found", "There is no restaurant with this id.")
}
