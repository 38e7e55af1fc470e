//! A version that does not exist yet, so that readers can show before it does that they will live with it: the
//! latest version of a record with one more column, one more block and so one more event type.
//!
//! For tests. A registry that has been shown it keeps it, so never show it to one that others rely on; [`registry`] is
//! one that knows nothing else.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Value, json};

use crate::codec::{EncodeError, SchemaError};
use crate::topics::Subject;

/// The event type that no version of today knows.
pub const EVENT_TYPE: &str = "rehearsal_held";

/// The column that no version of today knows.
pub const COLUMN: &str = "rehearsal_round";

/// The text of that version.
///
/// # Errors
/// None of the shipped versions is without fields.
pub fn later_version(subject: &Subject) -> Result<String, SchemaError> {
    let unfit = |cause: String| SchemaError::NotASchema(cause);
    let mut schema: Value =
        serde_json::from_str(subject.latest()).map_err(|error| unfit(error.to_string()))?;
    let fields = schema["fields"].as_array_mut().ok_or_else(|| unfit("no fields".to_owned()))?;
    fields.push(json!({
        "name": COLUMN, "type": ["null", "int"], "default": null,
        "doc": "Which round of the rehearsal it was.",
    }));
    let block = json!({
        "type": "record", "name": "RehearsalHeld", "doc": "A later version was rehearsed.",
        "fields": [{ "name": "rounds", "type": "int", "doc": "How many rounds there are." }],
    });
    fields.push(json!({
        "name": EVENT_TYPE, "type": ["null", block], "default": null,
        "doc": "Set when `event_type` is `rehearsal_held`, null otherwise.",
    }));
    Ok(schema.to_string())
}

/// A record, given as JSON, as a writer of that version sends it; what it lacks is null.
///
/// # Errors
/// When it lacks a column that is never null, or has one in another type.
pub fn encode(subject: &Subject, schema_id: u32, record: &Value) -> Result<Vec<u8>, EncodeError> {
    let unfit = |cause: &dyn std::fmt::Display| EncodeError::Unfit(cause.to_string());
    let text = later_version(subject).map_err(|error| unfit(&error))?;
    let schema = Schema::parse_str(&text).map_err(|error| unfit(&error))?;
    let record = Avro::try_from(record.clone()).map_err(|error| unfit(&error))?;
    let record = record.resolve(&schema).map_err(|error| unfit(&error))?;
    let writer = GenericDatumWriter::builder(&schema).build().map_err(|error| unfit(&error))?;
    let mut message = [&[0][..], &schema_id.to_be_bytes()].concat();
    writer.write_value(&mut message, record).map_err(|error| unfit(&error))?;
    Ok(message)
}

/// A registry that knows the latest version of one subject, under this id, and takes every subject for known: its
/// address. It listens for as long as the process lives.
///
/// # Errors
/// When it cannot listen.
pub fn registry(subject: &Subject, schema_id: u32) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/", listener.local_addr()?);
    let schema = json!({ "schema": subject.latest() }).to_string();
    let registered = json!({ "id": schema_id, "version": 1 }).to_string();
    let of_id = format!("/ids/{schema_id} ");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up has asked for nothing.
            let _ = answer(stream, |first| match first {
                post if post.starts_with("POST") => Some(&registered),
                get if get.contains(&of_id) => Some(&schema),
                _ => None,
            });
        }
    });
    Ok(address)
}

/// Answers one request by its first line.
fn answer<'a>(stream: TcpStream, body: impl FnOnce(&str) -> Option<&'a String>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    stream.read_line(&mut first)?;
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, body) = body(&first).map_or((404, "{}"), |body| (200, body));
    let head = format!("connection: close\r\ncontent-length: {}", body.len());
    write!(stream.get_mut(), "HTTP/1.1 {status} X\r\n{head}\r\n\r\n{body}")
}
