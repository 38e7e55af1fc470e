//! What the feeds of restaurants ask of a store: where the journal's end is, and what a restaurant has
//! missed. Nothing here is written, and a commit pays for none of it.

use super::{Answer, JournalRow};

/// More orders of one restaurant in the tables than this are not looked through.
pub const MOST_ORDERS: usize = 5_000;

/// The events of one restaurant's orders in a part of the journal.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Whose.
    pub restaurant_id: String,
    /// Behind this position.
    pub after: i64,
    /// Up to this one, which is not behind [`FeedStore::settled_end`].
    pub up_to: i64,
    /// More events than this are not told.
    pub most: usize,
}

/// What feeds ask.
pub trait FeedStore {
    /// The last position before which nothing will be added any more: whoever begins behind it misses
    /// nothing. It never falls, and what a reader of the journal was shown does not lie behind it.
    fn settled_end(&self) -> Answer<'_, i64>;

    /// The events of a stretch, ascending. `None` if they cannot be told whole: there are more of them, or
    /// more orders in the tables than [`MOST_ORDERS`], or some of what lies behind `after` has gone to compact history.
    fn stretch(&self, stretch: Stretch) -> Answer<'_, Option<Vec<JournalRow>>>;
}
