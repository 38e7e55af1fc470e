//! The place of a relay that a run has taken, and whether it has it still.

use crate::store::Store;
use chassis::kafka::KafkaConfig;
use chassis::kafka::relay::{Progress, read_progress};
use schemas::topics::ORDERS_RELAY;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// How often a Kafka that does not answer is asked again, and the pause before; an answer may itself take as long.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_secs(3);

/// Whose the place is, as Kafka says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    /// This run: nobody has taken over since.
    Run,
    /// Another, whose name stands there.
    Another,
    /// Nobody: there is no position any more.
    Nobody,
    /// Kafka does not say, for this reason.
    Unknown(String),
}

/// A relay's place, taken by a run.
pub(super) struct Place {
    kafka: KafkaConfig,
    shard: i32,
    owner: String,
    holder: Mutex<Holder>,
}

impl Place {
    /// Of that shard, claimed by `owner`.
    pub(super) fn new(kafka: &KafkaConfig, shard: i32, owner: &str) -> Self {
        let holder = Mutex::new(Holder::Run);
        Self { kafka: kafka.clone(), shard, owner: owner.to_owned(), holder }
    }

    /// Whether the run has it still. A Kafka that does not answer is asked again for a while. Blocks.
    pub(super) fn is_ours(&self) -> bool {
        let read = || read_progress(&self.kafka, ORDERS_RELAY.name, self.shard);
        let holder = ask(read, &self.owner, [PAUSE; ATTEMPTS]);
        let is_ours = holder == Holder::Run;
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = holder;
        is_ours
    }

    /// Why a run that writes to `target` ended before its end, by what was found last.
    pub(super) fn cause(&self, target: &str) -> String {
        match &*self.holder.lock().unwrap_or_else(PoisonError::into_inner) {
            Holder::Run => "call it again, it goes on where it was".to_owned(),
            Holder::Another => format!(
                "a relay has taken over: its events stand where others belong. Stop every `orders serve`, \
                 empty {target} and begin anew with --again"
            ),
            Holder::Nobody => {
                "Kafka was lost meanwhile, no position is there any more: call it again".to_owned()
            }
            Holder::Unknown(cause) => {
                format!("Kafka does not answer ({cause}): call it again, it goes on where it was")
            }
        }
    }
}

/// The end of the journal, where not even the first shard's position is in Kafka: it was lost, and everything up to there is to
/// be published again. Blocks.
pub(super) fn lost_up_to(kafka: &KafkaConfig, store: &dyn Store) -> anyhow::Result<Option<i64>> {
    match read_progress(kafka, ORDERS_RELAY.name, 0)? {
        Some(_) => Ok(None),
        None => Ok(Some(store.journal_reader()?.newest()?)),
    }
}

/// Asks until there is an answer, with these pauses before each further attempt.
fn ask(
    mut read: impl FnMut() -> anyhow::Result<Option<Progress>>,
    owner: &str,
    pauses: impl IntoIterator<Item = Duration>,
) -> Holder {
    let mut pauses = pauses.into_iter();
    loop {
        match (read(), pauses.next()) {
            (Ok(Some(found)), _) if found.owner == owner => return Holder::Run,
            (Ok(Some(_)), _) => return Holder::Another,
            (Ok(None), _) => return Holder::Nobody,
            (Err(_), Some(pause)) => sleep(pause),
            (Err(cause), None) => return Holder::Unknown(format!("{cause:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_by(owner: &str) -> anyhow::Result<Option<Progress>> {
        let text = format!(r#"{{"version":1,"position":7,"owner":"{owner}"}}"#);
        Ok(Some(serde_json::from_str(&text)?))
    }

    fn away() -> anyhow::Result<Option<Progress>> {
        anyhow::bail!("timed out")
    }

    /// What is found when Kafka answers one after the other.
    fn found<const N: usize>(answers: [anyhow::Result<Option<Progress>>; N]) -> Holder {
        let mut answers = answers.into_iter();
        ask(|| answers.next().expect("another answer"), "us", [Duration::ZERO; 2])
    }

    #[test]
    fn a_kafka_that_does_not_answer_is_no_relay_that_has_taken_over() {
        assert_eq!(found([written_by("us")]), Holder::Run);
        assert_eq!(found([written_by("them")]), Holder::Another);
        assert_eq!(found([Ok(None)]), Holder::Nobody);
        assert_eq!(found([away(), away(), written_by("us")]), Holder::Run);
        assert_eq!(found([away(), written_by("them")]), Holder::Another);
        assert_eq!(found([away(), away(), away()]), Holder::Unknown("timed out".to_owned()));
    }

    #[test]
    fn the_topic_is_to_be_emptied_only_where_another_has_written() {
        let place = Place::new(&KafkaConfig::for_testing("127.0.0.1:1"), 0, "us");
        let cause = |holder| {
            *place.holder.lock().expect("nobody panics") = holder;
            place.cause("orders")
        };
        assert!(cause(Holder::Another).contains("empty orders"));
        let unknown = cause(Holder::Unknown("timed out".to_owned()));
        assert!(unknown.contains("does not answer (timed out): call it again"), "{unknown}");
    }
}
