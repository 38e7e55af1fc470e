//! The headers of a record: of one that is to be published, and of one that was read.

mod received;

use std::borrow::Cow;

pub(super) use received::received;

/// The name of a header and where its value ends; it begins where the one before it ends.
pub(super) type HeaderEnd = (Cow<'static, str>, usize);

/// Headers in their order; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    names: Vec<HeaderEnd>,
    values: Vec<u8>,
}

/// The headers of a record that lies somewhere.
#[derive(Clone, Copy, Debug)]
pub struct HeadersRef<'a> {
    names: &'a [HeaderEnd],
    values: &'a [u8],
    begins: usize,
}

impl<'a> HeadersRef<'a> {
    /// Those of these names, the first of whose values begins there in `values`.
    pub(super) fn new(names: &'a [HeaderEnd], values: &'a [u8], begins: usize) -> Self {
        Self { names, values, begins }
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.names.is_empty()
    }

    /// Each name with its value, in their order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let mut begins = self.begins;
        self.names.iter().map(move |(name, ends)| {
            let value = self.values.get(begins..*ends).unwrap_or_default();
            begins = *ends;
            (&**name, value)
        })
    }
}

impl Headers {
    /// Adds one at the end.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.names.push((name.into(), self.values.len()));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Each name with its value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        HeadersRef::new(&self.names, &self.values, 0).iter()
    }
}

impl<N: Into<Cow<'static, str>>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(headers: T) -> Self {
        let mut collected = Self::default();
        for (name, value) in headers {
            collected.push(name, value.as_ref());
        }
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_repeat_and_values_be_empty() {
        let headers = Headers::from_iter([("a", "1"), ("a", ""), ("b", "23"), ("c", "")]);
        let shown: Vec<(&str, &[u8])> = headers.iter().collect();
        assert_eq!(shown, [("a", &b"1"[..]), ("a", b""), ("b", b"23"), ("c", b"")]);
        assert_eq!((headers.len(), headers.is_empty()), (4, false));
    }

    #[test]
    fn none_is_none() {
        assert!(Headers::default().is_empty());
        assert_eq!(Headers::default().iter().next(), None);
    }
}
