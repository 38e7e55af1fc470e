//! Erasing a person: what was asked for, and what has been done about it so far.

use super::Error;
use super::archive::unpack;
use crate::domain::Timestamp;
use serde::Deserialize;

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
    /// Whom; forgotten once nothing of them is left.
    pub person: Option<Person>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the last of it was erased.
    pub done_at: Option<Timestamp>,
    /// What the last pass through all contacts came to.
    pub pass: Pass,
    /// What was found and erased so far, in all passes.
    pub erased: Erased,
}

/// What one pass through all contacts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Contacts that were looked at.
    pub scanned: i64,
    /// Contacts and restaurants that may be the person's, but what would tell cannot be read: they
    /// were left.
    pub unreadable: i64,
}

/// How much was found and erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Orders of the person.
    pub orders: i64,
    /// Contacts erased: name, address, note; and the mail addresses of restaurants.
    pub contacts: i64,
    /// Idempotency keys erased, with the hash of their request.
    pub keys: i64,
}

/// What the idempotency keys of new orders begin with: method and route.
pub const PLACING_SCOPE: &str = "POST /v1/orders ";

/// What the idempotency keys of this customer's orders begin with: method, route and who asked.
#[must_use]
pub fn key_scope(customer_id: &str) -> String {
    format!("{PLACING_SCOPE}{customer_id} ")
}

/// What a portion of a pass came to.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// Behind which order the next portion begins; `None` when there is none.
    pub last: Option<String>,
    /// Contacts that were looked at.
    pub scanned: i64,
    /// What was left.
    pub unreadable: Vec<Unreadable>,
}

/// Something that may be the person's, but what would tell cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// `order` or `restaurant`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Why.
    pub cause: Error,
}

/// What a portion found, before any of it is erased.
#[derive(Default)]
pub struct Sighted {
    /// What is said of the portion.
    pub looked_at: LookedAt,
    /// Orders of the person.
    pub theirs: Vec<Theirs>,
    /// Restaurants that read mail at the person's address.
    pub restaurants: Vec<TheirRestaurant>,
}

/// An order of the person.
pub struct Theirs {
    /// Which.
    pub order_id: String,
    /// Who placed it; `None` where that cannot be read.
    pub customer_id: Option<String>,
}

/// A restaurant that reads mail at the person's address.
pub struct TheirRestaurant {
    /// Which.
    pub restaurant_id: String,
    /// The address as it stands there.
    pub mail: String,
}

/// A contact as it is looked at.
pub struct Looked {
    /// Whose.
    pub order_id: String,
    /// The address in it.
    pub email: Result<String, Error>,
    /// Who placed the order; `None` if it is not among those under way.
    pub customer_id: Result<Option<String>, Error>,
}

impl Looked {
    /// Whether it may be that person's, as far as can be told without compact history.
    #[must_use]
    pub fn may_be_of(&self, person: &Person) -> bool {
        match (person, &self.email, &self.customer_id) {
            (Person::Mail(address), Ok(email), _) => same_address(address, email),
            (Person::Customer(wanted), _, Ok(Some(customer_id))) => wanted == customer_id,
            _ => true,
        }
    }

    /// Whether compact history has to be asked who placed the order.
    #[must_use]
    pub const fn is_history(&self) -> bool {
        matches!(self.customer_id, Ok(None))
    }
}

impl Sighted {
    /// Whether there is nothing to erase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.theirs.is_empty() && self.restaurants.is_empty()
    }

    /// Judges a contact that may be that person's, with what compact history has of its order. One
    /// whose address is the person's is theirs, whoever placed the order.
    pub fn judge(&mut self, looked: Looked, archived: Option<Vec<u8>>, person: &Person) {
        let Looked { order_id, email, customer_id } = looked;
        let customer_id = match customer_id {
            Ok(None) => placed_by(archived),
            Ok(Some(customer_id)) => Ok(customer_id),
            Err(cause) => Err(cause),
        };
        match (person, email, customer_id) {
            (Person::Mail(_), Err(cause), _) | (Person::Customer(_), _, Err(cause)) => {
                self.leave("order", order_id, cause);
            }
            (Person::Mail(_), Ok(_), customer_id) => {
                self.theirs.push(Theirs { order_id, customer_id: customer_id.ok() });
            }
            (Person::Customer(wanted), _, Ok(customer_id)) if *wanted == customer_id => {
                self.theirs.push(Theirs { order_id, customer_id: Some(customer_id) });
            }
            (Person::Customer(_), ..) => {}
        }
    }

    /// Judges a restaurant by its row, as JSON.
    pub fn judge_restaurant(
        &mut self,
        restaurant_id: String,
        data: Result<String, Error>,
        address: &str,
    ) {
        match data.and_then(|data| Ok(serde_json::from_str(&data)?)) {
            Ok(Reachable { mail: Some(mail) }) if same_address(address, &mail) => {
                self.restaurants.push(TheirRestaurant { restaurant_id, mail });
            }
            Ok(_) => {}
            Err(cause) => self.leave("restaurant", restaurant_id, cause),
        }
    }

    /// It stays as it is.
    pub fn leave(&mut self, kind: &'static str, id: String, cause: Error) {
        self.looked_at.unreadable.push(Unreadable { kind, id, cause });
    }
}

/// Of a restaurant's row, what may be a person's.
#[derive(Deserialize)]
struct Reachable {
    mail: Option<String>,
}

/// In every database alike: what SQL calls lower case depends on it.
fn same_address(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Who placed an order in compact history: its first event says so.
fn placed_by(archived: Option<Vec<u8>>) -> Result<String, Error> {
    let corrupt = |what: &'static str| Error::Corrupt(anyhow::anyhow!(what));
    let data = archived.ok_or_else(|| corrupt("the order of a contact is nowhere"))?;
    let placed = unpack(&data)?.journal.into_iter().next();
    placed.map(|event| event.customer_id).ok_or_else(|| corrupt("a journal without an event"))
}
