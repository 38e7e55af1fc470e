//! No question for a page reads a whole table or sorts without a bound: SQLite says how it will go.

use super::super::copy::{columns, select};
use super::super::read::open_tasks_sql;
use super::super::write::COUNT_UNDER_WAY;
use super::tables;
use crate::store::OrdersQuery;
use crate::store::contract::questions::every_question;
use crate::store::copy::COPIED;
use crate::store::listing::late::NOT_INDEXED;
use crate::store::listing::sql::{
    MOST_LOOKED_AT, Statement, count, count_of, matching, may_be_narrow, page,
};
use crate::store::listing::{Dialect, Question};
use rusqlite::Connection;

/// One step: what it belongs to, and what it is.
type Step = (i64, String);

fn plan(conn: &Connection, sql: &str) -> Vec<Step> {
    let explained = format!("EXPLAIN QUERY PLAN {sql}");
    let mut explained = conn.prepare(&explained).expect("a statement");
    let mut rows = explained.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a plan") {
        steps.push((row.get(1).expect("a number"), row.get(3).expect("a text")));
    }
    steps
}

/// Whether a step reads no more than an index holds of what is asked for.
fn is_bounded(step: &str, along_all: bool) -> bool {
    let of_orders = step.split_whitespace().nth(1) == Some("orders");
    let of_tasks = step.split_whitespace().nth(1) == Some("tasks");
    match () {
        () if step.starts_with("SCAN") && of_orders => {
            along_all && step.contains("INDEX orders_by_placing")
        }
        // These hold nothing but tasks that are asked for.
        () if step.starts_with("SCAN") && of_tasks => {
            ["tasks_given_up", "tasks_retrying", "tasks_due"].iter().any(|of| step.contains(of))
        }
        () => true,
    }
}

/// Whether what a restaurant or a customer has and is not indexed yet is looked for among the youngest, if at all.
fn begins_with_the_youngest(statement: &Statement, steps: &[Step]) -> bool {
    let begins_there = |(_, step): &Step| {
        step.contains("orders USING") && step.ends_with("INDEX orders_by_placing (placed_at>?)")
    };
    !statement.sql.contains(NOT_INDEXED) || steps.iter().any(begins_there)
}

/// Whether what is sorted was bounded before: what an index of customers gives, too. What is made distinct was
/// counted before.
fn sorts_within_bounds(statement: &Statement, steps: &[Step]) -> bool {
    let is_of_customer = statement.sql.contains("customer_runs");
    let sorts = steps
        .iter()
        .filter(|(_, step)| step.starts_with("USE TEMP B-TREE") && step.contains("ORDER BY"));
    sorts.into_iter().all(|(of, _)| {
        let read = steps.iter().find(|(other, step)| {
            other == of && (step.starts_with("SCAN") || step.starts_with("SEARCH"))
        });
        read.is_some_and(|(_, step)| {
            let of = step.split_whitespace().nth(1).unwrap_or_default().trim_end_matches("-1");
            ["looked", "found", "part", "page", "last", "(subquery", "(join", "youngest"]
                .contains(&of)
                || of == "indexed" && is_of_customer
        })
    })
}

#[test]
fn no_page_reads_a_table_or_sorts_without_a_bound() {
    let (conn, some) = (tables(), ["order-1", "order-2"].map(str::to_owned));
    let mut faults = Vec::new();
    for mut query in every_question() {
        for after in [None, Some(crate::store::Place { at: query.now, order_id: "o".to_owned() })] {
            query.after = after;
            let question = Question(&query, Dialect::Sqlite);
            let narrow = may_be_narrow(question);
            let pages = narrow.iter().map(|part| page(question, Some(*part), MOST_LOOKED_AT));
            let counts = narrow.iter().map(|part| count_of(question, *part));
            let along = page(question, None, MOST_LOOKED_AT);
            let along_all = along.sql.contains("WHERE true ORDER BY placed_at");
            let again = matching(question, &some);
            for statement in [along, again].into_iter().chain(pages).chain(counts) {
                let steps = plan(&conn, &statement.sql);
                let bounded = steps.iter().all(|(_, step)| is_bounded(step, along_all));
                let bounded = bounded && begins_with_the_youngest(&statement, &steps);
                if !bounded || !sorts_within_bounds(&statement, &steps) {
                    faults.push(format!("{query:?}\n{}\n{steps:#?}", statement.sql));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} read or sort too much, such as:\n{}", faults.len(), faults[0]);
}

#[test]
fn what_one_has_is_counted_without_what_others_have() {
    let conn = tables();
    let of_one = |query: &OrdersQuery| {
        query.filter.restaurant_id.is_some() || query.filter.customer_id.is_some()
    };
    for query in every_question().iter().filter(|query| of_one(query)) {
        let steps = plan(&conn, &count(Question(query, Dialect::Sqlite), None).sql);
        let bounded = steps.iter().all(|(_, step)| is_bounded(step, false));
        assert!(bounded, "{query:?}\n{steps:#?}");
    }
}

#[test]
fn what_a_customer_has_under_way_is_counted_without_what_is_over() {
    let steps = plan(&tables(), COUNT_UNDER_WAY);
    let index = "USING INDEX orders_under_way (customer_id=?)";
    let covering = "USING COVERING INDEX orders_under_way (customer_id=?)";
    let found = steps.iter().any(|(_, step)| step.contains(index) || step.contains(covering));
    assert!(found, "{steps:?}");
}

#[test]
fn nothing_is_sorted_to_be_copied() {
    let conn = tables();
    for table in COPIED {
        let columns = columns(&conn, table).expect("a table");
        let steps = plan(&conn, &select(table, &columns));
        assert_eq!(steps.len(), 1, "{table}: {steps:#?}");
        assert!(steps[0].1.starts_with(&format!("SCAN {table}")), "{table}: {steps:#?}");
    }
}

#[test]
fn due_tasks_are_found_without_those_that_tell_others() {
    let steps = plan(&tables(), &open_tasks_sql());
    let index = "SEARCH tasks USING INDEX tasks_due_to (<expr>=? AND next_attempt_at>? AND next_attempt_at<?)";
    let steps: Vec<_> = steps.iter().map(|(_, step)| step.as_str()).collect();
    assert_eq!(steps[0], index, "{steps:#?}");
    let is_sorted = steps.iter().any(|step| step.contains("TEMP B-TREE"));
    let is_bounded = steps[1..].iter().all(|step| !step.starts_with("SCAN"));
    assert!(!is_sorted && is_bounded, "in their order, each with its order's row: {steps:#?}");
}
