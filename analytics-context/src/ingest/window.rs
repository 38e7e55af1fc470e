//! What was read since the last commit, and when it is due.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chassis::kafka::Incoming;
use chassis::kafka::consumer::Span;

use crate::lake::Advance;
use crate::projection::Record;

/// How long a position that moved past nothing but control records may wait. Each commit is a
/// version of the table, and these carry no rows.
const IDLE: Duration = Duration::from_secs(60);

/// When a window is committed: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushRules {
    /// `ANALYTICS_FLUSH_MS`: so long after its first record.
    pub after: Duration,
    /// `ANALYTICS_FLUSH_BYTES`: when its records have so many bytes.
    pub bytes: usize,
    /// `ANALYTICS_FLUSH_ROWS`: when it has so many records.
    pub rows: usize,
}

/// Records of one topic and how far they move its positions.
#[derive(Debug, Default)]
pub struct Window {
    records: Vec<Incoming>,
    advances: BTreeMap<i32, Advance>,
    bytes: usize,
    first_record: Option<Instant>,
    first_move: Option<Instant>,
}

/// A partition went on somewhere else than it had stopped.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition} goes on at offset {from}, but was read up to {to}")]
pub struct Torn {
    partition: i32,
    from: i64,
    to: i64,
}

impl Window {
    /// Takes one record, of which nothing is held but what becomes a row.
    pub fn push(&mut self, record: Incoming, now: Instant) {
        self.bytes += record.payload.as_ref().map_or(0, Vec::len);
        self.records.push(Incoming { key: None, headers: Vec::new(), ..record });
        self.first_record.get_or_insert(now);
    }

    /// Takes the move of one partition.
    ///
    /// # Errors
    /// When it does not begin where the partition stopped.
    pub fn advance(&mut self, span: &Span, now: Instant) -> Result<(), Torn> {
        let &Span { partition, from, to, .. } = span;
        let advance =
            self.advances.entry(partition).or_insert(Advance { partition, from, to: from });
        if advance.to != from {
            return Err(Torn { partition, from, to: advance.to });
        }
        advance.to = to;
        self.first_move.get_or_insert(now);
        Ok(())
    }

    /// Whether it is to be committed now.
    pub fn is_due(&self, rules: &FlushRules, now: Instant) -> bool {
        let waited = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| now.duration_since(since) >= limit)
        };
        self.records.len() >= rules.rows
            || self.bytes >= rules.bytes
            || waited(self.first_record, rules.after)
            || (self.records.is_empty() && waited(self.first_move, IDLE))
    }

    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.advances.is_empty() && self.records.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The records, as the projection takes them.
    pub fn records(&self) -> Vec<Record<'_>> {
        fn record(incoming: &Incoming) -> Record<'_> {
            let &Incoming { partition, offset, timestamp_ms, ref payload, .. } = incoming;
            Record { partition, offset, timestamp_ms, payload: payload.as_deref() }
        }
        self.records.iter().map(record).collect()
    }

    /// The moves, one per partition.
    pub fn advances(&self) -> Vec<Advance> {
        self.advances.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: FlushRules = FlushRules { after: Duration::from_secs(2), bytes: 100, rows: 3 };

    fn record(bytes: usize) -> Incoming {
        Incoming {
            topic: "orders".into(),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: None,
            payload: Some(vec![0; bytes]),
            headers: Vec::new(),
        }
    }

    fn span(from: i64, to: i64) -> Span {
        Span { topic: "orders".into(), partition: 0, from, to }
    }

    #[test]
    fn it_is_due_by_time_by_rows_and_by_bytes() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        for (sizes, now, due) in [
            (&[][..], at(1_000_000), false),
            (&[1], at(1_999), false),
            (&[1], at(2_000), true),
            (&[1, 1], begin, false),
            (&[1, 1, 1], begin, true),
            (&[99], begin, false),
            (&[50, 50], begin, true),
        ] {
            let mut window = Window::default();
            sizes.iter().for_each(|bytes| window.push(record(*bytes), begin));
            assert_eq!(window.is_due(&RULES, now), due, "{sizes:?}");
        }
    }

    #[test]
    fn what_it_counts_is_all_that_it_holds() {
        let mut window = Window::default();
        let headers = vec![("ce_id".to_owned(), vec![0; 1 << 20])];
        let wordy = Incoming { key: Some(vec![0; 1 << 20]), headers, ..record(5) };
        window.push(wordy, Instant::now());
        assert_eq!(window.bytes, 5);
        assert_eq!((&window.records[0].key, window.records[0].headers.len()), (&None, 0));
        assert_eq!(window.records()[0].payload, Some(&[0; 5][..]));
    }

    #[test]
    fn a_move_without_records_waits_a_minute() {
        let begin = Instant::now();
        let mut window = Window::default();
        window.advance(&span(0, 1), begin).unwrap();
        window.advance(&span(1, 2), begin + Duration::from_secs(59)).unwrap();
        assert!(!window.is_due(&RULES, begin + Duration::from_secs(59)));
        assert!(window.is_due(&RULES, begin + Duration::from_secs(60)));
        assert!(!window.is_empty());
        window.clear();
        assert!(window.is_empty() && !window.is_due(&RULES, begin + Duration::from_secs(90)));
    }

    #[test]
    fn a_record_waits_as_long_as_the_rules_say() {
        let rules = FlushRules { after: Duration::from_secs(300), ..RULES };
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut window = Window::default();
        window.push(record(1), begin);
        window.advance(&span(0, 1), begin).unwrap();
        assert!(!window.is_due(&rules, begin + rules.after - second));
        assert!(window.is_due(&rules, begin + rules.after));
    }

    #[test]
    fn moves_of_a_partition_join_and_never_skip() {
        let begin = Instant::now();
        let mut window = Window::default();
        window.advance(&span(5, 9), begin).unwrap();
        window.advance(&span(9, 12), begin).unwrap();
        assert_eq!(window.advances(), [Advance { partition: 0, from: 5, to: 12 }]);
        assert!(window.advance(&span(13, 14), begin).is_err());
        assert!(window.advance(&span(11, 14), begin).is_err());
    }
}
