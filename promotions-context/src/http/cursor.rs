//! Cursors: where the next page begins, as a text that clients hand back and need not understand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::PageEnd;

/// Writes a cursor.
pub fn write(end: &PageEnd) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", end.issued_at_us, end.voucher_id))
}

/// Reads a cursor; `None` if it is not one that [`write`] wrote.
pub fn read(text: &str) -> Option<PageEnd> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (issued_at_us, voucher_id) = plain.split_once('.')?;
    Some(PageEnd { issued_at_us: issued_at_us.parse().ok()?, voucher_id: voucher_id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_out() {
        let end = PageEnd { issued_at_us: -7, voucher_id: "v-1".into() };
        assert_eq!(read(&write(&end)), Some(end));
    }

    #[test]
    fn anything_else_is_no_cursor() {
        for text in ["", "!", "v-1", &URL_SAFE_NO_PAD.encode("now.v-1"), "////"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
