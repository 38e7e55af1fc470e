//! The stories, as rows of a table: where the order stands after each event, the event, its block.

use clap::ValueEnum;
use schemas::rehearsal;
use serde_json::{Value, json};

/// A life of an order that a reader ought to understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Story {
    /// Placed, accepted, delivered; and the voucher it brought.
    Happy,
    /// The restaurant says no.
    Rejected,
    /// Nobody answers, two reminders notwithstanding.
    Expired,
    /// The customer changes their mind.
    Cancelled,
    /// It expires, an operator sets it going again, and it ends well.
    Redriven,
    /// The happy one, written half-way through by a later version, with a column, a block and an
    /// event type that nobody knows yet. Leaves that version in the registry: for tests only.
    Evolved,
}

/// One event of a story.
pub(super) struct Step {
    /// Where the order stands after it.
    pub status: &'static str,
    /// What happens.
    pub event_type: &'static str,
    /// What is particular to it.
    pub block: Value,
    /// Whether a later version than today's writes it.
    pub by: Writer,
}

/// Who writes an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// The version of today.
    OfToday,
    /// The one of the rehearsal.
    OfTomorrow,
}

fn step(status: &'static str, event_type: &'static str, block: Value) -> Step {
    Step { status, event_type, block, by: Writer::OfToday }
}

impl Story {
    /// What happens in it; `placed_us` is when, in microseconds since the Unix epoch.
    pub(super) fn steps(self, placed_us: i64) -> Vec<Step> {
        let (accept_by, complete_by) = (placed_us + 600_000_000, placed_us + 7_200_000_000);
        let items = json!([
            { "item_id": "dal-makhani", "quantity": 1, "unit_price_minor": 1250 },
            { "item_id": "naan", "quantity": 2, "unit_price_minor": 320 },
        ]);
        let placed = json!({ "items": items, "accept_by": accept_by, "complete_by": complete_by });
        let opening = [
            step("placed", "order_placed", placed),
            step("notified", "restaurant_notified", json!({ "channel": "webhook", "attempts": 1 })),
        ];
        opening.into_iter().chain(self.ending(accept_by, complete_by)).collect()
    }

    fn ending(self, accept_by: i64, complete_by: i64) -> Vec<Step> {
        match self {
            Self::Happy => good_end(),
            Self::Rejected => vec![
                step("rejected", "order_rejected", by_restaurant_because("too_busy")),
                told("rejected", "order_rejected"),
            ],
            Self::Cancelled => vec![
                step("cancelled", "order_cancelled", {
                    json!({ "decided_by": "customer", "reason": "changed_mind" })
                }),
                told("cancelled", "order_cancelled"),
            ],
            Self::Expired => expiry(accept_by),
            Self::Redriven => {
                let redriven = json!({
                    "redriven_by": "operator", "from_status": "expired",
                    "accept_by": accept_by + 900_000_000, "complete_by": complete_by + 900_000_000,
                });
                let again = [step("placed", "order_redriven", redriven)];
                expiry(accept_by).into_iter().chain(again).chain(good_end()).collect()
            }
            Self::Evolved => {
                let held = step("accepted", rehearsal::EVENT_TYPE, json!({ "rounds": 1 }));
                let mut steps = good_end();
                steps.insert(1, held);
                steps.into_iter().map(|step| Step { by: Writer::OfTomorrow, ..step }).collect()
            }
        }
    }
}

fn by_restaurant_because(reason: &str) -> Value {
    json!({ "decided_by": "restaurant", "reason": reason })
}

fn told(status: &'static str, notification: &str) -> Step {
    let block = json!({ "channel": "mail", "notification": notification, "attempts": 1 });
    step(status, "user_notified", block)
}

fn good_end() -> Vec<Step> {
    vec![
        step("accepted", "order_accepted", json!({ "decided_by": "restaurant" })),
        told("confirmed", "order_accepted"),
        step("completed", "order_completed", json!({ "decided_by": "restaurant" })),
    ]
}

fn expiry(accept_by: i64) -> Vec<Step> {
    vec![
        step("notified", "restaurant_reminded", json!({ "reminder": 1 })),
        step("notified", "restaurant_reminded", json!({ "reminder": 2 })),
        step("expired", "order_expired", json!({ "accept_by": accept_by })),
        told("expired", "order_expired"),
    ]
}
