//! Which files are worth merging. Pure.

use std::collections::BTreeMap;

use crate::lake::LiveFile;

/// Files below so many bytes are merged once there are so many of them in one day. Two sizes, so
/// that a row is rewritten twice at most.
const TIERS: [(u64, usize); 2] = [(1 << 20, 50), (32 << 20, 16)];

/// The files of one day and one size that are due, if any.
pub fn files_to_merge(files: &[LiveFile]) -> Option<Vec<LiveFile>> {
    let mut groups: BTreeMap<(&str, usize), Vec<&LiveFile>> = BTreeMap::new();
    for file in files {
        let Some(tier) = TIERS.iter().position(|(below, _)| file.bytes < *below) else { continue };
        groups.entry((&file.date, tier)).or_default().push(file);
    }
    let due = groups.into_iter().find(|((_, tier), files)| files.len() >= TIERS[*tier].1);
    due.map(|(_, files)| files.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(date: &str, count: usize, bytes: u64) -> Vec<LiveFile> {
        let file = |place: usize| LiveFile {
            path: format!("{date}/{bytes}-{place}"),
            date: date.to_owned(),
            bytes,
        };
        (0..count).map(file).collect()
    }

    #[test]
    fn a_day_is_due_at_its_fiftieth_small_file_or_sixteenth_middling_one() {
        for (count, bytes, due) in [
            (49, 1000, false),
            (50, 1000, true),
            (15, 1 << 20, false),
            (16, 1 << 20, true),
            (16, (1 << 20) - 1, false),
            (500, 32 << 20, false),
        ] {
            let merged = files_to_merge(&files("2026-11-23", count, bytes));
            assert_eq!(merged.map(|files| files.len()), due.then_some(count), "{count} of {bytes}");
        }
    }

    #[test]
    fn days_and_sizes_are_not_mixed() {
        let many = [
            files("2026-11-22", 30, 1000),
            files("2026-11-23", 30, 1000),
            files("2026-11-23", 10, 2 << 20),
        ];
        assert_eq!(files_to_merge(&many.concat()), None);
        let more = [many.concat(), files("2026-11-23", 20, 2000)].concat();
        let merged = files_to_merge(&more).expect("50 small files of the 23rd");
        assert!(merged.iter().all(|file| file.date == "2026-11-23" && file.bytes <= 2000));
    }
}
