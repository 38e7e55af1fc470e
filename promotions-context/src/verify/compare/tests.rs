//! Each way in which a topic can differ from the journal is found.

use schemas::voucher_events::VoucherIssued;

use super::*;

fn event(voucher: &str, sequence: i64, order: &str) -> VoucherEvent {
    VoucherEvent {
        event_id: format!("{voucher}-{sequence}"),
        voucher_id: voucher.into(),
        sequence,
        occurred_at_us: 1,
        state: "issued".into(),
        campaign_id: "thanks".into(),
        customer_id: "amira".into(),
        order_id: order.into(),
        value_minor: 500,
        currency: "EUR".into(),
        minimum_minor: 1500,
        valid_until_us: 2,
        fact: VoucherFact::VoucherIssued(VoucherIssued { issued_for: "order_completed".into() }),
    }
}

fn letter(offset: &str) -> Origin {
    Origin { topic: "orders".into(), partition: "0".into(), offset: offset.into() }
}

fn facts(events: &[VoucherEvent], letters: &[&str]) -> Facts {
    let mut facts = Facts::default();
    events.iter().cloned().for_each(|event| facts.add_event(event));
    facts.dead_letters = letters.iter().map(|offset| letter(offset)).collect();
    facts
}

#[test]
fn the_same_facts_do_not_differ_whatever_the_order_of_vouchers() {
    let journal = facts(&[event("a", 1, "rice"), event("b", 1, "tea")], &["1", "2"]);
    let topics = facts(&[event("b", 1, "tea"), event("a", 1, "rice")], &["2", "1"]);
    assert_eq!(differences(&journal, &topics), Vec::<String>::new());
}

#[test]
fn every_difference_is_named_once() {
    let (first, second) = (event("a", 1, "rice"), event("a", 2, "rice"));
    let changed = VoucherEvent { value_minor: 5_000, ..first.clone() };
    let both = [first.clone(), second.clone()];
    let cases = [
        ("lost", facts(&both, &[]), facts(&both[..1], &[])),
        ("never issued", facts(&both[..1], &[]), facts(&both, &[])),
        ("doubled", facts(&both[..1], &[]), facts(&[first.clone(), first.clone()], &[])),
        ("in another order", facts(&both, &[]), facts(&[second, first.clone()], &[])),
        ("in other words", facts(&[first], &[]), facts(&[changed], &[])),
        ("a dead letter lost", facts(&[], &["1"]), facts(&[], &[])),
        ("a dead letter doubled", facts(&[], &["1"]), facts(&[], &["1", "1"])),
        ("a dead letter from nowhere", facts(&[], &[]), facts(&[], &["1"])),
    ];
    for (case, journal, topics) in cases {
        assert_eq!(differences(&journal, &topics).len(), 1, "{case}");
    }
}

#[test]
fn what_is_new_to_the_journal_may_be_on_the_topics_or_not_yet() {
    let [first, second, third] = [1, 2, 3].map(|sequence| event("a", sequence, "rice"));
    let mut journal = facts(std::slice::from_ref(&first), &["1"]);
    journal.add_new_event(second.clone());
    journal.add_new_letter(letter("2"));
    let all = [first, second, third];
    for (events, letters, differ) in [
        (1, &["1"][..], 0),
        (2, &["1", "2"], 0),
        (0, &["1"], 1),
        (3, &["1"], 1),
        (1, &["2"], 1),
        (1, &["1", "2", "2"], 1),
    ] {
        let topics = facts(&all[..events], letters);
        assert_eq!(differences(&journal, &topics).len(), differ, "{events} {letters:?}");
    }
}

#[test]
fn two_vouchers_for_one_order_are_found_even_if_the_journal_has_both() {
    let twice = facts(&[event("a", 1, "rice"), event("b", 1, "rice")], &[]);
    let found = differences(&twice, &twice);
    assert_eq!(found, ["order rice: the topic has 2 vouchers of campaign thanks"]);
}
