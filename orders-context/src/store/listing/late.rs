//! The orders of a restaurant and those of a customer, in SQLite, where they are indexed late.
//!
//! Orders of many restaurants and customers come in turn. An index by either that is written with each order
//! has a page for each of them to write, which was a third of all that was written. So the youngest orders are
//! in neither index until many of them are put there at once (`sqlite/late.rs`); until then they are looked for
//! among the last in the order of placing.
//!
//! Restaurants are few: those of a thousand orders share pages, in the table `restaurant_orders`. Customers are
//! nearly as many as orders. Their index, the table `customer_orders`, is cut into runs by the moment of placing, each
//! small enough for a thousand orders to share its pages. A customer's orders are looked for in every run.
//!
//! **Invariants**: both have those of `orders` that were placed up to the moment in `indexed_to`, and no others. An
//! order stands in the latest run of `customer_runs` that begins when it was placed, or before.

use super::question::{Column, Dialect, Part, Question};
use super::sql::Statement;

/// What is not in the indexes.
pub const NOT_INDEXED: &str = "placed_at > (SELECT placed_at FROM indexed_to)";

/// A hand may have left an entry where it took the order; it would count for one on the page.
const STANDS: &str =
    "EXISTS (SELECT 1 FROM orders AS stands WHERE stands.order_id = entries.order_id)";

/// Whose orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of one restaurant.
    Restaurant,
    /// Those of one customer.
    Customer,
}

impl Whose {
    /// Whose orders leave `part`, where that index is written late. A restaurant's orders under way have an
    /// index that is small, and written at once.
    #[must_use]
    pub fn of(part: Part, question: Question<'_>) -> Option<Self> {
        match part {
            _ if question.1 != Dialect::Sqlite => None,
            Part::Customer => Some(Self::Customer),
            Part::Restaurant if !question.is_awake() => Some(Self::Restaurant),
            _ => None,
        }
    }

    /// The ids of all orders of whom the statement calls `name`.
    #[must_use]
    pub fn ids(self, name: &str) -> String {
        let (indexed, column) = (self.indexed(name), self.column());
        format!(
            "SELECT order_id FROM {indexed}
             UNION ALL SELECT order_id FROM orders WHERE {NOT_INDEXED} AND {column} = {name}"
        )
    }

    /// The value asked for.
    pub fn name(self, question: Question<'_>, statement: &mut Statement) -> String {
        match self {
            Self::Restaurant => question.restaurant(statement),
            Self::Customer => question.customer(statement),
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Restaurant => "restaurant_id",
            Self::Customer => "customer_id",
        }
    }

    fn indexed(self, name: &str) -> String {
        match self {
            Self::Restaurant => {
                format!("restaurant_orders AS entries WHERE restaurant_id = {name}")
            }
            Self::Customer => format!(
                "customer_runs CROSS JOIN customer_orders AS entries WHERE run = from_at AND customer_id = {name}"
            ),
        }
    }

    /// Those within `span` in the order asked for, as a run, with more `columns` of orders; at least the first
    /// `looked_at`.
    pub fn run(
        self,
        question: Question<'_>,
        looked_at: usize,
        columns: &[&str],
        span: impl FnOnce(&mut Statement) -> String,
        statement: &mut Statement,
    ) -> String {
        let name = self.name(question, statement);
        let span = span(statement);
        let (word, _) = question.direction();
        let moment = Column::Placed.name();
        let sorted = format!("{moment} {word}, order_id {word}");
        // Run by run this is the same order, which SQLite cannot know: it sorts what comes of it again.
        let along = match self {
            Self::Restaurant => sorted.clone(),
            Self::Customer => format!("from_at {word}, {sorted} LIMIT {looked_at}"),
        };
        let listed =
            |of: &str| columns.iter().map(|name| format!(", {of}{name}")).collect::<String>();
        let indexed = format!(
            "(SELECT order_id, {moment} AS moment FROM {}{span} AND {STANDS} ORDER BY {along}) AS indexed",
            self.indexed(&name)
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
        let (columns, column) = (listed(""), self.column());
        format!(
            "{indexed} UNION ALL
             SELECT order_id, moment{columns} FROM (
                WITH youngest AS MATERIALIZED (SELECT order_id{kept}{columns} FROM orders
                    WHERE {NOT_INDEXED} AND {column} = {name})
                SELECT order_id, {moment} AS moment{columns} FROM youngest WHERE true{span}
                    ORDER BY {sorted}) AS run"
        )
    }
}
