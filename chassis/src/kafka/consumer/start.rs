//! Where a consumer begins, and when it must not begin at all.

use std::sync::Arc;

use super::Position;

/// The offsets a partition holds: from `low` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) low: i64,
    pub(super) end: i64,
}

/// Where to begin in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// Finds the beginning in one partition.
///
/// # Errors
///
/// When the stored position is not within what the partition holds: records would be left out, or
/// the topic is not the one that was read before. The text says which.
pub(super) fn begin(
    topic: &Arc<str>,
    partition: i32,
    stored: &[Position],
    held: Held,
) -> Result<Start, String> {
    let found = stored.iter().find(|at| at.topic == **topic && at.partition == partition);
    let offset = found.map_or(held.low, |position| position.offset);
    if offset < held.low {
        return Err(format!(
            "{topic}/{partition}: the stored position {offset} is older than the earliest offset \
             {}: the records between were deleted before they were read",
            held.low
        ));
    }
    if offset > held.end {
        return Err(format!(
            "{topic}/{partition}: the stored position {offset} is beyond the end {}: the topic was \
             made anew; remove this consumer's data as well or restore the topic",
            held.end
        ));
    }
    Ok(Start { topic: topic.clone(), partition, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin_at(stored: Option<i64>) -> Result<i64, String> {
        let topic: Arc<str> = "orders".into();
        let stored: Vec<Position> = stored
            .map(|offset| Position { topic: topic.to_string(), partition: 2, offset })
            .into_iter()
            .collect();
        begin(&topic, 2, &stored, Held { low: 10, end: 20 }).map(|start| start.offset)
    }

    #[test]
    fn without_a_position_it_begins_at_the_earliest_offset() {
        assert_eq!(begin_at(None), Ok(10));
    }

    #[test]
    fn a_position_within_is_taken() {
        assert_eq!(begin_at(Some(10)), Ok(10));
        assert_eq!(begin_at(Some(20)), Ok(20));
    }

    #[test]
    fn a_position_that_was_deleted_is_refused() {
        assert!(begin_at(Some(9)).unwrap_err().contains("older than the earliest offset 10"));
    }

    #[test]
    fn a_position_beyond_the_end_is_refused() {
        assert!(begin_at(Some(21)).unwrap_err().contains("beyond the end 20"));
    }
}
