//! Records of one schema id, straight into Arrow.
//!
//! One reader serves one id: a decoder that sees several ends its batch at every change. A record
//! that cannot be decoded leaves the decoder with half a row, so the decoder is then thrown away
//! and the records are read one by one: the bad ones are told apart, the good ones kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Fields;
use arrow_avro::reader::{Decoder, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
use serde_json::Value;

use super::extent::bounded;
use super::possible::{as_kept, without_impossible_times};
use super::table_schema::{SchemaError, kept_fields};

/// Rows per Arrow batch. Larger than any flush of records, so that a flush is one batch.
const BATCH_ROWS: usize = 1 << 20;

/// What became of some records.
pub struct Read {
    /// The rows that could be read, in the record's columns as a table keeps them; `None` when there
    /// is none.
    pub rows: Option<RecordBatch>,
    /// For each record its row in `rows`, or why it has none.
    pub outcome: Vec<Result<usize, String>>,
}

impl Read {
    /// None of so many records.
    pub fn unreadable(count: usize, cause: &str) -> Self {
        Self { rows: None, outcome: vec![Err(cause.to_owned()); count] }
    }
}

/// Reads the records of one schema id.
pub struct RecordReader {
    id: u32,
    avro: String,
    record: String,
    columns: Fields,
    decoder: Decoder,
}

impl RecordReader {
    /// A reader of records written with this Avro schema.
    ///
    /// # Errors
    /// When the schema is not of a record, is too large, or has a type that tables do not have.
    pub fn new(id: u32, avro: &str) -> Result<Self, SchemaError> {
        let record = record_name(avro)?;
        let decoder = decoder(id, avro).map_err(SchemaError::Unreadable)?;
        if decoder.schema().fields().is_empty() {
            return Err(SchemaError::Unreadable("the record has no fields".to_owned()));
        }
        let columns = kept_fields(decoder.schema().fields(), "")?;
        Ok(Self { id, avro: avro.to_owned(), record, columns, decoder })
    }

    /// Full name of the record.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The record's columns as a table keeps them.
    pub fn columns(&self) -> &Fields {
        &self.columns
    }

    /// Reads framed records, all with this reader's id. Each is accounted for; one that cannot be
    /// read takes no other with it.
    pub fn read(&mut self, frames: &[&[u8]]) -> Read {
        let read = match self.decode(frames) {
            Ok(rows) => Read { rows, outcome: (0..frames.len()).map(Ok).collect() },
            Err(_) => self.read_one_by_one(frames),
        };
        without_impossible_times(as_kept(read, &self.columns))
    }

    fn read_one_by_one(&mut self, frames: &[&[u8]]) -> Read {
        let mut rows = Vec::new();
        let mut outcome = Vec::with_capacity(frames.len());
        for frame in frames {
            match self.decode(&[frame]) {
                Ok(row) => {
                    outcome.push(Ok(rows.len()));
                    rows.extend(row);
                }
                Err(cause) => outcome.push(Err(cause)),
            }
        }
        match concat_batches(&self.decoder.schema(), &rows) {
            Ok(batch) => Read { rows: (!rows.is_empty()).then_some(batch), outcome },
            Err(error) => Read::unreadable(frames.len(), &error.to_string()),
        }
    }

    /// All of the frames or none; after a failure the decoder is a new one.
    fn decode(&mut self, frames: &[&[u8]]) -> Result<Option<RecordBatch>, String> {
        // The bytes come from a stranger: a panic in the decoder must not stop the table for good.
        let decoder = &mut self.decoder;
        let decoded = catch_unwind(AssertUnwindSafe(|| decode_exactly(decoder, frames)))
            .unwrap_or_else(|_| Err("The decoder panicked on the bytes of the body.".to_owned()));
        if decoded.is_err() {
            self.decoder = self::decoder(self.id, &self.avro)?;
        }
        decoded
    }
}

fn decode_exactly(decoder: &mut Decoder, frames: &[&[u8]]) -> Result<Option<RecordBatch>, String> {
    for frame in frames {
        let before = decoder.capacity();
        let used = decoder.decode(frame).map_err(|error| error.to_string())?;
        match before - decoder.capacity() {
            1 if used == frame.len() => {}
            0 => return Err(format!("The body ends too early, after {} bytes.", frame.len())),
            _ => return Err("Bytes are left over after the record.".to_owned()),
        }
    }
    let rows = decoder.flush().map_err(|error| error.to_string())?;
    match rows.as_ref().map_or(0, RecordBatch::num_rows) {
        found if found == frames.len() => Ok(rows),
        found => Err(format!("{} records gave {found} rows.", frames.len())),
    }
}

/// A decoder of records written with a schema. The text comes from a stranger, as their bytes do.
fn decoder(id: u32, avro: &str) -> Result<Decoder, String> {
    catch_unwind(|| build_decoder(id, avro))
        .unwrap_or_else(|_| Err("the decoder panicked on the schema".to_owned()))
}

fn build_decoder(id: u32, avro: &str) -> Result<Decoder, String> {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    let schema = AvroSchema::new(avro.to_owned());
    store.set(Fingerprint::Id(id), schema).map_err(|error| error.to_string())?;
    ReaderBuilder::new()
        .with_batch_size(BATCH_ROWS)
        .with_writer_schema_store(store)
        .build_decoder()
        .map_err(|error| error.to_string())
}

/// Full name of the record that a schema is of.
///
/// # Errors
/// When the schema is not of a record, or is larger than a decoder may be made of.
pub fn record_name(avro: &str) -> Result<String, SchemaError> {
    bounded(avro).and_then(|schema| name_of(&schema)).map_err(SchemaError::Unreadable)
}

fn name_of(schema: &Value) -> Result<String, String> {
    if schema["type"] != "record" {
        return Err("it is not of a record".to_owned());
    }
    let name = schema["name"].as_str().ok_or("the record has no name")?;
    match schema["namespace"].as_str() {
        Some(space) if !name.contains('.') && !space.is_empty() => Ok(format!("{space}.{name}")),
        _ => Ok(name.to_owned()),
    }
}
