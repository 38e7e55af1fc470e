//! The indexes of what restaurants and customers have are whole whatever comes, goes and is put into them.

use super::super::statements::Statements;
use super::super::{late, read, write};
use super::tables;
use crate::domain::Timestamp;
use crate::store::contract::placed_at;
use crate::store::listing::late::Whose;
use proptest::prelude::*;
use rusqlite::{Connection, Row};

/// What may happen to orders.
#[derive(Clone, Debug)]
enum Event {
    /// One is placed at a moment, in one of two restaurants, by one of two customers.
    Placed(i64, bool, bool),
    /// One of the known leaves: it went to compact history.
    Left(prop::sample::Index),
    /// All but so many of the youngest are indexed.
    Indexed(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..40_i64, any::<bool>(), any::<bool>())
            .prop_map(|(at, is_nino, is_nora)| Event::Placed(at, is_nino, is_nora)),
        1 => any::<prop::sample::Index>().prop_map(Event::Left),
        1 => (0..4_usize).prop_map(Event::Indexed),
    ]
}

fn happens(conn: &mut Connection, number: usize, event: &Event) {
    match event {
        Event::Placed(at, is_nino, is_nora) => {
            let mut order = (*placed_at(&format!("order-{number}"), Timestamp(*at)).order).clone();
            order.restaurant_id = if *is_nino { "nino" } else { "bella" }.to_owned();
            order.customer_id = if *is_nora { "nora" } else { "otto" }.to_owned();
            let inserted = write::insert_order(&mut Statements::on(conn), &order, None);
            assert!(inserted.expect("the tables are there"));
        }
        Event::Left(which) => {
            let known = ids(conn, "SELECT order_id FROM orders ORDER BY order_id");
            if !known.is_empty() {
                let gone = which.get(&known);
                entry(conn, gone, |entry| entry.remove(conn)).expect("it leaves the indexes");
                conn.execute("DELETE FROM orders WHERE order_id = ?1", [gone]).expect("it leaves");
            }
        }
        Event::Indexed(but) => {
            let tx = conn.transaction().expect("a transaction");
            late::index(&tx, *but).expect("they are indexed");
            tx.commit().expect("a commit");
        }
    }
}

fn entry<T>(conn: &Connection, order_id: &str, then: impl FnOnce(late::Entry<'_>) -> T) -> T {
    let sql = "SELECT restaurant_id, customer_id, placed_at FROM orders WHERE order_id = ?1";
    let of = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (restaurant_id, customer_id, placed_at): (String, String, i64) =
        conn.query_row(sql, [order_id], of).expect("a row");
    let (restaurant_id, customer_id) = (&restaurant_id, &customer_id);
    then(late::Entry { restaurant_id, customer_id, placed_at, order_id })
}

fn ids(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).expect("a statement");
    let found = statement.query_map([], |row| row.get(0)).expect("an answer");
    let mut found: Vec<String> = found.collect::<Result<_, _>>().expect("ids");
    found.sort();
    found
}

proptest! {
    #[test]
    fn each_order_is_found_once_among_its_own(events in prop::collection::vec(event(), 0..60)) {
        let mut conn = tables();
        for (number, event) in events.iter().enumerate() {
            happens(&mut conn, number, event);
            for (whose, column, name) in [
                (Whose::Restaurant, "restaurant_id", "'nino'"),
                (Whose::Restaurant, "restaurant_id", "'bella'"),
                (Whose::Customer, "customer_id", "'nora'"),
                (Whose::Customer, "customer_id", "'otto'"),
            ] {
                let all = format!("SELECT order_id FROM orders WHERE {column} = {name}");
                prop_assert_eq!(ids(&conn, &whose.ids(name)), ids(&conn, &all));
            }
            let old = ids(&conn, "SELECT order_id FROM orders
                WHERE placed_at <= (SELECT placed_at FROM indexed_to)");
            for table in ["restaurant_orders", "customer_orders"] {
                prop_assert_eq!(&ids(&conn, &format!("SELECT order_id FROM {table}")), &old);
            }
            for order_id in ids(&conn, "SELECT order_id FROM orders") {
                prop_assert!(entry(&conn, &order_id, |entry| entry.is_found(&conn)).expect("an answer"));
            }
        }
    }

    #[test]
    fn a_key_is_looked_for_by_what_it_was_stored_by(key in "[ a-zé'/-]{0,14}[ b-é][ a-zé'/-]{0,12}") {
        let conn = tables();
        conn.execute("INSERT INTO idempotency VALUES (?1, x'00', 'order-1', 0)", [&key]).expect("a row");
        let stored: String =
            conn.query_row("SELECT chosen FROM idempotency", [], |row| row.get(0)).expect("a text");
        prop_assert_eq!(stored, read::chosen(&key));
    }
}

#[test]
fn an_entry_without_an_order_is_in_nobodys_way() {
    let mut conn = tables();
    happens(&mut conn, 1, &Event::Placed(1, true, true));
    for _ in 0..2 {
        happens(&mut conn, 2, &Event::Indexed(0));
        conn.execute("DELETE FROM orders", []).expect("a hand");
        happens(&mut conn, 1, &Event::Placed(1, true, true));
        conn.execute("UPDATE indexed_to SET placed_at = 0", []).expect("a hand");
    }
    happens(&mut conn, 2, &Event::Indexed(0));
    assert_eq!(ids(&conn, &Whose::Restaurant.ids("'nino'")), ["order-1"]);
    assert_eq!(ids(&conn, &Whose::Customer.ids("'nora'")), ["order-1"]);
}

#[test]
fn all_but_a_few_are_indexed() {
    let mut conn = tables();
    for number in 0..10 {
        happens(&mut conn, number, &Event::Placed(number as i64, true, true));
    }
    let indexed = |conn: &Connection| ids(conn, "SELECT order_id FROM restaurant_orders").len();
    assert_eq!(indexed(&conn), 0);
    happens(&mut conn, 11, &Event::Indexed(3));
    assert_eq!(indexed(&conn), 7);
    happens(&mut conn, 11, &Event::Indexed(3));
    assert_eq!(indexed(&conn), 7);
    happens(&mut conn, 12, &Event::Indexed(0));
    assert_eq!(indexed(&conn), 10);
}

#[test]
fn runs_are_as_many_as_orders_fill_and_none_is_left_that_is_empty() {
    let mut conn = tables();
    let runs = |conn: &Connection| -> i64 {
        conn.query_row("SELECT count(*) FROM customer_runs", [], |row| row.get(0))
            .expect("a number")
    };
    for number in 0..30 {
        happens(&mut conn, number, &Event::Placed(number as i64, true, number % 2 == 0));
        happens(&mut conn, number, &Event::Indexed(0));
    }
    assert_eq!(runs(&conn), 10);
    for order_id in ids(&conn, "SELECT order_id FROM orders") {
        entry(&conn, &order_id, |entry| entry.remove(&conn)).expect("it leaves the indexes");
    }
    for number in 30..34 {
        happens(&mut conn, number, &Event::Placed(number as i64, true, true));
        happens(&mut conn, number, &Event::Indexed(0));
    }
    assert_eq!(runs(&conn), 3, "the first, one that is full, and the newest");
}
