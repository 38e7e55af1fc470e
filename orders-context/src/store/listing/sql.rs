//! A question for a page as one statement, in the SQL that both databases speak.

use super::{OrdersFilter, OrdersQuery, OrdersSort, TaskCondition};
use crate::domain::Timestamp;

/// A statement and its values: the first is `$1`.
#[derive(Debug, Default)]
pub struct Statement {
    /// What to run. It gives `state`, the moment sorted by, and the order's id.
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

/// How many orders there are of a filter.
pub fn count(filter: OrdersFilter, now: Timestamp) -> Statement {
    let mut statement = Statement::default();
    statement.add("SELECT count(*) FROM orders WHERE ");
    statement.conditions(&OrdersQuery::newest(filter, 0, now));
    statement
}

/// One row more than the page holds, if there is one.
pub fn page(query: &OrdersQuery) -> Statement {
    let (column, descending) = sorted_by(query.sort);
    let (word, beyond) = if descending { ("DESC", "<") } else { ("ASC", ">") };
    let mut statement = Statement::default();
    statement.add(&format!("SELECT state, {column}, order_id FROM orders WHERE "));
    statement.conditions(query);
    if let Some(place) = &query.after {
        let at = statement.number(place.at.0);
        let order_id = statement.text(&place.order_id);
        statement.add(&format!(" AND ({column}, order_id) {beyond} ({at}, {order_id})"));
    }
    let limit = statement.number((query.limit + 1) as i64);
    statement.add(&format!(" ORDER BY {column} {word}, order_id {word} LIMIT {limit}"));
    statement
}

fn sorted_by(sort: OrdersSort) -> (&'static str, bool) {
    match sort {
        OrdersSort::Newest => ("placed_at", true),
        OrdersSort::Oldest => ("placed_at", false),
        OrdersSort::DeadlineNearest => ("deadline", false),
        OrdersSort::DeadlineFurthest => ("deadline", true),
        OrdersSort::AgeLongest => ("since", false),
        OrdersSort::AgeShortest => ("since", true),
    }
}

impl Statement {
    fn add(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    fn number(&mut self, value: i64) -> String {
        self.value(Value::Number(value))
    }

    fn text(&mut self, value: &str) -> String {
        self.value(Value::Text(value.to_owned()))
    }

    /// The name by which the statement calls it.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn conditions(&mut self, query: &OrdersQuery) {
        let OrdersFilter {
            status,
            restaurant_id,
            customer_id,
            placed_from,
            placed_before,
            age_ms,
            deadline_within_ms,
            task,
            last_error,
        } = &query.filter;
        let awake = age_ms.is_some() || deadline_within_ms.is_some();
        let by_placing = matches!(query.sort, OrdersSort::Newest | OrdersSort::Oldest);
        self.add(if awake || !by_placing { "deadline IS NOT NULL" } else { "true" });
        if !status.is_empty() {
            let words: Vec<_> = status.iter().map(|status| self.text(status.as_str())).collect();
            self.add(&format!(" AND status IN ({})", words.join(", ")));
        }
        for (column, id) in [("restaurant_id", restaurant_id), ("customer_id", customer_id)] {
            if let Some(id) = id {
                let id = self.text(id);
                self.add(&format!(" AND {column} = {id}"));
            }
        }
        let until = |ms: Option<i64>| ms.map(|ms| query.now.plus_ms(ms));
        for (condition, at) in [
            ("placed_at >=", *placed_from),
            ("placed_at <", *placed_before),
            ("since <=", until(age_ms.map(i64::saturating_neg))),
            ("deadline <=", until(*deadline_within_ms)),
        ] {
            if let Some(at) = at {
                let at = self.number(at.0);
                self.add(&format!(" AND {condition} {at}"));
            }
        }
        self.task_condition(*task, last_error.as_deref());
    }

    fn task_condition(&mut self, task: Option<TaskCondition>, last_error: Option<&str>) {
        let standing = match task {
            None if last_error.is_none() => return,
            None => "state IN ('open', 'given_up')",
            Some(TaskCondition::Open) => "state = 'open'",
            Some(TaskCondition::Retrying) => "state = 'open' AND attempts > 0",
            Some(TaskCondition::GivenUp) => "state = 'given_up'",
        };
        self.add(&format!(
            " AND EXISTS (SELECT 1 FROM tasks WHERE tasks.order_id = orders.order_id AND {standing}"
        ));
        if let Some(code) = last_error {
            let code = self.text(code);
            self.add(&format!(" AND last_error = {code}"));
        }
        self.add(")");
    }
}
