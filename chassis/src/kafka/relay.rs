//! The relay: publishes a journal to Kafka so that a `read_committed` reader sees every row exactly
//! once and in order, whatever crashes when.
//!
//! - Rows and the new position are written in one Kafka transaction; the position goes to a
//!   compacted progress topic with one partition per shard.
//! - A relay first fences its predecessor (`init_transactions`), then reads the position, then
//!   publishes. In this order nobody else can move the position after it was read.
//! - It then reads what there is of the last two transactions: a broker that dies while it ends one may have
//!   committed it in part. What is missing is published, and nothing twice.
//! - Two producers take turns, for Kafka is not ready for the next transaction of one that has just committed.
//! - After any error or unknown outcome the producers are dropped and all of this begins anew.
//!
//! Kafka may be away for as long as it likes: the relay waits, says how old the oldest unpublished
//! row is, and goes on by itself.

mod claim;
mod gauges;
mod leftovers;
mod once;
mod owner;
mod pace;
mod page;
mod progress;
mod readback;
mod session;
mod settled;

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tracing::warn;

use super::Headers;
use super::settings::KafkaConfig;
use crate::clock::Clock;
use crate::shutdown::Shutdown;
use crate::signal::Signal;
pub use claim::claim;
use gauges::Gauges;
pub use once::publish_once;
pub use page::{Draft, Page, Record};
pub use progress::{Progress, find_progress, read_position, read_progress};

/// How long a stop waits for a running transaction. When Kafka is away it cannot be ended; the
/// broker, or the successor, then aborts it.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// One row of a journal as it is to be published, by itself; [`Page`] holds many.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The row's position in the journal, above zero. Records of one row have the same.
    pub position: i64,
    /// The topic to publish to.
    pub topic: Arc<str>,
    /// The key that decides the partition. Rows of one key keep their order.
    pub key: Option<Vec<u8>>,
    /// The bytes; none is a tombstone in a compacted topic.
    pub payload: Option<Vec<u8>>,
    /// The record's headers, in this order.
    pub headers: Headers,
    /// The record's timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// Where the rows come from.
pub trait Journal: Send + 'static {
    /// Adds what up to `limit` rows after `position` are published as to `out`, in ascending order of
    /// position, gaps allowed: of each row one record or several. A row once shown, and every row before it, must
    /// never change. What it becomes may hang on those that follow it in `out`, as where the last of a key says how things
    /// stand; but rows of several pages that are read as one must not become anything that they were not in those. A journal
    /// of which nothing hangs on the page may give fewer than `limit` though there are more, if not none.
    /// An error ends the relay.
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()>;

    /// The position of the newest row, where the journal can tell (0 when empty). A relay whose
    /// published position lies beyond it refuses to run: that journal is not the one it published.
    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(None)
    }

    /// The position that so many rows follow, up to `position`; one before the first where there are not so many. Who
    /// takes over goes back in rows by it. The default is that of a journal whose positions have no gaps.
    fn earlier(&mut self, position: i64, rows: usize) -> anyhow::Result<i64> {
        Ok(position.saturating_sub(i64::try_from(rows)?))
    }

    /// Asked when Kafka holds no position of this shard: whether all that there ever was to publish can be read here, so that
    /// it may be published from the beginning. An error says what to do instead; it ends the relay where Kafka holds the
    /// position of no other shard either.
    fn begin_anew(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// The newest position whose row can no longer be read here, for it was published long ago. A relay refuses to run where
    /// Kafka says that less is published: an older Kafka was put in the place of the one that has it.
    fn newest_gone(&mut self) -> anyhow::Result<i64> {
        Ok(0)
    }

    /// Whether this process may publish the journal, asked before and after each fencing; when it may
    /// not, the relay ends. Where several processes take turns: whoever may publish now, and fences
    /// after this one did, keeps this one from publishing ever after. So an answer from after the
    /// fencing is good for the whole session, however long the process is stopped meanwhile.
    fn is_ours(&self) -> bool {
        true
    }

    /// Where it begins, if it continues others that were published to their ends, shard 0 among them: nothing up to this
    /// position is ever read, whatever was published before.
    fn begins_after(&self) -> i64 {
        0
    }

    /// Where it ends, if the last [`Journal::read_after`] has shown that no row will be added any
    /// more, before this position or after it. The relay then publishes that it has come so far, and
    /// ends.
    fn end(&self) -> Option<i64> {
        None
    }

    /// Everything up to `position` is committed in Kafka, known at `at_us`. Also called once after
    /// each take-over with the position that was found, and a little late while a backlog is drained. An error ends the relay.
    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        let _ = (position, at_us);
        Ok(())
    }
}

/// What a relay needs to know.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// Names this relay to Kafka: a second one with this name fences the first. It publishes under this name and
    /// under the same with `-b` after it, in turn.
    pub transactional_id: String,
    /// The compacted topic of positions.
    pub progress_topic: String,
    /// The topics that the journal's rows go to, which nobody else writes, and which keep the timestamps
    /// that records come with (`message.timestamp.type=CreateTime`, Kafka's default).
    pub topics: Vec<String>,
    /// The shard of the journal, which is also its partition in the progress topic.
    pub shard: i32,
    /// The key of its positions, if several journals share the partition; else the shard's number.
    pub progress_key: Option<String>,
    /// Most rows in one transaction.
    pub batch: usize,
    /// Whether the last transactions are read back when it takes over. Not where the topics may hold the same records
    /// from before: then its position alone says what it has published.
    pub reads_back: bool,
    /// The pause between two transactions under load; shorter the less there is to do. Each
    /// transaction costs the broker about 3 ms of CPU however small it is.
    pub busy_pause: Duration,
    /// How often an idle relay looks at the journal without having been woken.
    pub look_every: Duration,
}

impl RelayConfig {
    /// Shard 0 with batches of up to 10,000 rows, a pause of up to 20 ms, and two looks a second.
    pub fn new(
        kafka: KafkaConfig,
        transactional_id: &str,
        progress_topic: &str,
        topics: &[&str],
    ) -> Self {
        Self {
            kafka,
            transactional_id: transactional_id.to_string(),
            progress_topic: progress_topic.to_string(),
            topics: topics.iter().map(ToString::to_string).collect(),
            shard: 0,
            progress_key: None,
            batch: 10_000,
            reads_back: true,
            busy_pause: Duration::from_millis(20),
            look_every: Duration::from_millis(500),
        }
    }

    /// The key of its positions.
    fn key(&self) -> String {
        self.progress_key.clone().unwrap_or_else(|| self.shard.to_string())
    }
}

/// Publishes `journal` until `shutdown`; blocks, so it needs an OS thread of its own.
///
/// `wake` makes it look at the journal at once; it also looks every `look_every` by itself. A stop
/// takes at most about two seconds, with or without Kafka. It also ends when the journal does, once all of
/// it is published.
///
/// # Errors
///
/// When the journal fails, when it is not the journal that was published before, or when another
/// live process publishes under the same transactional id. Never because Kafka is away.
pub fn run_relay(
    config: RelayConfig,
    journal: impl Journal,
    wake: Signal,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let name = config.transactional_id.clone();
    let gauges = Arc::new(Gauges::new(&name));
    let (done, ended) = mpsc::channel();
    let shown = (Arc::clone(&gauges), Arc::clone(&clock));
    let owner = owner::Owner::new(config, journal, wake, clock, shutdown.clone(), gauges);
    // Commit blocks for as long as the broker is away. A thread of its own can be left behind.
    let thread = std::thread::Builder::new()
        .name("relay-io".to_string())
        .spawn(move || {
            let _ = done.send(owner.run());
        })
        .context("cannot start the relay's thread")?;
    let (gauges, clock) = shown;
    let mut stopping: Option<Instant> = None;
    let result = loop {
        match ended.recv_timeout(Duration::from_millis(50)) {
            Ok(result) => break result,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                break thread.join().map_err(|panic| std::panic::resume_unwind(panic));
            }
            Err(mpsc::RecvTimeoutError::Timeout) if shutdown.is_cancelled() => {
                if stopping.get_or_insert_with(Instant::now).elapsed() > STOP_GRACE {
                    warn!(relay = name, "Kafka is away: leaving the relay's transaction open");
                    break Ok(());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => gauges.look(Instant::now(), clock.now_us()),
        }
    };
    gauges.end();
    result
}
