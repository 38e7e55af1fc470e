//! Rows that cannot be understood, where loops look for work: passed over, so that they hold up no other.

use super::Error;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log tells of the same row: loops meet it several times a second.
const TELL_EVERY: Duration = Duration::from_secs(600);

/// How many rows are remembered; of more than these the log does not tell.
const REMEMBERED: usize = 1_000;

static TOLD: Mutex<Option<HashMap<String, Instant>>> = Mutex::new(None);

/// What was read of the row `id` of `table`, unless it cannot be understood: then the log tells of it.
pub fn pass_over<T, E: Into<Error>>(
    table: &'static str,
    id: &str,
    read: Result<T, E>,
) -> Result<Option<T>, Error> {
    match read.map_err(Into::into) {
        Ok(read) => Ok(Some(read)),
        Err(error @ Error::Corrupt(_)) => {
            if is_news(format!("{table} {id}")) {
                tracing::error!(table, id, %error, "a row cannot be read and is passed over");
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_news(row: String) -> bool {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let told = told.get_or_insert_default();
    if told.get(&row).is_some_and(|at| at.elapsed() < TELL_EVERY) {
        return false;
    }
    if told.len() >= REMEMBERED {
        told.retain(|_, at| at.elapsed() < TELL_EVERY);
    }
    let has_room = told.len() < REMEMBERED;
    if has_room {
        told.insert(row, Instant::now());
    }
    has_room
}
