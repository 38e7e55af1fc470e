//! What of a record set aside is published, and what is said beside it.

use super::*;

fn poisoned() -> Incoming {
    Incoming {
        topic: "orders.order.events.v1".into(),
        partition: 3,
        offset: 41,
        timestamp_ms: Some(1_700_000_000_000),
        key: Some(b"order-7".to_vec()),
        payload: Some(b"not avro".to_vec()),
        headers: vec![("ce_id".to_string(), b"e-1".to_vec())],
    }
}

fn letter(origin: &Incoming) -> DeadLetter<'_> {
    DeadLetter {
        origin,
        group: "promotions",
        class: "undecodable",
        cause: "no schema\n\twith id 9\0".to_string(),
        attempts: 1,
        first_failed_at_us: 1_700_000_000_000_000,
    }
}

fn shown(outgoing: &Outgoing) -> Vec<(&str, &str)> {
    let headers = outgoing.headers.iter();
    headers.map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect()
}

/// What it says of what was left out.
fn left_out(outgoing: &Outgoing) -> Option<(&str, &str)> {
    let headers = shown(outgoing);
    let find = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    find("dlq.left-out").zip(find("dlq.left-out-bytes"))
}

/// All that the producer counts.
fn size(outgoing: &Outgoing) -> usize {
    let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    let headers = outgoing.headers.iter().map(|(name, value)| name.len() + value.len() + 10);
    length(&outgoing.key) + length(&outgoing.payload) + headers.sum::<usize>()
}

#[test]
fn the_headers_tell_where_it_came_from_and_why_as_text() {
    let outgoing = letter(&poisoned()).outgoing(9);
    let expected = [
        ("ce_id", "e-1"),
        ("dlq.topic", "orders.order.events.v1"),
        ("dlq.partition", "3"),
        ("dlq.offset", "41"),
        ("dlq.consumer-group", "promotions"),
        ("dlq.error-class", "undecodable"),
        ("dlq.error-message", "no schema with id 9"),
        ("dlq.attempts", "1"),
        ("dlq.first-failed-at", "2023-11-14T22:13:20.000000Z"),
    ];
    assert_eq!(shown(&outgoing), expected);
}

#[test]
fn the_bytes_stay_as_they_were() {
    let origin = poisoned();
    let outgoing = DeadLetter { first_failed_at_us: 5_000, ..letter(&origin) }.outgoing(9);
    assert_eq!(&*outgoing.topic, "promotions.orders.order.events.v1.dlq");
    assert_eq!((outgoing.key, outgoing.payload), (origin.key, origin.payload));
    assert_eq!((outgoing.position, outgoing.timestamp_ms), (9, 5));
}

#[test]
fn a_value_of_five_megabytes_is_left_out_and_all_else_is_there() {
    let origin = Incoming { payload: Some(vec![0; 5 << 20]), ..poisoned() };
    let outgoing = letter(&origin).outgoing(9);
    assert_eq!((&outgoing.key, &outgoing.payload), (&origin.key, &None));
    assert_eq!(left_out(&outgoing), Some(("value", "5242880")));
    assert_eq!(shown(&outgoing)[..4], shown(&letter(&poisoned()).outgoing(9))[..4]);
    assert!(size(&outgoing) < 1_000, "{}", size(&outgoing));
}

#[test]
fn the_largest_value_that_fits_is_kept_and_one_byte_more_is_not() {
    let empty = Incoming { payload: Some(Vec::new()), ..poisoned() };
    let room = LARGEST - size(&letter(&empty).outgoing(9));
    for (bytes, kept) in [(room - 1, true), (room, true), (room + 1, false)] {
        let origin = Incoming { payload: Some(vec![0; bytes]), ..poisoned() };
        let outgoing = letter(&origin).outgoing(9);
        assert_eq!(outgoing.payload.is_some(), kept, "{bytes} bytes");
        assert_eq!(left_out(&outgoing).is_none(), kept, "{bytes} bytes");
    }
}

#[test]
fn a_key_and_headers_that_are_too_large_by_themselves_are_left_out_too() {
    let headers = vec![("large".to_string(), vec![0; LARGEST])];
    let (key, none) = (Some(vec![0; LARGEST]), Vec::new());
    let cases = [
        (("value,key,headers", "2000020"), Incoming { headers: headers.clone(), ..poisoned() }),
        (("value,key,headers", "2000016"), Incoming { key: key.clone(), ..poisoned() }),
        (("value,key", "2000008"), Incoming { key, headers: none, ..poisoned() }),
        (("headers", "2000005"), Incoming { headers, key: None, payload: None, ..poisoned() }),
    ];
    for (expected, origin) in cases {
        let outgoing = letter(&origin).outgoing(9);
        assert_eq!((&outgoing.key, &outgoing.payload), (&None, &None));
        assert_eq!(left_out(&outgoing), Some(expected));
        assert!(size(&outgoing) < 1_000, "{}", size(&outgoing));
        assert_eq!(shown(&outgoing)[0], ("dlq.topic", "orders.order.events.v1"));
    }
}

#[test]
fn a_cause_is_cut_on_a_character_boundary() {
    assert_eq!(scrub(&"é".repeat(500)), "é".repeat(500));
    assert_eq!(scrub(&"é".repeat(501)), format!("{}…", "é".repeat(500)));
}
