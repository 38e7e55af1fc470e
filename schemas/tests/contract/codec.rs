//! Writing and reading: the identity for every event, an error for everything else, never a panic.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::collection::vec;
use proptest::prelude::*;
use schemas::order_events::*;
use schemas::{
    Columns, DecodeError, Decoder, EncodeError, Encoder, Envelope, Event, SchemaError, Subject,
    VoucherEvent, topics,
};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::any::any_event;
use crate::samples;

const ID: u32 = 0x0102_0304;
const FRAME: [u8; 5] = [0, 1, 2, 3, 4];

fn latest() -> &'static str {
    topics::ORDER_EVENTS_VALUE.latest()
}

fn decoder() -> Decoder<OrderEvent> {
    let mut decoder = Decoder::new();
    decoder.add(ID, latest()).expect("the latest version is readable");
    decoder
}

fn encoded(event: &OrderEvent) -> Vec<u8> {
    let mut message = Vec::new();
    Encoder::new(ID).expect("a schema").encode(event, &mut message).expect("an event fits");
    message
}

#[test]
fn a_message_begins_with_a_zero_byte_and_the_id_and_is_appended() {
    let [placed, ..] = &samples::order_events()[..] else { panic!("samples") };
    let mut out = b"before".to_vec();
    Encoder::new(ID).expect("a schema").encode(placed, &mut out).expect("an event fits");
    assert!(out.starts_with(b"before\0\x01\x02\x03\x04"));
    assert_eq!(decoder().decode(&out[6..]).as_ref(), Ok(placed));
}

#[test]
fn an_unknown_id_asks_for_its_schema_and_is_then_read() {
    let event = samples::order_events().swap_remove(3);
    let mut decoder = Decoder::<OrderEvent>::new();
    assert_eq!(decoder.decode(&encoded(&event)), Err(DecodeError::UnknownSchema(ID)));
    decoder.add(ID, latest()).expect("the latest version is readable");
    assert_eq!(decoder.decode(&encoded(&event)), Ok(event));
}

#[test]
fn what_is_not_framed_is_refused() {
    for message in
        [&b""[..], b"\0", b"\0\x01\x02\x03", b"{\"event_id\": 1}", b"\x01\x01\x02\x03\x04x"]
    {
        assert_eq!(decoder().decode(message), Err(DecodeError::NotFramed(message.len())));
    }
}

#[test]
fn the_schema_of_another_record_is_refused_and_remembered() {
    let mut decoder = Decoder::<VoucherEvent>::new();
    let detail = "it is `takeaway.orders.OrderEvent`, not `takeaway.promotions.VoucherEvent`";
    let cause = SchemaError::Incompatible(detail.to_owned());
    let wrong = DecodeError::WrongRecord { id: ID, cause };
    assert_eq!(decoder.add(ID, latest()), Err(wrong.clone()));
    assert_eq!(decoder.decode(&encoded(&samples::order_events()[0])), Err(wrong));
}

#[test]
fn a_schema_that_lacks_a_column_or_is_none_is_refused() {
    let mut schema: Value = serde_json::from_str(latest()).expect("JSON");
    schema["fields"].as_array_mut().expect("fields").remove(0);
    for schema in [schema.to_string(), "\"string\"".to_owned(), "hello".to_owned()] {
        let verdict = Decoder::<OrderEvent>::new().add(ID, &schema);
        assert!(matches!(verdict, Err(DecodeError::WrongRecord { .. })), "{verdict:?}");
    }
}

#[test]
fn a_message_cut_short_or_with_something_after_it_is_corrupt() {
    for event in samples::order_events() {
        let mut message = encoded(&event);
        for end in FRAME.len()..message.len() {
            let verdict = decoder().decode(&message[..end]);
            assert!(matches!(verdict, Err(DecodeError::Corrupt { .. })), "{end}: {verdict:?}");
        }
        message.push(0);
        let cause = "1 bytes are left over".to_owned();
        assert_eq!(decoder().decode(&message), Err(DecodeError::Corrupt { id: ID, cause }));
    }
}

#[test]
fn a_length_of_terabytes_is_corrupt_and_not_allocated() {
    let message = [&FRAME[..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]].concat();
    assert!(matches!(decoder().decode(&message), Err(DecodeError::Corrupt { .. })));
}

#[test]
fn an_event_type_without_its_block_is_corrupt() {
    let message = written_by(latest(), |name, value| {
        if name == "order_placed" {
            *value = Avro::Union(0, Box::new(Avro::Null));
        }
    });
    let verdict = decoder().decode(&message);
    assert!(
        matches!(&verdict, Err(DecodeError::Corrupt { cause, .. })
        if cause.contains("order_placed")),
        "{verdict:?}"
    );
}

/// The message `order_placed` as a writer with another schema has it, after `change` to its columns.
fn written_by(schema: &str, change: impl Fn(&str, &mut Avro)) -> Vec<u8> {
    let ours = Schema::parse_str(latest()).expect("an Avro schema");
    let theirs = Schema::parse_str(schema).expect("an Avro schema");
    let message = encoded(&samples::order_events()[0]);
    let reader =
        GenericDatumReader::builder(&ours).reader_schema(&theirs).build().expect("a reader");
    let Ok(Avro::Record(mut columns)) = reader.read_value(&mut &message[FRAME.len()..]) else {
        panic!("the sample is readable by the other schema");
    };
    columns.iter_mut().for_each(|(name, value)| change(name, value));
    let writer = GenericDatumWriter::builder(&theirs).build().expect("a writer");
    let body = writer.write_value_to_vec(Avro::Record(columns)).expect("the record fits");
    [&FRAME[..], &body].concat()
}

/// The latest version and, in front of, between, behind and inside its columns, what later ones may bring: plain
/// columns, records with one field, with several, nested, and of a type that is known elsewhere.
fn later_version() -> String {
    let mut schema: Value = serde_json::from_str(latest()).expect("JSON");
    let fields = schema["fields"].as_array_mut().expect("fields");
    let of = |name: &str, of: Value| json!({ "name": name, "type": ["null", of], "default": null });
    fields.insert(0, of("channel", json!("string")));
    fields.insert(4, of("tags", json!({ "type": "array", "items": "string" })));
    let courier = json!({ "type": "record", "name": "Courier", "fields": [
        { "name": "courier_id", "type": "string" }] });
    let placed = fields.iter_mut().find(|field| field["name"] == "order_placed");
    let placed = placed.expect("the block")["type"][1]["fields"].as_array_mut().expect("fields");
    placed.insert(1, of("courier", courier));
    fields.push(of("weights", json!({ "type": "map", "values": "double" })));
    fields.push(of("extras", json!({ "type": "array", "items": "Item" })));
    fields.push(of("seal", json!("bytes")));
    fields.push(of("urgent", json!("boolean")));
    let place = json!({ "type": "record", "name": "Place", "fields": [
        { "name": "planet", "type": "string" }] });
    let teleported = json!({ "type": "record", "name": "OrderTeleported", "fields": [
        { "name": "to", "type": place }, { "name": "at", "type": "long" }] });
    fields.push(of("order_teleported", teleported));
    schema.to_string()
}

fn some(value: Avro) -> Avro {
    Avro::Union(1, Box::new(value))
}

fn record<const N: usize>(fields: [(&str, Avro); N]) -> Avro {
    Avro::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let change = |name: &str, value: &mut Avro| match name {
        "channel" => *value = some(Avro::String("app".into())),
        "tags" => *value = some(Avro::Array(vec![Avro::String("vegan".into()); 3])),
        "weights" => *value = some(Avro::Map([("dal".into(), Avro::Double(0.4))].into())),
        "extras" => {
            let dip = [
                ("item_id", Avro::String("raita".into())),
                ("quantity", Avro::Int(1)),
                ("unit_price_minor", Avro::Long(150)),
            ];
            *value = some(Avro::Array(vec![record(dip.clone()), record(dip)]));
        }
        "order_placed" => {
            let Avro::Union(1, block) = value else { panic!("the block is set") };
            let Avro::Record(fields) = &mut **block else { panic!("it is a record") };
            let courier = record([("courier_id", Avro::String("courier-7".into()))]);
            fields[1].1 = some(courier);
        }
        "seal" => *value = some(Avro::Bytes(vec![1, 2, 3])),
        "urgent" => *value = some(Avro::Boolean(true)),
        _ => {}
    };
    let message = written_by(&later_version(), change);
    let mut decoder = Decoder::<OrderEvent>::new();
    decoder.add(ID, &later_version()).expect("a later version is readable");
    assert_eq!(decoder.decode(&message), Ok(samples::order_events().swap_remove(0)));
}

/// The latest version with one more column.
fn with_column(of: Value) -> String {
    let mut schema: Value = serde_json::from_str(latest()).expect("JSON");
    let fields = schema["fields"].as_array_mut().expect("fields");
    fields.push(json!({ "name": "more", "type": of }));
    schema.to_string()
}

fn record_of(name: &str, fields: &[(&str, Value)]) -> Value {
    let fields = fields.iter().map(|(name, of)| json!({ "name": name, "type": of }));
    json!({ "type": "record", "name": name, "fields": fields.collect::<Vec<_>>() })
}

#[test]
fn a_column_that_cannot_be_passed_over_makes_its_schema_a_wrong_one() {
    let array = |of: Value| json!({ "type": "array", "items": of });
    let fixed = |size: u64| json!({ "type": "fixed", "name": "Seal", "size": size });
    let nested = |levels: u8| {
        (0..levels).fold(json!("long"), |within, level| {
            record_of(&format!("Level{level}"), &[("within", within)])
        })
    };
    let nothing = "takes no bytes";
    for (column, reason) in [
        (array(json!("null")), nothing),
        (array(record_of("Nothing", &[])), nothing),
        (array(fixed(0)), nothing),
        (array(record_of("Nothings", &[("a", json!("null"))])), nothing),
        (record_of("Node", &[("next", json!(["null", "Node"]))]), "contains itself"),
        (record_of("Tree", &[("branches", array(json!("Tree")))]), "contains itself"),
        (nested(40), "lie within each other"),
        (fixed(1 << 60), "longer than any message"),
    ] {
        let verdict = Decoder::<OrderEvent>::new().add(ID, &with_column(column.clone()));
        let Err(DecodeError::WrongRecord { cause, .. }) = verdict else {
            panic!("{column}: {verdict:?}")
        };
        assert!(cause.to_string().contains(reason), "{column}: {cause}");
    }
    for column in [
        array(json!(["null"])),
        array(array(fixed(16))),
        json!(["null", record_of("Nothing", &[])]),
        json!({ "type": "map", "values": "null" }),
        nested(20),
    ] {
        let verdict = Decoder::<OrderEvent>::new().add(ID, &with_column(column.clone()));
        assert_eq!(verdict, Ok(()), "{column}");
    }
}

#[test]
fn an_id_that_no_registry_gives_is_final() {
    for id in [0, 1 << 31, u32::MAX] {
        let message = [&[0][..], &id.to_be_bytes(), b"x"].concat();
        assert_eq!(decoder().decode(&message), Err(DecodeError::NoSuchSchema(id)));
    }
    let highest = i32::MAX.unsigned_abs();
    let message = [&[0][..], &highest.to_be_bytes(), b"x"].concat();
    assert_eq!(decoder().decode(&message), Err(DecodeError::UnknownSchema(highest)));
}

#[test]
fn an_event_type_of_a_later_version_is_unknown_and_cannot_be_written() {
    let change = |name: &str, value: &mut Avro| match name {
        "event_type" => *value = Avro::String("order_teleported".into()),
        "order_placed" => *value = Avro::Union(0, Box::new(Avro::Null)),
        "order_teleported" => {
            let place = record([("planet", Avro::String("mars".into()))]);
            *value = some(record([("to", place), ("at", Avro::Long(1))]));
        }
        _ => {}
    };
    let message = written_by(&later_version(), change);
    let mut decoder = Decoder::<OrderEvent>::new();
    decoder.add(ID, &later_version()).expect("a later version is readable");
    let event = decoder.decode(&message).expect("an unknown event type is no error");
    assert_eq!(event.fact, OrderFact::Unknown("order_teleported".into()));
    assert_eq!(event.order_id, samples::order_events()[0].order_id);

    let mut out = Vec::new();
    let verdict = Encoder::new(ID).expect("a schema").encode(&event, &mut out);
    assert_eq!(verdict, Err(EncodeError::UnknownFact("order_teleported".into())));
    assert!(out.is_empty());
}

/// An event that tells its columns in another order than its schema.
#[derive(Serialize, Deserialize)]
struct Disordered(OrderEvent);

impl Columns for Disordered {
    const NAMES: &'static [&'static str] = &["event_type", "event_id"];

    fn tell<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error> {
        self.0.tell(row)
    }
}

impl Event for Disordered {
    const SUBJECT: Subject = OrderEvent::SUBJECT;
    const EVENT_TYPES: &'static [&'static str] = OrderEvent::EVENT_TYPES;

    fn event_type(&self) -> &str {
        self.0.event_type()
    }

    fn envelope(&self) -> Envelope<'_> {
        self.0.envelope()
    }
}

#[test]
fn columns_in_another_order_than_the_schema_s_are_refused() {
    let refusal = Encoder::<Disordered>::new(ID).err();
    assert!(matches!(refusal, Some(SchemaError::OtherColumns(_))), "{refusal:?}");
}

proptest! {
    #[test]
    fn reading_undoes_writing(event in any_event()) {
        prop_assert_eq!(decoder().decode(&encoded(&event)), Ok(event));
    }

    #[test]
    fn columns_in_their_order_are_the_fields_by_their_names(event in any_event()) {
        let schema = Schema::parse_str(latest()).expect("a schema");
        let by_name = GenericDatumWriter::builder(&schema).human_readable(false).build();
        let mut body = Vec::new();
        by_name.expect("a writer").write_ser(&mut body, &event).expect("an event fits");
        prop_assert_eq!(&encoded(&event)[FRAME.len()..], &body);
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(body in vec(any::<u8>(), 0..400)) {
        let _ = decoder().decode(&body);
        let _ = decoder().decode(&[&FRAME[..], &body].concat());
    }

    #[test]
    fn a_damaged_message_is_an_event_or_an_error(
        event in any_event(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut message = encoded(&event);
        for (at, byte) in damage {
            let at = at.index(message.len());
            message[at] = byte;
        }
        let _ = decoder().decode(&message);
    }
}
