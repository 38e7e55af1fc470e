//! Which rows of a journal readers see already.
//!
//! A position says so where every transaction was ended whole. After a broker's crash one may have been
//! committed in some of its partitions only (`leftovers.rs`), its position among them or not. So who
//! takes over believes in the last transaction what can be read of it.

use super::{Page, Record};
use crate::kafka::open::{bounds, offsets, partitions_of};
use crate::kafka::questions::{Asker, Askers};
use crate::kafka::scan::{Range, scan_ranges};
use rdkafka::topic_partition_list::Offset;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The headers that name a record: an event by its id (Kafka protocol binding of CloudEvents 1.0), a dead letter by where
/// it came from besides, for its headers are those of another record.
const NAMES: [&str; 4] = ["ce_id", "dlq.topic", "dlq.partition", "dlq.offset"];

/// What a record is to everybody: its topic, its key, and what makes it this one. Rows that become the same are the
/// same.
type Identity = (Arc<str>, Option<Vec<u8>>, Mark);

/// What makes a record the one that it is, among those of its key.
#[derive(PartialEq, Eq, Hash)]
enum Mark {
    /// The headers that name it: a newer program may write the same otherwise.
    Named(Vec<(String, Vec<u8>)>),
    /// Where it has none, all that there is: its bytes and headers.
    Content(Option<Vec<u8>>, Vec<(String, Vec<u8>)>),
}

/// Those of `rows` that no `read_committed` reader sees, in their order. Reads their topics from the
/// rows' first moment on, to the end that each has now; transactions that are open there are waited for.
/// Where a topic no longer holds all that it held since, the rows up to `position` are taken for seen.
///
/// # Errors
/// When Kafka does not answer, or somebody's transaction stays open for long.
pub(super) fn unseen(askers: &Askers, mut rows: Page, position: i64) -> anyhow::Result<Page> {
    let Some(since_ms) = rows.iter().map(|row| row.timestamp_ms).min() else { return Ok(rows) };
    let topics: BTreeSet<Arc<str>> = rows.iter().map(|row| Arc::clone(row.topic)).collect();
    let mut times_seen: HashMap<Identity, usize> = rows.iter().map(|row| (of(&row), 0)).collect();
    let mut cut = BTreeSet::new();
    for topic in topics {
        let held = since(&askers.uncommitted, &topic, since_ms)?;
        if !held.is_whole {
            cut.insert(Arc::clone(&topic));
        }
        scan_ranges(&askers.committed, &topic, &held.ranges, |read| {
            let mark = mark(read.payload, read.headers);
            let record = (Arc::clone(&topic), read.key, mark);
            if let Some(times) = times_seen.get_mut(&record) {
                *times += 1;
            }
            Ok(())
        })?;
    }
    rows.retain(|row| match times_seen.get_mut(&of(&row)) {
        Some(times) if *times > 0 => {
            *times -= 1;
            false
        }
        _ => row.position > position || !cut.contains(row.topic),
    });
    Ok(rows)
}

/// What becomes of a row.
fn of(row: &Record<'_>) -> Identity {
    let headers = row.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    let mark = mark(row.payload.map(<[u8]>::to_vec), headers.collect());
    (Arc::clone(row.topic), row.key.map(<[u8]>::to_vec), mark)
}

fn mark(payload: Option<Vec<u8>>, headers: Vec<(String, Vec<u8>)>) -> Mark {
    let (names, others): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, _)| NAMES.contains(&&**name));
    match names.is_empty() {
        true => Mark::Content(payload, others),
        false => Mark::Named(names),
    }
}

/// What a topic holds from a moment on.
struct Held {
    ranges: Vec<Range>,
    /// Whether it is all that there ever was since.
    is_whole: bool,
}

/// Timestamps are the rows' own: nothing of them lies before.
fn since(asker: &Asker, topic: &str, since_ms: i64) -> anyhow::Result<Held> {
    let partitions = partitions_of(asker, [topic])?;
    let firsts = offsets(asker, &partitions, Offset::Offset(since_ms))?;
    let lows = bounds(asker, &partitions, Offset::Beginning)?;
    let highs = bounds(asker, &partitions, Offset::End)?;
    let mut held = Held { ranges: Vec::new(), is_whole: true };
    for (((_, partition), first), (low, high)) in
        partitions.into_iter().zip(firsts).zip(lows.into_iter().zip(highs))
    {
        // None: nothing is as young.
        let first = first.map_or(high, |first| first.max(low).min(high));
        // Older ones are there yet, or nothing was ever taken away.
        held.is_whole &= low < first || low == 0;
        held.ranges.push(Range { partition, low: first, high });
    }
    Ok(held)
}
