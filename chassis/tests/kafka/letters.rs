//! Dead letters of every size pass the producer and the broker.

use chassis::kafka::Incoming;
use chassis::kafka::admin::{Partitioning, TopicSpec, apply_topics};
use chassis::kafka::dead_letter::{DeadLetter, dead_letter_topic};

use crate::support::{Kafka, Notebook, Running, await_topic, block_on, read_committed};

const GROUP: &str = "kitchen";

/// What a topic of dead letters takes.
const TOPIC_TAKES: usize = 2 * 1_048_588;

/// Bytes that no compression makes fewer.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}

#[test]
fn no_letter_is_too_large_to_be_published() {
    let kafka = Kafka::shared();
    let orders = kafka.name("orders");
    let letters = dead_letter_topic(GROUP, &orders);
    let spec = TopicSpec {
        name: letters.clone(),
        partitions: 1,
        partitioning: Partitioning::ByKey,
        config: vec![("max.message.bytes".to_string(), TOPIC_TAKES.to_string())],
    };
    block_on(apply_topics(&kafka.config, &[spec])).unwrap();
    await_topic(&kafka.config, &letters);

    // Five megabytes that compress to nothing; as much as is published whole and does not compress; a small one.
    let values = [vec![0; 5 << 20], noise(1_999_000), b"small".to_vec()];
    let journal = Notebook::default();
    for (position, value) in (1..).zip(&values) {
        let origin = Incoming {
            topic: orders.as_str().into(),
            partition: 0,
            offset: position,
            timestamp_ms: None,
            key: Some(b"noodles".to_vec()),
            payload: Some(value.clone()),
            headers: Vec::new(),
        };
        let (class, cause) = ("corrupt", "nobody can read it".to_string());
        let letter = DeadLetter {
            origin: &origin,
            group: GROUP,
            class,
            cause,
            attempts: 1,
            first_failed_at_us: 1_700_000_000_000_000,
        };
        journal.append(letter.outgoing(position));
    }
    let relay = Running::relay(&kafka.relay_config(), &journal);
    journal.wait_published();
    relay.stop().unwrap();

    let read = read_committed(&kafka.config, &letters);
    let payloads: Vec<_> = read.iter().map(|record| record.payload.as_deref()).collect();
    assert!(payloads == [None, Some(&values[1][..]), Some(&values[2][..])]);
    let said = |name: &str| read[0].headers.iter().find(|(known, _)| known == name);
    assert_eq!(said("dlq.left-out-bytes").map(|(_, value)| &value[..]), Some(&b"5242880"[..]));
}
