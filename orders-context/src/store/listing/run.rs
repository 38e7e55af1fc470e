//! Runs: orders that stand in one index in the order in which a page lists them.

use super::Place;
use super::late::Whose;
use super::question::{Column, Dialect, Part, Question};
use super::sql::{Statement, awake, beyond};
use crate::domain::Status;

/// Orders that stand in one index as they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    All,
    Status(Status),
    Customer,
    Restaurant,
    Flow,
}

/// The runs that together hold whatever may be on the page.
pub fn runs(question: Question<'_>) -> Vec<Run> {
    let filter = &question.0.filter;
    let in_any = filter.status.is_empty() && !question.is_awake();
    match question.column() {
        Column::Placed if filter.customer_id.is_some() => vec![Run::Customer],
        Column::Placed if filter.restaurant_id.is_some() => vec![Run::Restaurant],
        Column::Placed if in_any && filter.flow_version.is_some() => vec![Run::Flow],
        Column::Placed if in_any => vec![Run::All],
        _ => question.statuses().into_iter().map(Run::Status).collect(),
    }
}

impl Run {
    /// Whether `part` holds of each of its orders.
    pub fn holds(self, part: Part, column: Column) -> bool {
        match (self, part) {
            (Self::Status(_), Part::Status | Part::Awake)
            | (Self::Customer, Part::Customer)
            | (Self::Restaurant, Part::Restaurant | Part::Awake)
            | (Self::Flow, Part::Flow) => true,
            (Self::Status(_), Part::Stuck) => column == Column::Since,
            (_, Part::Range(of)) => of == column,
            _ => false,
        }
    }

    /// ` AND …` for the part of the run that the page may be of. Of several bounds on the side from which it
    /// is read, the place where the page begins among them, only the narrowest is written: a database would
    /// begin at one of them, and judge every row between them by the others.
    fn span(self, question: Question<'_>, statement: &mut Statement) -> String {
        let (column, (_, sign)) = (question.column(), question.direction());
        let mut bounds = question.bounds(column);
        if let (Self::Status(status), Column::Since) = (self, column) {
            bounds.extend(question.stuck_bound(status));
        }
        let (mut near, mut span): (Vec<_>, Vec<_>) =
            bounds.into_iter().partition(|bound| bound.sign.starts_with(sign));
        // Upper bounds: the lowest, and of two moments that are the same the one that leaves the moment
        // out. There is no more than one lower bound.
        near.sort_by_key(|bound| (bound.at, bound.sign));
        let narrowest = near.first().copied();
        let begins_there = |place: &Place| narrowest.is_some_and(|it| it.is_within(sign, place));
        let begins_at_place = question.0.after.as_ref().is_some_and(|place| !begins_there(place));
        span.extend(narrowest.filter(|_| !begins_at_place));
        let written = span.into_iter().map(|bound| bound.written(column, statement));
        let mut written: String = written.map(|bound| format!(" AND {bound}")).collect();
        if begins_at_place {
            written += &beyond(question, "order_id", statement);
        }
        written
    }

    /// Its orders, with the columns that `judged` reads; at least the first `looked_at`.
    pub fn rows(
        self,
        question: Question<'_>,
        judged: &[Part],
        looked_at: usize,
        statement: &mut Statement,
    ) -> String {
        let column = question.column();
        let mut columns: Vec<&str> =
            judged.iter().flat_map(|part| part.columns()).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        let part = match self {
            Self::Customer => Some(Part::Customer),
            Self::Restaurant => Some(Part::Restaurant),
            _ => None,
        };
        if let Some(whose) = part.and_then(|part| Whose::of(part, question)) {
            let span = |statement: &mut Statement| self.span(question, statement);
            return whose.run(question, looked_at, &columns, span, statement);
        }
        let end = match question.1 {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => format!(" LIMIT {looked_at}"),
        };
        let columns: String = columns.iter().map(|name| format!(", {name}")).collect();
        let mut conditions = match self {
            Self::All => "true".to_owned(),
            Self::Status(status) => format!("status = '{status}'{}", column.awake()),
            Self::Customer => question.condition(Part::Customer, "orders", statement),
            Self::Restaurant => {
                question.condition(Part::Restaurant, "orders", statement) + awake(question)
            }
            Self::Flow => question.condition(Part::Flow, "orders", statement),
        };
        conditions += &self.span(question, statement);
        let (name, (word, _)) = (column.name(), question.direction());
        // Sorted here too, and not only when the runs are merged: PostgreSQL looks for the index of a
        // run where its rows are, SQLite where they go.
        format!(
            "SELECT order_id, moment{columns} FROM (SELECT order_id, {name} AS moment{columns} FROM orders
                WHERE {conditions} ORDER BY {name} {word}, order_id {word}{end}) AS run"
        )
    }
}
