//! Cursors: where the next page begins, as a text that clients hand back and need not understand.

use crate::domain::{Order, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Another shape of cursor gets another version, so that old ones are recognised.
const VERSION: &str = "1";

/// The cursor of what follows `last`.
pub fn after(last: &Order) -> String {
    let Order { placed_at, order_id, .. } = last;
    URL_SAFE_NO_PAD.encode(format!("{VERSION}.{}.{order_id}", placed_at.0))
}

/// Reads a cursor; `None` if it is not one that [`after`] wrote.
pub fn read(text: &str) -> Option<(Timestamp, String)> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = plain.splitn(3, '.');
    let (version, placed_at, order_id) = (parts.next()?, parts.next()?, parts.next()?);
    let placed_at = Timestamp(placed_at.parse().ok()?);
    (version == VERSION).then(|| (placed_at, order_id.to_owned()))
}
