//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a quoted string of
//! structured fields (RFC 8941, section 3.3.3), accepted without quotes too.

use axum::http::HeaderMap;
use chassis::http::Problem;

/// The header's name.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Characters of a key.
const LONGEST: usize = 255;

/// The key with `scope` (method and route) and `principal` in front, so that one key may be used in
/// several places and by several people.
///
/// # Errors
/// A problem with status 400 when it is missing, given twice or malformed.
pub fn key(headers: &HeaderMap, scope: &str, principal: &str) -> Result<String, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let detail = "send one Idempotency-Key with a new value for each new order, and the same \
                      value when you repeat the request";
        return Err(Problem::bad_request("idempotency_key_required", detail));
    };
    let key = value.to_str().ok().and_then(|text| parse(text.trim()));
    let key = key.filter(|key| (1..=LONGEST).contains(&key.len())).ok_or_else(|| {
        let detail = format!(
            "write the Idempotency-Key as 1 to {LONGEST} printable ASCII characters in double quotes"
        );
        Problem::bad_request("invalid_idempotency_key", detail)
    })?;
    Ok(format!("{scope} {principal} {key}"))
}

fn parse(text: &str) -> Option<String> {
    let Some(opened) = text.strip_prefix('"') else {
        let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        return text.chars().all(plain).then(|| text.to_owned());
    };
    let quoted = opened.strip_suffix('"')?;
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        let c = match c {
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            ' '..='~' if c != '"' => c,
            _ => return None,
        };
        key.push(c);
    }
    Some(key)
}
