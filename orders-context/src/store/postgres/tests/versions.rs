//! Tables of this version or none at all.

use super::super::{Postgres, schema};
use super::read_on;
use super::server::Place;
use crate::check::check;
use crate::store::Store;
use crate::store::contract::earlier::{Written, one_of_each_is_in_trouble, tasks_in_trouble};
use crate::store::contract::{commit, placed};
use chassis::postgres::Pool;

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
    chassis::postgres::migrate(&mut client, &schema::MIGRATIONS[..1]).await.unwrap();
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
    chassis::postgres::migrate(&mut client, &schema::MIGRATIONS[..before]).await.unwrap();
    place.client().await.batch_execute(&tasks_in_trouble()).await.unwrap();
    place.migrate();
    one_of_each_is_in_trouble(&Postgres::open(&place.address()).await.unwrap()).await;
}
