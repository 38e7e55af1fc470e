//! All counters again, from the rows that they count and from compact history: for checks. Looks at
//! everything there is.

use super::{Counters, Stage};
use crate::store::Error;
use crate::store::archive::Whole;

/// Gives the columns of each counter and its number, compact history left out. Understood by
/// both databases.
pub const RECOUNT: &str = "
    WITH RECURSIVE doublings (number, from_ms) AS (
        SELECT 0, CAST(8 AS BIGINT)
        UNION ALL SELECT number + 1, from_ms * 2 FROM doublings WHERE number < 50
    ), told AS (
        SELECT order_id, sequence, status, occurred_at, lag(status) OVER (
            PARTITION BY order_id ORDER BY sequence) AS before
        FROM journal
    ), stays AS (
        SELECT status, lead(occurred_at) OVER (
            PARTITION BY order_id ORDER BY sequence) - occurred_at AS span_us
        FROM told WHERE before IS NULL OR before <> status
    ), spans AS (
        SELECT status, CASE WHEN span_us < 0 THEN 0 ELSE span_us / 1000 END AS ms
        FROM stays WHERE span_us IS NOT NULL
    ), spent AS (
        SELECT status, CASE WHEN ms < 8 THEN ms ELSE (
            SELECT number * 8 + (ms >> number) FROM doublings WHERE from_ms <= ms
            ORDER BY number DESC LIMIT 1) END AS bucket
        FROM spans
    )
    SELECT 'orders', status, CAST(0 AS BIGINT), count(*) FROM orders GROUP BY status
    UNION ALL SELECT 'spent', status, bucket, count(*) FROM spent GROUP BY status, bucket
    UNION ALL SELECT 'tasks', 'given_up', 0, count(*) FROM tasks WHERE state = 'given_up'
    UNION ALL SELECT 'tasks', 'retrying', 0, count(*) FROM tasks
        WHERE state = 'open' AND attempts > 0
            AND last_error IS DISTINCT FROM 'endpoint_not_yet'";

impl Counters {
    /// Counts an order in compact history, whose tasks count no more. One that cannot be read counts nothing: checks tell of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn add_readable(&mut self, whole: Result<Whole, Error>) -> Result<(), Error> {
        match whole.and_then(|whole| self.add_archived(&whole)) {
            Err(Error::Corrupt(_)) => Ok(()),
            counted => counted,
        }
    }

    fn add_archived(&mut self, whole: &Whole) -> Result<(), Error> {
        let mut standing: Option<Stage> = None;
        for row in whole.history(0, usize::MAX)? {
            let now = Stage { status: row.status, since: row.occurred_at };
            if standing.is_none_or(|standing| standing.status != now.status) {
                self.step(standing, now);
                standing = Some(now);
            }
        }
        Ok(())
    }
}
