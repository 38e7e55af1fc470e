//! The index of what restaurants have is whole whatever comes, goes and is put into it.

use super::super::statements::Statements;
use super::super::{late, read, write};
use super::tables;
use crate::domain::Timestamp;
use crate::store::contract::placed_at;
use crate::store::listing::late::of_restaurant;
use proptest::prelude::*;
use rusqlite::{Connection, Row};

/// What may happen to orders.
#[derive(Clone, Debug)]
enum Event {
    /// One is placed at a moment, in one of two restaurants.
    Placed(i64, bool),
    /// One of the known leaves: it went to compact history.
    Left(prop::sample::Index),
    /// All but so many of the youngest are indexed.
    Indexed(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..20_i64, any::<bool>()).prop_map(|(at, is_nino)| Event::Placed(at, is_nino)),
        1 => any::<prop::sample::Index>().prop_map(Event::Left),
        1 => (0..4_usize).prop_map(Event::Indexed),
    ]
}

fn happens(conn: &mut Connection, number: usize, event: &Event) {
    match event {
        Event::Placed(at, is_nino) => {
            let mut order = (*placed_at(&format!("order-{number}"), Timestamp(*at)).order).clone();
            order.restaurant_id = if *is_nino { "nino" } else { "bella" }.to_owned();
            let inserted = write::insert_order(&mut Statements::on(conn), &order, None);
            assert!(inserted.expect("the tables are there"));
        }
        Event::Left(which) => {
            let known = ids(conn, "SELECT order_id FROM orders ORDER BY order_id");
            if !known.is_empty() {
                let gone = which.get(&known);
                let placed = "SELECT restaurant_id, placed_at FROM orders WHERE order_id = ?1";
                let of = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let (restaurant, at): (String, i64) =
                    conn.query_row(placed, [gone], of).expect("a row");
                late::went(conn, &restaurant, at, gone).expect("it leaves the index");
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

fn ids(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).expect("a statement");
    let found = statement.query_map([], |row| row.get(0)).expect("an answer");
    let mut found: Vec<String> = found.collect::<Result<_, _>>().expect("ids");
    found.sort();
    found
}

proptest! {
    #[test]
    fn each_order_of_a_restaurant_is_found_once(events in prop::collection::vec(event(), 0..60)) {
        let mut conn = tables();
        for (number, event) in events.iter().enumerate() {
            happens(&mut conn, number, event);
            for restaurant in ["'nino'", "'bella'"] {
                let all = format!("SELECT order_id FROM orders WHERE restaurant_id = {restaurant}");
                prop_assert_eq!(ids(&conn, &of_restaurant(restaurant)), ids(&conn, &all));
            }
            let indexed = "SELECT order_id FROM restaurant_orders";
            let old = "SELECT order_id FROM orders
                WHERE placed_at <= (SELECT placed_at FROM restaurant_orders_end)";
            prop_assert_eq!(ids(&conn, indexed), ids(&conn, old));
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
    happens(&mut conn, 1, &Event::Placed(1, true));
    for _ in 0..2 {
        happens(&mut conn, 2, &Event::Indexed(0));
        conn.execute("DELETE FROM orders", []).expect("a hand");
        happens(&mut conn, 1, &Event::Placed(1, true));
        conn.execute("UPDATE restaurant_orders_end SET placed_at = 0", []).expect("a hand");
    }
    happens(&mut conn, 2, &Event::Indexed(0));
    assert_eq!(ids(&conn, &of_restaurant("'nino'")), ["order-1"]);
}

#[test]
fn all_but_a_few_are_indexed() {
    let mut conn = tables();
    for number in 0..10 {
        happens(&mut conn, number, &Event::Placed(number as i64, true));
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
