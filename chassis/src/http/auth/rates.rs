//! How often somebody may ask: a bucket for each principal, told in the fields `RateLimit` and
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! A bucket is one number, the moment at which it will be full again (the generic cell rate
//! algorithm): a request moves that moment on by its share, and is refused when it would lie further
//! away than one window. Buckets that are full are forgotten; there are never more than a fixed
//! number of them. Moments are those of the time that passes on this machine: a clock that is set
//! lets nobody wait, and nobody ask more often.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::http::Problem;

/// More buckets than this are not kept.
const MOST: usize = 50_000;

const WINDOW_SECONDS: i64 = 60;
const WINDOW_US: i64 = WINDOW_SECONDS * 1_000_000;

/// The highest limit: a request takes a microsecond at least out of the window.
const HIGHEST: u32 = WINDOW_US as u32;

/// So many requests a minute, or as many as somebody likes: in settings a number up to 60,000,000, 0 for
/// no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Option<u32>);

impl Rate {
    /// So many, 60,000,000 at most; 0 for no limit.
    #[must_use]
    pub const fn per_minute(requests: u32) -> Self {
        match requests {
            0 => Self(None),
            1..=HIGHEST => Self(Some(requests)),
            _ => Self(Some(HIGHEST)),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(requests @ 0..=HIGHEST) => Ok(Self::per_minute(requests)),
            Ok(_) => Err(format!("more than {HIGHEST} a minute; 0 is no limit")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// How often each holder of a role may ask.
#[derive(Clone, Debug)]
pub struct Quota<R> {
    /// Whose.
    pub role: R,
    /// How often.
    pub rate: Rate,
}

/// The buckets of everybody.
pub(super) struct Rates<R> {
    quotas: Vec<Quota<R>>,
    full_at: Mutex<HashMap<Box<str>, i64>>,
}

/// What is left to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    quota: u32,
    requests: u32,
    /// Until the whole quota is there again, rounded up.
    full_in_seconds: i64,
}

impl<R: Copy + PartialEq + std::fmt::Display> Rates<R> {
    pub(super) fn new(quotas: Vec<Quota<R>>) -> Self {
        Self { quotas, full_at: Mutex::default() }
    }

    /// Takes one request out of the bucket of `key`; `None` when there is no limit for the role.
    ///
    /// # Errors
    /// A problem with status 429 when the bucket is empty.
    pub(super) fn take(
        &self,
        role: R,
        key: &str,
        now_us: i64,
    ) -> Result<Option<Left>, Box<Refused>> {
        let quota = self.quotas.iter().find(|quota| quota.role == role);
        let Some(quota) = quota.and_then(|quota| quota.rate.0) else { return Ok(None) };
        let share = WINDOW_US / i64::from(quota);
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(key).copied().unwrap_or(now_us).max(now_us);
        let later = full_at + share;
        if later - now_us > WINDOW_US {
            let wait_us = later - now_us - WINDOW_US;
            return Err(Box::new(Refused { left: left(quota, share, full_at - now_us), wait_us }));
        }
        match buckets.get_mut(key) {
            Some(bucket) => *bucket = later,
            None => {
                make_room(&mut buckets, now_us);
                buckets.insert(key.into(), later);
            }
        }
        Ok(Some(left(quota, share, later - now_us)))
    }
}

/// Too many, and when to come back.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) left: Left,
    wait_us: i64,
}

impl From<&Refused> for Problem {
    fn from(refused: &Refused) -> Self {
        let seconds = u32::try_from(seconds(refused.wait_us)).unwrap_or(u32::MAX);
        let quota = refused.left.quota;
        let detail = format!("you may send {quota} requests a minute: wait {seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(seconds)
    }
}

fn left(quota: u32, share: i64, used_us: i64) -> Left {
    let requests = u32::try_from((WINDOW_US - used_us).max(0) / share).unwrap_or(u32::MAX);
    Left { quota, requests: requests.min(quota), full_in_seconds: seconds(used_us) }
}

fn seconds(us: i64) -> i64 {
    (us + 999_999) / 1_000_000
}

/// Full buckets are as good as none; when all are in use, the one that is fullest goes.
fn make_room(buckets: &mut HashMap<Box<str>, i64>, now_us: i64) {
    if buckets.len() < MOST {
        return;
    }
    buckets.retain(|_, full_at| *full_at > now_us);
    if buckets.len() < MOST {
        return;
    }
    // Rare, and dear: a half of them at once.
    let mut moments: Vec<i64> = buckets.values().copied().collect();
    let (_, middle, _) = moments.select_nth_unstable(MOST / 2);
    let middle = *middle;
    buckets.retain(|_, full_at| *full_at > middle);
}

impl Left {
    /// Tells it to the caller.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let Self { quota, requests, full_in_seconds } = self;
        let policy = format!("\"principal\";q={quota};w={WINDOW_SECONDS}");
        let now = format!("\"principal\";r={requests};t={full_in_seconds}");
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(per_minute: u32) -> Rates<&'static str> {
        Rates::new(vec![Quota { role: "guest", rate: Rate::per_minute(per_minute) }])
    }

    #[test]
    fn a_quota_is_exact_and_comes_back_evenly() {
        let rates = rates(6);
        let take = |now_s: i64| rates.take("guest", "g", now_s * 1_000_000);
        for left in (0..6).rev() {
            let told = take(0).unwrap().unwrap();
            assert_eq!((told.requests, told.full_in_seconds), (left, 60 - i64::from(left) * 10));
        }
        let refused = take(0).unwrap_err();
        assert_eq!(refused.left.requests, 0);
        assert_eq!(refused.wait_us, 10_000_000);
        assert!(take(9).is_err(), "a refusal costs nothing, and brings nothing");
        assert_eq!(take(10).unwrap().unwrap().requests, 0);
        assert!(take(10).is_err());
        assert_eq!(take(1_000).unwrap().unwrap().requests, 5, "it is never more than full");
    }

    #[test]
    fn the_highest_quota_is_a_request_each_microsecond() {
        for (per_minute, quota) in [
            (HIGHEST - 1, HIGHEST - 1),
            (HIGHEST, HIGHEST),
            (HIGHEST + 1, HIGHEST),
            (u32::MAX, HIGHEST),
        ] {
            let told = rates(per_minute).take("guest", "g", 0).unwrap().unwrap();
            assert_eq!((told.quota, told.requests, told.full_in_seconds), (quota, HIGHEST - 1, 1));
        }
        assert_eq!("60000000".parse(), Ok(Rate::per_minute(HIGHEST)));
        for too_many in ["60000001", "4294967295"] {
            let error = too_many.parse::<Rate>().unwrap_err();
            assert_eq!(error, "more than 60000000 a minute; 0 is no limit");
        }
        assert!("4294967296".parse::<Rate>().is_err());
    }

    #[test]
    fn everybody_has_a_bucket_of_their_own_and_some_have_no_limit() {
        let rates = Rates::new(vec![
            Quota { role: "guest", rate: Rate::per_minute(1) },
            Quota { role: "chef", rate: "0".parse().unwrap() },
        ]);
        assert!(rates.take("guest", "a", 0).is_ok());
        assert!(rates.take("guest", "a", 0).is_err());
        assert!(rates.take("guest", "b", 0).is_ok());
        for _ in 0..100 {
            assert_eq!(rates.take("chef", "c", 0).unwrap(), None);
            assert_eq!(rates.take("waiter", "w", 0).unwrap(), None);
        }
    }

    #[test]
    fn there_are_never_more_buckets_than_the_limit() {
        let rates = rates(60);
        let buckets = || rates.full_at.lock().unwrap().len();
        for number in 0..MOST + 10 {
            rates.take("guest", &number.to_string(), 0).unwrap();
        }
        assert!(buckets() <= MOST);
        for number in 0..MOST + 10 {
            rates.take("guest", &number.to_string(), 3_600_000_000).unwrap();
        }
        assert!(buckets() <= MOST);
    }
}
