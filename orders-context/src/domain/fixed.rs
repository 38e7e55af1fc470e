//! Values that are replaced as a whole or not at all.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::{RawValue, to_raw_value};
use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// A value that every version of an order shares, and that is put into JSON once for all of them: an order is
/// copied and written at each of its moves, what was ordered and its policy are most of it, and seldom or never
/// change. Two are the same if their values are. For JSON alone: it writes the text that it has.
pub struct Fixed<T>(Arc<Shared<T>>);

struct Shared<T> {
    value: T,
    /// Once it was asked for.
    json: OnceLock<Box<RawValue>>,
}

impl<T> From<T> for Fixed<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Shared { value, json: OnceLock::new() }))
    }
}

impl<T> Deref for Fixed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Clone for Fixed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Fixed<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl<T: Eq> Eq for Fixed<T> {}

impl<T: Debug> Debug for Fixed<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for Fixed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Shared { value, json } = &*self.0;
        if let Some(json) = json.get() {
            return json.serialize(serializer);
        }
        let written = to_raw_value(value).map_err(ser::Error::custom)?;
        json.get_or_init(|| written).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fixed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_written_and_read_as_its_value(value: Vec<(String, Option<i64>)>) {
            let fixed = Fixed::from(value.clone());
            for _ in 0..2 {
                let text = serde_json::to_string(&fixed).unwrap();
                prop_assert_eq!(&text, &serde_json::to_string(&value).unwrap());
                prop_assert_eq!(&serde_json::from_str::<Fixed<_>>(&text).unwrap(), &fixed);
                prop_assert_eq!(serde_json::to_value(&fixed).unwrap(), serde_json::json!(value));
            }
        }
    }

    #[test]
    fn a_copy_is_the_same_value_in_the_same_place() {
        let fixed = Fixed::from(vec![1, 2]);
        assert!(std::ptr::eq(&*fixed, &*fixed.clone()));
        assert_eq!(fixed, Fixed::from(vec![1, 2]));
        assert_ne!(fixed, Fixed::from(vec![2, 1]));
    }
}
