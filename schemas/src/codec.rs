//! Bytes to events and back: Confluent's framing around an Avro body.
//!
//! Nothing here talks to a registry. A decoder that meets an unknown schema id says so, and its owner
//! fetches the schema away from the hot path.

use std::collections::HashMap;
use std::marker::PhantomData;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::writer::datum::GenericDatumWriter;
use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};

use crate::record::{Columns, Event};
use crate::topics::MAX_MESSAGE_BYTES;

mod bounded;
mod interned;
mod skippable;

/// Length of the framing: a zero byte and the id of the writer's schema, big-endian.
pub const FRAME_BYTES: usize = 5;

/// Longest text of a foreign error that is passed on; apache-avro's quote the whole schema.
const CAUSE_BYTES: usize = 200;

/// Why a schema cannot be used.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SchemaError {
    /// The text is not an Avro schema.
    #[error("not an Avro schema: {0}")]
    NotASchema(String),
    /// It is one, but events of this type cannot be read with it.
    #[error("this version cannot read it: {0}")]
    Incompatible(String),
    /// It is one, but events of this type are not written in the order of its fields.
    #[error("its fields are not the columns of the event, in their order: {0}")]
    OtherColumns(String),
}

/// Why an event cannot be written. Either is a fault of the program, never of the data.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    /// It was read from a later version, and writing it would lose its block.
    #[error("`{0}` belongs to a later version of the schema and cannot be written by this one")]
    UnknownFact(String),
    /// The type and the schema disagree.
    #[error("the event does not fit its schema: {0}")]
    Unfit(String),
}

/// Why bytes are not an event. All but [`DecodeError::UnknownSchema`] are final: the message is to be set
/// aside, for reading it again gives the same answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The schema of this id has not been met yet: fetch it, [`Decoder::add`] it, decode again.
    #[error("schema {0} has not been fetched from the registry yet")]
    UnknownSchema(u32),
    /// The message does not begin with a zero byte and a schema id.
    #[error("not in Confluent's framing ({0} bytes)")]
    NotFramed(usize),
    /// The frame names an id that no registry gives: they count in signed integers from 1. Asking one for it may
    /// fail in ways that look like an outage.
    #[error("no registry has a schema {0}")]
    NoSuchSchema(u32),
    /// The writer's schema is that of another record, or of an incompatible one.
    #[error("schema {id}: {cause}")]
    WrongRecord {
        /// Id of the writer's schema.
        id: u32,
        /// What is wrong with it.
        cause: SchemaError,
    },
    /// The body is not what its schema says.
    #[error("the body does not match schema {id}: {cause}")]
    Corrupt {
        /// Id of the writer's schema.
        id: u32,
        /// What the reader stumbled over.
        cause: String,
    },
}

impl DecodeError {
    /// A stable word for the kind of failure, for headers of dead letters and for metrics.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::UnknownSchema(_) | Self::NoSuchSchema(_) => "unknown_schema",
            Self::NotFramed(_) => "not_framed",
            Self::WrongRecord { .. } => "wrong_record",
            Self::Corrupt { .. } => "corrupt",
        }
    }
}

/// Writes events with the latest shipped schema.
pub struct Encoder<E> {
    frame: [u8; FRAME_BYTES],
    writer: GenericDatumWriter<'static>,
    event: PhantomData<fn(&E)>,
}

impl<E: Event + Columns> Encoder<E> {
    /// An encoder whose messages say that they were written with `schema_id`: the id under which the
    /// registry knows the latest version of [`Event::SUBJECT`].
    pub fn new(schema_id: u32) -> Result<Self, SchemaError> {
        let schema = interned::schema(E::SUBJECT.latest())?;
        check_columns::<E>(schema)?;
        let writer = GenericDatumWriter::builder(schema)
            .human_readable(false)
            .build()
            .map_err(|error| SchemaError::NotASchema(cause(&error)))?;
        let [a, b, c, d] = schema_id.to_be_bytes();
        Ok(Self { frame: [0, a, b, c, d], writer, event: PhantomData })
    }

    /// Appends the framed event to `out`; after an error `out` is as it was.
    pub fn encode(&self, event: &E, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if !E::EVENT_TYPES.contains(&event.event_type()) {
            return Err(EncodeError::UnknownFact(event.event_type().to_owned()));
        }
        let before = out.len();
        out.extend_from_slice(&self.frame);
        match self.writer.write_ser(out, &InOrder(event)) {
            Ok(_) => Ok(()),
            Err(error) => {
                out.truncate(before);
                Err(EncodeError::Unfit(cause(&error)))
            }
        }
    }
}

/// An event whose columns are written as they stand, without looking for the field of each name: with 27 of them
/// that took most of the time of writing an event.
struct InOrder<'a, E>(&'a E);

impl<E: Columns> Serialize for InOrder<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_tuple(E::NAMES.len())?;
        self.0.tell(&mut row)?;
        row.end()
    }
}

/// Whether the fields of `schema` are the event's columns, in their order.
fn check_columns<E: Columns>(schema: &Schema) -> Result<(), SchemaError> {
    let Schema::Record(record) = schema else {
        return Err(SchemaError::OtherColumns("it is no record".to_owned()));
    };
    let fields: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
    if fields == E::NAMES {
        return Ok(());
    }
    Err(SchemaError::OtherColumns(format!("{fields:?}, not {:?}", E::NAMES)))
}

/// Reads events with the schema they were written with.
pub struct Decoder<E> {
    readers: HashMap<u32, Result<GenericDatumReader<'static>, SchemaError>>,
    event: PhantomData<fn() -> E>,
}

impl<E: Event> Default for Decoder<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Event> Decoder<E> {
    /// A decoder that has met no schema yet.
    pub fn new() -> Self {
        // Of the whole process, and the first call wins: a length in a broken message must not
        // become an allocation, and no sound message is longer than this.
        apache_avro::util::max_allocation_bytes(MAX_MESSAGE_BYTES);
        Self { readers: HashMap::new(), event: PhantomData }
    }

    /// Makes a writer's schema known. A schema that cannot be used is remembered too, so that
    /// [`Decoder::decode`] never asks for it again.
    pub fn add(&mut self, id: u32, schema_json: &str) -> Result<(), DecodeError> {
        let reader = reader::<E>(schema_json);
        let verdict = match &reader {
            Ok(_) => Ok(()),
            Err(cause) => Err(DecodeError::WrongRecord { id, cause: cause.clone() }),
        };
        self.readers.insert(id, reader);
        verdict
    }

    /// The event in a framed message. Columns and blocks that this version does not know are passed over;
    /// an unknown event type is the fact `Unknown`.
    pub fn decode(&self, message: &[u8]) -> Result<E, DecodeError> {
        let Some((&[0, a, b, c, d], mut body)) = message.split_first_chunk::<FRAME_BYTES>() else {
            return Err(DecodeError::NotFramed(message.len()));
        };
        let id = u32::from_be_bytes([a, b, c, d]);
        if !matches!(i32::try_from(id), Ok(1..)) {
            return Err(DecodeError::NoSuchSchema(id));
        }
        let reader = match self.readers.get(&id) {
            Some(Ok(reader)) => reader,
            Some(Err(cause)) => return Err(DecodeError::WrongRecord { id, cause: cause.clone() }),
            None => return Err(DecodeError::UnknownSchema(id)),
        };
        let event = reader
            .read_deser::<E>(&mut body)
            .map_err(|error| DecodeError::Corrupt { id, cause: cause(&error) })?;
        if !body.is_empty() {
            let cause = format!("{} bytes are left over", body.len());
            return Err(DecodeError::Corrupt { id, cause });
        }
        Ok(event)
    }
}

/// A reader of the writer's schema, if it is one that this version's record can be read from: same name,
/// every column without a default present in the same type, and nothing beside them that cannot be passed over.
fn reader<E: Event>(schema_json: &str) -> Result<GenericDatumReader<'static>, SchemaError> {
    let ours = interned::schema(E::SUBJECT.latest())?;
    let theirs = interned::schema(schema_json)?;
    if theirs.name() != ours.name() {
        let name = |schema: &Schema| schema.name().map(ToString::to_string).unwrap_or_default();
        let detail = format!("it is `{}`, not `{}`", name(theirs), name(ours));
        return Err(SchemaError::Incompatible(detail));
    }
    match SchemaCompatibility::can_read(theirs, ours) {
        Ok(Compatibility::Full) => {}
        Ok(Compatibility::Partial) => {
            return Err(SchemaError::Incompatible("a union has members not known here".to_owned()));
        }
        Err(error) => return Err(SchemaError::Incompatible(cause(&error))),
    }
    bounded::check(theirs).map_err(|reason| SchemaError::Incompatible(cause(&reason)))?;
    // No reader's schema: resolving against one is not implemented for direct reading.
    GenericDatumReader::builder(interned::schema(&skippable::skippable(schema_json)?)?)
        .human_readable(false)
        .build()
        .map_err(|error| SchemaError::NotASchema(cause(&error)))
}

fn cause(error: &dyn std::fmt::Display) -> String {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(CAUSE_BYTES));
    text
}
