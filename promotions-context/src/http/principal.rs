//! Who calls this API: what a token must say, and the one policy there is.

use std::fmt;

use chassis::http::auth::{self, Claims, Policy};

/// In what capacity somebody calls: the claim `role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who earns vouchers. The claim `sub` is the customer's id.
    Customer,
    /// Who looks after the system.
    Operator,
    /// A system of ours.
    Service,
    /// Who cooks: known, and nothing here is for them.
    Restaurant,
}

/// Looking at a customer's vouchers, codes included.
pub const LOOK: Policy<Role> = Policy {
    roles: &[Role::Customer, Role::Operator, Role::Service],
    objects: "a customer's own vouchers; everybody's for others",
};

/// Somebody with a good token.
#[derive(Debug)]
pub struct Principal {
    role: Role,
    subject: String,
}

/// Who is calling: every handler behind a policy may take it.
pub type Caller = auth::Caller<Principal>;

impl Principal {
    /// Whether they may see the vouchers of this customer.
    pub fn knows(&self, customer_id: &str) -> bool {
        match self.role {
            Role::Customer => self.subject == customer_id,
            Role::Operator | Role::Service => true,
            Role::Restaurant => false,
        }
    }
}

impl auth::Principal for Principal {
    type Role = Role;

    fn of(claims: &Claims) -> Option<Self> {
        let role = match claims.text("role")? {
            "customer" => Role::Customer,
            "operator" => Role::Operator,
            "service" => Role::Service,
            "restaurant" => Role::Restaurant,
            _ => return None,
        };
        Some(Self { role, subject: claims.sub.clone() })
    }

    fn role(&self) -> Role {
        self.role
    }

    fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Service => "service",
            Self::Restaurant => "restaurant",
        })
    }
}
