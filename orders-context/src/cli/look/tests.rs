//! What people read: the whole text.

use super::*;
use serde_json::json;

fn dinner() -> Value {
    json!({ "id": "order-1", "status": "notified", "version": 2, "restaurant_id": "bella-napoli",
        "customer_id": "rosa", "total_minor": 2050, "currency": "EUR",
        "placed_at": "2026-09-21T18:00:00Z", "accept_by": "2026-09-21T18:10:00Z",
        "complete_by": "2026-09-21T20:00:00Z", "flow_version": 1, "policy_version": 3,
        "items": [{ "name": "Tiramisù", "quantity": 2, "unit_price_minor": 550 }],
        "tasks": [{ "kind": "notify_restaurant", "state": "given_up", "attempts": 3,
            "next_attempt_at": null, "last_error": "http_503" }] })
}

#[test]
fn a_listing_shows_the_deadline_that_counts() {
    let mut accepted = dinner();
    accepted["status"] = "accepted".into();
    let mut completed = dinner();
    completed["status"] = "completed".into();
    let expected = "\
ORDER    STATUS     RESTAURANT    CUSTOMER  TOTAL     PLACED AT             DEADLINE
order-1  notified   bella-napoli  rosa      2050 EUR  2026-09-21T18:00:00Z  2026-09-21T18:10:00Z
order-1  accepted   bella-napoli  rosa      2050 EUR  2026-09-21T18:00:00Z  2026-09-21T20:00:00Z
order-1  completed  bella-napoli  rosa      2050 EUR  2026-09-21T18:00:00Z
";
    assert_eq!(listing(&[dinner(), accepted, completed], false), expected);
    assert!(listing(&[dinner()], true).ends_with("There are more: say a higher --limit.\n"));
}

#[test]
fn an_order_is_shown_with_its_dishes_and_its_tasks() {
    let expected = "\
order           order-1
status          notified
version         2
restaurant id   bella-napoli
customer id     rosa
placed at       2026-09-21T18:00:00Z
accept by       2026-09-21T18:10:00Z
complete by     2026-09-21T20:00:00Z
flow version    1
policy version  3
total (minor)   2050 EUR

QUANTITY  DISH      PRICE (MINOR)
2         Tiramisù  550

TASK               STATE     ATTEMPTS  NEXT ATTEMPT AT  LAST ERROR
notify_restaurant  given_up  3                          http_503
";
    assert_eq!(picture(&dinner()), expected);
}

#[test]
fn a_history_is_a_timeline() {
    let entries = [
        json!({ "sequence": 1, "event_type": "order_placed", "occurred_at": "2026-09-21T18:00:00Z",
            "actor": "customer", "status": "placed",
            "data": { "currency": "EUR", "items": [1], "total_minor": 2050 } }),
        json!({ "sequence": 2, "event_type": "order_cancelled",
            "occurred_at": "2026-09-21T18:01:30.250Z", "actor": "operator", "status": "cancelled",
            "data": { "reason": "closed",
                "intervention": { "actor": "operator-7", "reason": "flooded" } } }),
    ];
    let expected = "   AT                        AFTER  EVENT            STATUS     BY        \n\
         1  2026-09-21T18:00:00Z             order_placed     placed     customer  currency=EUR total_minor=2050\n\
         2  2026-09-21T18:01:30.250Z  1m30s  order_cancelled  cancelled  operator  actor=operator-7 reason=flooded reason=closed\n";
    let trimmed: String = expected.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    assert_eq!(timeline(&entries), trimmed);
}

#[test]
fn the_flow_shows_what_stands_where() {
    let flow = json!({ "statuses": [
            { "status": "placed", "orders": 12, "oldest_age_ms": 61_000, "spent_p50_ms": 40,
                "spent_p99_ms": 900 },
            { "status": "completed", "orders": 3, "oldest_age_ms": null, "spent_p50_ms": null,
                "spent_p99_ms": null },
        ], "tasks": { "retrying": 2, "given_up": 1 }, "due": 4 });
    let expected = "\
STATUS     ORDERS  OLDEST  P50   P99
placed     12      1m01s   40ms  900ms
completed  3

tasks retrying 2, given up 1; orders due 4
";
    assert_eq!(standing(&flow), expected);
}
