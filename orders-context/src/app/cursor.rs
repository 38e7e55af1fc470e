//! Cursors: where the next page begins, as a text that clients hand back and need not understand.

use crate::domain::Timestamp;
use crate::store::{OrdersFilter, OrdersSort, Place};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Another shape of cursor gets another version, so that old ones are recognised.
const VERSION: &str = "2";

/// The cursor of what follows `place` in this listing.
pub fn write(filter: &OrdersFilter, sort: OrdersSort, place: &Place) -> String {
    let Place { at, order_id } = place;
    let listing = listing(filter, sort);
    URL_SAFE_NO_PAD.encode(format!("{VERSION}.{listing}.{}.{order_id}", at.0))
}

/// Reads a cursor; `None` if it is not one that [`write`] wrote for the same filter and sort.
pub fn read(filter: &OrdersFilter, sort: OrdersSort, text: &str) -> Option<Place> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = plain.splitn(4, '.');
    let (version, of, at) = (parts.next()?, parts.next()?, parts.next()?);
    let place = Place { at: Timestamp(at.parse().ok()?), order_id: parts.next()?.to_owned() };
    (version == VERSION && of == listing(filter, sort)).then_some(place)
}

/// Tells listings apart. Not a secret: who forges a cursor gets another page of what they may see.
fn listing(filter: &OrdersFilter, sort: OrdersSort) -> String {
    // Text keys only: nothing in a filter can fail to be written.
    let filter = serde_json::to_vec(filter).unwrap_or_default();
    let digest = Sha256::new().chain_update(sort.as_str()).chain_update(filter).finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Status;

    #[test]
    fn a_cursor_is_read_for_the_listing_it_was_written_for_and_for_no_other() {
        let nino = OrdersFilter { restaurant_id: Some("nino".to_owned()), ..Default::default() };
        let placed = OrdersFilter { status: vec![Status::Placed], ..nino.clone() };
        let place = Place { at: Timestamp(-7), order_id: "order.with.dots".to_owned() };
        let cursor = write(&nino, OrdersSort::Newest, &place);
        assert_eq!(read(&nino, OrdersSort::Newest, &cursor), Some(place));
        assert_eq!(read(&nino, OrdersSort::Oldest, &cursor), None);
        assert_eq!(read(&placed, OrdersSort::Newest, &cursor), None);
        assert_eq!(read(&OrdersFilter::default(), OrdersSort::Newest, &cursor), None);
        let before = URL_SAFE_NO_PAD.encode("1.1790013600000000.order-1");
        for none in ["", "!", "bm8", &before] {
            assert_eq!(read(&nino, OrdersSort::Newest, none), None, "{none}");
        }
    }
}
