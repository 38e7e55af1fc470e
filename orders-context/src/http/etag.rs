//! Strong entity tags (RFC 9110, section 8.8.3) of orders.

use super::view::OrderView;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
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
    names_one(headers, |tag| tag.as_bytes() == etag.as_bytes())
}

/// The same of every state whose tag `is_such`: for tags of which a part tells what a change would overwrite.
pub fn names_one(headers: &HeaderMap, is_such: impl Fn(&str) -> bool) -> Option<bool> {
    let is_named = |tag: &str| tag == "*" || is_such(tag);
    headers.contains_key(IF_MATCH).then(|| tags(headers, &IF_MATCH).any(is_named))
}

/// Whether the client has this state already (RFC 9110, section 13.1.2).
pub fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let same = |tag: &str| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    };
    tags(headers, &IF_NONE_MATCH).any(same)
}

/// The tags of a header's lists. Ours hold no comma: what one cuts in two is none of ours.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}
