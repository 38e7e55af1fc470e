//! Whether Kafka lets this process in at all. For processes that are ready without Kafka: one that is away
//! comes back, but a login that is refused needs somebody.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::task::spawn_blocking;

use super::context::Plain;
use super::settings::{Isolation, KafkaConfig, scan_config};
use super::topic::{hear, retire};
use crate::http::Check;
use crate::shutdown::Shutdown;

/// How long one question takes that nobody answers.
const QUESTION: Duration = Duration::from_millis(500);

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How many questions stay without an answer before Kafka counts as away: a refusal comes by then.
const UNANSWERED: u32 = 4;

/// Tries until Kafka has let this process in once, then waits for `shutdown`.
///
/// `check` is ready from then on, whatever becomes of Kafka, and while Kafka is away; it is not while
/// Kafka refuses, and says why.
///
/// # Errors
///
/// When no client can be made of the settings.
pub async fn watch_admission(
    kafka: KafkaConfig,
    check: Check,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let guest = Arc::new(Guest::of(&kafka)?);
    let mut asked = 0;
    loop {
        let asking = Arc::clone(&guest);
        let answer = tokio::select! {
            answer = spawn_blocking(move || asking.ask()) => answer?,
            () = shutdown.cancelled() => return Ok(()),
        };
        asked += 1;
        match answer {
            Answer::LetIn => break check.ready(),
            Answer::Refused(why) => check.not_ready(why),
            Answer::None if asked >= UNANSWERED => check.ready(),
            Answer::None => continue,
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
    spawn_blocking(move || drop(guest)).await?;
    shutdown.cancelled().await;
    Ok(())
}

/// Why Kafka does not let anybody in with these settings; none when it does, or is away. Blocks for
/// two seconds at most.
pub(super) fn refusal(kafka: &KafkaConfig) -> Option<String> {
    let guest = Guest::of(kafka).ok()?;
    let mut refused = None;
    for _ in 0..UNANSWERED {
        match guest.ask() {
            Answer::LetIn => return None,
            // A broker on its way up or down hangs up too, but not for long.
            Answer::Refused(why) if refused.is_some() => return Some(why),
            Answer::Refused(why) => refused = Some(why),
            Answer::None => {}
        }
    }
    refused
}

/// What a guest hears.
enum Answer {
    LetIn,
    Refused(String),
    None,
}

/// A client that only asks whether it is let in. A consumer, for an admin client is not told what is wrong.
struct Guest(Option<BaseConsumer<Plain>>);

impl Guest {
    fn of(kafka: &KafkaConfig) -> anyhow::Result<Self> {
        let client = scan_config(kafka, Isolation::Committed);
        Ok(Self(Some(client.create_with_context(Plain::default())?)))
    }

    /// Blocks for half a second at most.
    fn ask(&self) -> Answer {
        let Some(consumer) = &self.0 else { return Answer::None };
        if consumer.client().fetch_cluster_id(QUESTION).is_some() {
            return Answer::LetIn;
        }
        hear(consumer);
        consumer.context().refusals.last().map_or(Answer::None, Answer::Refused)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(retire);
    }
}
