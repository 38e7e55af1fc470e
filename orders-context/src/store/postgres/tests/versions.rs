//! Tables of this version or none at all.

use super::super::{Postgres, schema};
use super::read_on;
use super::server::Place;
use crate::check::check;
use crate::store::contract::earlier::{Written, one_of_each_is_in_trouble, tasks_in_trouble};
use crate::store::contract::{commit, placed};
use crate::store::{Claim, Store};
use chassis::postgres::{Pool, is_compatible, migrate, require_compatible, require_version};

async fn refused(place: &Place) -> String {
    let opened = Postgres::open(&place.address()).await;
    format!("{:#}", opened.err().expect("it is refused"))
}

#[tokio::test]
async fn tables_that_are_missing_are_not_made_in_passing() {
    let place = Place::empty();
    let cause = refused(&place).await;
    assert!(cause.contains("run `orders migrate` first"), "{cause}");
    assert!(cause.contains("has version 0"), "{cause}");
    place.migrate();
    Postgres::open(&place.address()).await.expect("now they are there");
}

#[tokio::test]
async fn of_those_who_migrate_at_once_each_step_is_done_by_one() {
    let place = Place::empty();
    let migrating = (0..4).map(|_| {
        let address = place.address();
        tokio::spawn(async move { Postgres::migrate(&address).await.unwrap() })
    });
    let mut done = Vec::new();
    for migrated in migrating.collect::<Vec<_>>() {
        done.push(migrated.await.unwrap());
    }
    let newest = schema::MIGRATIONS.len();
    let first = done.iter().filter(|migrated| migrated.from == 0).count();
    assert_eq!(first, 1, "one found no tables: {done:?}");
    assert!(done.iter().all(|migrated| migrated.to == newest), "{done:?}");
}

#[tokio::test]
async fn tables_of_a_newer_program_are_left_alone() {
    let place = Place::migrated();
    let sql = place.client().await;
    sql.batch_execute("INSERT INTO schema_versions (version) VALUES (99)").await.unwrap();
    let cause = refused(&place).await;
    assert!(cause.contains("has version 99") && cause.contains("newer program"), "{cause}");
    let migrated = Postgres::migrate(&place.address()).await;
    assert!(format!("{:#}", migrated.unwrap_err()).contains("newer program"));
}

/// Four versions, of which the second and the third only add.
const STEPS: [&str; 4] = [
    "CREATE TABLE dishes (name TEXT)",
    "-- Expands.\nALTER TABLE dishes ADD COLUMN price BIGINT",
    "\n    -- Expands.\n    ALTER TABLE dishes ADD COLUMN course TEXT",
    "ALTER TABLE dishes DROP COLUMN name",
];

#[tokio::test]
async fn a_program_goes_on_with_what_was_only_added_to() {
    let place = Place::empty();
    let mut client = Pool::new(&place.address(), "chef", 1).unwrap().get().await.unwrap();
    migrate(&mut client, &STEPS[..1]).await.unwrap();
    assert!(is_compatible(&client, &STEPS[..3]).await.unwrap());
    let done = migrate(&mut client, &STEPS[..3]).await.unwrap();
    assert_eq!((done.from, done.to, done.compatible_from), (1, 3, 1));
    for known in 1..=3 {
        require_compatible(&client, &STEPS[..known]).await.expect("it may be used");
        let done = migrate(&mut client, &STEPS[..known]).await.expect("nothing is to be done");
        assert_eq!((done.from, done.to), (3, 3));
    }
    assert!(require_version(&client, &STEPS[..2]).await.is_err(), "it is not the same");
    assert!(!is_compatible(&client, &STEPS).await.unwrap());
    let done = migrate(&mut client, &STEPS).await.unwrap();
    assert_eq!((done.from, done.to, done.compatible_from), (3, 4, 4));
    let refused = require_compatible(&client, &STEPS[..3]).await.unwrap_err().to_string();
    assert!(refused.contains("start the newer program"), "{refused}");
    assert!(migrate(&mut client, &STEPS[..3]).await.is_err());
}

#[tokio::test]
async fn instances_that_could_not_go_on_are_not_migrated_under() {
    let place = Place::empty();
    let mut client = Pool::new(&place.address(), "earlier", 1).unwrap().get().await.unwrap();
    migrate(&mut client, &schema::MIGRATIONS[..8]).await.unwrap();
    let instance = place.store();
    let alive = |for_ms| Claim { owner: "nonna".to_owned(), names: Vec::new(), for_ms };
    instance.prolong_leases(alive(60_000)).await.unwrap();
    let refused = Postgres::migrate(&place.address()).await.unwrap_err();
    assert!(format!("{refused:#}").contains("stop every `orders serve` first"), "{refused:#}");
    migrate(&mut client, &schema::MIGRATIONS[..8]).await.expect("it is as it was");
    instance.prolong_leases(alive(0)).await.unwrap();
    drop(instance);
    let done = Postgres::migrate(&place.address()).await.unwrap();
    assert_eq!((done.from, done.to), (8, schema::MIGRATIONS.len()));
}

/// A newer program says in them who may use its tables.
#[tokio::test]
async fn instances_start_on_newer_tables_that_they_can_use() {
    let place = Place::migrated();
    let sql = place.client().await;
    let newer = "INSERT INTO schema_versions (version, compatible_from)
        SELECT max(version) + 1, max(version) + $1 FROM schema_versions";
    sql.execute(newer, &[&0_i64]).await.unwrap();
    Postgres::open(&place.address()).await.expect("this one may go on");
    sql.execute(newer, &[&1_i64]).await.unwrap();
    assert!(refused(&place).await.contains("newer program"));
}

/// A server that was set up anew counts transactions from the beginning.
#[tokio::test]
async fn the_journal_of_a_restored_dump_goes_on_behind_its_end() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let sql = place.client().await;
    sql.batch_execute("UPDATE journal SET position = position + (1::bigint << 50)").await.unwrap();
    let cause = refused(&place).await;
    assert!(cause.contains("run `orders migrate`"), "{cause}");
    place.migrate();
    let store = Postgres::open(&place.address()).await.expect("its order is restored");
    commit(&store, vec![placed("order-2")]).await;
    place.migrate();
    commit(&store, vec![placed("order-3")]).await;
    let mut rows = Vec::new();
    read_on(&mut *store.journal_reader().unwrap(), &mut rows, 10);
    let orders: Vec<_> = rows.iter().map(|row| row.order_id.as_str()).collect();
    assert_eq!(orders, ["order-1", "order-2", "order-3"]);
}

/// A database as the first version left it: an order in each status and one that was redriven.
async fn first_version(place: &Place) {
    let mut client = Pool::new(&place.address(), "earlier", 1).unwrap().get().await.unwrap();
    migrate(&mut client, &schema::MIGRATIONS[..1]).await.unwrap();
    let sql = place.client().await;
    for written in Written::all() {
        let Written { order, wake_at, state, journal } = written;
        let status = order.status.as_str();
        sql.execute(
            "INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &order.order_id,
                &order.version,
                &status,
                &order.restaurant_id,
                &order.placed_at.0,
                &wake_at,
                &state,
            ],
        )
        .await
        .unwrap();
        for (sequence, at, status, data) in journal {
            sql.execute(
                "INSERT INTO journal (position, event_id, order_id, sequence, occurred_at, status,
                    actor, data, restaurant_id, customer_id, total_minor, currency)
                 SELECT 1 + count(*), $1 || '-' || $2::bigint, $1, $2, $3, $4, 'system', $5, $6, $7,
                    $8, $9 FROM journal",
                &[
                    &order.order_id,
                    &sequence,
                    &at.0,
                    &status.as_str(),
                    &data,
                    &order.restaurant_id,
                    &order.customer_id,
                    &order.total_minor,
                    &order.currency,
                ],
            )
            .await
            .unwrap();
        }
    }
}

#[tokio::test]
async fn orders_of_the_first_version_are_whole_in_this_one() {
    let place = Place::empty();
    first_version(&place).await;
    place.migrate();
    let store = Postgres::open(&place.address()).await.expect("its tables are those of today");
    let mut found = Vec::new();
    let checked = check(&store, |violation| {
        found.push(violation.clone());
        Ok(())
    });
    assert_eq!(checked.await.expect("it is read").orders, Written::all().len() as u64);
    assert_eq!(found, []);
}

#[tokio::test]
async fn what_was_redriven_is_in_no_trouble_any_more() {
    let place = Place::empty();
    let mut client = Pool::new(&place.address(), "earlier", 1).unwrap().get().await.unwrap();
    let it = |sql: &&str| sql.contains("window_opened_by");
    let before = schema::MIGRATIONS.iter().position(it).expect("that migration");
    migrate(&mut client, &schema::MIGRATIONS[..before]).await.unwrap();
    place.client().await.batch_execute(&tasks_in_trouble()).await.unwrap();
    place.migrate();
    one_of_each_is_in_trouble(&Postgres::open(&place.address()).await.unwrap()).await;
}
