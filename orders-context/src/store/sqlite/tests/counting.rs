//! Counting everything again needs no more memory for more orders.

use super::super::counters::counted;
use super::*;
use std::time::Instant;

/// How many orders there are, each accepted.
const MANY: i64 = 50_000;

/// Orders in no order, as far as counting is concerned.
const INSERT: &str = "INSERT INTO journal
    (event_id, order_id, sequence, occurred_at, status, actor, data, restaurant_id, customer_id, total_minor, currency)
    WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1 - 1),
        moves (sequence, status) AS (VALUES (1, 'placed'), (2, 'accepted'))
    SELECT '', hex(number * 7919 % 1000003) || '-of-those-that-are-counted-here', sequence, number * 1000 + sequence * 50000,
        status, '', '', '', '', 0, '' FROM numbers CROSS JOIN moves";

/// Whether a temporary file is open: it was made without a name.
fn has_temporary_file() -> bool {
    let open = std::fs::read_dir("/proc/self/fd").expect("this process has files open");
    let names = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let mut names = names.map(|name| name.to_string_lossy().into_owned());
    names.any(|name| name.contains("/#") && name.ends_with("(deleted)"))
}

#[test]
fn what_is_sorted_to_be_counted_goes_to_a_file() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    drop(Sqlite::open(&path).expect("a database"));
    Connection::open(&path).and_then(|conn| conn.execute(INSERT, [MANY])).expect("orders");
    let mut conn = chassis::sqlite::open_reader(&path).expect("a reader");
    // As much as a megabyte is sorted in memory then, not sixteen.
    conn.execute_batch("PRAGMA cache_size = -16").expect("a smaller cache");
    let counting = std::thread::spawn(move || (counted(&mut conn), conn));
    let (mut seen, began) = (false, Instant::now());
    while !counting.is_finished() && began.elapsed() < LIMIT {
        seen |= has_temporary_file();
    }
    let (counted, conn) = counting.join().expect("no panic");
    assert!(counted.expect("an answer").found.iter().any(|(_, count)| count == MANY));
    assert!(seen, "all of it was sorted in memory");
    let store: i64 = conn.query_row("PRAGMA temp_store", [], |row| row.get(0)).expect("a number");
    assert_eq!(store, 2, "the reader's other questions sort in memory again");
}
