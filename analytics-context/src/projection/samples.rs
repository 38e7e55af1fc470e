//! Records for the tests of this module, written by hand, byte by byte: so that they do not
//! depend on the library that reads them.

use super::Record;

/// The first shape of the record.
pub const ORDER_V1: &str = r#"{"type":"record","name":"Order","namespace":"test","fields":[
    {"name":"event_id","type":"string"},
    {"name":"event_type","type":"string"},
    {"name":"order_id","type":"string"},
    {"name":"sequence","type":"long"},
    {"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"placed","default":null,"type":["null",{"type":"record","name":"Placed","fields":[
        {"name":"items","type":{"type":"array","items":
            {"type":"record","name":"Item","fields":[
                {"name":"item_id","type":"string"},
                {"name":"quantity","type":"int"}]}}}]}]}]}"#;

/// A later shape: a field more in `placed`, and a block more.
pub const ORDER_V2: &str = r#"{"type":"record","name":"Order","namespace":"test","fields":[
    {"name":"event_id","type":"string"},
    {"name":"event_type","type":"string"},
    {"name":"order_id","type":"string"},
    {"name":"sequence","type":"long"},
    {"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"placed","default":null,"type":["null",{"type":"record","name":"Placed","fields":[
        {"name":"items","type":{"type":"array","items":
            {"type":"record","name":"Item","fields":[
                {"name":"item_id","type":"string"},
                {"name":"quantity","type":"int"}]}}},
        {"name":"channel","type":["null","string"],"default":null}]}]},
    {"name":"order_rated","default":null,"type":["null",{"type":"record","name":"Rated","fields":[
        {"name":"stars","type":"int"}]}]}]}"#;

/// A block without fields, for [`order_with`].
pub const EMPTY_BLOCK: &str = r#"{"name":"archived","default":null,"type":["null",
    {"type":"record","name":"Archived","fields":[]}]}"#;

/// The first shape and a field more.
pub fn order_with(field: &str) -> String {
    let fields = ORDER_V1.strip_suffix("]}").unwrap();
    format!("{fields},{field}]}}")
}

/// Noon of 23 November 2026.
pub const NOON_US: i64 = 1_795_435_200_000_000;

/// Avro bytes in the making.
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// Begins with the frame of a schema id.
    pub fn framed(id: u32) -> Self {
        let mut bytes = vec![0];
        bytes.extend(id.to_be_bytes());
        Self(bytes)
    }

    /// An int, a long, the branch of a union or the size of a block.
    pub fn long(mut self, value: i64) -> Self {
        let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
        while zigzag > 0x7f {
            self.0.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        self.0.push(zigzag as u8);
        self
    }

    /// A string.
    pub fn text(self, value: &str) -> Self {
        let mut bytes = self.long(value.len() as i64);
        bytes.0.extend(value.as_bytes());
        bytes
    }

    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// The columns that every version has.
fn common(id: u32, event_type: &str, sequence: i64, occurred_at_us: i64) -> Bytes {
    Bytes::framed(id)
        .text(&format!("event-{sequence}"))
        .text(event_type)
        .text("order-of-ada")
        .long(sequence)
        .long(occurred_at_us)
}

/// Ada orders two tiramisu; the first shape.
pub fn placed_v1(id: u32, sequence: i64) -> Vec<u8> {
    let bytes = common(id, "order_placed", sequence, NOON_US).long(1);
    bytes.long(1).text("tiramisu").long(2).long(0).done()
}

/// Any event without a block; the first shape.
pub fn plain_v1(id: u32, sequence: i64, occurred_at_us: i64) -> Vec<u8> {
    common(id, "order_accepted", sequence, occurred_at_us).long(0).done()
}

/// Ada gives five stars; the later shape.
pub fn rated_v2(id: u32, sequence: i64) -> Vec<u8> {
    common(id, "order_rated", sequence, NOON_US).long(0).long(1).long(5).done()
}

/// Ada orders by telephone; the later shape.
pub fn placed_v2(id: u32, sequence: i64) -> Vec<u8> {
    let bytes = common(id, "order_placed", sequence, NOON_US).long(1);
    bytes.long(1).text("tiramisu").long(2).long(0).long(1).text("telephone").long(0).done()
}

/// The values as records of partition 3, from offset 100.
pub fn records(values: &[Vec<u8>]) -> Vec<Record<'_>> {
    values
        .iter()
        .enumerate()
        .map(|(place, value)| Record {
            partition: 3,
            offset: 100 + place as i64,
            timestamp_ms: Some(NOON_US / 1_000),
            payload: Some(value),
        })
        .collect()
}
