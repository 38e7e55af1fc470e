//! Who calls this API: what a token must say, and what that makes of its bearer.

use super::faults::is_id;
use crate::app::TicketHolder;
use crate::domain::{Actor, Intervention, Timestamp, words};
use chassis::http::auth;
use chassis::http::auth::Claims;
use std::sync::Arc;

words! {
    /// In what capacity somebody calls: the claim `role`.
    Role {
        /// Who orders. The claim `sub` is the customer's id.
        Customer = "customer",
        /// Who cooks, at the restaurants of the claim `restaurants`.
        Restaurant = "restaurant",
        /// Who looks after the system.
        Operator = "operator",
        /// A system of ours.
        Service = "service",
    }
}

/// Somebody with a good token.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What they may know of.
    pub actor: Arc<Actor>,
    role: Role,
    subject: String,
}

/// Who is calling: every handler behind a policy may take it.
pub type Caller = auth::Caller<Principal>;

impl Principal {
    /// Whom a ticket stands for: with its restaurant, and nothing else, in sight.
    pub fn of_ticket(holder: TicketHolder) -> Option<Self> {
        let role = Role::from_word(&holder.role)?;
        let actor = Arc::new(Actor::Restaurant(vec![holder.restaurant_id]));
        Some(Self { actor, role, subject: holder.subject })
    }

    /// They themselves, as the holder of a ticket for this restaurant.
    pub fn ticket_holder(&self, restaurant_id: String, until: Timestamp) -> TicketHolder {
        let (role, subject) = (self.role.as_str().to_owned(), self.subject.clone());
        TicketHolder { restaurant_id, role, subject, until }
    }

    /// Whether they are of the restaurants that they may know of, with a ticket too.
    pub fn is_of_restaurant(&self) -> bool {
        self.role == Role::Restaurant
    }

    /// What they do as an operator, for that reason: in the name of the claim `sub`.
    pub fn intervention(&self, reason: String) -> Intervention {
        Intervention { actor: self.subject.clone(), reason }
    }
}

impl auth::Principal for Principal {
    type Role = Role;

    fn of(claims: &Claims) -> Option<Self> {
        let role = Role::from_word(claims.text("role")?)?;
        if !is_id(&claims.sub) {
            return None;
        }
        let actor = match role {
            Role::Customer => Actor::Customer(claims.sub.clone()),
            Role::Restaurant => {
                let ids = claims.texts("restaurants")?;
                ids.iter().all(|id| is_id(id)).then_some(Actor::Restaurant(ids))?
            }
            Role::Operator => Actor::Operator,
            Role::Service => Actor::Service,
        };
        Some(Self { actor: Arc::new(actor), role, subject: claims.sub.clone() })
    }

    fn role(&self) -> Role {
        self.role
    }

    fn subject(&self) -> &str {
        &self.subject
    }
}
