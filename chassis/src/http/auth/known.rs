//! Tokens verified before: a signature is checked once, then its token is known by its bytes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// More than these are not remembered.
const MOST: usize = 10_000;

/// Remembers tokens until they expire or the keys change.
pub(super) struct Known<P>(RwLock<HashMap<Box<str>, Entry<P>>>);

struct Entry<P> {
    principal: Arc<P>,
    /// Seconds since the Unix epoch.
    until: f64,
    /// Which set of keys vouches for it.
    keys: u64,
}

impl<P> Default for Known<P> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<P> Known<P> {
    /// Whom this token stands for, if it was verified with these keys and still counts.
    pub(super) fn get(&self, token: &str, keys: u64, now: f64) -> Option<Arc<P>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(token)?;
        (entry.keys == keys && now < entry.until).then(|| Arc::clone(&entry.principal))
    }

    /// Remembers it. When there is no room, what counts no more makes some, else everything does.
    pub(super) fn put(&self, token: &str, principal: &Arc<P>, keys: u64, until: f64, now: f64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, entry| entry.keys == keys && now < entry.until);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(token.into(), Entry { principal: Arc::clone(principal), until, keys });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_until_it_expires_or_the_keys_change() {
        let known = Known::default();
        known.put("a", &Arc::new("nonna"), 1, 100.0, 0.0);
        for (keys, now, is_known) in
            [(1, 0.0, true), (1, 99.9, true), (1, 100.0, false), (2, 0.0, false)]
        {
            assert_eq!(known.get("a", keys, now).is_some(), is_known, "keys {keys}, now {now}");
        }
        assert!(known.get("b", 1, 0.0).is_none());
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let known = Known::default();
        let length = || known.0.read().unwrap().len();
        for number in 0..MOST {
            let until = if number % 2 == 0 { 10.0 } else { 1_000.0 };
            known.put(&number.to_string(), &Arc::new(number), 1, until, 0.0);
        }
        known.put("one more", &Arc::new(MOST), 1, 1_000.0, 10.0);
        assert_eq!(length(), MOST / 2 + 1, "the expired ones made room");
        for number in 0..MOST {
            known.put(&format!("later-{number}"), &Arc::new(number), 1, 1_000.0, 10.0);
        }
        assert!(length() <= MOST);
        assert!(known.get(&format!("later-{}", MOST - 1), 1, 10.0).is_some());
    }
}
