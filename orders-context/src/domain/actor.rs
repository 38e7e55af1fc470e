//! Who acts, and which orders they may know of.

use super::{Order, Role};

/// Somebody who acts on orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The customer with this id: their own orders.
    Customer(String),
    /// Somebody of the restaurants with these ids: orders that are cooked there.
    Restaurant(Vec<String>),
    /// Who looks after the system: every order.
    Operator,
    /// A system of ours: every order, but it decides nothing.
    Service,
}

impl Actor {
    /// Whether they may know that the order exists.
    #[must_use]
    pub fn knows(&self, order: &Order) -> bool {
        self.is_concerned(&order.customer_id, &order.restaurant_id)
    }

    /// Whether they may know of an order that this customer placed at that restaurant.
    #[must_use]
    pub fn is_concerned(&self, customer_id: &str, restaurant_id: &str) -> bool {
        match self {
            Self::Customer(id) => id == customer_id,
            Self::Restaurant(ids) => ids.iter().any(|id| id == restaurant_id),
            Self::Operator | Self::Service => true,
        }
    }

    /// In what capacity they decide. A service is no person: like the flow itself, it may nothing
    /// that is a person's to decide.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Customer(_) => Role::Customer,
            Self::Restaurant(_) => Role::Restaurant,
            Self::Operator => Role::Operator,
            Self::Service => Role::System,
        }
    }
}
