//! Rows as values: one place that knows the columns.

use crate::domain::{FlowVersion, Status, Timestamp};
use crate::store::damage::pass_over;
use crate::store::{Error, JournalRow, Task, TaskState};
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// The columns of [`journal_row`], in its order.
pub const JOURNAL: &str = "position, event_id, order_id, sequence, occurred_at, status, actor, data, \
    restaurant_id, customer_id, total_minor, currency, traceparent, causation_id, flow_version";

/// The columns of [`task`], in its order.
pub const TASK: &str = "order_id, sequence, kind, state, attempts, next_attempt_at, give_up_at, \
    last_error, event_id, traceparent";

pub fn journal_row(row: &Row) -> Result<JournalRow, Error> {
    Ok(JournalRow {
        position: get(row, 0)?,
        event_id: get(row, 1)?,
        order_id: get(row, 2)?,
        sequence: get(row, 3)?,
        occurred_at: Timestamp(get(row, 4)?),
        status: word(row, 5, Status::from_word)?,
        actor: get(row, 6)?,
        event: json(row, 7)?,
        flow_version: flow_version(row, 14)?,
        restaurant_id: get(row, 8)?,
        customer_id: get(row, 9)?,
        total_minor: get(row, 10)?,
        currency: get(row, 11)?,
        traceparent: get(row, 12)?,
        causation_id: get(row, 13)?,
    })
}

pub fn task(row: &Row) -> Result<Task, Error> {
    let attempts: i64 = get(row, 4)?;
    Ok(Task {
        order_id: get(row, 0)?,
        sequence: get(row, 1)?,
        kind: json(row, 2)?,
        state: word(row, 3, TaskState::from_word)?,
        attempts: u32::try_from(attempts).map_err(|cause| Error::Corrupt(cause.into()))?,
        next_attempt_at: Timestamp(get(row, 5)?),
        give_up_at: Timestamp(get(row, 6)?),
        last_error: get(row, 7)?,
        event_id: get(row, 8)?,
        traceparent: get(row, 9)?,
    })
}

/// A column that older rows have nothing in.
fn flow_version(row: &Row, at: usize) -> Result<Option<FlowVersion>, Error> {
    let number: Option<i32> = get(row, at)?;
    let unknown = |what: String| Error::Corrupt(anyhow::anyhow!(what));
    number.map(|number| FlowVersion::try_from(number).map_err(unknown)).transpose()
}

/// A column as it is.
pub fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Error> {
    row.try_get(at).map_err(|cause| Error::Corrupt(cause.into()))
}

/// A column of JSON.
pub fn json<T: serde::de::DeserializeOwned>(row: &Row, at: usize) -> Result<T, Error> {
    Ok(serde_json::from_str(get(row, at)?)?)
}

/// A column of one of our words.
pub fn word<T>(row: &Row, at: usize, parse: fn(&str) -> Option<T>) -> Result<T, Error> {
    let text: &str = get(row, at)?;
    parse(text).ok_or_else(|| Error::Corrupt(anyhow::anyhow!("unknown word {text:?}")))
}

/// All of these rows of a table that can be read; the second column names each.
pub fn readable<T>(
    table: &'static str,
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    for row in rows {
        found.extend(pass_over(table, get(row, 1)?, read(row))?);
    }
    Ok(found)
}

/// What is kept as JSON, as PostgreSQL can read it: all but the null character, for which another stands in.
///
/// # Errors
/// It cannot be written.
pub fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(value)?;
    Ok(if json.contains("\\u0000") { clean_json(&json) } else { json })
}

/// The same of JSON that is there already; of anything else, all but what looks like that escape.
pub fn clean_json(json: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(at) = rest.find('\\') {
        // A backslash and what it stands before: another one, or the null character among others.
        let is_null = rest[at..].starts_with("\\u0000");
        let next = rest[at + 1..].chars().next().map_or(0, char::len_utf8);
        let end = at + if is_null { 6 } else { 1 + next };
        kept.push_str(&rest[..at]);
        kept.push_str(if is_null { "\\ufffd" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

/// Text as PostgreSQL can hold it: all but the null character, for which another stands in. No id
/// and no key has it, so asking for one that does finds nothing.
pub fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_null_character_and_all_else_is_as_it_was() {
        for (told, kept) in [
            ("plain", "plain"),
            ("a\0b\0", "a\u{fffd}b\u{fffd}"),
            (r"a back\slash \u0000", r"a back\slash \u0000"),
            ("\\\0\\\"\n\u{1}\0é", "\\\u{fffd}\\\"\n\u{1}\u{fffd}é"),
        ] {
            let json = to_json(&[told]).unwrap();
            assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [kept]);
        }
    }

    #[test]
    fn what_is_no_json_comes_through_as_it_was() {
        for text in [r"[Tor C] \", r"[2\Ö]", r"\", r"\\", "", r"{\u00"] {
            assert_eq!(clean_json(text), text);
        }
        assert_eq!(clean_json(r"\u0000\u0000Ö\"), r"\ufffd\ufffdÖ\");
    }
}
