//! The orders of a restaurant, in SQLite, where they are indexed late.
//!
//! Orders of many restaurants come in turn. An index by restaurant that is written with each order has a
//! page for each of them to write, which was a seventh of all that was written. So the youngest orders are
//! not in the index, the table `restaurant_orders`, until many of them are put there at once
//! (`sqlite/late.rs`); until then they are looked for among the last in the order of placing.
//!
//! **Invariant**: `restaurant_orders` has those of `orders` that were placed up to the moment in
//! `restaurant_orders_end`, and no others.

use super::question::{Column, Dialect, Question};

/// What is not in the index.
pub const NOT_INDEXED: &str = "placed_at > (SELECT placed_at FROM restaurant_orders_end)";

/// Whether the question is for a restaurant's orders at rest too: those under way have an index that is
/// small, and written at once.
pub fn is_asked(question: Question<'_>) -> bool {
    let is_of_one = question.0.filter.restaurant_id.is_some();
    is_of_one && question.1 == Dialect::Sqlite && !question.is_awake()
}

/// The ids of all orders of the restaurant that the statement calls `restaurant`.
#[must_use]
pub fn of_restaurant(restaurant: &str) -> String {
    format!(
        "SELECT order_id FROM restaurant_orders WHERE restaurant_id = {restaurant}
         UNION ALL SELECT order_id FROM orders WHERE {NOT_INDEXED} AND restaurant_id = {restaurant}"
    )
}

/// Those within `span` in the order asked for, as a run, with more `columns` of orders.
pub fn run(question: Question<'_>, restaurant: &str, span: &str, columns: &[&str]) -> String {
    let (word, _) = question.direction();
    let moment = Column::Placed.name();
    let sorted = format!("ORDER BY {moment} {word}, order_id {word}");
    let listed = |of: &str| columns.iter().map(|name| format!(", {of}{name}")).collect::<String>();
    let indexed = format!(
        "(SELECT order_id, {moment} AS moment FROM restaurant_orders
            WHERE restaurant_id = {restaurant}{span} {sorted}) AS indexed"
    );
    let indexed = if columns.is_empty() {
        format!("SELECT order_id, moment FROM {indexed}")
    } else {
        format!(
            "SELECT indexed.order_id, moment{} FROM {indexed} CROSS JOIN orders
                WHERE orders.order_id = indexed.order_id",
            listed("orders.")
        )
    };
    // First the few, whatever is asked of them: SQLite might begin at another bound than theirs.
    let kept = if columns.contains(&moment) { String::new() } else { format!(", {moment}") };
    let columns = listed("");
    format!(
        "{indexed} UNION ALL
         SELECT order_id, moment{columns} FROM (
            WITH youngest AS MATERIALIZED (SELECT order_id{kept}{columns} FROM orders
                WHERE {NOT_INDEXED} AND restaurant_id = {restaurant})
            SELECT order_id, {moment} AS moment{columns} FROM youngest WHERE true{span} {sorted}) AS run"
    )
}
