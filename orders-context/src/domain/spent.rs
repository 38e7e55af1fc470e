//! How long orders stood in a status, as counts in buckets: small, exact to an eighth, and added up by
//! plain addition, wherever the counts come from.

use std::collections::BTreeMap;

/// Up to this many milliseconds each has a bucket of its own; above, each doubling has this many.
const FINENESS: i64 = 8;

/// Spans of time, counted by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent(BTreeMap<i64, i64>);

/// The bucket that a span of so many microseconds falls into. One that ended before it began, by a
/// clock that was set back, counts as none at all.
#[must_use]
pub fn bucket_of(span_us: i64) -> i64 {
    let ms = (span_us / 1_000).max(0);
    if ms < FINENESS {
        return ms;
    }
    let doublings = i64::from((ms / FINENESS).ilog2());
    FINENESS * (doublings + 1) + (ms >> doublings) - FINENESS
}

/// The longest span of a bucket, in milliseconds.
#[must_use]
pub fn longest_ms(bucket: i64) -> i64 {
    if bucket < FINENESS {
        return bucket;
    }
    let doublings = (bucket / FINENESS - 1).min(59);
    let next = FINENESS + bucket % FINENESS + 1;
    next.saturating_mul(1 << doublings).saturating_sub(1)
}

impl Spent {
    /// Adds so many spans of this bucket.
    pub fn add(&mut self, bucket: i64, spans: i64) {
        *self.0.entry(bucket).or_default() += spans;
    }

    /// How many spans there are.
    #[must_use]
    pub fn spans(&self) -> i64 {
        self.0.values().sum()
    }

    /// A span that `percent` of all do not exceed: the longest of its bucket, in milliseconds, so at
    /// most an eighth too long. `None` when there are no spans.
    #[must_use]
    pub fn percentile_ms(&self, percent: i64) -> Option<i64> {
        let spans = self.spans();
        let rank = (spans * percent + 99) / 100;
        let mut passed = 0;
        let reached = |(_, count): &(&i64, &i64)| {
            passed += **count;
            passed >= rank.max(1)
        };
        let (bucket, _) = self.0.iter().find(reached)?;
        (spans > 0).then(|| longest_ms(*bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let edges =
            [(0, 0), (1, 1), (7, 7), (8, 8), (15, 15), (16, 16), (17, 16), (18, 17), (31, 23)];
        for (ms, bucket) in edges.into_iter().chain([(32, 24), (35, 24), (36, 25), (600_000, 137)])
        {
            assert_eq!(bucket_of(ms * 1_000), bucket, "{ms} ms");
        }
        for bucket in 0..400 {
            let longest_us = longest_ms(bucket) * 1_000 + 999;
            assert_eq!(bucket_of(longest_us), bucket);
            assert_eq!(bucket_of(longest_us + 1), bucket + 1);
        }
        assert_eq!(bucket_of(-5), 0);
    }

    proptest! {
        #[test]
        fn a_bucket_is_exact_to_an_eighth(span_us in 0..i64::MAX) {
            let (ms, longest) = (span_us / 1_000, longest_ms(bucket_of(span_us)));
            prop_assert!(ms <= longest && longest - ms <= ms / 8);
        }

        #[test]
        fn a_percentile_is_the_span_of_its_rank(
            mut spans_ms in prop::collection::vec(0..10_000_000i64, 1..300),
            percent in 1..=100i64,
        ) {
            let mut spent = Spent::default();
            spans_ms.iter().for_each(|ms| spent.add(bucket_of(ms * 1_000), 1));
            spans_ms.sort_unstable();
            let rank = (spans_ms.len() as i64 * percent + 99) / 100;
            let exact = spans_ms[rank as usize - 1];
            prop_assert_eq!(spent.percentile_ms(percent), Some(longest_ms(bucket_of(exact * 1_000))));
        }
    }

    #[test]
    fn of_nothing_there_is_no_percentile() {
        assert_eq!(Spent::default().percentile_ms(99), None);
    }
}
