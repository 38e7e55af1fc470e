//! Which restaurants have an app connected, to which instance, and until when that is known.

use super::Answer;
use crate::domain::Timestamp;

/// What an instance knows of several restaurants.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// Which instance: a name that no other ever has.
    pub instance: String,
    /// Of which restaurants.
    pub restaurant_ids: Vec<String>,
    /// As of this moment.
    pub at: Timestamp,
    /// Their apps are connected until then, if nothing else is said; `at`: no more.
    pub until: Timestamp,
}

/// A time during which an app of a restaurant was connected to one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// From when on.
    pub since: Timestamp,
    /// Until when it was, or is known to be.
    pub until: Timestamp,
}

/// Keeps what instances know.
pub trait PresenceStore {
    /// Notes it, in one statement for all. A time that is not over is prolonged or ended; else another begins.
    fn note_attendance(&self, attendance: Attendance) -> Answer<'_, ()>;

    /// The last time at each instance.
    fn connections(&self, restaurant_id: String) -> Answer<'_, Vec<Connected>>;

    /// Forgets times that were over by `before`, at most `limit`; how many.
    fn forget_connections(&self, before: Timestamp, limit: usize) -> Answer<'_, usize>;
}
