//! Every question for a page is planned as it will be run: no plan reads a whole table or sorts anything without a
//! bound.

use super::super::customers::COUNT;
use super::super::listing::ALONG_INDEXES;
use super::server::Place;
use crate::store::contract::questions::every_question;
use crate::store::listing::sql::{
    MOST_LOOKED_AT, Statement, Value, count_of, matching, may_be_narrow, page,
};
use crate::store::listing::{Dialect, Question};

/// The statement with its values in place.
fn in_full(Statement { sql, values }: &Statement) -> String {
    let mut sql = sql.clone();
    for (at, value) in values.iter().enumerate().rev() {
        let value = match value {
            Value::Number(number) => format!("{number}::bigint"),
            Value::Text(text) => format!("'{text}'"),
        };
        sql = sql.replace(&format!("${}", at + 1), &value);
    }
    sql
}

/// What the plan of the run of orders looks like: the steps below the one that `looked` is made by.
fn faults(plan: &[String]) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in plan.iter().enumerate() {
        if line.contains("Seq Scan on orders") || line.contains("Seq Scan on tasks") {
            found.push(line.clone());
        }
        let is_sort = line.trim_start().trim_start_matches("-> ").trim_start().starts_with("Sort");
        if is_sort && !line.contains("Sort Key") {
            let mut below = plan[at + 1..].iter().take_while(|below| indent(below) > indent(line));
            // What `looked` holds is bounded already, and what is found by it.
            let bounded = ["CTE Scan on looked", "CTE Scan on found"];
            if !below.any(|below| bounded.iter().any(|scan| below.contains(scan))) {
                found.push(line.clone());
            }
        }
    }
    found
}

#[tokio::test]
async fn for_every_page_there_is_a_way_along_an_index() {
    let place = Place::migrated();
    let sql = place.client().await;
    sql.batch_execute(&format!("BEGIN; {ALONG_INDEXES}")).await.unwrap();
    let some = ["order-1", "order-2"].map(str::to_owned);
    let mut wrong = Vec::new();
    for mut query in every_question() {
        let at_a_place = crate::store::Place { at: query.now, order_id: "o".to_owned() };
        query.after = Some(at_a_place);
        let question = Question(&query, Dialect::Postgres);
        let narrow = may_be_narrow(question);
        let counts = narrow.iter().map(|part| count_of(question, *part));
        let pages = narrow.iter().map(|part| page(question, Some(*part), MOST_LOOKED_AT));
        let along = [page(question, None, MOST_LOOKED_AT), matching(question, &some)];
        for statement in along.into_iter().chain(pages).chain(counts) {
            let explain = format!("EXPLAIN {}", in_full(&statement));
            let rows = sql
                .query(&explain, &[])
                .await
                .unwrap_or_else(|cause| panic!("{cause:?}: {explain}"));
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            if !faults(&plan).is_empty() {
                wrong.push(format!("{explain}\n{}", plan.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} read or sort too much, such as:\n{}", wrong.len(), wrong[0]);
}

#[tokio::test]
async fn what_a_customer_has_under_way_is_counted_without_what_is_over() {
    let place = Place::migrated();
    let sql = place.client().await;
    sql.batch_execute("SET enable_seqscan = off").await.unwrap();
    let explain = format!("EXPLAIN {}", COUNT.replace("$1", "ARRAY['ada', 'alan']"));
    let rows = sql.query(&explain, &[]).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("orders_under_way")), "{plan:#?}");
}
