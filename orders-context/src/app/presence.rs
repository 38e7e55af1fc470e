//! Whether an app of a restaurant is connected: it is, while one of its own listens to its feed, at whichever
//! instance. An operator who looks on is none.
//!
//! Each instance writes down whose apps listen to it, and prolongs that in one statement for all. What an
//! instance that died has written runs out by itself.

use super::{App, Failure};
use crate::domain::Timestamp;
use crate::store::presence::{Attendance, Connected};
use chassis::ids::Ids;
use chassis::shutdown::Shutdown;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long what was written holds, in milliseconds: so long an instance that died is believed.
const HOLDS_MS: i64 = 60_000;

/// How often it is prolonged, in milliseconds.
const PROLONG_EVERY_MS: i64 = 20_000;

/// How long an app that was cut off may take to come back, in milliseconds, before it counts as gone.
const GRACE_MS: i64 = 5_000;

/// When what could not be written is tried again, in milliseconds.
const AGAIN_MS: i64 = 1_000;

/// How long writing may take when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long it is remembered when an app was seen last, in milliseconds.
const REMEMBERED_FOR_MS: i64 = 30 * 24 * 3_600_000;

/// Whether an app of a restaurant is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppPresence {
    /// Whether one is.
    pub is_connected: bool,
    /// Since when it is so; `None` if none is known to have ever been.
    pub since: Option<Timestamp>,
}

impl AppPresence {
    /// What the times at all instances say of this moment.
    fn at(now: Timestamp, times: &[Connected]) -> Self {
        let lasting = times.iter().filter(|time| time.until > now);
        match lasting.map(|time| time.since).min() {
            Some(since) => Self { is_connected: true, since: Some(since) },
            None => {
                let since = times.iter().map(|time| time.until).max();
                Self { is_connected: false, since }
            }
        }
    }
}

/// What was written down, and what has to be.
#[derive(Debug, Default)]
struct Register {
    /// Restaurants that are written down as connected.
    written: BTreeSet<String>,
    /// Those of them of which no app listens, and since when.
    leaving: BTreeMap<String, Timestamp>,
    prolong_at: Option<Timestamp>,
}

/// What to write now.
#[derive(Debug, Default, PartialEq, Eq)]
struct Writing {
    connected: Vec<String>,
    gone: Vec<String>,
}

impl Register {
    /// What is to be written, given of which restaurants an app listens at this moment.
    fn look(&mut self, listened: &BTreeSet<String>, now: Timestamp) -> Writing {
        self.leaving.retain(|id, _| !listened.contains(id));
        for id in self.written.difference(listened) {
            self.leaving.entry(id.clone()).or_insert(now);
        }
        let is_over = |since: &Timestamp| since.plus_ms(GRACE_MS) <= now;
        let gone = self.leaving.iter().filter(|(_, since)| is_over(since));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        let has_new = !listened.is_subset(&self.written);
        let is_due = self.prolong_at.is_none_or(|at| at <= now);
        let mut connected = Vec::new();
        if has_new || (is_due && !self.written.is_empty()) {
            let all = self.written.union(listened).filter(|id| !gone.contains(id));
            connected.extend(all.cloned());
        }
        Writing { connected, gone }
    }

    /// It was written.
    fn wrote(&mut self, writing: Writing, now: Timestamp) {
        for id in writing.gone {
            self.written.remove(&id);
            self.leaving.remove(&id);
        }
        if !writing.connected.is_empty() {
            self.written.extend(writing.connected);
            self.prolong_at = Some(now.plus_ms(PROLONG_EVERY_MS));
        }
    }

    /// When there is something to write if nobody comes or goes.
    fn next(&self) -> Option<Timestamp> {
        let prolong = self.prolong_at.filter(|_| !self.written.is_empty());
        let gone = self.leaving.values().min().map(|since| since.plus_ms(GRACE_MS));
        [prolong, gone].into_iter().flatten().min()
    }
}

impl App {
    /// Whether an app of this restaurant is connected, to whichever instance.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn app_presence(&self, restaurant_id: &str) -> Result<AppPresence, Failure> {
        let times = self.store.connections(restaurant_id.to_owned()).await?;
        Ok(AppPresence::at(self.now(), &times))
    }

    /// Forgets when apps were seen that have not been for a month, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_presences(&self, limit: usize) -> Result<usize, Failure> {
        let before = self.now().plus_ms(-REMEMBERED_FOR_MS);
        Ok(self.store.forget_connections(before, limit).await?)
    }

    /// Writes down who listens to this process, until `shutdown`, and then that nobody does.
    ///
    /// # Errors
    /// None so far: what cannot be written is written later.
    pub async fn note_presences(self, ids: impl Ids, shutdown: Shutdown) -> anyhow::Result<()> {
        let (instance, mut register) = (ids.next().to_string(), Register::default());
        loop {
            let now = self.now();
            let writing = register.look(&self.feeds.connected(), now);
            let next = match self.write_presences(&instance, &writing, now).await {
                Ok(()) => {
                    register.wrote(writing, now);
                    register.next()
                }
                Err(failure) => {
                    tracing::warn!(error = %failure, "Who listens was not written down");
                    Some(now.plus_ms(AGAIN_MS))
                }
            };
            let next_us = next.map_or(i64::MAX, |at| at.0);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.feeds.came_or_went().wait_async() => {}
                () = self.clock.sleep_until(next_us) => {}
            }
        }
        let gone = register.written.into_iter().collect();
        let last = Writing { connected: Vec::new(), gone };
        let writing = self.write_presences(&instance, &last, self.now());
        if !matches!(tokio::time::timeout(LAST_WORDS, writing).await, Ok(Ok(()))) {
            tracing::warn!("That nobody listens any more was not written down and will run out");
        }
        Ok(())
    }

    async fn write_presences(
        &self,
        instance: &str,
        writing: &Writing,
        at: Timestamp,
    ) -> Result<(), Failure> {
        for (ids, until) in [(&writing.connected, at.plus_ms(HOLDS_MS)), (&writing.gone, at)] {
            if ids.is_empty() {
                continue;
            }
            let (instance, restaurant_ids) = (instance.to_owned(), ids.clone());
            let attendance = Attendance { instance, restaurant_ids, at, until };
            self.store.note_attendance(attendance).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::mother::{SECOND, after};

    fn at(second: i64) -> Timestamp {
        after(second * SECOND)
    }

    fn ids(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn it_is_connected_while_one_instance_says_so() {
        let time = |since, until| Connected { since: at(since), until: at(until) };
        for (times, is_connected, since) in [
            (vec![], false, None),
            (vec![time(0, 60)], true, Some(0)),
            (vec![time(0, 30)], false, Some(30)),
            (vec![time(0, 31)], true, Some(0)),
            (vec![time(20, 60), time(5, 40), time(0, 10)], true, Some(5)),
            (vec![time(20, 25), time(5, 28), time(0, 10)], false, Some(28)),
        ] {
            let expected = AppPresence { is_connected, since: since.map(at) };
            assert_eq!(AppPresence::at(at(30), &times), expected, "{times:?}");
        }
    }

    #[test]
    fn it_is_written_once_prolonged_together_and_ended_after_a_grace() {
        let mut register = Register::default();
        for (second, listened, connected, gone, next) in [
            (0, "", "", "", None),
            (1, "nino", "nino", "", Some(21)),
            (2, "nino", "", "", Some(21)),
            (3, "bombay nino", "bombay nino", "", Some(23)),
            (4, "bombay", "", "", Some(9)),
            (8, "bombay nino", "", "", Some(23)),
            (9, "bombay nino", "", "", Some(23)),
            (20, "nino", "", "", Some(23)),
            (23, "nino", "bombay nino", "", Some(25)),
            (25, "nino", "", "bombay", Some(43)),
            (42, "", "", "", Some(43)),
            (47, "", "", "nino", None),
            (90, "", "", "", None),
            (91, "nino", "nino", "", Some(111)),
        ] {
            let listened = ids(listened).into_iter().collect();
            let writing = register.look(&listened, at(second));
            let expected = Writing { connected: ids(connected), gone: ids(gone) };
            assert_eq!(writing, expected, "at {second}");
            register.wrote(writing, at(second));
            assert_eq!(register.next(), next.map(at), "after {second}");
        }
    }
}
