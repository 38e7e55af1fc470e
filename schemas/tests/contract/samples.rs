//! One event of each type, always the same: Priya orders a dal and two naan from the Bombay Kitchen. Their
//! names are known to the orders context alone; here they are ids.

use schemas::OrderState;
use schemas::order_events::*;
use schemas::voucher_events::{VoucherEvent, VoucherFact, VoucherIssued};

const PLACED_AT_US: i64 = 1_795_458_600_000_000;
const MINUTE_US: i64 = 60_000_000;

/// Every order fact, in the order of the schema.
pub fn order_events() -> Vec<OrderEvent> {
    let (accept_by_us, complete_by_us) =
        (PLACED_AT_US + 10 * MINUTE_US, PLACED_AT_US + 120 * MINUTE_US);
    let facts = [
        ("placed", OrderFact::OrderPlaced(dal_and_two_naan(accept_by_us, complete_by_us))),
        (
            "notified",
            OrderFact::RestaurantNotified(RestaurantNotified {
                channel: "webhook".into(),
                attempts: 2,
            }),
        ),
        ("notified", OrderFact::RestaurantReminded(RestaurantReminded { reminder: 1 })),
        (
            "accepted",
            OrderFact::OrderAccepted(OrderAccepted {
                decided_by: "restaurant".into(),
                ready_by_us: Some(PLACED_AT_US + 40 * MINUTE_US),
            }),
        ),
        (
            "rejected",
            OrderFact::OrderRejected(OrderRejected {
                decided_by: "restaurant".into(),
                reason: "too_busy".into(),
                items: Some(vec!["naan".into()]),
            }),
        ),
        (
            "confirmed",
            OrderFact::UserNotified(UserNotified {
                channel: "mail".into(),
                notification: "order_accepted".into(),
                attempts: 1,
            }),
        ),
        (
            "completed",
            OrderFact::OrderCompleted(OrderCompleted { decided_by: "restaurant".into() }),
        ),
        (
            "cancelled",
            OrderFact::OrderCancelled(OrderCancelled {
                decided_by: "customer".into(),
                reason: "changed_mind".into(),
            }),
        ),
        ("expired", OrderFact::OrderExpired(OrderExpired { accept_by_us })),
        ("timed_out", OrderFact::OrderTimedOut(OrderTimedOut { complete_by_us })),
        (
            "placed",
            OrderFact::NotificationFailed(NotificationFailed {
                task: "notify_restaurant".into(),
                attempts: 7,
                cause_code: "timeout".into(),
            }),
        ),
    ];
    facts
        .into_iter()
        .chain(by_operators(accept_by_us, complete_by_us))
        .zip(1..)
        .map(|((status, fact), sequence)| event(sequence, status, fact))
        .collect()
}

/// What operators do: the last ones of the schema.
fn by_operators(accept_by_us: i64, complete_by_us: i64) -> [(&'static str, OrderFact); 4] {
    [
        (
            "placed",
            OrderFact::OrderRedriven(OrderRedriven {
                redriven_by: "operator".into(),
                from_status: "expired".into(),
                accept_by_us: accept_by_us + 60 * MINUTE_US,
                complete_by_us: complete_by_us + 60 * MINUTE_US,
            }),
        ),
        (
            "notified",
            OrderFact::DeadlineExtended(DeadlineExtended {
                extended_by: "operator".into(),
                deadline: "accept_by".into(),
                from_us: accept_by_us,
                to_us: accept_by_us + 15 * MINUTE_US,
            }),
        ),
        (
            "placed",
            OrderFact::TaskRedriven(TaskRedriven {
                task: "notify_restaurant".into(),
                redriven_by: "operator".into(),
            }),
        ),
        (
            "confirmed",
            OrderFact::FlowMigrated(FlowMigrated {
                migrated_by: "operator".into(),
                from_flow: 1,
                to_flow: 2,
                accept_by_us,
                complete_by_us: complete_by_us + 30 * MINUTE_US,
            }),
        ),
    ]
}

fn dal_and_two_naan(accept_by_us: i64, complete_by_us: i64) -> OrderPlaced {
    OrderPlaced {
        items: vec![
            Item { item_id: "dal-makhani".into(), quantity: 1, unit_price_minor: 1250 },
            Item { item_id: "naan".into(), quantity: 2, unit_price_minor: 320 },
        ],
        accept_by_us,
        complete_by_us,
    }
}

fn event(sequence: i64, status: &str, fact: OrderFact) -> OrderEvent {
    OrderEvent {
        event_id: format!("0199c0de-0000-7000-8000-{sequence:012}"),
        order_id: "0199c0de-0001-7000-8000-000000000001".into(),
        sequence,
        occurred_at_us: PLACED_AT_US + (sequence - 1) * MINUTE_US + 123_456,
        status: status.into(),
        restaurant_id: "bombay-kitchen".into(),
        customer_id: "0199c0de-0002-7000-8000-000000000001".into(),
        total_minor: 1890,
        currency: "EUR".into(),
        flow_version: Some(1),
        fact,
    }
}

/// The state of Priya's order once it was accepted.
pub fn order_states() -> Vec<OrderState> {
    let accepted = order_events().swap_remove(3);
    vec![OrderState {
        order_id: accepted.order_id,
        sequence: accepted.sequence,
        event_id: accepted.event_id,
        event_type: "order_accepted".into(),
        occurred_at_us: accepted.occurred_at_us,
        status: accepted.status,
        restaurant_id: accepted.restaurant_id,
        customer_id: accepted.customer_id,
        total_minor: accepted.total_minor,
        currency: accepted.currency,
        placed_at_us: PLACED_AT_US + 123_456,
        accept_by_us: PLACED_AT_US + 10 * MINUTE_US,
        complete_by_us: PLACED_AT_US + 120 * MINUTE_US,
        flow_version: Some(1),
    }]
}

/// Every voucher fact, in the order of the schema.
pub fn voucher_events() -> Vec<VoucherEvent> {
    vec![VoucherEvent {
        event_id: "0199c0de-0003-8000-8000-000000000001".into(),
        voucher_id: "0199c0de-0004-8000-8000-000000000001".into(),
        sequence: 1,
        occurred_at_us: PLACED_AT_US + 45 * MINUTE_US,
        state: "issued".into(),
        campaign_id: "thank-you".into(),
        customer_id: "0199c0de-0002-7000-8000-000000000001".into(),
        order_id: "0199c0de-0001-7000-8000-000000000001".into(),
        value_minor: 500,
        currency: "EUR".into(),
        minimum_minor: 1500,
        valid_until_us: PLACED_AT_US + 30 * 24 * 60 * MINUTE_US,
        fact: VoucherFact::VoucherIssued(VoucherIssued { issued_for: "order_completed".into() }),
    }]
}
