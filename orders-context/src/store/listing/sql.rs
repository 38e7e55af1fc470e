//! A page as one statement, in the SQL that both databases speak.
//!
//! A page is read along an index that is sorted as asked for: one run for each status, merged. What the
//! index does not tell is judged order by order, [`MOST_LOOKED_AT`] of them at most: a page ends there,
//! and the next one goes on behind. Where one part of the question alone leaves few orders
//! ([`may_be_narrow`]), all of these are taken and sorted instead. So no page costs more than so many
//! orders, whatever is asked, and no statement reads a whole table or sorts without a bound.

use super::late::Whose;
use super::question::{Column, Part, Question};
use super::run::{Run, runs};

/// How many orders one page judges at most. Few in tests, so that all ways are gone there.
pub const MOST_LOOKED_AT: usize = if cfg!(test) { 16 } else { 2_500 };

/// How many it judges before it asks whether there is a shorter way.
pub const FIRST_LOOKED_AT: usize = if cfg!(test) { 4 } else { 250 };

/// What finds no row.
const NOTHING: &str = "SELECT 1 WHERE false";

/// A statement and its values: the first is `$1`.
#[derive(Debug, Default)]
pub struct Statement {
    /// What to run.
    pub sql: String,
    /// What to run it with.
    pub values: Vec<Value>,
}

/// One value of a statement.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// A moment or a number.
    Number(i64),
    /// An id or a word.
    Text(String),
}

/// The parts of a question that alone may leave few orders: [`count_of`] finds out.
#[must_use]
pub fn may_be_narrow(question: Question<'_>) -> Vec<Part> {
    if question.statuses().is_empty() {
        return Vec::new();
    }
    let runs = runs(question);
    let mut parts = question.parts();
    parts.retain(|part| {
        *part != Part::Awake && !runs.iter().all(|run| run.holds(*part, question.column()))
    });
    parts
}

/// How many orders `part` leaves, or one more than [`MOST_LOOKED_AT`] where there are more.
#[must_use]
pub fn count_of(question: Question<'_>, part: Part) -> Statement {
    let mut statement = Statement::default();
    let ids = ids(question, part, &mut statement);
    statement.sql = format!("SELECT count(*) FROM ({ids} LIMIT {}) AS part", MOST_LOOKED_AT + 1);
    statement
}

/// How many orders there are of the question's filter, wherever the page begins.
#[must_use]
pub fn count(question: Question<'_>, narrow: Option<Part>) -> Statement {
    let mut statement = Statement::default();
    if question.statuses().is_empty() {
        statement.sql = "SELECT CAST(0 AS BIGINT)".to_owned();
        return statement;
    }
    let (with, table, from) = match narrow {
        Some(narrow) => {
            (found(question, narrow, &mut statement), "found", "found WHERE".to_owned())
        }
        None => {
            let whose = question.parts().into_iter().find_map(|part| Whose::of(part, question));
            let from = whose.map_or_else(
                || "orders WHERE".to_owned(),
                |whose| {
                    let ids = whose.ids(&whose.name(question, &mut statement));
                    format!(
                        "({ids}) AS part CROSS JOIN orders WHERE orders.order_id = part.order_id AND"
                    )
                },
            );
            (String::new(), "orders", from)
        }
    };
    let conditions = conditions(question, &question.parts(), table, &mut statement);
    statement.sql = format!("{with} SELECT count(*) FROM {from} {conditions}");
    statement
}

/// The ids of those of `order_ids` that are of the question's filter, and their versions.
#[must_use]
pub fn matching(question: Question<'_>, order_ids: &[String]) -> Statement {
    let mut statement = Statement::default();
    if question.statuses().is_empty() || order_ids.is_empty() {
        statement.sql = NOTHING.to_owned();
        return statement;
    }
    let ids: Vec<_> = order_ids.iter().map(|id| statement.value(Value::Text(id.clone()))).collect();
    let conditions = conditions(question, &question.parts(), "looked", &mut statement);
    statement.sql = format!(
        "WITH looked AS MATERIALIZED (SELECT * FROM orders WHERE order_id IN ({}))
         SELECT order_id, version FROM looked WHERE {conditions}",
        ids.join(", ")
    );
    statement
}

/// The page: among the orders that `narrow` leaves, or along an index. Its rows are the state, the
/// moment sorted by and the id of an order, in no order, one more than the page holds if there is one;
/// and a row without a state for the place up to which was looked, if that was not the end.
#[must_use]
pub fn page(question: Question<'_>, narrow: Option<Part>, looked_at: usize) -> Statement {
    if question.statuses().is_empty() {
        return Statement { sql: NOTHING.to_owned(), values: Vec::new() };
    }
    match narrow {
        Some(narrow) => page_among(question, narrow),
        None => page_along(question, &runs(question), looked_at),
    }
}

fn page_along(question: Question<'_>, runs: &[Run], looked_at: usize) -> Statement {
    let mut statement = Statement::default();
    let mut judged = question.parts();
    judged.retain(|part| !runs.iter().all(|run| run.holds(*part, question.column())));
    let wanted = question.0.limit + 1;
    let looked_at = if judged.is_empty() { wanted } else { looked_at.max(wanted) };
    let rows: Vec<_> =
        runs.iter().map(|run| run.rows(question, &judged, looked_at, &mut statement)).collect();
    let (word, _) = question.direction();
    let sorted = format!("ORDER BY moment {word}, order_id {word}");
    let conditions = conditions(question, &judged, "looked", &mut statement);
    statement.sql = format!(
        "WITH looked AS MATERIALIZED ({} {sorted} LIMIT {looked_at}),
             page AS (SELECT moment, order_id FROM looked WHERE {conditions} {sorted} LIMIT {wanted})
         SELECT state, moment, page.order_id FROM page CROSS JOIN orders
         WHERE orders.order_id = page.order_id",
        rows.join(" UNION ALL ")
    );
    if !judged.is_empty() {
        let last = format!(
            "SELECT moment, order_id FROM looked {sorted} LIMIT 1 OFFSET {}",
            looked_at - 1
        );
        statement.sql += &format!(" UNION ALL SELECT NULL, moment, order_id FROM ({last}) AS last");
    }
    statement
}

fn page_among(question: Question<'_>, narrow: Part) -> Statement {
    let mut statement = Statement::default();
    let column = question.column().name();
    let (word, _) = question.direction();
    let with = found(question, narrow, &mut statement);
    let conditions = conditions(question, &question.parts(), "found", &mut statement);
    let beyond = beyond(question, "order_id", &mut statement);
    statement.sql = format!(
        "{with} SELECT state, {column}, order_id FROM found WHERE {conditions}{beyond}
         ORDER BY {column} {word}, order_id {word} LIMIT {}",
        question.0.limit + 1
    );
    statement
}

/// `found`: the orders that `part` leaves, each once, ready for conditions. They are found by their ids before anything
/// is asked of them, for PostgreSQL would else read all orders of a restaurant that are behind a place to find two hundred.
fn found(question: Question<'_>, part: Part, statement: &mut Statement) -> String {
    let ids = ids(question, part, statement);
    format!(
        "WITH part AS MATERIALIZED ({ids}),
             looked AS MATERIALIZED (SELECT DISTINCT order_id FROM part),
             found AS MATERIALIZED (SELECT orders.* FROM looked CROSS JOIN orders
                 WHERE orders.order_id = looked.order_id)"
    )
}

/// The ids of the orders that `part` leaves, from an index that holds them side by side.
fn ids(question: Question<'_>, part: Part, statement: &mut Statement) -> String {
    if let Some(whose) = Whose::of(part, question) {
        return whose.ids(&whose.name(question, statement));
    }
    let each: Vec<String> = match part {
        Part::Tasks => {
            let standings = question.task_standings().iter();
            standings
                .map(|standing| {
                    let error = question.task_error(statement);
                    format!("SELECT order_id FROM tasks WHERE {standing}{error}")
                })
                .collect()
        }
        Part::Status | Part::Stuck | Part::Range(_) => {
            let statuses = question.statuses().into_iter();
            statuses
                .map(|status| {
                    let rest = match part {
                        Part::Stuck => {
                            Column::Since.awake().to_owned() + &question.stuck(status, statement)
                        }
                        Part::Range(column) => {
                            let range = question.condition(part, "orders", statement);
                            format!("{} AND {range}", column.awake())
                        }
                        _ => String::new(),
                    };
                    format!("SELECT order_id FROM orders WHERE status = '{status}'{rest}")
                })
                .collect()
        }
        _ => {
            let condition = question.condition(part, "orders", statement);
            let awake = if part == Part::Restaurant { awake(question) } else { "" };
            vec![format!("SELECT order_id FROM orders WHERE {condition}{awake}")]
        }
    };
    each.join(" UNION ALL ")
}

/// ` AND …` where no order at rest can be meant.
pub fn awake(question: Question<'_>) -> &'static str {
    if question.is_awake() { " AND deadline IS NOT NULL" } else { "" }
}

fn conditions(
    question: Question<'_>,
    parts: &[Part],
    table: &str,
    statement: &mut Statement,
) -> String {
    let each = parts.iter().map(|part| question.condition(*part, table, statement));
    let each: Vec<String> = each.collect();
    if each.is_empty() { "true".to_owned() } else { each.join(" AND ") }
}

/// ` AND …` for what is behind the place where the page begins.
pub fn beyond(question: Question<'_>, order_id: &str, statement: &mut Statement) -> String {
    let Some(place) = &question.0.after else { return String::new() };
    let (column, (_, sign)) = (question.column().name(), question.direction());
    let at = statement.value(Value::Number(place.at.0));
    let id = statement.value(Value::Text(place.order_id.clone()));
    format!(" AND ({column}, {order_id}) {sign} ({at}, {id})")
}

impl Statement {
    /// The name by which the statement calls a value.
    pub fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}
