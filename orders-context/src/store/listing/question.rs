//! A question for a page, taken apart: which statuses may hold it, and one condition for each part.

use super::sql::{Statement, Value};
use super::{OrdersFilter, OrdersQuery, OrdersSort, Place, TaskCondition};
use crate::domain::{Status, Timestamp};

/// A question for a page, and whose SQL it is asked in.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a>(pub &'a OrdersQuery, pub Dialect);

/// Whose SQL: most of it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Its merge takes from each run as much as it needs; were a run's end stated, it would read all of it.
    /// What restaurants and customers have is indexed late: see [`super::late`].
    Sqlite,
    /// Merges so where each run's end is stated; elsewhere it may sort a whole table.
    Postgres,
}

/// A column that is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// When it was placed.
    Placed,
    /// Until when something has to happen.
    Deadline,
    /// Since when it stands in its status.
    Since,
}

/// One thing that is asked of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To stand in one of some statuses.
    Status,
    /// Not to be at rest.
    Awake,
    /// To be longer in its status than usual.
    Stuck,
    /// To be one customer's.
    Customer,
    /// To be one restaurant's.
    Restaurant,
    /// To follow one flow.
    Flow,
    /// To lie between two moments.
    Range(Column),
    /// To have a task that stands so.
    Tasks,
}

/// A moment that a column lies on one side of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// `<`, `<=` or `>=`.
    pub sign: &'static str,
    /// The moment.
    pub at: Timestamp,
}

impl Bound {
    /// As a condition on `column`.
    pub fn written(self, column: Column, statement: &mut Statement) -> String {
        let at = statement.value(Value::Number(self.at.0));
        format!("{} {} {at}", column.name(), self.sign)
    }

    /// Whether it leaves nothing but what is behind `place` in the direction of `sign`.
    pub fn is_within(self, sign: &str, place: &Place) -> bool {
        match (sign, self.sign) {
            ("<", "<") => self.at <= place.at,
            ("<", _) => self.at < place.at,
            _ => self.at > place.at,
        }
    }
}

impl Column {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed_at",
            Self::Deadline => "deadline",
            Self::Since => "since",
        }
    }

    /// ` AND …` by which an index of orders that are not at rest, and of no others, can be used.
    pub const fn awake(self) -> &'static str {
        match self {
            Self::Placed => "",
            Self::Deadline | Self::Since => " AND deadline IS NOT NULL",
        }
    }
}

impl Part {
    /// The columns it reads.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Status => &["status"],
            Self::Awake => &["deadline"],
            Self::Stuck => &["status", "since"],
            Self::Customer => &["customer_id"],
            Self::Restaurant => &["restaurant_id"],
            Self::Flow => &["flow_version"],
            Self::Range(Column::Placed) => &["placed_at"],
            Self::Range(Column::Deadline) => &["deadline"],
            Self::Range(Column::Since) => &["since"],
            Self::Tasks => &[],
        }
    }
}

impl Question<'_> {
    /// What is sorted by.
    pub const fn column(self) -> Column {
        match self.0.sort {
            OrdersSort::Newest | OrdersSort::Oldest => Column::Placed,
            OrdersSort::DeadlineNearest | OrdersSort::DeadlineFurthest => Column::Deadline,
            OrdersSort::AgeLongest | OrdersSort::AgeShortest => Column::Since,
        }
    }

    /// In which direction: the word for it, and the sign between what is beyond a place and the place.
    pub const fn direction(self) -> (&'static str, &'static str) {
        match self.0.sort.is_descending() {
            true => ("DESC", "<"),
            false => ("ASC", ">"),
        }
    }

    /// Everything that is asked of an order.
    pub fn parts(self) -> Vec<Part> {
        let filter = &self.0.filter;
        let placed = filter.placed_from.is_some() || filter.placed_before.is_some();
        let given = [
            (Part::Status, !filter.status.is_empty()),
            (Part::Awake, self.is_awake()),
            (Part::Stuck, filter.stuck),
            (Part::Customer, filter.customer_id.is_some()),
            (Part::Restaurant, filter.restaurant_id.is_some()),
            (Part::Flow, filter.flow_version.is_some()),
            (Part::Range(Column::Placed), placed),
            (Part::Range(Column::Deadline), filter.deadline_within_ms.is_some()),
            (Part::Range(Column::Since), filter.age_ms.is_some()),
            (Part::Tasks, filter.task.is_some() || filter.last_error.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(part, _)| part).collect()
    }

    /// Whether no order at rest can be meant.
    pub fn is_awake(self) -> bool {
        let OrdersFilter { status, age_ms, deadline_within_ms, stuck, .. } = &self.0.filter;
        let by_time = age_ms.is_some() || deadline_within_ms.is_some() || *stuck;
        let by_status = !status.is_empty() && status.iter().all(|status| !status.is_at_rest());
        by_time || by_status || self.column() != Column::Placed
    }

    /// In which statuses there may be any, each once.
    pub fn statuses(self) -> Vec<Status> {
        let OrdersFilter { status, stuck, .. } = &self.0.filter;
        let mut statuses = Status::ALL.to_vec();
        statuses.retain(|each| {
            let asked = status.is_empty() || status.contains(each);
            let awake = !self.is_awake() || !each.is_at_rest();
            asked && awake && (!stuck || self.stuck_before(*each).is_some())
        });
        statuses
    }

    /// An order that stands in this status since before that moment is stuck.
    fn stuck_before(self, status: Status) -> Option<Timestamp> {
        let (_, ms) = self.0.usual_ms.iter().find(|(of, _)| *of == status)?;
        Some(self.0.now.plus_ms(ms.saturating_neg()))
    }

    /// One part as a condition on the columns of `table`.
    pub fn condition(self, part: Part, table: &str, statement: &mut Statement) -> String {
        let filter = &self.0.filter;
        match part {
            Part::Status => {
                let words: Vec<_> = self.statuses().iter().map(|of| format!("'{of}'")).collect();
                format!("status IN ({})", words.join(", "))
            }
            Part::Awake => "deadline IS NOT NULL".to_owned(),
            Part::Stuck => {
                let of_each = self
                    .statuses()
                    .into_iter()
                    .map(|status| format!("status = '{status}'{}", self.stuck(status, statement)));
                format!("({})", of_each.collect::<Vec<_>>().join(" OR "))
            }
            Part::Customer => format!("customer_id = {}", self.customer(statement)),
            Part::Restaurant => format!("restaurant_id = {}", self.restaurant(statement)),
            Part::Flow => {
                let flow = filter.flow_version.map_or(0, crate::domain::FlowVersion::number);
                format!("flow_version = {flow}")
            }
            Part::Range(column) => self.range(column, statement),
            Part::Tasks => {
                let standing = self.task_standings().join(") OR (");
                let error = self.task_error(statement);
                // Looked up order by order: without an offset PostgreSQL would rather read all tasks.
                format!(
                    "EXISTS (SELECT 1 FROM tasks WHERE tasks.order_id = {table}.order_id
                        AND (({standing})){error} LIMIT 1 OFFSET 0)"
                )
            }
        }
    }

    /// The customer asked for, as a value.
    pub fn customer(self, statement: &mut Statement) -> String {
        named(&self.0.filter.customer_id, statement)
    }

    /// The restaurant asked for, as a value.
    pub fn restaurant(self, statement: &mut Statement) -> String {
        named(&self.0.filter.restaurant_id, statement)
    }

    /// ` AND …` for what is stuck in one status, if that is asked for.
    pub fn stuck(self, status: Status, statement: &mut Statement) -> String {
        let bound = self.stuck_bound(status);
        bound
            .map(|bound| format!(" AND {}", bound.written(Column::Since, statement)))
            .unwrap_or_default()
    }

    fn range(self, column: Column, statement: &mut Statement) -> String {
        let bounds = self.bounds(column).into_iter().map(|bound| bound.written(column, statement));
        bounds.collect::<Vec<_>>().join(" AND ")
    }

    /// Between which moments a column is asked to lie.
    pub fn bounds(self, column: Column) -> Vec<Bound> {
        let OrdersFilter { placed_from, placed_before, age_ms, deadline_within_ms, .. } =
            &self.0.filter;
        let within = |ms: i64| self.0.now.plus_ms(ms);
        let bounds = match column {
            Column::Placed => [(">=", *placed_from), ("<", *placed_before)],
            Column::Deadline => [("<=", deadline_within_ms.map(within)), ("<=", None)],
            Column::Since => [("<=", age_ms.map(|ms| within(ms.saturating_neg()))), ("<=", None)],
        };
        bounds.into_iter().filter_map(|(sign, at)| Some(Bound { sign, at: at? })).collect()
    }

    /// Before which moment what is stuck in this status stands there, if that is asked for.
    pub fn stuck_bound(self, status: Status) -> Option<Bound> {
        let before = self.stuck_before(status).filter(|_| self.0.filter.stuck);
        before.map(|at| Bound { sign: "<", at })
    }

    /// How a task may stand that is asked for, each a condition that one index holds nothing but.
    pub fn task_standings(self) -> &'static [&'static str] {
        match self.0.filter.task {
            None => &["state = 'given_up'", "state = 'open' AND attempts > 0"],
            Some(TaskCondition::Open) => &["state = 'open'"],
            // On both sides of those that wait for an endpoint: the index is sorted by the last error.
            Some(TaskCondition::Retrying) => &[
                "state = 'open' AND attempts > 0 AND last_error < 'endpoint_not_yet'",
                "state = 'open' AND attempts > 0 AND last_error > 'endpoint_not_yet'",
            ],
            Some(TaskCondition::GivenUp) => &["state = 'given_up'"],
        }
    }

    /// ` AND …` for the last error of such a task.
    pub fn task_error(self, statement: &mut Statement) -> String {
        let code = self.0.filter.last_error.clone();
        let code = code.map(|code| statement.value(Value::Text(code)));
        code.map(|code| format!(" AND last_error = {code}")).unwrap_or_default()
    }
}

fn named(id: &Option<String>, statement: &mut Statement) -> String {
    statement.value(Value::Text(id.clone().unwrap_or_default()))
}
