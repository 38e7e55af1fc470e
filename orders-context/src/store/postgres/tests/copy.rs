//! Everything comes over into another database and back, or nothing does.

use super::server::{LIMIT, Place};
use crate::check;
use crate::config::Database;
use crate::copy::copy;
use crate::domain::tests::mother::{MINUTE, after, order_accepted};
use crate::domain::{Restaurant, TaskKind, Webhook};
use crate::relay::shards::require_whole;
use crate::store::contract::archive::{ALL, archive, completed};
use crate::store::contract::endpoints::house;
use crate::store::contract::{commit, moved, placed, remembered, rosa};
use crate::store::copy::{COPIED, Count, LEFT, Part, way};
use crate::store::feed::FeedStore;
use crate::store::postgres::schema;
use crate::store::sqlite::Sqlite;
use crate::store::{
    Claim, Commit, Contact, JournalRow, Resharded, Store, Task, TaskChange, TaskState, postgres,
    sqlite,
};
use chassis::postgres::{Address, Pool};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A number of orders that no page ends with.
const ORDERS: usize = 1_234;

/// One of everything, and many orders.
async fn fill(store: &dyn Store) {
    let webhook = Webhook {
        url: "https://bella-napoli.example/orders".to_owned(),
        secret: "whsec_bm90LWEtc2VjcmV0".to_owned(),
    };
    let bella_napoli = Restaurant { webhook: Some(webhook), ..house() };
    store.put_restaurant(bella_napoli).await.expect("the store answers");
    let mut born = Vec::new();
    for number in 0..ORDERS {
        let order_id = format!("order-{number}");
        let placed = placed(&order_id);
        let task = Task {
            order_id: order_id.clone(),
            sequence: 1,
            kind: TaskKind::NotifyRestaurant,
            state: TaskState::Open,
            attempts: 0,
            next_attempt_at: after(0),
            give_up_at: after(MINUTE),
            last_error: (number % 2 == 0).then(|| "connect".to_owned()),
            event_id: "event-1".to_owned(),
            traceparent: None,
        };
        born.push(Commit {
            tasks: vec![TaskChange::Open(task)],
            contact: Some(rosa()),
            remember: Some(remembered(&format!("key-{number}"), &order_id)),
            ..placed
        });
    }
    let accepted: Vec<_> = born
        .iter()
        .take(9)
        .map(|born| moved(&born.order, after(MINUTE), order_accepted()))
        .collect();
    for group in born.chunks(500) {
        commit(store, group.to_vec()).await;
    }
    commit(store, accepted).await;
}

fn journal(store: &dyn Store) -> Vec<JournalRow> {
    let mut rows = Vec::new();
    let mut reader = store.journal_reader().expect("a reader");
    reader.read_after(0, 10 * ORDERS, &mut rows).expect("the journal is read");
    rows
}

/// All that the interface tells of every order.
async fn all(store: &dyn Store) -> impl PartialEq + std::fmt::Debug + use<> {
    let ids = store.known_ids(String::new(), 2 * ORDERS).await.expect("the store answers");
    let kept = store.kept(ids.clone()).await.expect("the store answers");
    let mut beside = Vec::new();
    for order_id in ids.into_iter().step_by(100) {
        let tasks = store.order(order_id.clone()).await.expect("the store answers");
        beside.push((tasks, store.contact(order_id).await.expect("the store answers")));
    }
    let wanted = crate::store::Wanted {
        idempotency_keys: vec!["key-0".to_owned(), "key-1233".to_owned()],
        ..Default::default()
    };
    let keys = store.load(wanted).await.expect("the store answers").remembered;
    let keys: Vec<_> = ["key-0", "key-1233"].map(|key| keys.get(key).cloned()).into();
    let restaurant = store.restaurant("bella-napoli".to_owned()).await.expect("it answers");
    (kept, beside, keys, restaurant, journal(store))
}

fn file(folder: &TempDir, name: &str) -> Database {
    Database::Sqlite(folder.path().join(name))
}

fn open(database: &Database) -> Sqlite {
    let Database::Sqlite(path) = database else { panic!("a file") };
    Sqlite::open(path).expect("a database")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_over_and_back_and_goes_on_behind_its_end() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let (first, last) = (file(&folder, "first.db"), file(&folder, "last.db"));
    let shared = Database::Postgres(Box::new(place.address()));
    let source = open(&first);
    fill(&source).await;
    let there = all(&source).await;
    drop(source);

    let copied = copy(&first, &shared).await.expect("it is copied");
    let rows = |of: &str| copied.tables.iter().find(|count| count.table == of).map(|it| it.rows);
    assert_eq!((rows("orders"), rows("journal")), (Some(1_234), Some(1_243)), "{copied}");
    let store = place.store();
    assert_eq!(there, all(&store).await, "in PostgreSQL");
    let checked = check::check(&store, |violation| panic!("{violation}")).await.unwrap();
    assert_eq!((checked.orders, checked.events), (1_234, 1_243));
    commit(&store, vec![placed("order-of-postgres")]).await;
    let newest = journal(&store).last().cloned().expect("a row");
    assert_eq!(newest.order_id, "order-of-postgres");
    let there = all(&store).await;
    drop(store);

    copy(&shared, &last).await.expect("it is copied back");
    let back = open(&last);
    assert_eq!(there, all(&back).await, "in a file again");
    commit(&back, vec![placed("order-of-the-file")]).await;
    let rows = journal(&back);
    assert!(rows.is_sorted_by(|one, next| one.position < next.position));
    assert_eq!(rows.last().map(|row| &*row.order_id), Some("order-of-the-file"));
}

/// A relay refuses a Kafka that lacks what has left the journal, and goes on with one that lacks the last rows of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_the_journal_is_known_there_and_nothing_else_counts_as_gone() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let (first, last) = (file(&folder, "first.db"), file(&folder, "last.db"));
    let shared = Database::Postgres(Box::new(place.address()));
    let gone = |store: &dyn Store| store.journal_reader().unwrap().newest_gone().unwrap();
    let source = open(&first);
    commit(&source, completed("order-1", TaskState::Done)).await;
    let newest = source.journal_reader().unwrap().newest().unwrap();
    archive(&source, ALL).await;
    commit(&source, vec![placed("order-2")]).await;
    assert_eq!(gone(&source), newest);
    drop(source);

    copy(&first, &shared).await.expect("it is copied");
    assert_eq!(gone(&place.store()), newest);
    copy(&shared, &last).await.expect("it is copied back");
    let back = open(&last);
    assert_eq!(gone(&back), newest);
    assert!(journal(&back)[0].position > newest);
}

/// Positions rise even above rows that are gone from the journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_was_given_is_not_given_again() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let (first, last) = (file(&folder, "first.db"), file(&folder, "last.db"));
    let shared = Database::Postgres(Box::new(place.address()));
    commit(&open(&first), vec![placed("order-1")]).await;
    let Database::Sqlite(path) = &first else { panic!("a file") };
    let sql = rusqlite::Connection::open(path).unwrap();
    sql.execute("UPDATE sqlite_sequence SET seq = 1 << 50", []).unwrap();
    drop(sql);

    copy(&first, &shared).await.expect("it is copied");
    let store = place.store();
    commit(&store, vec![placed("order-2")]).await;
    let position = journal(&store).last().map_or(0, |row| row.position);
    assert!(position > 1 << 50, "{position}");
    drop(store);
    copy(&shared, &last).await.expect("it is copied back");
    let back = open(&last);
    commit(&back, vec![placed("order-3")]).await;
    let positions: Vec<_> = journal(&back).iter().map(|row| row.position).collect();
    assert!(positions[2] > positions[1] && positions[1] == position, "{positions:?}");
}

/// A feed goes on behind what it was told, though no row stands there.
#[tokio::test(flavor = "multi_thread")]
async fn what_readers_were_told_to_be_settled_stays_so() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let there = Database::Postgres(Box::new(place.address()));
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let sql = place.client().await;
    for _ in 0..9 {
        sql.execute("SELECT pg_current_xact_id()", &[]).await.unwrap();
    }
    let told = store.settled_end().await.unwrap();
    let newest = journal(&store)[0].position;
    assert!(told > newest);
    drop(store);
    let last = file(&folder, "last.db");
    copy(&there, &last).await.expect("it is copied");
    let back = open(&last);
    commit(&back, vec![placed("order-2")]).await;
    assert!(journal(&back)[1].position > told, "it is not passed over");
    drop(back);
    drop(place);

    let other = Place::empty();
    copy(&last, &Database::Postgres(Box::new(other.address()))).await.expect("it is copied");
    commit(&other.store(), vec![placed("order-3")]).await;
    let positions: Vec<_> = journal(&other.store()).iter().map(|row| row.position).collect();
    assert!(positions.is_sorted() && positions[1] > told, "{positions:?}");
}

/// The relays of a later generation would read nothing of what is copied.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_divided_takes_no_copy() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let (first, shared) =
        (file(&folder, "first.db"), Database::Postgres(Box::new(place.address())));
    commit(&open(&first), vec![placed("order-1")]).await;
    let store = place.store();
    assert_eq!(store.reshard(3).await.unwrap(), Resharded::Begun);
    store.open_generation(2).await.unwrap();
    drop(store);
    let refused = refused(&first, &shared).await;
    assert!(refused.contains("its journal was divided among relays"), "{refused}");
    assert!(journal(&place.store()).is_empty());
}

/// Where that is asked before anything is written: what is written moves the end of a journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_not_gone_on_with_once_its_copy_has_published() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let (there, last) = (Database::Postgres(Box::new(place.address())), file(&folder, "last.db"));
    commit(&place.store(), vec![placed("order-1")]).await;
    let published = journal(&place.store())[0].position;
    copy(&there, &last).await.expect("it is copied");
    let (source, target) = (place.store(), open(&last));
    for store in [&source as &dyn Store, &target] {
        require_whole(store, &[published]).await.expect("it is as good as the other");
    }
    commit(&target, vec![placed("order-2")]).await;
    let published = journal(&target)[1].position;
    require_whole(&target, &[0, published]).await.expect("it is its own");
    let refused = require_whole(&source, &[0, published]).await.unwrap_err().to_string();
    assert!(refused.contains("this journal ends at"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_looks_like_json_comes_over_as_it_is() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let first = file(&folder, "first.db");
    let notes = [r"[Tor C] \", r"[2\Ö]", r"{\u0000", "[Ring\0twice"];
    let noted = |(at, note): (usize, &&str)| {
        let contact = Contact { note: Some((*note).to_owned()), ..rosa() };
        Commit { contact: Some(contact), ..placed(&format!("order-{at}")) }
    };
    commit(&open(&first), notes.iter().enumerate().map(noted).collect()).await;
    copy(&first, &Database::Postgres(Box::new(place.address()))).await.expect("it is copied");
    for (at, note) in notes.iter().enumerate() {
        let kept =
            place.store().contact(format!("order-{at}")).await.unwrap().expect("it is there");
        assert_eq!(kept.note, Some(note.replace('\0', "\u{fffd}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_seen_whatever_its_address_calls_it() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let (first, named) = (file(&folder, "first.db"), format!("{}?application_name=x", place.url));
    drop(open(&first));
    let named: Address = named.parse().unwrap();
    let instance = postgres::Postgres::open(&named).await.unwrap();
    let alive = |for_ms| Claim { owner: "nonna".to_owned(), names: Vec::new(), for_ms };
    instance.prolong_leases(alive(60_000)).await.unwrap();
    let shared = Database::Postgres(Box::new(named.clone()));
    let used = refused(&first, &shared).await;
    assert!(used.contains("instances are connected"), "{used}");
    assert!(postgres::copy::require_left(&named).await.is_err());
    instance.prolong_leases(alive(0)).await.unwrap();
    postgres::copy::require_left(&named).await.expect("it has gone");
    copy(&first, &shared).await.expect("it is copied");
}

/// What is refused is as it was, tables of an earlier version too.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_migrated_that_is_not_empty() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let (first, shared) =
        (file(&folder, "first.db"), Database::Postgres(Box::new(place.address())));
    drop(open(&first));
    let mut client = Pool::new(&place.address(), "earlier", 1).unwrap().get().await.unwrap();
    chassis::postgres::migrate(&mut client, &schema::MIGRATIONS[..1]).await.unwrap();
    client.execute("INSERT INTO contacts VALUES ('order-1', 'Rosa', '', NULL)", &[]).await.unwrap();
    let full = refused(&first, &shared).await;
    assert!(full.contains("it is not empty (1 rows in contacts)"), "{full}");
    let version = client.query_one("SELECT max(version) FROM schema_versions", &[]).await.unwrap();
    assert_eq!(version.get::<_, i64>(0), 1);
    let old = refused(&shared, &file(&folder, "last.db")).await;
    assert!(old.contains("run `orders migrate` first"), "{old}");
}

/// Whoever has a table for themselves keeps nothing back but the server's knowledge of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_copied_is_there_whoever_is_in_the_way_then() {
    let place = Place::migrated();
    let (out, parts) = way();
    let address = place.address();
    let writing = tokio::spawn(async move { postgres::copy::write(&address, parts).await });
    let (looking, holding) = (place.client().await, place.client().await);
    let locks = async |granted: bool, mode: &str| {
        let sql = "SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass
            AND granted = $1 AND mode = $2";
        let began = Instant::now();
        while looking.query(sql, &[&granted, &mode]).await.unwrap().is_empty() {
            assert!(began.elapsed() < LIMIT, "{mode}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    locks(true, "ExclusiveLock").await;
    let lock = "BEGIN; LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE";
    let holding = tokio::spawn(async move {
        holding.batch_execute(lock).await.unwrap();
        holding
    });
    locks(false, "ShareUpdateExclusiveLock").await;
    let counts = COPIED.iter().map(|table| Count { table, rows: 0 }).collect();
    out.put(Part::End { positions: 7, settled: 7, counts }).await.unwrap();
    let _holding = holding.await.unwrap();
    let waiting = "SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted";
    let began = Instant::now();
    while !writing.is_finished() {
        assert!(looking.query(waiting, &[]).await.unwrap().is_empty(), "it waits for nobody");
        assert!(began.elapsed() < LIMIT, "it is not there");
    }
    writing.await.unwrap().expect("it is there");
}

async fn refused(from: &Database, to: &Database) -> String {
    format!("{:#}", copy(from, to).await.expect_err("it is refused"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_or_not_empty_is_left_alone() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let first = file(&folder, "first.db");
    let shared = Database::Postgres(Box::new(place.address()));
    let none = refused(&file(&folder, "none.db"), &shared).await;
    assert!(none.contains("there is no such file"), "{none}");
    assert!(refused(&first, &first).await.contains("the same database"));

    let source = open(&first);
    commit(&source, vec![placed("order-1")]).await;
    let used = refused(&first, &shared).await;
    assert!(used.contains("somebody uses the file"), "{used}");
    drop(source);

    let instance = place.store();
    assert_eq!(instance.order("order-1".to_owned()).await.unwrap(), None);
    let used = refused(&first, &shared).await;
    assert!(used.contains("instances are connected"), "{used}");
    commit(&instance, vec![placed("order-2")]).await;
    drop(instance);
    let full = refused(&first, &shared).await;
    assert!(full.contains("it is not empty (1 rows in orders)"), "{full}");
    let full = refused(&shared, &first).await;
    assert!(full.contains("it is not empty"), "{full}");
    assert_eq!(journal(&open(&first)).len(), 1);
}

/// A copy that was killed ends without [`Part::End`].
#[tokio::test(flavor = "multi_thread")]
async fn half_a_copy_is_none() {
    let (folder, place) = (TempDir::new().unwrap(), Place::empty());
    let (first, last) = (file(&folder, "first.db"), folder.path().join("last.db"));
    fill(&open(&first)).await;
    let Database::Sqlite(path) = first else { panic!("a file") };
    let half = |path: &Path| {
        let (whole, mut parts) = way();
        let (out, half) = way();
        let path = path.to_owned();
        std::thread::spawn(move || {
            let reading = std::thread::spawn(move || sqlite::copy::read(&path, &whole));
            for _ in 0..3 {
                let part = parts.blocking_recv().expect("a part");
                assert!(matches!(part, Part::Page(_)));
                out.put_blocking(part).expect("it is taken");
            }
            drop(parts);
            assert!(reading.join().expect("no panic").is_err());
        });
        half
    };
    let refused = postgres::copy::write(&place.address(), half(&path)).await.unwrap_err();
    assert!(refused.to_string().contains("not everything came"), "{refused:#}");
    let parts = half(&path);
    let to = last.clone();
    let refused =
        tokio::task::spawn_blocking(move || sqlite::copy::write(&to, parts)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("not everything came"));
    let (from, to) = (Database::Sqlite(path), Database::Postgres(Box::new(place.address())));
    copy(&from, &to).await.expect("the next one finds it empty");
    copy(&from, &Database::Sqlite(last)).await.expect("this one too");
}

/// Who adds a table says here whether it is copied.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_copied_or_left_on_purpose() {
    let (folder, place) = (TempDir::new().unwrap(), Place::migrated());
    let known: BTreeSet<String> =
        COPIED.iter().chain(LEFT).map(|table| (*table).to_owned()).collect();
    let sql = place.client().await;
    let of_postgres = sql
        .query("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()", &[])
        .await
        .unwrap();
    let mut found: BTreeSet<String> = of_postgres.iter().map(|row| row.get(0)).collect();
    drop(open(&file(&folder, "orders.db")));
    let file = rusqlite::Connection::open(folder.path().join("orders.db")).unwrap();
    let mut tables = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    found.extend(tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap));
    let remedy = "a table is named in COPIED or LEFT of store/copy.rs: is it copied?";
    assert_eq!(found, known, "{remedy}");
}

#[test]
fn a_count_that_differs_is_told() {
    let count = |rows| [Count { table: "orders", rows }];
    assert!(crate::store::copy::compare(&count(3), &count(3)).is_ok());
    let told = crate::store::copy::compare(&count(3), &count(2)).unwrap_err().to_string();
    assert!(told.contains("orders has 3 rows there and 2 here"), "{told}");
}
