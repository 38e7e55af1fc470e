//! Tables of this version or none at all.

use super::super::{Postgres, schema};
use super::read_on;
use super::server::Place;
use crate::store::Store;
use crate::store::contract::{commit, placed};
use chassis::postgres::Migrated;

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
async fn of_those_who_migrate_at_once_one_does_it() {
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
    let all = |from| done.iter().filter(|m| **m == Migrated { from, to: newest }).count();
    assert_eq!((all(0), all(newest)), (1, 3), "{done:?}");
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
