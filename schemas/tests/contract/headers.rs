//! The headers of an event.

use schemas::{Envelope, Event, headers};

use crate::samples;

#[test]
fn an_event_says_what_it_is_in_cloudevents_words() {
    let event = samples::order_events().swap_remove(2);
    let headers = Envelope {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        causation_id: Some("0199c0de-0000-7000-8000-000000000002"),
        correlation_id: Some("0199c0de-0001-7000-8000-000000000001"),
        ..event.envelope()
    }
    .headers();

    let expected = [
        ("content-type", "application/avro"),
        ("ce_specversion", "1.0"),
        ("ce_id", "0199c0de-0000-7000-8000-000000000003"),
        ("ce_type", "takeaway.orders.restaurant_reminded.v1"),
        ("ce_source", "/takeaway/orders"),
        ("ce_subject", "0199c0de-0001-7000-8000-000000000001"),
        ("ce_time", "2026-11-23T18:32:00.123456Z"),
        ("ce_sequence", "0000000003"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("ce_causationid", "0199c0de-0000-7000-8000-000000000002"),
        ("ce_correlationid", "0199c0de-0001-7000-8000-000000000001"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(headers::NAMES, expected.map(|(name, _)| name));
}

#[test]
fn what_is_not_known_is_left_out() {
    let event = samples::voucher_events().swap_remove(0);
    let headers = event.envelope().headers();
    assert_eq!(headers.len(), 8);
    assert!(headers.contains(&("ce_type", "takeaway.promotions.voucher_issued.v1".to_owned())));
}

#[test]
fn a_state_has_the_id_of_its_last_event_and_a_source_of_its_own() {
    let event = samples::order_events().swap_remove(3);
    let state = samples::order_states().swap_remove(0);
    let headers = state.envelope().headers();
    assert!(headers.contains(&("ce_type", "takeaway.orders.order_state.v1".to_owned())));
    assert!(headers.contains(&("ce_source", "/takeaway/orders/state".to_owned())));
    assert!(headers.contains(&("ce_id", event.event_id)));
}

#[test]
fn any_time_at_all_can_be_written() {
    let event = samples::order_events().swap_remove(0);
    for (time_us, expected) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (i64::MIN, "-009999-01-02T01:59:59.000000Z"),
        (i64::MAX, "9999-12-30T22:00:00.999999Z"),
    ] {
        let headers = Envelope { time_us, ..event.envelope() }.headers();
        assert!(headers.contains(&("ce_time", expected.to_owned())), "{headers:?}");
    }
}
