//! The topics, as they are declared.

use std::collections::HashSet;

use schemas::topics::{ALL, Cleanup, ORDER_EVENTS, ORDER_STATES, PROMOTIONS_ORDER_DLQ};
use schemas::{Owner, topics};

#[test]
fn names_follow_their_rule() {
    let names: HashSet<_> = ALL.iter().map(|topic| topic.name).collect();
    assert_eq!(names.len(), ALL.len(), "each name once");
    for topic in ALL {
        let context = match topic.owner {
            Owner::Orders => "orders.",
            Owner::Promotions => "promotions.",
        };
        let name = topic.name.strip_prefix('_').unwrap_or(topic.name);
        assert!(name.starts_with(context), "{} begins with the context that writes it", topic.name);
        if let Some(subject) = topic.subject {
            assert_eq!(subject.name, format!("{}-value", topic.name));
        }
    }
    assert_eq!(PROMOTIONS_ORDER_DLQ.name, format!("promotions.{}.dlq", ORDER_EVENTS.name));
}

#[test]
fn a_compacted_topic_has_no_retention_of_its_own() {
    for topic in ALL.iter().filter(|topic| topic.cleanup != Cleanup::Delete) {
        assert_eq!(topic.retention_ms, None, "{}", topic.name);
        assert!(topic.config().iter().all(|(key, _)| *key != "retention.ms"), "{}", topic.name);
    }
}

#[test]
fn a_state_is_where_its_events_are_and_its_end_is_seen_for_a_week() {
    assert_eq!(ORDER_STATES.partitions, ORDER_EVENTS.partitions);
    let config = ORDER_STATES.config();
    assert!(config.contains(&("cleanup.policy", "compact".to_owned())));
    assert!(config.contains(&("delete.retention.ms", "604800000".to_owned())));
}

#[test]
fn for_ever_is_spelled_out_for_the_broker() {
    assert!(ORDER_EVENTS.config().contains(&("retention.ms", "-1".to_owned())));
    assert!(ORDER_EVENTS.config().contains(&("cleanup.policy", "delete".to_owned())));
}

#[test]
fn every_topic_has_one_owner_who_creates_it() {
    let owned = [Owner::Orders, Owner::Promotions].into_iter().flat_map(topics::owned_by);
    assert_eq!(owned.count(), ALL.len());
}
