//! Topics are made as declared; a whole topic can be read once.

use chassis::clock::{Clock as _, SystemClock};
use chassis::kafka::Headers;
use chassis::kafka::admin::{Applied, Partitioning, TopicSpec, apply_topics, cluster_id};
use chassis::kafka::relay::{Outgoing, RelayConfig};
use chassis::kafka::scan::{Isolation, scan};
use chassis::kafka::settings::producer_config;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{
    Kafka, LIMIT, Notebook, Running, await_topic, block_on, make_topic, read, read_committed,
    settle, text, wait_until,
};

fn declared(name: &str, partitions: i32, retention_ms: &str) -> TopicSpec {
    let config = vec![
        ("retention.ms".to_string(), retention_ms.to_string()),
        ("cleanup.policy".to_string(), "delete".to_string()),
    ];
    TopicSpec { name: name.to_string(), partitions, partitioning: Partitioning::ByKey, config }
}

#[test]
fn a_topic_is_made_as_declared_and_then_kept_so() {
    let kafka = Kafka::shared();
    let name = kafka.name("dishes");
    let apply = |spec: TopicSpec| {
        let mut applied = block_on(apply_topics(&kafka.config, &[spec])).unwrap();
        applied.remove(0).1
    };
    assert_eq!(apply(declared(&name, 2, "1000000")), Applied::Created);
    await_topic(&kafka.config, &name);
    assert_eq!(apply(declared(&name, 2, "1000000")), Applied::Unchanged);
    let changed = apply(declared(&name, 2, "2000000"));
    let (setting, old, new) = ("retention.ms", "1000000", "2000000");
    let settings = vec![(setting.to_string(), old.to_string(), new.to_string())];
    assert_eq!(changed, Applied::Changed { settings });
    // The controller has them; the broker shows them a moment later.
    let is_shown = || apply(declared(&name, 2, "2000000")) == Applied::Unchanged;
    wait_until("the settings are shown", is_shown);
    let refused = apply(declared(&name, 3, "2000000"));
    assert!(matches!(&refused, Applied::Refused { reason } if reason.contains("2 partitions")));
}

/// As instances do that start together, each with the same declaration.
#[test]
fn topics_may_be_made_and_grown_by_several_at_once() {
    let kafka = Kafka::shared();
    let names: Vec<String> = (1..=8).map(|n| kafka.name(&format!("starters-{n}"))).collect();
    let apply_at_once = |partitions, change: Applied| {
        let partitioning = Partitioning::ByNumber;
        let of = |name| TopicSpec { partitioning, ..declared(name, partitions, "1000000") };
        let specs: Vec<TopicSpec> = names.iter().map(|name| of(name)).collect();
        let applied: Vec<_> = std::thread::scope(|scope| {
            let apply = || block_on(apply_topics(&kafka.config, &specs)).unwrap();
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(apply)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (index, name) in names.iter().enumerate() {
            let of_each = applied.iter().map(|one| &one[index].1);
            let (changed, rest): (Vec<_>, Vec<_>) = of_each.partition(|one| **one == change);
            assert_eq!((changed.len(), rest), (1, vec![&Applied::Unchanged; 2]), "{name}");
        }
    };
    apply_at_once(1, Applied::Created);
    names.iter().for_each(|name| await_topic(&kafka.config, name));
    apply_at_once(4, Applied::Grown { from: 1 });
}

#[test]
fn a_topic_whose_writer_names_the_partition_grows_and_never_shrinks() {
    let kafka = Kafka::shared();
    let name = kafka.name("positions");
    let apply = |partitions| {
        let partitioning = Partitioning::ByNumber;
        let spec = TopicSpec { partitioning, ..declared(&name, partitions, "1000000") };
        block_on(apply_topics(&kafka.config, &[spec])).unwrap().remove(0).1
    };
    assert_eq!(apply(1), Applied::Created);
    await_topic(&kafka.config, &name);
    assert_eq!(apply(8), Applied::Grown { from: 1 });
    let ranges = || scan(&kafka.config, &name, Isolation::Committed, |_| Ok(()));
    wait_until("the partitions are shown", || ranges().is_ok_and(|ranges| ranges.len() == 8));
    assert_eq!(apply(8), Applied::Unchanged);
    assert!(matches!(apply(1), Applied::Refused { .. }));
}

#[test]
fn settings_that_are_not_declared_stay() {
    let kafka = Kafka::shared();
    let name = kafka.name("dishes");
    let mut first = declared(&name, 1, "1000000");
    first.config.push(("segment.bytes".to_string(), "1048576".to_string()));
    let apply = |spec: &TopicSpec| {
        block_on(apply_topics(&kafka.config, std::slice::from_ref(spec))).unwrap().remove(0).1
    };
    apply(&first);
    await_topic(&kafka.config, &name);
    apply(&declared(&name, 1, "5"));
    // Whoever sets what is not there any more would be told that it is changed.
    let is_shown = || apply(&declared(&name, 1, "5")) == Applied::Unchanged;
    wait_until("the settings are shown", is_shown);
    first.config[0].1 = "5".to_string();
    assert_eq!(apply(&first), Applied::Unchanged);
}

#[test]
fn a_cluster_has_a_name() {
    let kafka = Kafka::shared();
    assert!(!block_on(cluster_id(&kafka.config)).unwrap().is_empty());
}

#[test]
fn a_scan_shows_what_is_committed_or_everything() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let relay = kafka.relay_config();
    let journal = Notebook::default();
    journal.write(&topic, ["ada", "grace"]);
    let running = Running::relay(&relay, &journal);
    journal.wait_published();
    running.stop().unwrap();
    settle(&kafka.config, &topic);
    let aborted = producer(&relay, "aborts");
    aborted.begin_transaction().unwrap();
    aborted.send(BaseRecord::to(&topic).key("alan").payload("3")).unwrap();
    aborted.flush(LIMIT).unwrap();
    let open: Vec<String> = payloads(&kafka, &topic, Isolation::Committed);
    assert_eq!(open, ["1", "2"], "an open transaction is not waited for");
    aborted.abort_transaction(None).unwrap();
    settle(&kafka.config, &topic);
    assert_eq!(payloads(&kafka, &topic, Isolation::Committed), ["1", "2"]);
    assert_eq!(payloads(&kafka, &topic, Isolation::Uncommitted), ["1", "2", "3"]);
    let ranges = scan(&kafka.config, &topic, Isolation::Committed, |_| Ok(())).unwrap();
    let range = &ranges[0];
    // Three records, a marker for the commit and one for the abort.
    assert_eq!((ranges.len(), range.partition, range.low, range.high), (1, 0, 0, 5));
}

#[test]
fn a_scan_of_a_missing_topic_says_so() {
    let kafka = Kafka::shared();
    let name = kafka.name("nowhere");
    let error = scan(&kafka.config, &name, Isolation::Committed, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error:#}");
    make_topic(&kafka.config, &name, 3);
    let ranges = scan(&kafka.config, &name, Isolation::Committed, |_| Ok(())).unwrap();
    assert_eq!(ranges.len(), 3, "empty partitions are scanned at once");
}

/// A row arrives as it was written: key, bytes, headers, timestamp, tombstones included.
#[test]
fn a_row_arrives_as_it_was_written() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("dishes", 1);
    let relay = kafka.relay_config();
    let now_ms = SystemClock.now_us() / 1_000;
    let row = |position, payload: Option<&[u8]>| Outgoing {
        position,
        topic: topic.as_str().into(),
        key: Some(b"d-1".to_vec()),
        payload: payload.map(<[u8]>::to_vec),
        headers: Headers::from_iter([("a", &b"1"[..]), ("a", b""), ("b", b"\0")]),
        timestamp_ms: now_ms - position,
    };
    let journal = Notebook::default();
    journal.append(row(1, Some(b"\0\xff")));
    journal.append(row(2, None));
    let running = Running::relay(&relay, &journal);
    journal.wait_published();
    running.stop().unwrap();
    let records = read_committed(&kafka.config, &topic);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].payload.as_deref(), Some(&b"\0\xff"[..]));
    assert_eq!(records[1].payload, None);
    for (record, timestamp_ms) in records.iter().zip([now_ms - 1, now_ms - 2]) {
        assert_eq!(
            (text(&record.key), record.timestamp_ms),
            ("d-1".to_string(), Some(timestamp_ms))
        );
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        assert_eq!(headers, [("a", &b"1"[..]), ("a", b""), ("b", b"\0")]);
    }
}

fn payloads(kafka: &Kafka, topic: &str, isolation: Isolation) -> Vec<String> {
    read(&kafka.config, topic, isolation).iter().map(|record| text(&record.payload)).collect()
}

/// A producer that publishes under `relay`'s name followed by `suffix`.
pub fn producer(relay: &RelayConfig, suffix: &str) -> BaseProducer {
    let id = format!("{}{suffix}", relay.transactional_id);
    let producer: BaseProducer = producer_config(&relay.kafka, &id).create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    producer
}
