//! Records that are to be published, in one piece of memory.

use super::Outgoing;
use crate::kafka::headers::{HeaderEnd, HeadersRef};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// More memory than this is given back when a page is cleared.
const KEPT_BYTES: usize = 16 << 20;

/// Records in the order in which they are to be published. A page that is cleared and filled anew asks for no memory:
/// a relay that drains a backlog makes hundreds of thousands of records a second, of a dozen parts each.
#[derive(Debug, Default)]
pub struct Page {
    records: Vec<Place>,
    topics: Vec<Arc<str>>,
    headers: Vec<HeaderEnd>,
    /// Values of headers, keys and payloads.
    bytes: Vec<u8>,
}

/// Where the parts of a record stand.
#[derive(Debug)]
struct Place {
    position: i64,
    timestamp_ms: i64,
    topic: usize,
    headers: Range<usize>,
    /// Where the values of the headers begin.
    values: usize,
    key: Option<Range<usize>>,
    payload: Option<Range<usize>>,
}

/// One record of a page.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The row's position in the journal.
    pub position: i64,
    /// The topic to publish to.
    pub topic: &'a Arc<str>,
    /// The key that decides the partition.
    pub key: Option<&'a [u8]>,
    /// The bytes; none is a tombstone in a compacted topic.
    pub payload: Option<&'a [u8]>,
    /// The headers, in their order.
    pub headers: HeadersRef<'a>,
    /// The record's timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// A record that is being written. It is part of the page once it is [done](Draft::done).
#[derive(Debug)]
pub struct Draft<'a> {
    page: &'a mut Page,
    place: Place,
}

impl Page {
    /// Begins a record of the row at `position` for `topic`, without key, headers and payload as yet.
    pub fn begin(&mut self, position: i64, topic: &Arc<str>, timestamp_ms: i64) -> Draft<'_> {
        let known =
            self.topics.iter().position(|known| Arc::ptr_eq(known, topic) || known == topic);
        let topic = known.unwrap_or_else(|| {
            self.topics.push(Arc::clone(topic));
            self.topics.len() - 1
        });
        let (headers, values) = (self.headers.len()..self.headers.len(), self.bytes.len());
        let (key, payload) = (None, None);
        let place = Place { position, timestamp_ms, topic, headers, values, key, payload };
        Draft { page: self, place }
    }

    /// Adds a record that exists already.
    pub fn push(&mut self, record: &Outgoing) {
        let mut draft = self.begin(record.position, &record.topic, record.timestamp_ms);
        record.headers.iter().for_each(|(name, value)| draft.header(name.to_owned(), value));
        if let Some(key) = &record.key {
            draft.key(key);
        }
        if let Some(payload) = &record.payload {
            draft.payload().extend_from_slice(payload);
        }
        draft.done();
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.records.clear();
        self.topics.clear();
        self.headers.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|place| self.record(place))
    }

    /// How many rows of the journal the records are of: those of one position are of one row.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.records.chunk_by(|one, other| one.position == other.position).count()
    }

    /// The position of the last record.
    #[must_use]
    pub fn last_position(&self) -> Option<i64> {
        self.records.last().map(|place| place.position)
    }

    /// Leaves out what is not to be kept.
    pub fn retain(&mut self, mut keeps: impl FnMut(Record<'_>) -> bool) {
        let mut records = std::mem::take(&mut self.records);
        records.retain(|place| keeps(self.record(place)));
        self.records = records;
    }

    fn record(&self, place: &Place) -> Record<'_> {
        Record {
            position: place.position,
            topic: &self.topics[place.topic],
            key: place.key.clone().map(|key| &self.bytes[key]),
            payload: place.payload.clone().map(|payload| &self.bytes[payload]),
            headers: HeadersRef::new(
                &self.headers[place.headers.clone()],
                &self.bytes,
                place.values,
            ),
            timestamp_ms: place.timestamp_ms,
        }
    }
}

impl<'a> Extend<&'a Outgoing> for Page {
    fn extend<T: IntoIterator<Item = &'a Outgoing>>(&mut self, records: T) {
        records.into_iter().for_each(|record| self.push(record));
    }
}

impl<'a> FromIterator<&'a Outgoing> for Page {
    fn from_iter<T: IntoIterator<Item = &'a Outgoing>>(records: T) -> Self {
        let mut page = Self::default();
        page.extend(records);
        page
    }
}

impl Draft<'_> {
    /// Adds a header. Headers come before everything else of a record.
    pub fn header(&mut self, name: impl Into<Cow<'static, str>>, value: &[u8]) {
        debug_assert!(
            self.place.key.is_none() && self.place.payload.is_none(),
            "headers come first"
        );
        self.page.bytes.extend_from_slice(value);
        self.page.headers.push((name.into(), self.page.bytes.len()));
        self.place.headers.end = self.page.headers.len();
    }

    /// Sets the key.
    pub fn key(&mut self, key: &[u8]) {
        let begin = self.page.bytes.len();
        self.page.bytes.extend_from_slice(key);
        self.place.key = Some(begin..self.page.bytes.len());
    }

    /// Where to append the payload, the last part of a record, which has one from now on.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        let begin = self.page.bytes.len();
        self.place.payload = Some(begin..begin);
        &mut self.page.bytes
    }

    /// The record is whole, and part of the page.
    pub fn done(mut self) {
        if let Some(payload) = &mut self.place.payload {
            payload.end = self.page.bytes.len();
        }
        self.page.records.push(self.place);
    }
}

impl From<Record<'_>> for Outgoing {
    fn from(record: Record<'_>) -> Self {
        let headers = record.headers.iter().map(|(name, value)| (name.to_owned(), value));
        Self {
            position: record.position,
            topic: Arc::clone(record.topic),
            key: record.key.map(<[u8]>::to_vec),
            payload: record.payload.map(<[u8]>::to_vec),
            headers: headers.collect(),
            timestamp_ms: record.timestamp_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Headers;

    fn row(position: i64, key: Option<&str>, headers: &[(&'static str, &str)]) -> Outgoing {
        Outgoing {
            position,
            topic: format!("topic-{}", position % 2).into(),
            key: key.map(|key| key.as_bytes().to_vec()),
            payload: (position != 2).then(|| position.to_string().into_bytes()),
            headers: Headers::from_iter(headers.iter().copied()),
            timestamp_ms: -position,
        }
    }

    fn rows() -> [Outgoing; 4] {
        [
            row(1, Some("one"), &[("a", "1"), ("a", ""), ("b", "23")]),
            row(2, Some(""), &[]),
            row(2, None, &[("c", "")]),
            row(3, Some("three"), &[("a", "4")]),
        ]
    }

    fn shown<R: Into<Outgoing>>(records: impl Iterator<Item = R>) -> String {
        format!("{:?}", records.map(Into::into).collect::<Vec<Outgoing>>())
    }

    #[test]
    fn what_was_added_is_there_in_its_order() {
        let page: Page = rows().iter().collect();
        assert_eq!(shown(page.iter()), shown(rows().into_iter()));
        assert_eq!((page.len(), page.rows(), page.last_position()), (4, 3, Some(3)));
    }

    #[test]
    fn what_is_not_kept_is_gone_and_the_rest_is_as_it_was() {
        let mut page: Page = rows().iter().collect();
        page.retain(|record| record.position != 2);
        let [first, _, _, last] = rows();
        assert_eq!(shown(page.iter()), shown([first, last].into_iter()));
        page.push(&rows()[1]);
        assert_eq!(page.iter().last().map(|record| record.key), Some(Some(&b""[..])));
    }

    #[test]
    fn a_record_that_is_not_done_is_none() {
        let mut page: Page = rows()[..1].iter().collect();
        let mut draft = page.begin(7, &"topic".into(), 7);
        draft.header("x", b"y");
        draft.payload().extend_from_slice(b"half");
        page.push(&rows()[3]);
        let [first, .., last] = rows();
        assert_eq!(shown(page.iter()), shown([first, last].into_iter()));
    }

    #[test]
    fn a_page_that_is_cleared_is_as_good_as_new() {
        let mut page: Page = rows().iter().collect();
        page.clear();
        assert!(page.is_empty());
        assert_eq!((page.rows(), page.last_position(), page.iter().count()), (0, None, 0));
        page.extend(&rows());
        assert_eq!(shown(page.iter()), shown(rows().into_iter()));
    }
}
