//! Records of one topic, in any mix of schemas, to one batch of the table's rows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Date32Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::interleave;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::reader::{RecordReader, record_name};
use super::table_schema::widened;
use super::{conform, lineage, schema_id};

/// The column a row is dated by.
pub const OCCURRED_AT: &str = "occurred_at";
/// The first microsecond of the year 1.
pub const FIRST_US: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999.
pub const LAST_US: i64 = 253_402_300_799_999_999;
const DAY_US: i64 = 86_400_000_000;

/// One record of the topic.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Partition it was read from.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its time in Kafka, milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its value.
    pub payload: Option<&'a [u8]>,
}

/// The rows of some records.
pub struct Projected {
    /// One row per record, in their order, in the columns of the table.
    pub rows: RecordBatch,
    /// How many of them could not be read.
    pub quarantined: usize,
}

/// Turns the records of one topic into rows. Remembers the schemas it was told, by id.
pub struct Projector {
    topic: String,
    record: String,
    readers: HashMap<u32, Result<RecordReader, String>>,
}

impl Projector {
    /// A projector of a topic whose records are of this (full) name. Records of another name are
    /// not read: they would give the table columns that are none of its business.
    pub fn new(topic: &str, record: &str) -> Self {
        Self { topic: topic.to_owned(), record: record.to_owned(), readers: HashMap::new() }
    }

    /// The ids that these records name and that have not been learned.
    pub fn unlearned(&self, records: &[Record<'_>]) -> BTreeSet<u32> {
        let ids = records.iter().filter_map(|record| schema_id(record.payload).ok());
        ids.filter(|id| !self.readers.contains_key(id)).collect()
    }

    /// Learns what the registry says an id is. A schema that cannot be a table makes its records
    /// unreadable, with that cause.
    pub fn learn(&mut self, id: u32, avro: &str) {
        let reader = match record_name(avro) {
            Ok(other) if other != self.record => {
                Err(format!("Schema {id} is of `{other}`; this topic carries `{}`.", self.record))
            }
            _ => RecordReader::new(id, avro).map_err(|error| format!("Schema {id}: {error}.")),
        };
        self.readers.insert(id, reader);
    }

    /// The table with every column of every learned schema, or `None` when it has them all.
    /// Records of a schema that contradicts the table become unreadable.
    pub fn widen(&mut self, table: &SchemaRef) -> Option<SchemaRef> {
        let mut wider: Option<SchemaRef> = None;
        for (id, reader) in &mut self.readers {
            let Ok(known) = reader else { continue };
            match widened(wider.as_ref().unwrap_or(table), known.columns()) {
                Ok(None) => {}
                Ok(more) => wider = more,
                Err(error) => *reader = Err(format!("Schema {id}: {error}.")),
            }
        }
        wider
    }

    /// The rows of these records. Ids that were not learned make their records unreadable.
    ///
    /// # Errors
    /// Never because of what a record contains; only when Arrow refuses the columns.
    pub fn project(
        &mut self,
        records: &[Record<'_>],
        table: &SchemaRef,
    ) -> Result<Projected, ArrowError> {
        let (parts, places) = self.read(records);
        let business = table.fields().len() - lineage::LINEAGE.len();
        let mut columns = Vec::with_capacity(table.fields().len());
        for field in &table.fields()[..business] {
            columns.push(gather(&parts, &places, field.name(), field.data_type())?);
        }
        let occurred_at = table
            .index_of(OCCURRED_AT)
            .ok()
            .and_then(|at| columns[at].as_primitive_opt::<TimestampMicrosecondType>().cloned());
        columns.extend(self.lineage_of(records, &places, occurred_at.as_ref()));
        let quarantined = places.iter().filter(|place| place.is_err()).count();
        Ok(Projected { rows: RecordBatch::try_new(Arc::clone(table), columns)?, quarantined })
    }

    /// Reads the records id by id; for each record the part and row it ended up in, or the cause.
    fn read(&mut self, records: &[Record<'_>]) -> (Vec<RecordBatch>, Vec<Place>) {
        let mut places: Vec<Place> = Vec::with_capacity(records.len());
        let mut by_id: HashMap<u32, Vec<usize>> = HashMap::new();
        for (index, record) in records.iter().enumerate() {
            places.push(schema_id(record.payload).and_then(|id| {
                by_id.entry(id).or_default().push(index);
                Err(format!("The registry knows no schema {id}."))
            }));
        }
        let mut parts = Vec::new();
        for (id, indexes) in by_id {
            let Some(reader) = self.readers.get_mut(&id) else { continue };
            let read = match reader {
                Ok(reader) => {
                    let frames = indexes.iter().filter_map(|index| records[*index].payload);
                    reader.read(&frames.collect::<Vec<_>>())
                }
                Err(cause) => {
                    indexes.iter().for_each(|index| places[*index] = Err(cause.clone()));
                    continue;
                }
            };
            for (index, outcome) in indexes.iter().zip(read.outcome) {
                places[*index] = outcome.map(|row| (parts.len(), row));
            }
            parts.extend(read.rows);
        }
        (parts, places)
    }

    fn lineage_of(
        &self,
        records: &[Record<'_>],
        places: &[Place],
        occurred_at: Option<&TimestampMicrosecondArray>,
    ) -> [ArrayRef; 8] {
        let times = || records.iter().map(|record| micros(record.timestamp_ms?));
        let dates = times().enumerate().map(|(row, kafka)| {
            let business = occurred_at.filter(|at| at.is_valid(row)).map(|at| at.value(row));
            business.or(kafka).unwrap_or(0).div_euclid(DAY_US) as i32
        });
        let raw = records.iter().zip(places).map(|(record, place)| match place {
            Ok(_) => None,
            Err(_) => record.payload,
        });
        let ids = records.iter().map(|record| schema_id(record.payload).ok().map(i64::from));
        [
            Arc::new(StringArray::from_iter_values(records.iter().map(|_| &self.topic))),
            Arc::new(Int32Array::from_iter_values(records.iter().map(|record| record.partition))),
            Arc::new(Int64Array::from_iter_values(records.iter().map(|record| record.offset))),
            Arc::new(TimestampMicrosecondArray::from_iter(times()).with_timezone("UTC")),
            Arc::new(Int64Array::from_iter(ids)),
            Arc::new(BinaryArray::from_iter(raw)),
            Arc::new(StringArray::from_iter(places.iter().map(|place| place.as_ref().err()))),
            Arc::new(Date32Array::from_iter_values(dates)),
        ]
    }
}

/// The part and the row within it, or why there is none.
type Place = Result<(usize, usize), String>;

/// One column of the table from the parts, in the order of the records.
fn gather(
    parts: &[RecordBatch],
    places: &[Place],
    name: &str,
    target: &arrow::datatypes::DataType,
) -> Result<ArrayRef, ArrowError> {
    let mut sources = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        sources.push(match part.column_by_name(name) {
            Some(column) => conform(column, target)?,
            None => new_null_array(target, part.num_rows()),
        });
    }
    let in_order = |(row, place): (usize, &Place)| matches!(place, Ok((0, at)) if *at == row);
    if let [whole] = &sources[..]
        && places.iter().enumerate().all(in_order)
    {
        return Ok(Arc::clone(whole));
    }
    let nowhere = (sources.len(), 0);
    sources.push(new_null_array(target, 1));
    let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
    let rows: Vec<_> = places.iter().map(|place| *place.as_ref().unwrap_or(&nowhere)).collect();
    interleave(&sources, &rows)
}

/// A time of Kafka in microseconds, unless it is an absurd one.
fn micros(timestamp_ms: i64) -> Option<i64> {
    let micros = timestamp_ms.checked_mul(1_000)?;
    (timestamp_ms >= 0 && micros <= LAST_US).then_some(micros)
}
