//! The journal in shards: every row is read by one reader, and by none of an earlier generation.

use super::horizon::write_late;
use super::server::{LIMIT, Place};
use crate::domain::tests::mother::EVENING;
use crate::relay::shards::begin;
use crate::store::contract::{commit, placed};
use crate::store::postgres::division::ASK_FOR_END_EVERY;
use crate::store::{
    Division, Generation, JournalReader, JournalRow, MOST_SHARDS, Resharded, Store, ToPublish,
};
use std::time::Instant;

fn generation(number: i64, shards: i32) -> Generation {
    Generation { number, shards, begins_after: 0 }
}

/// Reads all there is, and until its end if it is known to have one.
fn read(reader: &mut dyn JournalReader) -> Vec<JournalRow> {
    let mut rows = Vec::new();
    loop {
        let position = rows.last().map_or(0, |row: &JournalRow| row.position);
        let before = rows.len();
        reader.read_after(position, 3, &mut rows).expect("the journal is read");
        if rows.len() == before {
            return rows;
        }
    }
}

fn ids(rows: &[JournalRow]) -> Vec<&str> {
    rows.iter().map(|row| row.order_id.as_str()).collect()
}

/// Reads until the reader knows its end, which it asks for from time to time.
fn end_of(reader: &mut dyn JournalReader) -> i64 {
    let began = Instant::now();
    loop {
        let position = read(reader).last().map_or(0, |row| row.position);
        reader.read_after(position, 1, &mut Vec::new()).expect("the journal is read");
        if let Some(end) = reader.end() {
            return end;
        }
        assert!(began.elapsed() < LIMIT, "its generation ends");
    }
}

#[tokio::test]
async fn each_row_is_read_in_the_shard_of_its_order() {
    let place = Place::migrated();
    let store = place.store();
    let orders: Vec<_> = (0..40).map(|number| placed(&format!("order-{number}"))).collect();
    commit(&store, orders).await;
    for shards in 1..=MOST_SHARDS {
        let generation = generation(1, shards);
        let mut seen = 0;
        for shard in 0..shards {
            let mut reader = store.shard_reader(generation, shard).unwrap();
            let rows = read(&mut *reader);
            assert!(rows.iter().all(|row| generation.shard_of(&row.order_id) == shard));
            assert_eq!(reader.end(), None, "it has no end yet");
            let last = rows.last().expect("a row").position;
            let earlier = rows.iter().nth_back(2).map_or(0, |row| row.position);
            assert_eq!(reader.earlier(last, 2).unwrap(), earlier, "of its own rows");
            seen += rows.len();
        }
        assert_eq!(seen, 40, "of {shards} shards");
    }
}

/// A tombstone that was set between a reading that found nothing and the end is still to be read.
#[tokio::test]
async fn no_end_is_told_before_a_tombstone() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let mut reader = store.shard_reader(Generation::ONLY, 0).unwrap();
    let position = read(&mut *reader).last().expect("a row").position;
    assert_eq!(store.bury(vec!["order-1".to_owned()], EVENING).await.unwrap(), 1);
    assert_eq!(store.reshard(2).await.unwrap(), Resharded::Begun);
    let mut look = |position, limit, patience| {
        let (mut page, began) = (ToPublish::default(), Instant::now());
        loop {
            let is_last = began.elapsed() >= patience;
            reader.read_to_publish(position, limit, &mut page).expect("the journal is read");
            if is_last || reader.end().is_some() {
                return (page.tombstones.first().map(|stone| stone.position), reader.end());
            }
        }
    };
    // It asks from time to time; whether it has asked is not to be seen, but it has by then.
    let for_long = 3 * ASK_FOR_END_EVERY;
    // A page without room stands for one that was read before the tombstone was set.
    assert_eq!(look(position, 0, for_long), (None, None));
    let (tombstone, end) = look(position, 9, for_long);
    assert_eq!(end, None);
    let tombstone = tombstone.expect("a tombstone");
    assert!(look(tombstone, 9, LIMIT).1.is_some_and(|end| end >= tombstone));
}

#[tokio::test]
async fn a_generation_begins_where_the_one_before_ends() {
    let place = Place::migrated();
    let store = place.store();
    let mut before = store.shard_reader(Generation::ONLY, 0).unwrap();
    commit(&store, vec![placed("order-1")]).await;
    assert_eq!(store.reshard(3).await.unwrap(), Resharded::Begun);
    commit(&store, vec![placed("order-2"), placed("order-3")]).await;
    assert_eq!(store.reshard(3).await.unwrap(), Resharded::Already);
    assert_eq!(store.reshard(2).await.unwrap(), Resharded::UnderWay(3));

    let Division { active, next: Some(next) } = store.division().await.unwrap() else {
        panic!("the next generation waits")
    };
    assert_eq!((active, next.number, next.shards), (Generation::ONLY, 2, 3));
    assert_eq!(ids(&read(&mut *before)), ["order-1"], "whether it knew or not");
    assert_eq!(end_of(&mut *before), next.begins_after);
    assert!(before.newest().unwrap() >= next.begins_after);

    store.open_generation(2).await.unwrap();
    store.open_generation(2).await.unwrap();
    assert_eq!(store.division().await.unwrap(), Division { active: next, next: None });
    let mut all = Vec::new();
    for shard in 0..3 {
        all.extend(read(&mut *store.shard_reader(next, shard).unwrap()));
    }
    all.sort_by_key(|row| row.position);
    assert_eq!(ids(&all), ["order-2", "order-3"]);
    assert!(all.iter().all(|row| row.position > next.begins_after));
}

/// The place where a generation begins counts as written: of another journal it would hide that it is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_journal_is_divided_where_nothing_was_published() {
    let place = Place::migrated();
    let store = place.store();
    let next = async || store.division().await.unwrap().next.map(|next| next.shards);
    let refused = begin(&store, Ok(vec![7]), Some(3)).await.unwrap_err().to_string();
    assert!(refused.contains("published up to 7, but this journal ends at 0"), "{refused}");
    begin(&store, Err(anyhow::anyhow!("Kafka is away")), Some(3)).await.expect("orders are taken");
    assert_eq!(next().await, None);
    begin(&store, Ok(vec![0]), Some(3)).await.expect("nothing was published");
    assert_eq!(next().await, Some(3));
}

/// A transaction that was under way when the generation began belongs to the one before.
#[tokio::test]
async fn a_generation_does_not_end_before_those_who_still_write_it() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let late = place.client().await;
    late.batch_execute(&format!("BEGIN; {}", write_late())).await.unwrap();
    store.reshard(2).await.unwrap();
    let mut reader = store.shard_reader(Generation::ONLY, 0).unwrap();
    assert_eq!(ids(&read(&mut *reader)), ["order-1"]);
    assert_eq!(reader.end(), None);
    late.batch_execute("COMMIT").await.unwrap();
    let end = end_of(&mut *reader);
    let rows = read(&mut *reader);
    assert_eq!(ids(&rows), ["order-1", "order-1"]);
    assert!(rows[1].position <= end, "it is read before the end is told");
}

/// A dump that was restored on a server that counts its transactions from the beginning.
#[tokio::test]
async fn a_generation_without_events_counts_as_written() {
    let place = Place::migrated();
    let store = place.store();
    store.reshard(2).await.unwrap();
    let client = place.client().await;
    let far = "UPDATE relay_generations SET begins_at = begins_at + (1000000::bigint << 16)
         WHERE generation = 2";
    client.batch_execute(far).await.unwrap();
    place.migrate();
    commit(&store, vec![placed("order-1")]).await;
    let next = store.division().await.unwrap().next.expect("it is not open");
    let mut all = Vec::new();
    for shard in 0..2 {
        all.extend(read(&mut *store.shard_reader(next, shard).unwrap()));
    }
    assert_eq!(ids(&all), ["order-1"], "it lies behind the beginning");
}
