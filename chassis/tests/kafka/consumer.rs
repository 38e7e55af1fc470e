//! The consumer loop shows every record once from the stored positions on, or says why it cannot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::http::Health;
use chassis::kafka::Incoming;
use chassis::kafka::consumer::{
    Batch, ConsumerConfig, Failure, Inbox, Position, Span, run_consumer,
};
use chassis::kafka::scan::{Isolation, scan};
use chassis::metrics::install;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::bindings::{rd_kafka_header_add, rd_kafka_headers_t, rd_kafka_resp_err_t};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::support::{
    Kafka, LIMIT, Notebook, Running, assert_exactly_once, block_on, make_topic, read_committed,
    settle, text, wait_until,
};
use crate::topics::producer;

const GUESTS: [&str; 5] = ["ada", "alan", "edsger", "grace", "barbara"];

/// Effects and positions that are stored together; clones are the same store.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<Stored>>);

#[derive(Default)]
pub struct Stored {
    records: Vec<Incoming>,
    positions: BTreeMap<(String, i32), i64>,
    /// How often it was asked where to begin; and how often by each batch that was taken.
    asked: usize,
    asked_by: Vec<usize>,
    ticks: u32,
    stops: u32,
    /// The batches that are yet to fail, and how.
    failures: Vec<Failure>,
}

impl Desk {
    fn with<T>(&self, see: impl FnOnce(&mut Stored) -> T) -> T {
        see(&mut self.0.lock().unwrap())
    }

    pub fn records(&self) -> Vec<Incoming> {
        self.with(|stored| stored.records.clone())
    }

    /// Where it was asked to begin so often, by each batch.
    pub fn asked_by(&self) -> Vec<usize> {
        self.with(|stored| stored.asked_by.clone())
    }

    pub fn wait_for(&self, records: usize) {
        wait_until("the records arrive", || self.with(|stored| stored.records.len() >= records));
    }
}

impl Inbox for Desk {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        let position = |((topic, partition), offset): (&(String, i32), &i64)| Position {
            topic: topic.clone(),
            partition: *partition,
            offset: *offset,
        };
        self.with(|stored| {
            stored.asked += 1;
            Ok(stored.positions.iter().map(position).collect())
        })
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        self.with(|stored| {
            if let Some(failure) = stored.failures.pop() {
                return Err(failure);
            }
            for Span { topic, partition, from, to } in batch.spans {
                let at = stored.positions.entry((topic.to_string(), partition)).or_insert(0);
                assert_eq!(*at, from, "a span begins where the one before ended");
                assert!(from < to);
                *at = to;
            }
            stored.asked_by.push(stored.asked);
            stored.records.extend(batch.records);
            Ok(())
        })
    }

    fn tick(&mut self) -> Result<(), Failure> {
        self.with(|stored| stored.ticks += 1);
        Ok(())
    }

    fn count_every(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn stop(&mut self) -> Result<(), Failure> {
        self.with(|stored| stored.stops += 1);
        Ok(())
    }
}

pub fn consume(
    kafka: &Kafka,
    topic: &str,
    desk: &(impl Inbox + Clone),
    health: &Health,
) -> Running {
    let config = ConsumerConfig {
        kafka: kafka.config.clone(),
        group: kafka.name("kitchen"),
        topics: vec![topic.to_string()],
        max_records: 7,
        max_wait: Duration::from_millis(5),
        tick: Duration::from_millis(50),
    };
    let (desk, check) = (desk.clone(), health.check("kitchen"));
    Running::spawn(move |shutdown| run_consumer(config, desk, check, shutdown))
}

/// Publishes the guests `times` times, each time in a transaction of its own, for all to see.
pub fn publish(kafka: &Kafka, topic: &str, times: usize) {
    let mut config = kafka.relay_config();
    config.batch = GUESTS.len();
    config.busy_pause = Duration::ZERO;
    let journal = Notebook::default();
    let relay = Running::relay(&config, &journal);
    for _ in 0..times {
        journal.write(topic, GUESTS);
    }
    journal.wait_published();
    relay.stop().unwrap();
    settle(&kafka.config, topic);
}

fn admin(kafka: &Kafka) -> AdminClient<DefaultClientContext> {
    let mut client = rdkafka::ClientConfig::new();
    client.set("bootstrap.servers", &kafka.config.bootstrap).create().unwrap()
}

/// Publishes each of `records`, its payload its place from 1 on, in one transaction.
pub fn publish_raw(kafka: &Kafka, topic: &str, records: Vec<(i32, OwnedHeaders)>) {
    let producer = producer(&kafka.relay_config(), "raw");
    producer.begin_transaction().unwrap();
    for (place, (partition, headers)) in (1_i32..).zip(records) {
        let payload = place.to_string();
        let record = BaseRecord::<str, str>::to(topic).partition(partition).payload(&payload);
        producer.send(record.headers(headers)).unwrap();
    }
    producer.commit_transaction(LIMIT).unwrap();
    settle(&kafka.config, topic);
}

/// How far behind the consumer of that topic is shown to be in its first partition.
pub fn lag(topic: &str) -> Option<f64> {
    let text = install().render();
    let is_wanted = |line: &&str| {
        line.starts_with("consumer_lag_offsets{")
            && line.contains(&format!("topic=\"{topic}\""))
            && line.contains("partition=\"0\"")
    };
    text.lines().find(is_wanted)?.rsplit_once(' ')?.1.parse().ok()
}

/// Adds a header under any name, as clients in other languages can.
#[allow(unsafe_code, reason = "the safe way takes only names that are UTF-8")]
fn with_header(headers: OwnedHeaders, name: &[u8], value: &[u8]) -> OwnedHeaders {
    let at = std::ptr::from_ref(headers.as_borrowed()).cast_mut().cast::<rd_kafka_headers_t>();
    let (name_at, value_at) = (name.as_ptr().cast(), value.as_ptr().cast());
    let (name_size, value_size) = (name.len() as isize, value.len() as isize);
    // SAFETY: the headers are ours alone, and librdkafka copies so many bytes of each.
    let added = unsafe { rd_kafka_header_add(at, name_at, name_size, value_at, value_size) };
    assert_eq!(added, rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    headers
}

#[test]
fn a_consumer_that_comes_back_goes_on_where_it_was() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 2);
    let (desk, health) = (Desk::default(), Health::new());
    let relay = kafka.relay_config();
    let journal = Notebook::default();
    let publishing = Running::relay(&relay, &journal);
    for round in 1..=3 {
        for _ in 0..10 {
            journal.write(&topic, GUESTS);
        }
        let running = consume(&kafka, &topic, &desk, &health);
        desk.wait_for(round * 50 - 25);
        running.stop().unwrap();
    }
    journal.wait_published();
    publishing.stop().unwrap();
    let running = consume(&kafka, &topic, &desk, &health);
    desk.wait_for(150);
    running.stop().unwrap();
    assert_exactly_once(&desk.records(), 150);
    assert!(desk.with(|stored| stored.stops) > 0);
}

#[test]
fn positions_count_markers_and_aborted_records() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 2);
    let (desk, health) = (Desk::default(), Health::new());
    publish(&kafka, &topic, 3);
    let aborted = producer(&kafka.relay_config(), "aborts");
    aborted.begin_transaction().unwrap();
    for partition in [0, 1] {
        aborted.send(BaseRecord::to(&topic).partition(partition).key("x").payload("9")).unwrap();
    }
    aborted.flush(LIMIT).unwrap();
    aborted.abort_transaction(LIMIT).unwrap();
    settle(&kafka.config, &topic);
    let running = consume(&kafka, &topic, &desk, &health);
    wait_until("the positions are the ends", || {
        let ends = scan(&kafka.config, &topic, Isolation::Committed, |_| Ok(())).unwrap();
        let ends = ends.iter().map(|end| ((topic.clone(), end.partition), end.high));
        desk.with(|stored| stored.positions == ends.collect())
    });
    wait_until("it ticks", || desk.with(|stored| stored.ticks) > 0);
    running.stop().unwrap();
    assert_exactly_once(&desk.records(), 15);
}

#[test]
fn after_a_retry_it_goes_on_from_the_stored_positions() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let (desk, health) = (Desk::default(), Health::new());
    let busy = || Failure::Retry(anyhow::anyhow!("the store is busy"));
    desk.with(|stored| stored.failures = vec![busy(), busy()]);
    publish(&kafka, &topic, 4);
    let running = consume(&kafka, &topic, &desk, &health);
    desk.wait_for(20);
    running.stop().unwrap();
    assert_exactly_once(&desk.records(), 20);
}

#[test]
fn a_fatal_failure_ends_the_loop() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let (desk, health) = (Desk::default(), Health::new());
    desk.with(|stored| stored.failures = vec![Failure::Fatal(anyhow::anyhow!("disk is gone"))]);
    publish(&kafka, &topic, 1);
    let error = consume(&kafka, &topic, &desk, &health).end().unwrap_err();
    assert!(format!("{error:#}").contains("disk is gone"), "{error:#}");
    assert!(!health.is_ready());
}

#[test]
fn a_missing_topic_is_waited_for_and_named() {
    let kafka = Kafka::shared();
    let topic = kafka.name("later-orders");
    let (desk, health) = (Desk::default(), Health::new());
    let running = consume(&kafka, &topic, &desk, &health);
    wait_until("it says what is missing", || {
        let reasons = format!("{health:?}");
        reasons.contains(&format!("topic {topic} is missing: run `topics apply`"))
    });
    make_topic(&kafka.config, &topic, 1);
    wait_until("it is ready", || health.is_ready());
    publish(&kafka, &topic, 1);
    desk.wait_for(5);
    running.stop().unwrap();
}

#[test]
fn a_position_beyond_the_end_is_fatal() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    publish(&kafka, &topic, 1);
    let (desk, health) = (Desk::default(), Health::new());
    desk.with(|stored| stored.positions.insert((topic.clone(), 0), 100));
    let error = consume(&kafka, &topic, &desk, &health).end().unwrap_err();
    assert!(format!("{error:#}").contains("100 is beyond the end 6"), "{error:#}");
}

#[test]
fn a_position_whose_records_were_deleted_is_fatal() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    publish(&kafka, &topic, 2);
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&topic, 0, Offset::Offset(8)).unwrap();
    block_on(admin(&kafka).delete_records(&before, &AdminOptions::new())).unwrap();
    let (desk, health) = (Desk::default(), Health::new());
    desk.with(|stored| stored.positions.insert((topic.clone(), 0), 3));
    let error = consume(&kafka, &topic, &desk, &health).end().unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("position 3 is older than the earliest offset 8"), "{text}");
}

/// Brokers take any bytes for a name.
#[test]
fn a_header_whose_name_is_not_utf_8_stops_nobody() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let odd = with_header(OwnedHeaders::new(), b"\xff", b"\xfe");
    let odd = with_header(odd, b"ce_id\xff", b"7");
    let odd = odd.insert(Header { key: "ce_id", value: Some("8") });
    let good = OwnedHeaders::new().insert(Header::<&str> { key: "ce_id", value: None });
    publish_raw(&kafka, &topic, vec![(0, odd), (0, good), (0, OwnedHeaders::new())]);

    let (desk, health) = (Desk::default(), Health::new());
    let running = consume(&kafka, &topic, &desk, &health);
    desk.wait_for(3);
    running.stop().unwrap();
    let records = desk.records();
    assert_exactly_once(&records, 3);
    let header = |name: &str, value: &[u8]| (name.to_string(), value.to_vec());
    let lossy = [header("\u{fffd}", b"\xfe"), header("ce_id\u{fffd}", b"7"), header("ce_id", b"8")];
    assert_eq!(records[0].headers, lossy);
    assert_eq!(records[1].headers, [header("ce_id", b"")]);
    assert_eq!(records[2].headers, []);
    assert_eq!(read_committed(&kafka.config, &topic), records, "a scan shows the same");
}

/// The protocol's -1: whoever writes a record need not say when.
#[test]
fn a_record_without_a_time_has_none() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let producer = producer(&kafka.relay_config(), "raw");
    producer.begin_transaction().unwrap();
    for timestamp_ms in [-1, 1_700_000_000_000] {
        let record = BaseRecord::<str, str>::to(&topic).payload("1").timestamp(timestamp_ms);
        producer.send(record).unwrap();
        producer.flush(LIMIT).unwrap();
    }
    producer.commit_transaction(LIMIT).unwrap();
    let records = read_committed(&kafka.config, &topic);
    let times: Vec<_> = records.iter().map(|record| record.timestamp_ms).collect();
    assert_eq!(times, [None, Some(1_700_000_000_000)]);
}

#[test]
fn partitions_that_are_added_are_read_without_a_restart() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let (desk, health) = (Desk::default(), Health::new());
    let running = consume(&kafka, &topic, &desk, &health);
    publish_raw(&kafka, &topic, vec![(0, OwnedHeaders::new())]);
    desk.wait_for(1);
    let grown = [NewPartitions::new(&topic, 2)];
    block_on(admin(&kafka).create_partitions(&grown, &AdminOptions::new())).unwrap();
    wait_until("the partition is shown", || {
        let ranges = scan(&kafka.config, &topic, Isolation::Committed, |_| Ok(()));
        ranges.is_ok_and(|ranges| ranges.len() == 2)
    });
    publish_raw(&kafka, &topic, vec![(1, OwnedHeaders::new()), (0, OwnedHeaders::new())]);
    desk.wait_for(3);
    running.stop().unwrap();
    let mut seen: Vec<(i32, String)> =
        desk.records().iter().map(|record| (record.partition, text(&record.payload))).collect();
    seen.sort();
    let each_once = [(0, "1"), (0, "2"), (1, "1")];
    assert_eq!(seen, each_once.map(|(partition, payload)| (partition, payload.to_string())));
}
