//! What is asked: each filter alone, some together, in every sort.

use crate::kitchen::{EVENING, EVERY_US};
use orders_context::app::list_orders::usual_ms;
use orders_context::domain::{FlowVersion, Status, Timestamp};
use orders_context::store::{OrdersFilter, OrdersQuery, OrdersSort, Place, Store, TaskCondition};

/// By name.
pub async fn all(store: &dyn Store) -> anyhow::Result<Vec<(&'static str, OrdersQuery)>> {
    let mut asked = Vec::new();
    for (name, filter) in filters() {
        let usual_ms = usual_ms(store, &filter).await?;
        for sort in OrdersSort::ALL {
            let first = OrdersQuery::newest(filter.clone(), 20, EVENING);
            asked.push((name, OrdersQuery { sort: *sort, usual_ms: usual_ms.clone(), ..first }));
        }
    }
    Ok(asked)
}

fn filters() -> Vec<(&'static str, OrdersFilter)> {
    let text = |text: &str| Some(text.to_owned());
    let none = OrdersFilter::default;
    let before = |seconds: i64| Some(Timestamp(EVENING.0 - seconds * 1_000_000));
    vec![
        ("everything", none()),
        ("status: common", OrdersFilter { status: vec![Status::Placed], ..none() }),
        ("status: rare", OrdersFilter { status: vec![Status::Confirmed], ..none() }),
        ("status: at rest, rare", OrdersFilter { status: vec![Status::Expired], ..none() }),
        (
            "restaurant: one of 2,000",
            OrdersFilter { restaurant_id: text("restaurant-77"), ..none() },
        ),
        ("restaurant: large", OrdersFilter { restaurant_id: text("large"), ..none() }),
        ("restaurant: rare", OrdersFilter { restaurant_id: text("rare"), ..none() }),
        ("customer", OrdersFilter { customer_id: text("customer-77"), ..none() }),
        ("flow", OrdersFilter { flow_version: Some(FlowVersion::FIRST), ..none() }),
        (
            "placed in one minute",
            OrdersFilter { placed_from: before(3_000), placed_before: before(2_940), ..none() },
        ),
        ("deadline within 1 s", OrdersFilter { deadline_within_ms: Some(1_000), ..none() }),
        ("deadline within 5 min", OrdersFilter { deadline_within_ms: Some(300_000), ..none() }),
        ("age: 1 h", OrdersFilter { age_ms: Some(3_600_000), ..none() }),
        ("task: open", OrdersFilter { task: Some(TaskCondition::Open), ..none() }),
        ("task: retrying", OrdersFilter { task: Some(TaskCondition::Retrying), ..none() }),
        ("task: given up", OrdersFilter { task: Some(TaskCondition::GivenUp), ..none() }),
        ("last error: common", OrdersFilter { last_error: text("timeout"), ..none() }),
        ("last error: rare", OrdersFilter { last_error: text("smtp_550"), ..none() }),
        ("stuck", OrdersFilter { stuck: true, ..none() }),
        (
            "large restaurant, given up",
            OrdersFilter {
                restaurant_id: text("large"),
                task: Some(TaskCondition::GivenUp),
                ..none()
            },
        ),
        (
            "common status, common error",
            OrdersFilter { status: vec![Status::Placed], last_error: text("timeout"), ..none() },
        ),
        (
            "large restaurant, rare status",
            OrdersFilter {
                restaurant_id: text("large"),
                status: vec![Status::Confirmed],
                ..none()
            },
        ),
        (
            "large restaurant, common error, old",
            OrdersFilter {
                restaurant_id: text("large"),
                last_error: text("timeout"),
                age_ms: Some(3_600_000),
                ..none()
            },
        ),
        (
            "stuck, retrying",
            OrdersFilter { stuck: true, task: Some(TaskCondition::Retrying), ..none() },
        ),
    ]
}

/// The page that begins somewhere among all orders.
pub fn in_the_middle(query: OrdersQuery) -> OrdersQuery {
    let at = match query.sort {
        OrdersSort::DeadlineNearest | OrdersSort::DeadlineFurthest => EVENING.0 + 300_000_000,
        _ => EVENING.0 - 500_000 * EVERY_US,
    };
    OrdersQuery { after: Some(Place { at: Timestamp(at), order_id: "0199".to_owned() }), ..query }
}
