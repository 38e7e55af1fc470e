//! The offsets of a partition against those of its rows. Pure.

use chassis::kafka::scan::Range;

/// How many offsets of a difference are shown.
const SHOWN: usize = 5;

/// What was found in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionReport {
    /// The partition.
    pub partition: i32,
    /// Its first offset.
    pub low: i64,
    /// Its end when the comparison began.
    pub high: i64,
    /// Records between the two.
    pub records: usize,
    /// Rows between the two.
    pub rows: usize,
    /// The position stored in the table.
    pub stored: Option<i64>,
    /// Records at and after that position: not yet read.
    pub lagging: usize,
    /// Records before it without a row.
    pub missing: Vec<i64>,
    /// Offsets with more than one row.
    pub doubled: Vec<i64>,
    /// Rows at or after the position, or at offsets that hold no record.
    pub unknown: Vec<i64>,
    /// Offsets from the position on that the partition held no more when the comparison began.
    pub deleted: i64,
    /// Offsets before the position that the partition has not come to yet.
    pub beyond: i64,
}

impl PartitionReport {
    /// Whether every record is one row and there is no other.
    pub fn is_clean(&self) -> bool {
        self.lagging == 0
            && self.missing.is_empty()
            && self.doubled.is_empty()
            && self.unknown.is_empty()
            && self.deleted == 0
            && self.beyond == 0
    }

    /// What differs, as sentences.
    pub fn differences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let stored = self.stored.map_or_else(|| "nothing".to_owned(), |at| at.to_string());
        if self.deleted > 0 {
            lines.push(format!(
                "{} offsets were deleted before they were read: stored position {stored}, first offset {}",
                self.deleted, self.low
            ));
        }
        if self.beyond > 0 {
            lines.push(format!(
                "the stored position {stored} is {} offsets beyond the end: the topic was made anew",
                self.beyond
            ));
        }
        if self.lagging > 0 {
            lines.push(format!(
                "lags behind by {} records: stored position {stored}, end {} (wait, or see whether \
                 analytics runs)",
                self.lagging, self.high
            ));
        }
        for (what, offsets) in
            [("missing", &self.missing), ("doubled", &self.doubled), ("unknown", &self.unknown)]
        {
            if !offsets.is_empty() {
                let first: Vec<_> = offsets.iter().take(SHOWN).map(i64::to_string).collect();
                lines.push(format!("{} {what}, first at {}", offsets.len(), first.join(", ")));
            }
        }
        lines
    }
}

/// Compares the offsets of the records in a range (ascending) with those of all rows of the
/// partition. Rows below the range are of records that Kafka has deleted since, and rows above it
/// came later: neither is looked at. `end` is where the partition ended after `stored` was read.
pub fn compare(
    range: &Range,
    end: i64,
    records: Vec<i64>,
    mut rows: Vec<i64>,
    stored: Option<i64>,
) -> PartitionReport {
    rows.retain(|offset| (range.low..range.high).contains(offset));
    rows.sort_unstable();
    let count = rows.len();
    let mut doubled: Vec<i64> =
        rows.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    doubled.dedup();
    rows.dedup();
    let position = stored.unwrap_or(range.low);
    let is_missing = |offset: &i64| rows.binary_search(offset).is_err();
    let is_unknown = |offset: &i64| *offset >= position || records.binary_search(offset).is_err();
    PartitionReport {
        partition: range.partition,
        low: range.low,
        high: range.high,
        records: records.len(),
        rows: count,
        stored,
        lagging: records.iter().filter(|offset| **offset >= position).count(),
        missing: records.iter().copied().filter(|at| *at < position && is_missing(at)).collect(),
        doubled,
        unknown: rows.iter().copied().filter(is_unknown).collect(),
        deleted: (range.low - position).max(0),
        beyond: (position - end).max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets 10 to 20, where 13 and 17 are control records; meanwhile the end is 22.
    fn compared(rows: &[i64], stored: Option<i64>) -> PartitionReport {
        let range = Range { partition: 1, low: 10, high: 20 };
        let records = vec![10, 11, 12, 14, 15, 16, 18, 19];
        compare(&range, 22, records, rows.to_vec(), stored)
    }

    const ALL: [i64; 8] = [10, 11, 12, 14, 15, 16, 18, 19];

    #[test]
    fn all_there_once_is_clean() {
        let report = compared(&ALL, Some(20));
        assert!(report.is_clean() && report.differences().is_empty());
        assert_eq!((report.records, report.rows), (8, 8));
        let with_others = [&ALL[..], &[3, 9, 20, 21]].concat();
        assert_eq!(
            compared(&with_others, Some(22)),
            PartitionReport { stored: Some(22), ..report }
        );
    }

    #[test]
    fn each_difference_is_told_apart() {
        let missing = compared(&[10, 11, 14, 15, 16, 18, 19], Some(20));
        assert_eq!((missing.missing.as_slice(), missing.is_clean()), (&[12][..], false));
        let doubled = compared(&[&ALL[..], &[11, 11]].concat(), Some(20));
        assert_eq!((doubled.doubled.as_slice(), doubled.is_clean()), (&[11][..], false));
        let unknown = compared(&[&ALL[..], &[13]].concat(), Some(20));
        assert_eq!((unknown.unknown.as_slice(), unknown.is_clean()), (&[13][..], false));
        assert!(unknown.differences()[0].contains("13"));
        let deleted = compared(&[], Some(7));
        assert_eq!((deleted.deleted, deleted.is_clean()), (3, false));
        assert!(deleted.differences()[0].contains("3 offsets were deleted"), "{deleted:?}");
        let made_anew = compared(&ALL, Some(23));
        assert_eq!((made_anew.beyond, made_anew.is_clean()), (1, false));
        assert!(made_anew.differences()[0].contains("beyond the end"), "{made_anew:?}");
    }

    #[test]
    fn positions_at_either_end_are_no_difference() {
        for stored in [20, 21, 22] {
            assert!(compared(&ALL, Some(stored)).is_clean(), "{stored}");
        }
        let at_the_beginning = compared(&[], Some(10));
        assert_eq!((at_the_beginning.deleted, at_the_beginning.lagging), (0, 8));
        assert_eq!(compared(&[], None).deleted, 0, "nothing was ever read");
    }

    #[test]
    fn what_was_not_read_yet_lags_and_is_not_missing() {
        let lagging = compared(&[10, 11, 12], Some(13));
        assert_eq!((lagging.lagging, lagging.missing.len()), (5, 0));
        let nothing = compared(&[], None);
        assert_eq!((nothing.lagging, nothing.missing.len(), nothing.is_clean()), (8, 0, false));
        let past_its_position = compared(&[10, 11, 12, 14], Some(13));
        assert_eq!(past_its_position.unknown, [14]);
    }
}
