//! How long a question may take that reads much. Where its time is over, the database is told to read no further:
//! that nobody waits any more does not end it.

use super::Error;
use std::time::{Duration, Instant};

/// Until when an answer is of use.
#[derive(Clone, Copy, Debug)]
pub struct Until(Option<Instant>);

impl Until {
    /// So long from now; `None`: for ever.
    pub fn within(within: Option<Duration>) -> Self {
        Self(within.map(|within| Instant::now() + within))
    }

    /// What is left, a millisecond at least; `None`: all the time there is.
    pub fn left(self) -> Result<Option<Duration>, Error> {
        let left = self.0.map(|until| until.saturating_duration_since(Instant::now()));
        match left {
            Some(left) if left < Duration::from_millis(1) => Err(Error::TooLong),
            left => Ok(left),
        }
    }
}
