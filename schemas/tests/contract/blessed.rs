//! What was shipped: checksums of the schemas, and messages written by each version.
//!
//! `BLESS=1 cargo test -p schemas` adds what is missing for the latest versions. It never changes a file that
//! is there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use schemas::{Columns, Decoder, Encoder, Event, OrderEvent, OrderState, Subject, VoucherEvent};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::compatibility::subjects;
use crate::samples;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

fn topic(subject: &Subject) -> &'static str {
    subject.name.strip_suffix("-value").expect("a subject of values")
}

/// Every shipped version: its file, relative to the crate, and its text as compiled in.
fn shipped() -> BTreeMap<String, &'static str> {
    let files = subjects().flat_map(|subject| {
        let file =
            move |(version, text)| (format!("avro/{}/{version}.avsc", topic(&subject)), text);
        (1..).zip(subject.versions.iter().copied()).map(file)
    });
    files.collect()
}

#[test]
fn a_shipped_schema_never_changes() {
    let path = root().join("blessed/checksums");
    let mut list = fs::read_to_string(&path).unwrap_or_default();
    for (file, text) in shipped() {
        let checksum = Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes everything");
            hex
        });
        match list.lines().find(|line| line.ends_with(&format!("  {file}"))) {
            Some(line) => assert_eq!(
                line,
                format!("{checksum}  {file}"),
                "schemas/{file} was shipped and must not change: restore it, and put your change \
                 into the next version beside it"
            ),
            None if blessing() => {
                writeln!(list, "{checksum}  {file}").expect("a String takes everything");
                fs::write(&path, &list).expect("the list can be written");
            }
            None => panic!("schemas/{file} is new: BLESS=1 cargo test -p schemas, and commit it"),
        }
    }
    for line in list.lines() {
        let file = line.split("  ").nth(1).expect("a checksum and a file");
        assert!(shipped().contains_key(file), "schemas/{file} was shipped and must not go away");
    }
}

#[test]
fn every_schema_file_is_named_in_the_topics() {
    let mut found = Vec::new();
    for folder in fs::read_dir(root().join("avro")).expect("the folder of schemas") {
        for file in fs::read_dir(folder.expect("a topic").path()).expect("its versions") {
            let path = file.expect("a version").path();
            let file = path.strip_prefix(root()).expect("inside the crate");
            found.push(file.to_str().expect("a plain name").to_owned());
        }
    }
    found.sort();
    assert_eq!(
        found,
        shipped().into_keys().collect::<Vec<_>>(),
        "src/topics.rs lists every version"
    );
}

/// The folder of the messages that `version` of the subject wrote.
fn folder(subject: &Subject, version: usize) -> PathBuf {
    root().join(format!("blessed/{}/{version}", topic(subject)))
}

/// Adds what is missing when asked to, and holds the latest version to what it wrote before.
fn check_latest<E: Event + Columns>(samples: &[E]) {
    let version = E::SUBJECT.versions.len();
    let folder = folder(&E::SUBJECT, version);
    let encoder = Encoder::<E>::new(version.try_into().expect("few versions")).expect("a schema");
    let types: Vec<_> = samples.iter().map(E::event_type).collect();
    assert_eq!(types, E::EVENT_TYPES, "one sample of each event type in tests/contract/samples.rs");
    for sample in samples {
        let message = folder.join(format!("{}.bin", sample.event_type()));
        let mut bytes = Vec::new();
        encoder.encode(sample, &mut bytes).expect("a sample can be written");
        if blessing() && !message.exists() {
            let json = serde_json::to_string_pretty(sample).expect("a sample has a JSON form");
            fs::create_dir_all(&folder).expect("the folder can be made");
            fs::write(message.with_extension("json"), json + "\n").expect("the JSON is written");
            fs::write(&message, &bytes).expect("the message is written");
        }
        let blessed = fs::read(&message).unwrap_or_else(|error| {
            panic!("{}: {error}. BLESS=1 cargo test -p schemas adds it", message.display())
        });
        assert!(
            bytes == blessed,
            "{} is no longer what this version writes, and consumers rely on it: undo the change, or \
             make it a new version of the schema",
            message.display()
        );
    }
}

/// The messages of a version, each with the JSON it stands for.
fn messages(subject: &Subject, version: usize) -> Vec<(Vec<u8>, Value)> {
    let folder = folder(subject, version);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.expect("a file").path());
    let messages = paths.filter(|path| path.extension().is_some_and(|is| is == "bin"));
    messages
        .map(|path| {
            let json = fs::read(path.with_extension("json")).expect("the JSON beside the message");
            let json = serde_json::from_slice(&json).expect("JSON");
            (fs::read(&path).expect("the message"), json)
        })
        .collect()
}

/// Every message of every version is, for the types of today, what it was for those of its own day.
fn check_typed<E: Event>() {
    let mut decoder = Decoder::<E>::new();
    for (id, schema) in (1..).zip(E::SUBJECT.versions) {
        decoder.add(id, schema).expect("a shipped version is readable");
    }
    for version in 1..=E::SUBJECT.versions.len() {
        for (message, expected) in messages(&E::SUBJECT, version) {
            let event = decoder.decode(&message).expect("a blessed message is readable");
            let read = serde_json::to_value(&event).expect("JSON");
            assert_reads_as(&read, &expected, event.event_type());
        }
    }
}

/// That what was read says what was written, column by column and inside each block. What a later version
/// added is missing in an older message, and reads as null.
fn assert_reads_as(read: &Value, written: &Value, at: &str) {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            for (name, value) in read {
                let before = written.get(name).unwrap_or(&Value::Null);
                assert_reads_as(value, before, &format!("{at}.{name}"));
            }
        }
        _ => assert_eq!(read, written, "{at}"),
    }
}

/// That two versions of one message agree on every column that both of them have, inside the blocks too.
fn assert_shares(one: &Value, other: &Value, at: &str) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one.iter().filter(|(name, _)| other.contains_key(*name)) {
                assert_shares(value, &other[name], &format!("{at}.{name}"));
            }
        }
        _ => assert_eq!(one, other, "{at}"),
    }
}

/// Every message of every version can be resolved to every other version, by Avro's own rules.
fn check_resolution(subject: &Subject) {
    let parse = |text| Schema::parse_str(text).expect("an Avro schema");
    let schemas: Vec<_> = subject.versions.iter().copied().map(parse).collect();
    for (writer, version) in schemas.iter().zip(1..) {
        for (message, expected) in messages(subject, version) {
            for reader in &schemas {
                let reading = GenericDatumReader::builder(writer).reader_schema(reader).build();
                let value = reading
                    .expect("two schemas that go together")
                    .read_value(&mut &message[schemas::codec::FRAME_BYTES..])
                    .expect("a blessed message is readable by every version");
                let read = Value::try_from(value).expect("JSON");
                assert_shares(&read, &expected, expected["event_type"].as_str().expect("a type"));
            }
        }
    }
}

#[test]
fn order_events_of_every_version_are_readable() {
    check_latest::<OrderEvent>(&samples::order_events());
    check_typed::<OrderEvent>();
    check_resolution(&OrderEvent::SUBJECT);
}

#[test]
fn order_states_of_every_version_are_readable() {
    check_latest::<OrderState>(&samples::order_states());
    check_typed::<OrderState>();
    check_resolution(&OrderState::SUBJECT);
}

#[test]
fn voucher_events_of_every_version_are_readable() {
    check_latest::<VoucherEvent>(&samples::voucher_events());
    check_typed::<VoucherEvent>();
    check_resolution(&VoucherEvent::SUBJECT);
}
