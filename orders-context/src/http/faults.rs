//! What is wrong with a body that could be read: everything at once, each with its place.

use super::problem::Refusal;
use crate::domain::Intervention;
use chassis::http::Problem;
use url::Url;

/// More than these are not listed.
const MOST_LISTED: usize = 100;

/// What [`is_id`] asks for.
pub const ID_RULE: &str = "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', ':' and '-'";

/// What [`is_name`] asks for.
pub const NAME_RULE: &str = "must be 1 to 200 characters on one line, not only spaces";

/// What [`is_mail_address`] asks for.
pub const MAIL_RULE: &str = "must be a mail address of at most 254 characters";

/// What [`server_url`] asks for.
pub const URL_RULE: &str = "must be a URL with http or https, without user, password and spaces";

/// What [`is_reason_code`] asks for.
pub const REASON_CODE_RULE: &str =
    "must be a code of 2 to 40 of a-z and '_', beginning with a letter";

/// What [`is_remark`] asks for.
pub const REMARK_RULE: &str = "must be 1 to 500 characters on one line, not only spaces";

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

    /// Those of why somebody acts; the words stand at `reason_at`. Who acts stands in a token.
    pub fn in_intervention(&mut self, intervention: &Intervention, reason_at: &str) {
        if !is_remark(&intervention.reason) {
            self.at(reason_at, REMARK_RULE);
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

/// The URL of a server, which can be kept as it was written: readers of URLs pass over control characters, other
/// readers do not.
pub fn server_url(text: &str) -> Option<Url> {
    let is_odd = |char: char| char.is_control() || char.is_whitespace();
    Url::parse(text).ok().filter(|url| {
        let has_user = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && !has_user && !text.contains(is_odd)
    })
}

/// A name of a person, a restaurant or a dish.
pub fn is_name(text: &str) -> bool {
    is_line(text, 200)
}

/// Where letters can go. The judge of addresses is who will send them.
pub fn is_mail_address(text: &str) -> bool {
    text.len() <= 254 && text.parse::<lettre::Address>().is_ok()
}

/// What an operator says about an action.
pub fn is_remark(text: &str) -> bool {
    is_line(text, 500)
}

/// A code that stands for a reason.
pub fn is_reason_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (2..=40).contains(&text.len()) && !text.starts_with('_') && text.bytes().all(allowed)
}

fn is_line(text: &str, longest: usize) -> bool {
    let ends = text.chars().nth(longest).is_none();
    ends && !text.trim().is_empty() && !text.chars().any(char::is_control)
}
