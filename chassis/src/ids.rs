//! Ids as an argument: unique ones, and a predictable row of them for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Where new ids come from. No two calls give the same id.
pub trait Ids: Send + Sync + 'static {
    /// An id that sorts after those this process made before.
    fn next(&self) -> Uuid;
}

/// UUIDv7 (RFC 9562, section 5.7) from the system's clock and random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7Ids;

impl Ids for UuidV7Ids {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The same UUIDv7s in every run: the first, the second and so on.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// A row that begins at its first id.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Ids for SequentialIds {
    fn next(&self) -> Uuid {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let mut tail = [0; 10];
        tail[2..].copy_from_slice(&number.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(number, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_version_7_and_rise() {
        for ids in [&UuidV7Ids as &dyn Ids, &SequentialIds::new()] {
            let row: Vec<Uuid> = (0..1_000).map(|_| ids.next()).collect();
            assert!(row.iter().all(|id| id.get_version_num() == 7));
            assert!(row.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn sequential_ids_are_the_same_in_every_run() {
        let (one, two) = (SequentialIds::new(), SequentialIds::new());
        assert_eq!([one.next(), one.next()], [two.next(), two.next()]);
    }
}
