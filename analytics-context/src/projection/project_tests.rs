//! What becomes of records, good and bad.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, SchemaRef};

use super::project::{FIRST_US, LAST_US};
use super::samples::{
    self, NOON_US, ORDER_V1, ORDER_V2, order_with, placed_v1, placed_v2, plain_v1, rated_v2,
};
use super::{DATE, ERROR, OFFSET, Projected, Projector, RAW, Record, SCHEMA_ID, TableSchema};

fn given_v1() -> (Projector, SchemaRef) {
    let table = TableSchema::of_record(ORDER_V1).unwrap();
    let mut projector = Projector::new("orders", &table.record);
    projector.learn(1, ORDER_V1);
    (projector, table.columns)
}

fn project(projector: &mut Projector, table: &SchemaRef, values: &[Vec<u8>]) -> Projected {
    projector.project(&samples::records(values), table).unwrap()
}

fn longs(rows: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().iter().collect()
}

fn texts<'a>(rows: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    rows.column_by_name(name).unwrap().as_string::<i32>().iter().collect()
}

#[test]
fn a_record_is_a_row_with_its_origin() {
    let (mut projector, table) = given_v1();
    let values = [placed_v1(1, 1), plain_v1(1, 2, NOON_US)];
    let Projected { rows, quarantined } = project(&mut projector, &table, &values);
    assert_eq!(quarantined, 0);
    assert_eq!(rows.schema(), table);
    assert_eq!(texts(&rows, "event_type"), [Some("order_placed"), Some("order_accepted")]);
    assert_eq!(longs(&rows, OFFSET), [Some(100), Some(101)]);
    assert_eq!(longs(&rows, SCHEMA_ID), [Some(1), Some(1)]);
    assert_eq!(texts(&rows, ERROR), [None, None]);
    let placed = rows.column_by_name("placed").unwrap().as_struct();
    assert!(placed.is_valid(0) && placed.is_null(1), "a block is null when it did not happen");
    let items = placed.column_by_name("items").unwrap().as_list::<i32>().value(0);
    let items = items.as_struct();
    assert_eq!(items.column(0).as_string::<i32>().value(0), "tiramisu");
    assert_eq!(items.column(1).as_primitive::<Int32Type>().value(0), 2);
}

#[test]
fn one_decoder_reads_many_batches() {
    let (mut projector, table) = given_v1();
    for batch in 0..3 {
        let first = batch * 10;
        let values: Vec<_> = (first..first + 10).map(|sequence| placed_v1(1, sequence)).collect();
        let Projected { rows, quarantined } = project(&mut projector, &table, &values);
        assert_eq!(quarantined, 0);
        assert_eq!(longs(&rows, "sequence"), (first..first + 10).map(Some).collect::<Vec<_>>());
        assert_eq!(rows.column_by_name("placed").unwrap().null_count(), 0);
    }
}

#[test]
fn what_cannot_be_read_is_a_row_with_its_bytes_and_cause() {
    let good = placed_v1(1, 1);
    let mut longer = good.clone();
    longer.push(0);
    let twice = [&good[..], &good[..]].concat();
    let bad_utf8 = {
        let mut value = good.clone();
        value[6] = 0xff;
        value
    };
    let negative_length = samples::Bytes::framed(1).long(-5).done();
    let huge_array = {
        let mut bytes = plain_v1(1, 1, NOON_US);
        bytes.pop();
        [bytes, samples::Bytes::framed(0).long(1).long(i64::MAX).done()[5..].to_vec()].concat()
    };
    let bad = [
        ("truncated", good[..good.len() - 3].to_vec()),
        ("no body", good[..5].to_vec()),
        ("no frame", b"{\"order\": 1}".to_vec()),
        ("empty", Vec::new()),
        ("bytes left over", longer),
        ("two in one", twice),
        ("no text", bad_utf8),
        ("a negative length", negative_length),
        ("an endless array", huge_array),
        ("the year 300000", plain_v1(1, 1, i64::MAX)),
        ("an unknown schema", placed_v1(99, 1)),
    ];
    for (name, bytes) in bad {
        let (mut projector, table) = given_v1();
        let values = [placed_v1(1, 7), bytes.clone(), placed_v1(1, 8)];
        let Projected { rows, quarantined } = project(&mut projector, &table, &values);
        assert_eq!(quarantined, 1, "{name}");
        assert_eq!(longs(&rows, OFFSET), [Some(100), Some(101), Some(102)], "{name}");
        assert_eq!(longs(&rows, "sequence"), [Some(7), None, Some(8)], "{name}");
        let raw = rows.column_by_name(RAW).unwrap().as_binary::<i32>();
        assert_eq!((raw.is_null(0), raw.value(1)), (true, &bytes[..]), "{name}");
        let errors = texts(&rows, ERROR);
        assert!(errors[0].is_none() && errors[1].is_some_and(|cause| cause.len() > 10), "{name}");
        let days = rows.column_by_name(DATE).unwrap().as_primitive::<Date32Type>();
        assert_eq!(days.value(1), days.value(0), "{name}: dated by its time in Kafka");

        let again = project(&mut projector, &table, &[placed_v1(1, 9)]);
        assert_eq!(longs(&again.rows, "sequence"), [Some(9)], "{name}: the decoder goes on");
    }
}

#[test]
fn a_tombstone_and_a_record_without_a_time_are_rows_too() {
    let (mut projector, table) = given_v1();
    let record = Record { partition: 0, offset: 5, timestamp_ms: None, payload: None };
    let late = Record { offset: 6, timestamp_ms: Some(i64::MAX), ..record };
    let Projected { rows, quarantined } = projector.project(&[record, late], &table).unwrap();
    assert_eq!((rows.num_rows(), quarantined), (2, 2));
    assert!(texts(&rows, ERROR)[0].unwrap().contains("tombstone"));
    let days = rows.column_by_name(DATE).unwrap().as_primitive::<Date32Type>();
    assert_eq!((days.value(0), days.value(1)), (0, 0));
}

#[test]
fn two_versions_share_a_batch_in_their_order() {
    let (mut projector, narrow) = given_v1();
    projector.learn(2, ORDER_V2);
    let table = projector.widen(&narrow).expect("the second version has more columns");
    assert!(projector.widen(&table).is_none());
    let values = [placed_v1(1, 1), rated_v2(2, 2), plain_v1(1, 3, NOON_US), placed_v2(2, 4)];
    let Projected { rows, quarantined } = project(&mut projector, &table, &values);
    assert_eq!(quarantined, 0);
    assert_eq!(longs(&rows, "sequence"), [Some(1), Some(2), Some(3), Some(4)]);
    let placed = rows.column_by_name("placed").unwrap().as_struct();
    let channel = placed.column_by_name("channel").unwrap().as_string::<i32>();
    assert_eq!((channel.is_null(0), channel.value(3)), (true, "telephone"));

    let narrowed = project(&mut projector, &narrow, &values).rows;
    assert_eq!(narrowed.schema(), narrow, "what the table does not know is left out");
}

#[test]
fn a_schema_of_something_else_is_not_read() {
    let (mut projector, table) = given_v1();
    projector.learn(7, &ORDER_V2.replace("\"Order\"", "\"Voucher\""));
    projector.learn(8, "not a schema");
    projector.learn(9, &ORDER_V1.replace("\"long\"", "\"string\""));
    assert!(projector.widen(&table).is_none(), "none of them may change the table");
    let values = [placed_v1(7, 1), placed_v1(8, 2), placed_v1(9, 3)];
    let Projected { rows, quarantined } = project(&mut projector, &table, &values);
    assert_eq!(quarantined, 3);
    let causes = texts(&rows, ERROR);
    for (cause, part) in causes.iter().zip(["test.Voucher", "Schema 8", "sequence"]) {
        assert!(cause.unwrap().contains(part), "{cause:?}");
    }
}

#[test]
fn the_day_is_that_of_the_event() {
    let (mut projector, table) = given_v1();
    let values = [plain_v1(1, 1, -1), plain_v1(1, 2, 0), plain_v1(1, 3, NOON_US)];
    let Projected { rows, .. } = project(&mut projector, &table, &values);
    let days = rows.column_by_name(DATE).unwrap();
    assert_eq!(days.data_type(), &DataType::Date32);
    let days: Vec<_> = days.as_primitive::<Date32Type>().values().to_vec();
    assert_eq!(days, [-1, 0, 20_780]);
}

#[test]
fn ids_are_asked_for_once() {
    let (mut projector, _) = given_v1();
    let values = [placed_v1(1, 1), placed_v1(4, 2), placed_v1(4, 3), b"nonsense".to_vec()];
    let records = samples::records(&values);
    assert_eq!(projector.unlearned(&records).into_iter().collect::<Vec<_>>(), [4]);
    projector.learn(4, ORDER_V1);
    assert!(projector.unlearned(&records).is_empty());
}

/// Ada's order has a time in milliseconds too; so has each of her items.
fn placed_ms(occurred_at: i64, item_at: i64) -> Vec<u8> {
    let bytes = samples::Bytes::framed(1).text("event").text("order_placed").text("order-of-ada");
    let bytes = bytes.long(7).long(occurred_at).long(1);
    bytes.long(1).text("tiramisu").long(item_at).long(0).done()
}

#[test]
fn a_time_in_milliseconds_that_cannot_be_kept_takes_no_other_record_with_it() {
    let millis = ORDER_V1
        .replace("timestamp-micros", "timestamp-millis")
        .replace(r#""int""#, r#"{"type":"long","logicalType":"timestamp-millis"}"#);
    let table = TableSchema::of_record(&millis).unwrap();
    let mut projector = Projector::new("orders", &table.record);
    projector.learn(1, &millis);
    let (noon, last, most) = (NOON_US / 1_000, LAST_US / 1_000, i64::MAX / 1_000);
    for (occurred_at, item_at, cause) in [
        (last, most, None),
        (FIRST_US / 1_000, -most, None),
        (last + 1, 0, Some("years")),
        (FIRST_US / 1_000 - 1, 0, Some("years")),
        (most, 0, Some("years")),
        (most + 1, 0, Some("`occurred_at` holds a time")),
        (i64::MIN, 0, Some("`occurred_at` holds a time")),
        (noon, most + 1, Some("`placed` holds a time")),
        (noon, i64::MIN, Some("`placed` holds a time")),
    ] {
        let (good, odd) = (placed_ms(noon, noon), placed_ms(occurred_at, item_at));
        let values = [good.clone(), odd.clone(), b"poison".to_vec(), good, odd];
        let Projected { rows, quarantined } = project(&mut projector, &table.columns, &values);
        let name = format!("{occurred_at}, {item_at}");
        assert_eq!(quarantined, if cause.is_some() { 3 } else { 1 }, "{name}");
        let odd = cause.is_none().then_some(7);
        assert_eq!(longs(&rows, "sequence"), [Some(7), odd, None, Some(7), odd], "{name}");
        let found = texts(&rows, ERROR)[4].unwrap_or_default();
        assert!(found.contains(cause.unwrap_or_default()), "{name}: {found}");
    }
}

#[test]
fn a_schema_that_no_table_can_have_sets_aside_its_own_records_only() {
    let listed = r#"{"name":"listed","type":{"type":"array","items":
        {"type":"record","name":"Nothing","fields":[]}}}"#;
    let twin = r#"{"name":"Order_ID","type":"string"}"#;
    for (name, avro, cause) in [
        (
            "a block without fields",
            order_with(samples::EMPTY_BLOCK),
            "`archived` is a record without fields",
        ),
        ("a list of nothings", order_with(listed), "`listed[]` is a record without fields"),
        ("a twin", order_with(twin), "`order_id` and `Order_ID`"),
        ("a changed name", ORDER_V1.replace("sequence", "Sequence"), "`sequence` and `Sequence`"),
        ("a twin in a block", ORDER_V1.replace("item_id", "ITEM_ID"), "`placed.items.item_id`"),
        ("a twin of the lineage", ORDER_V1.replace("sequence", "_Topic"), "`_Topic`"),
    ] {
        let (mut projector, table) = given_v1();
        projector.learn(2, &avro);
        assert!(projector.widen(&table).is_none(), "{name}");
        let values = [placed_v1(1, 7), placed_v1(2, 8), placed_v1(1, 9)];
        let Projected { rows, quarantined } = project(&mut projector, &table, &values);
        assert_eq!(quarantined, 1, "{name}");
        assert_eq!(longs(&rows, "sequence"), [Some(7), None, Some(9)], "{name}");
        let found = texts(&rows, ERROR)[1].unwrap();
        assert!(found.starts_with("Schema 2:") && found.contains(cause), "{name}: {found}");
    }
}

/// The first shape and so many types more, the first of one number and each other of the one before it, as often as it
/// has fields of these names.
fn built_up(types: usize, fields: &[&str]) -> String {
    let of = |place: usize| match place {
        0 => r#"{"name":"x","type":"int"}"#.to_owned(),
        _ => {
            let before = place - 1;
            let field = |name| format!(r#"{{"name":"{name}","type":"A{before}"}}"#);
            fields.iter().map(field).collect::<Vec<_>>().join(",")
        }
    };
    let types = (0..types).map(|place| {
        let fields = of(place);
        format!(r#"{{"name":"f{place}","type":{{"type":"record","name":"A{place}","fields":[{fields}]}}}}"#)
    });
    order_with(&types.collect::<Vec<_>>().join(","))
}

/// The first shape and a list of lists of lists.
fn nested(levels: usize) -> String {
    let (open, close) = (r#"{"type":"array","items":"#.repeat(levels), "}".repeat(levels));
    order_with(&format!(r#"{{"name":"nested","type":{open}"int"{close}}}"#))
}

/// The first shape and a type with a long attribute, named a thousand times.
fn laden() -> String {
    let attribute = "!".repeat(10_000);
    let first = format!(
        r#"{{"name":"f","type":{{"type":"record","name":"A","note":"{attribute}","fields":[{{"name":"x","type":"int"}}]}}}}"#
    );
    let more = (0..1_000).map(|place| format!(r#"{{"name":"f{place}","type":"A"}}"#));
    order_with(&std::iter::once(first).chain(more).collect::<Vec<_>>().join(","))
}

#[test]
fn a_schema_that_grows_beyond_all_bounds_sets_aside_its_own_records_only() {
    for (name, avro, cause) in [
        ("doubled forty times", built_up(40, &["l", "r"]), "each name replaced"),
        ("a thousand levels", built_up(1_000, &["l"]), "within each other"),
        ("twenty thousand levels", built_up(20_000, &["l"]), "more than 262144 bytes"),
        ("a text of many levels", nested(100), "within each other"),
        ("a text of more levels", nested(20_000), "bytes"),
        ("a text of as many as fit", nested(10_000), "recursion limit"),
        ("a long attribute", laden(), "each name replaced"),
    ] {
        let (mut projector, table) = given_v1();
        projector.learn(2, &avro);
        let foreign = avro.replace("\"Order\"", "\"Voucher\"");
        projector.learn(3, &foreign);
        assert!(projector.widen(&table).is_none(), "{name}");
        let values = [placed_v1(1, 7), placed_v1(2, 8), placed_v1(3, 9), placed_v1(1, 10)];
        let Projected { rows, quarantined } = project(&mut projector, &table, &values);
        assert_eq!(quarantined, 2, "{name}");
        assert_eq!(longs(&rows, "sequence"), [Some(7), None, None, Some(10)], "{name}");
        let found = texts(&rows, ERROR)[1].unwrap();
        assert!(found.starts_with("Schema 2:") && found.contains(cause), "{name}: {found}");
    }
}

#[test]
fn types_may_lie_within_each_other_up_to_a_limit() {
    for (types, fine) in [(14, true), (15, false)] {
        let table = TableSchema::of_record(&built_up(types, &["l"]));
        assert_eq!(table.is_ok(), fine, "{types}");
    }
}
