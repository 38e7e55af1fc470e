//! Any event there can be, for the tests that must hold for all of them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use schemas::order_events::*;

/// Any order event that this version can write.
pub fn any_event() -> impl Strategy<Value = OrderEvent> {
    let texts = any::<[String; 6]>();
    (texts, any::<[i64; 3]>(), any::<Option<i32>>(), any_fact()).prop_map(
        |(texts, numbers, flow_version, fact)| {
            let [event_id, order_id, status, restaurant_id, customer_id, currency] = texts;
            let [sequence, occurred_at_us, total_minor] = numbers;
            OrderEvent {
                event_id,
                order_id,
                sequence,
                occurred_at_us,
                status,
                restaurant_id,
                customer_id,
                total_minor,
                currency,
                flow_version,
                fact,
            }
        },
    )
}

/// What a fact is made of, whichever it is.
#[derive(Debug)]
struct Parts {
    texts: [String; 3],
    count: i32,
    flows: [i32; 2],
    moments: [i64; 2],
    moment: Option<i64>,
    items: Vec<Item>,
    item_ids: Option<Vec<String>>,
}

fn any_fact() -> impl Strategy<Value = OrderFact> {
    let item = (any::<String>(), any::<i32>(), any::<i64>()).prop_map(
        |(item_id, quantity, unit_price_minor)| Item { item_id, quantity, unit_price_minor },
    );
    let texts = any::<[String; 3]>();
    let numbers = (any::<i32>(), any::<[i32; 2]>(), any::<[i64; 2]>(), any::<Option<i64>>());
    let lists = (vec(item, 0..20), option::of(vec(any::<String>(), 0..5)));
    let which = 0..OrderFact::EVENT_TYPES.len();
    (texts, numbers, lists, which).prop_map(
        |(texts, (count, flows, moments, moment), (items, item_ids), which)| {
            fact(which, Parts { texts, count, flows, moments, moment, items, item_ids })
        },
    )
}

fn fact(which: usize, parts: Parts) -> OrderFact {
    let [one, two, three] = parts.texts;
    let (count, items) = (parts.count, parts.items);
    let [accept_by_us, complete_by_us] = parts.moments;
    match OrderFact::EVENT_TYPES[which] {
        "order_placed" => {
            OrderFact::OrderPlaced(OrderPlaced { items, accept_by_us, complete_by_us })
        }
        "restaurant_notified" => {
            OrderFact::RestaurantNotified(RestaurantNotified { channel: one, attempts: count })
        }
        "restaurant_reminded" => {
            OrderFact::RestaurantReminded(RestaurantReminded { reminder: count })
        }
        "order_accepted" => {
            OrderFact::OrderAccepted(OrderAccepted { decided_by: one, ready_by_us: parts.moment })
        }
        "order_rejected" => OrderFact::OrderRejected(OrderRejected {
            decided_by: one,
            reason: two,
            items: parts.item_ids,
        }),
        "user_notified" => OrderFact::UserNotified(UserNotified {
            channel: one,
            notification: two,
            attempts: count,
        }),
        "order_completed" => OrderFact::OrderCompleted(OrderCompleted { decided_by: one }),
        "order_cancelled" => {
            OrderFact::OrderCancelled(OrderCancelled { decided_by: one, reason: two })
        }
        "order_expired" => OrderFact::OrderExpired(OrderExpired { accept_by_us }),
        "order_timed_out" => OrderFact::OrderTimedOut(OrderTimedOut { complete_by_us }),
        "notification_failed" => OrderFact::NotificationFailed(NotificationFailed {
            task: one,
            attempts: count,
            cause_code: three,
        }),
        "order_redriven" => OrderFact::OrderRedriven(OrderRedriven {
            redriven_by: one,
            from_status: two,
            accept_by_us,
            complete_by_us,
        }),
        "deadline_extended" => OrderFact::DeadlineExtended(DeadlineExtended {
            extended_by: one,
            deadline: two,
            from_us: accept_by_us,
            to_us: complete_by_us,
        }),
        "task_redriven" => OrderFact::TaskRedriven(TaskRedriven { task: one, redriven_by: two }),
        "flow_migrated" => OrderFact::FlowMigrated(FlowMigrated {
            migrated_by: one,
            from_flow: parts.flows[0],
            to_flow: parts.flows[1],
            accept_by_us,
            complete_by_us,
        }),
        other => panic!("no strategy makes the fact {other}: add one"),
    }
}
