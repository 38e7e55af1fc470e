//! Who is asking: bearer tokens (RFC 6750) that are JWTs (RFC 7519), the keys they are checked
//! with, and the policy each route is declared with.
//!
//! A context says what its principals are by implementing [`Principal`]; everything else about
//! tokens is here. Three algorithms are taken and no other: RS256, ES256 and EdDSA, each only with a
//! key of its kind.

mod deprecation;
mod guard;
mod keys;
mod known;
mod local;
mod rates;
mod settings;
mod verify;

pub use deprecation::Deprecation;
pub use guard::{Caller, Guard, Policy, Routes};
pub use keys::Keys;
pub use local::LocalIssuer;
pub use rates::{Quota, Rate};
pub use settings::{AuthConfig, Environment, local_key};
pub use verify::{Denied, Verified, Verifier};

use std::fmt::Display;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Whom a verified token stands for, in a context's own words.
pub trait Principal: Send + Sync + Sized + 'static {
    /// In what capacity somebody calls.
    type Role: Copy + PartialEq + Display + Send + Sync + 'static;

    /// The one that `claims` name; `None` when they name nobody whom this context knows.
    fn of(claims: &Claims) -> Option<Self>;

    /// In what capacity they call.
    fn role(&self) -> Self::Role;

    /// Names them among those of their role.
    fn subject(&self) -> &str;
}

/// What a verified token says.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    /// Whom it stands for.
    pub sub: String,
    /// From when on it counts no more, in seconds since the Unix epoch.
    exp: f64,
    /// From when on it counts.
    nbf: Option<f64>,
    /// Everything else it says.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Claims {
    /// The text under that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.rest.get(name)?.as_str()
    }

    /// The texts under that name; `None` when it is absent or anything but a list of texts.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.rest.get(name)?.as_array()?;
        list.iter().map(|each| each.as_str().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests;
