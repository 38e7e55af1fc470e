//! Every setting of every Kafka client, each with why it is not left at its default.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::Settings;

mod security;

pub use security::Security;

/// Where Kafka is and under which name this process talks to it.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `KAFKA_BOOTSTRAP`: `host:port`, several with commas; `127.0.0.1:9092` when absent.
    pub bootstrap: String,
    /// The name that brokers show in their logs and quotas.
    pub client_id: String,
    /// How this process logs in; not at all where Kafka trusts everybody.
    pub security: Security,
}

impl KafkaConfig {
    /// Reads `KAFKA_BOOTSTRAP` and what [`Security`] reads; problems are remembered in `settings`.
    pub fn from_settings(settings: &mut Settings, client_id: &str) -> Self {
        let bootstrap = settings.or("KAFKA_BOOTSTRAP", "127.0.0.1:9092".to_string());
        let security = Security::from_settings(settings);
        Self { bootstrap, client_id: client_id.to_string(), security }
    }

    /// A configuration for tests against the broker at `bootstrap`.
    pub fn for_testing(bootstrap: &str) -> Self {
        Self::named(bootstrap, "test")
    }

    /// A configuration for a broker that trusts everybody.
    pub fn named(bootstrap: &str, client_id: &str) -> Self {
        let (bootstrap, client_id) = (bootstrap.to_string(), client_id.to_string());
        Self { bootstrap, client_id, security: Security::default() }
    }
}

/// Which records a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Records of committed transactions only, up to the last stable offset.
    Committed,
    /// Everything that is in the log, aborted records included.
    Uncommitted,
}

/// How long a broker waits for a transaction before it aborts it. Readers stall behind the oldest
/// open transaction, so this bounds how long a crashed relay can hold them up.
pub const TRANSACTION_TIMEOUT_MS: u32 = 10_000;

/// What producers, consumers and admin clients share.
fn common(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.bootstrap)
        .set("client.id", &config.client_id)
        // A broker that comes back is found within half a second; the default grows to 10 s.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        // A connection attempt that hangs is given up sooner than the default 30 s.
        .set("socket.connection.setup.timeout.ms", "5000")
        // Idle connections through NAT and load balancers are otherwise dropped unseen.
        .set("socket.keepalive.enable", "true")
        // Names that resolve to ::1 first would cost a refused connection at each attempt.
        .set("broker.address.family", "v4")
        // With this level and as a log line it is told that a broker hung up, and a guess why: what is
        // told is written to our log at the level debug.
        .set("log.connection.close", "true")
        .set_log_level(RDKafkaLogLevel::Info)
        // Topics are declared and applied, never created by asking for them.
        .set("allow.auto.create.topics", "false");
    config.security.add_to(&mut client);
    client
}

/// An idempotent, transactional producer.
pub fn producer_config(config: &KafkaConfig, transactional_id: &str) -> ClientConfig {
    let mut client = common(config);
    client
        .set("transactional.id", transactional_id)
        .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
        // The same partition for a key as Java clients choose; librdkafka's own default differs,
        // and joins with topics written by Java would break without any error.
        .set("partitioner", "murmur2_random")
        // Implied by the transactional id, spelled out because the order per key rests on them.
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        // Half the broker's CPU per record at 2,000 records a batch, and a third of the bytes.
        .set("compression.type", "lz4")
        // The relay sends a whole batch at once and then waits for it: nothing to linger for.
        .set("linger.ms", "0")
        .set("batch.num.messages", "10000")
        // The default of 1 MB is less than brokers take: a dead letter as large as the record it
        // was, and its headers, would stop the relay. Larger ones than two megabytes go without their value.
        .set("message.max.bytes", "4194304")
        // Above the largest batch of the relay, so that a full queue is the exception.
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "262144")
        // What arrived is counted, not reported: a report for each record costs as much as its encoding.
        .set("delivery.report.only.error", "true")
        // Retries of a transaction's requests: the first after 20 ms instead of 100.
        .set("retry.backoff.ms", "20")
        // A topic that is missing is reported after 5 s instead of 30.
        .set("topic.metadata.propagation.max.ms", "5000")
        // It writes to all brokers soon, and one that connects only where it must may take a second to notice.
        .set("enable.sparse.connections", "false");
    client
}

/// A consumer with manual assignment; `group` names it in lag displays and owns nothing.
pub fn consumer_config(config: &KafkaConfig, group: &str) -> ClientConfig {
    let mut client = common(config);
    client
        .set("group.id", group)
        // Positions live with the effect, in one transaction; the group's offsets are for show.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A position that is out of range is a loss of data, to be told, never to be skipped over.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        // The default of one second halts a fast reader whenever its local queue is full.
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.error.backoff.ms", "50")
        // Bounds the memory of prefetched records: 32 MiB.
        .set("queued.max.messages.kbytes", "32768")
        // Damage on disk or on the wire becomes an error instead of a wrong event.
        .set("check.crcs", "true");
    client
}

/// A consumer that reads a topic from end to end once.
pub(super) fn scan_config(config: &KafkaConfig, isolation: Isolation) -> ClientConfig {
    let level = match isolation {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    };
    // librdkafka asks for a group even where none is joined.
    let mut client = consumer_config(config, "_takeaway.scan");
    client
        .set("isolation.level", level)
        // A client that is given other partitions asks for them once its last request is answered, which Kafka leaves
        // waiting for so long where there is nothing to read.
        .set("fetch.wait.max.ms", "20")
        // As for the producer: it is asked at once.
        .set("enable.sparse.connections", "false");
    client
}

/// An admin client.
pub fn admin_config(config: &KafkaConfig) -> ClientConfig {
    common(config)
}
