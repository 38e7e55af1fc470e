//! A customer looks at their vouchers.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{PageEnd, Voucher};
use crate::store::{self, Reader, vouchers};

/// Lists vouchers, newest first. Clones share one connection: a page takes some tens of
/// microseconds, so one is enough until figures say otherwise.
#[derive(Clone)]
pub struct ListVouchers {
    reader: Arc<Mutex<Reader>>,
}

/// One page of vouchers.
#[derive(Clone, Debug)]
pub struct Page {
    /// The vouchers, newest first.
    pub vouchers: Vec<Voucher>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageEnd>,
}

impl ListVouchers {
    /// Lists what `reader` sees.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)) }
    }

    /// At most `limit` vouchers of the customer, behind `after` or from the newest. Blocks.
    ///
    /// # Errors
    /// The database refuses.
    pub fn run(
        &self,
        customer_id: &str,
        after: Option<&PageEnd>,
        limit: u32,
    ) -> Result<Page, store::Error> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        // One more than asked for tells whether there is a next page.
        let mut found =
            vouchers::list_vouchers(&reader, customer_id, after, limit.saturating_add(1))?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| PageEnd {
            issued_at_us: last.issued.issued_at_us,
            voucher_id: last.issued.voucher_id.clone(),
        });
        Ok(Page { vouchers: found, next })
    }
}
