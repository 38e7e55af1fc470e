//! Has Kafka ended what the relay committed last?
//!
//! A broker that its controller shuts out while a transaction is being ended (seen with Apache Kafka
//! 4.3.1 when a machine gave the broker no time for longer than its session) calls the commit complete
//! and writes no marker, or not in every partition. The relay knows of a commit; its rows lie open before the
//! stable end, and no reader comes past them until this producer's next transaction. A busy relay makes
//! one at once. One that has become idle looks, and takes over again when it must.

use super::RelayConfig;
use super::leftovers::partitions;
use crate::backoff::Backoff;
use crate::kafka::open::{Partition, still_open};
use crate::kafka::questions::{Askers, asking_both};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// How long after a commit the first look comes, and how far apart those to a Kafka that does not answer.
const LOOKS: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30));

/// How long after a look that found something open the next one comes.
const AGAIN: Duration = Duration::from_secs(1);

/// How long markers may take: they are written within milliseconds when all is well.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// How long the transactions of others may be open, who write to the same topics.
const OTHERS_TAKE: Duration = Duration::from_secs(3);

/// What is known of the last commit.
#[derive(Debug)]
pub(super) struct Settled {
    committed_at: Instant,
    next_look_at: Option<Instant>,
    looks: u32,
    looking: Option<Looking>,
}

/// A look that is under way. It is of no account once there is another commit.
#[derive(Debug)]
struct Looking {
    of: Instant,
    answer: Receiver<anyhow::Result<bool>>,
}

impl Settled {
    /// After a commit at `now`, or the claim that is one.
    pub(super) fn after_commit(now: Instant) -> Self {
        let next_look_at = Some(now + LOOKS.delay(0));
        Self { committed_at: now, next_look_at, looks: 0, looking: None }
    }

    /// There was another commit. Cheap: nothing is asked.
    pub(super) fn committed(&mut self, now: Instant) {
        (self.committed_at, self.looks) = (now, 0);
        self.next_look_at = Some(now + LOOKS.delay(0));
    }

    /// Asked again and again while there is nothing to publish: whether the last commit was lost on the
    /// way to readers. Never blocks; `ask` begins a look that answers whether anything is open.
    pub(super) fn is_lost(
        &mut self,
        now: Instant,
        ask: impl FnOnce() -> anyhow::Result<Receiver<anyhow::Result<bool>>>,
    ) -> bool {
        if let Some(Looking { of, answer }) = &self.looking {
            let answer = match answer.try_recv() {
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => None,
                Ok(answer) => answer.ok(),
            };
            let is_of_this = *of == self.committed_at;
            self.looking = None;
            match answer {
                Some(is_open) if is_of_this => return self.judge(now, is_open),
                _ => self.look_later(now),
            }
        }
        if self.next_look_at.is_some_and(|at| now >= at)
            && let Ok(answer) = ask()
        {
            self.looking = Some(Looking { of: self.committed_at, answer });
        }
        false
    }

    fn judge(&mut self, now: Instant, is_open: bool) -> bool {
        if !is_open {
            self.next_look_at = None;
            return false;
        }
        if now.saturating_duration_since(self.committed_at) >= WRITTEN_WITHIN {
            return true;
        }
        self.next_look_at = Some(now + AGAIN);
        false
    }

    fn look_later(&mut self, now: Instant) {
        self.looks += 1;
        self.next_look_at = Some(now + LOOKS.delay(self.looks));
    }
}

/// Looks on a thread of its own: a Kafka that does not answer holds up no row.
pub(super) fn look(config: &RelayConfig) -> anyhow::Result<Receiver<anyhow::Result<bool>>> {
    let (tell, answer) = channel();
    let config = config.clone();
    std::thread::Builder::new().name("relay-look".to_owned()).spawn(move || {
        let found = is_left_open(&config);
        // Nobody waits any more when the session has ended.
        let _ = tell.send(found);
    })?;
    Ok(answer)
}

/// Where a relay writes, and a transaction lies open for longer than those of others do. Blocks for as long.
pub(super) fn left_open(config: &RelayConfig, askers: &Askers) -> anyhow::Result<Vec<Partition>> {
    still_open(askers, &partitions(config, &askers.committed)?, OTHERS_TAKE)
}

/// Whether there is any such partition.
pub(super) fn is_left_open(config: &RelayConfig) -> anyhow::Result<bool> {
    asking_both(&config.kafka, |askers| Ok(!left_open(config, askers)?.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Says at once what it is told to say.
    fn says(answer: anyhow::Result<bool>) -> anyhow::Result<Receiver<anyhow::Result<bool>>> {
        let (tell, told) = channel();
        tell.send(answer).unwrap();
        Ok(told)
    }

    /// Idle for so many seconds, asked ten times in each: when it was found lost, and after how many
    /// looks.
    fn idle(
        settled: &mut Settled,
        from: Instant,
        seconds: u32,
        answer: impl Fn() -> anyhow::Result<bool>,
    ) -> (Option<Duration>, usize) {
        let mut looks = 0;
        for step in 0..seconds * 10 {
            let now = from + SECOND / 10 * step;
            let is_lost = settled.is_lost(now, || {
                looks += 1;
                says(answer())
            });
            if is_lost {
                return (Some(now - from), looks);
            }
        }
        (None, looks)
    }

    #[test]
    fn what_is_ended_is_looked_at_once_for_each_time_of_idleness() {
        let began = Instant::now();
        let mut settled = Settled::after_commit(began);
        assert_eq!(idle(&mut settled, began, 600, || Ok(false)), (None, 1));
        settled.committed(began + 600 * SECOND);
        assert_eq!(idle(&mut settled, began + 600 * SECOND, 600, || Ok(false)), (None, 1));
    }

    #[test]
    fn who_commits_again_and_again_never_looks() {
        let began = Instant::now();
        let mut settled = Settled::after_commit(began);
        for second in 0..100 {
            let now = began + SECOND * second;
            settled.committed(now);
            let is_lost = settled.is_lost(now + SECOND / 2, || panic!("it looked"));
            assert!(!is_lost);
        }
    }

    #[test]
    fn what_stays_open_is_lost_after_a_few_seconds_and_not_before() {
        let began = Instant::now();
        let mut settled = Settled::after_commit(began);
        let (lost, looks) = idle(&mut settled, began, 60, || Ok(true));
        let lost = lost.expect("it was lost");
        assert!(lost >= WRITTEN_WITHIN && lost < 8 * SECOND, "{lost:?}");
        assert!((4..=7).contains(&looks), "{looks}");
    }

    #[test]
    fn while_kafka_is_away_nothing_is_lost_and_it_is_asked_less_often() {
        let began = Instant::now();
        let mut settled = Settled::after_commit(began);
        let (lost, looks) = idle(&mut settled, began, 600, || anyhow::bail!("Kafka is away"));
        assert!(lost.is_none() && (20..60).contains(&looks), "{looks}");
    }

    /// The rows of the next transaction lie open while it goes on.
    #[test]
    fn an_answer_from_before_the_last_commit_is_of_no_account() {
        let began = Instant::now();
        let mut settled = Settled::after_commit(began);
        let (tell, told) = channel();
        let late = began + 8 * SECOND;
        assert!(!settled.is_lost(late, || Ok(told)));
        settled.committed(late + SECOND);
        tell.send(Ok(true)).unwrap();
        assert!(!settled.is_lost(late + 20 * SECOND, || panic!("not at once")));
        let (lost, _) = idle(&mut settled, late + 20 * SECOND, 60, || Ok(false));
        assert_eq!(lost, None);
    }
}
