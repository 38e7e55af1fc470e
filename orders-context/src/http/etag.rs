//! Strong entity tags (RFC 9110, section 8.8.3) of orders.

use super::view::OrderView;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A tag that changes whenever anything that `view` shows changes, but `server_time`: the version
/// names all that the journal has made of the order, the rest is in its tasks. Where the hash
/// changes with a new compiler, clients fetch once more.
pub fn etag(view: &OrderView<'_>) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    view.tasks.hash(&mut hasher);
    let text = format!("\"{}-{:016x}\"", view.version, hasher.finish());
    // Digits, hexadecimal digits and quotes are always a header's value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the request names this state as the one that it may change (RFC 9110, section 13.1.1); `None`
/// if it names none. Weak tags name nothing.
pub fn names(headers: &HeaderMap, etag: &HeaderValue) -> Option<bool> {
    let mut lists = headers.get_all(IF_MATCH).iter().peekable();
    lists.peek()?;
    let mut tags = lists.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    Some(tags.any(|tag| tag.trim() == "*" || tag.trim().as_bytes() == etag.as_bytes()))
}

/// Whether the client has this state already (RFC 9110, section 13.1.2).
pub fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let same = |known: &str| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == etag.as_bytes()
    };
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Our tags hold no comma: what one cuts in two is none of ours.
    lists.flat_map(|list| list.split(',')).any(same)
}
