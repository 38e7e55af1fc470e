//! What is wrong with a body that could be read: everything at once, each with its place.

use super::problem::Refusal;
use chassis::http::Problem;

/// More than these are not listed.
const MOST_LISTED: usize = 100;

/// What [`is_id`] asks for.
pub const ID_RULE: &str = "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', ':' and '-'";

/// What [`is_name`] asks for.
pub const NAME_RULE: &str = "must be 1 to 200 characters on one line, not only spaces";

/// Faults found so far, each a JSON pointer (RFC 6901) and what is wrong there.
#[derive(Debug, Default)]
pub struct Faults(Vec<(String, String)>);

impl Faults {
    /// One more.
    pub fn at(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MOST_LISTED {
            self.0.push((pointer.into(), detail.into()));
        }
    }

    /// Nothing, if there are none.
    ///
    /// # Errors
    /// A problem with status 422 that lists them all.
    pub fn none(self) -> Result<(), Refusal> {
        let mut faults = self.0.into_iter();
        let Some((pointer, fault)) = faults.next() else { return Ok(()) };
        let more = match faults.len() {
            0 => String::new(),
            more => format!(" ({more} more in errors)"),
        };
        let detail = format!("correct {pointer}: {fault}{more}");
        let problem = Problem::unprocessable("invalid_body", detail).with_error(pointer, fault);
        let listed = faults.fold(problem, |problem, (at, fault)| problem.with_error(at, fault));
        Err(listed.into())
    }
}

/// An id that a client chose.
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// A name of a person, a restaurant or a dish.
pub fn is_name(text: &str) -> bool {
    let ends = text.chars().nth(200).is_none();
    ends && !text.trim().is_empty() && !text.chars().any(char::is_control)
}
