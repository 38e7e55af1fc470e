//! What somebody has missed who comes back: from the ring, from the journal, or that nobody can tell.

use super::{Begin, News, Told};
use crate::app::Failure;
use crate::store::feed::Stretch;
use crate::store::{Error, Store};
use std::collections::VecDeque;
use std::sync::Arc;

/// More than this is not told again: listing the open orders is quicker.
const MOST_MISSED: usize = 2_000;

/// How a feed begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// How it stands.
    pub first: Told,
    /// What was missed.
    pub backlog: VecDeque<Arc<News>>,
    /// Up to where they were told already, elsewhere.
    pub floor: i64,
}

impl Known {
    fn new(first: Told, backlog: VecDeque<Arc<News>>) -> Self {
        Self { first, backlog, floor: i64::MIN }
    }

    /// They have to look themselves.
    fn reset(at: i64) -> Self {
        Self::new(Told::Reset(at), VecDeque::new())
    }
}

/// What lies between where somebody begins and `at`, behind which they listen already.
///
/// # Errors
/// [`Failure::Unavailable`].
pub async fn since(
    store: &dyn Store,
    restaurant_id: &str,
    begin: Begin,
    at: i64,
    ring: Option<VecDeque<Arc<News>>>,
) -> Result<Known, Failure> {
    let after = match begin {
        Begin::Now => return Ok(Known::new(Told::Ready(at), VecDeque::new())),
        Begin::Unknown => return Ok(Known::reset(at)),
        Begin::After(after) => after,
    };
    if after > at {
        // Another instance may have told more than this one has read; nobody can have told what is
        // not written yet.
        let end = store.settled_end().await?;
        let known = Known { floor: after, ..Known::new(Told::Ready(after), VecDeque::new()) };
        return Ok(if after <= end { known } else { Known::reset(at) });
    }
    if let Some(backlog) = ring {
        return Ok(Known::new(Told::Ready(after), backlog));
    }
    let restaurant_id = restaurant_id.to_owned();
    match store.stretch(Stretch { restaurant_id, after, up_to: at, most: MOST_MISSED }).await {
        Ok(Some(rows)) => {
            let backlog = rows.into_iter().map(|row| Arc::new(News::of(row))).collect();
            Ok(Known::new(Told::Ready(after), backlog))
        }
        Ok(None) => Ok(Known::reset(at)),
        Err(Error::Corrupt(cause)) => {
            tracing::error!(error = %format!("{cause:#}"), "what a restaurant missed cannot be read");
            Ok(Known::reset(at))
        }
        Err(error) => Err(error.into()),
    }
}
