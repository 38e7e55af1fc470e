//! Values of compact history: read as they were written, and refused when they are damaged.

use super::*;
use crate::domain::evolve;
use crate::domain::tests::mother::{EVENING, life};

/// An order that was completed, with its journal as it is stored.
pub fn completed(order_id: &str) -> Whole {
    let mut journal = Vec::new();
    let (mut order, mut position) = (None, 41);
    for (at, event) in life(Status::Completed).events {
        order = evolve(order, order_id, at, &event);
        let state = order.as_ref().expect("it evolves");
        position += 3;
        journal.push(RawEvent {
            position,
            event_id: format!("event-{position}"),
            sequence: state.version,
            occurred_at: at.0,
            status: state.status.as_str().to_owned(),
            actor: "restaurant".to_owned(),
            data: raw(serde_json::to_string(&event).unwrap()).unwrap(),
            restaurant_id: state.restaurant_id.clone(),
            customer_id: state.customer_id.clone(),
            total_minor: state.total_minor,
            currency: state.currency.clone(),
            traceparent: None,
            causation_id: (position > 44).then(|| format!("event-{}", position - 3)),
            flow_version: Some(1),
        });
    }
    let order = order.expect("it exists");
    let task = RawTask {
        sequence: 1,
        kind: raw("\"notify_restaurant\"".to_owned()).unwrap(),
        state: "done".to_owned(),
        attempts: 2,
        next_attempt_at: EVENING.0,
        give_up_at: EVENING.0 + 1,
        last_error: Some("http_503".to_owned()),
        event_id: "event-44".to_owned(),
        traceparent: None,
    };
    let row = RawRow {
        version: order.version,
        status: order.status.as_str().to_owned(),
        restaurant_id: order.restaurant_id.clone(),
        placed_at: order.placed_at.0,
    };
    Whole { order_id: order_id.to_owned(), row, tasks: vec![task], journal }
}

fn pack(whole: &Whole) -> Packed {
    Packer::new().unwrap().pack(whole).unwrap()
}

#[test]
fn a_value_is_read_as_it_was_written() {
    let whole = completed("order-1");
    let packed = pack(&whole);
    let read = unpack(&packed.data).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), serde_json::to_string(&whole).unwrap());
    assert_eq!(read.order().unwrap().status, Status::Completed);
    assert_eq!(read.tasks().unwrap()[0].attempts, 2);
    let history = read.history(1, 2).unwrap();
    assert_eq!(history.iter().map(|row| row.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((packed.version, packed.events, packed.attempts), (5, 5, 2));
    let text = serde_json::to_vec(&whole).unwrap();
    assert!(packed.data.len() * 4 < text.len(), "{} of {}", packed.data.len(), text.len());
}

/// What was written to a database by the first version with this form.
const BLESSED: &str = include_str!("form-1.sample");

#[test]
fn what_was_ever_written_is_read() {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.decode(BLESSED.trim()).unwrap();
    let read = unpack(&data).unwrap();
    let kept = read.kept();
    assert_eq!((kept.unreadable.len(), kept.journal.len()), (0, 5));
    assert_eq!(kept.row.unwrap().order.order_id, "order-1");
    assert_eq!(read.tasks().unwrap()[0].last_error.as_deref(), Some("http_503"));
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = completed("order-1");
    let data = pack(&whole).data;
    let text = |whole: &Whole| serde_json::to_string(whole).unwrap();
    for at in 0..data.len() {
        let mut spoiled = data.clone();
        spoiled[at] ^= 1;
        match unpack(&spoiled) {
            Err(Error::Corrupt(_)) => {}
            // A frame has bits that mean nothing.
            Ok(read) => assert_eq!(text(&read), text(&whole), "byte {at}"),
            Err(other) => panic!("byte {at}: {other}"),
        }
        assert!(matches!(unpack(&data[..at]), Err(Error::Corrupt(_))), "{at} bytes");
    }
}

#[test]
fn what_is_not_whole_stays() {
    let last = Timestamp(i64::MAX);
    let all = Portion { after: 0, published: 56, before: last, now: last, limit: 1 };
    let living = || {
        let whole = completed("order-1");
        let state = serde_json::to_string(&whole.order().unwrap()).unwrap();
        Living { whole, state }
    };
    assert!(living().may_go(&all));
    let spoil: [fn(&mut Living); 5] = [
        |living| living.whole.journal.truncate(4),
        |living| drop(living.whole.journal.remove(1)),
        |living| living.whole.row.status = "unheard_of".to_owned(),
        |living| living.whole.tasks[0].state = "open".to_owned(),
        |living| living.state = living.state.replace("bella-napoli", "nino"),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut living = living();
        spoil(&mut living);
        assert!(!living.may_go(&all), "{number}");
    }
}
