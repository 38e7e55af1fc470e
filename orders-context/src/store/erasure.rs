//! Erasing a person: what was asked for, and what has been done about it so far.

use super::Error;
use super::archive::unpack;
use crate::domain::Timestamp;

/// Whom to erase.
#[derive(Clone, PartialEq, Eq)]
pub enum Person {
    /// The customer with this id: all their orders.
    Customer(String),
    /// Whoever is reached at this address, however it is capitalised: the orders that give it.
    Mail(String),
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Customer(_) => "Customer(…)",
            Self::Mail(_) => "Mail(…)",
        })
    }
}

/// A request to erase somebody, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Derived from the request: asked again, it is the same.
    pub erasure_id: String,
    /// Whom; forgotten once it is done.
    pub person: Option<Person>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the last of it was erased.
    pub done_at: Option<Timestamp>,
    /// What was found and erased so far.
    pub erased: Erased,
}

/// How much was found and erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Contacts that were looked at.
    pub scanned: i64,
    /// Orders of the person.
    pub orders: i64,
    /// Contacts erased: name, address, note; and the mail addresses of restaurants.
    pub contacts: i64,
    /// Idempotency keys erased, with the hash of their request.
    pub keys: i64,
}

/// What the idempotency keys of this customer's orders begin with: method, route and who asked.
#[must_use]
pub fn key_scope(customer_id: &str) -> String {
    format!("POST /v1/orders {customer_id} ")
}

/// A contact as it is looked at.
pub struct Looked {
    /// Whose.
    pub order_id: String,
    /// The address in it.
    pub email: String,
    /// Who placed the order, if it is among those under way.
    pub customer_id: Option<String>,
    /// The order, if it is in compact history.
    pub archived: Option<Vec<u8>>,
}

/// An order of the person.
pub struct Theirs {
    /// Which.
    pub order_id: String,
    /// Who placed it.
    pub customer_id: String,
}

impl Looked {
    /// The order, if it is of that person.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is in compact history and cannot be read.
    pub fn theirs(self, person: &Person) -> Result<Option<Theirs>, Error> {
        if let Person::Mail(address) = person
            && address.to_lowercase() != self.email.to_lowercase()
        {
            return Ok(None);
        }
        let customer_id = match (self.customer_id, self.archived) {
            (Some(customer_id), _) => customer_id,
            (None, Some(data)) => unpack(&data)?.order()?.customer_id,
            (None, None) => String::new(),
        };
        if matches!(person, Person::Customer(wanted) if *wanted != customer_id) {
            return Ok(None);
        }
        Ok(Some(Theirs { order_id: self.order_id, customer_id }))
    }
}
