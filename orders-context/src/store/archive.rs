//! Compact history: all that is kept of an order at rest, in one value: its journal and its tasks,
//! texts word for word as they stood in their tables, and of its row what its journal does not tell:
//! the rest of it is the fold, as every version of this program makes it.
//!
//! A value is a byte that names its form, and a zstd frame with a checksum. Form 1 is JSON, compressed
//! with [`DICTIONARY`]: what all orders have in common is stored once, in this program. A form that was
//! written to a database never changes, nor does its dictionary; a new one stands beside it.

use super::{Error, JournalRow, Kept, KeptRow, Task, TaskState};
use crate::domain::{Event, FlowVersion, Order, Status, TaskWas, Timestamp, evolve};
use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

/// Names the form.
const FORM: u8 = 1;

/// How values of form 1 read.
const DICTIONARY: &[u8] = include_bytes!("archive/form-1.dictionary");

/// Level of compression: 24 µs for an order of five events. Level 5 takes twice that for 11 % less.
const LEVEL: i32 = 3;

/// Longer values are damaged.
const LIMIT_BYTES: u64 = 64 << 20;

/// Which orders go to compact history next: those that rest, of which everything is published and
/// nothing is to be done, and to which nothing has happened for a while.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    /// Journals are looked through behind this position.
    pub after: i64,
    /// Everything up to this position is on the topic.
    pub published: i64,
    /// Nothing happened to them from this moment on.
    pub before: Timestamp,
    /// The present moment. What happened later was written by a clock that was wrong, and ends no portion.
    pub now: Timestamp,
    /// How many rows of the journal are looked at.
    pub limit: usize,
}

impl Portion {
    /// Whether all that comes behind a row of this moment is younger than what may go.
    #[must_use]
    pub fn ends_at(&self, occurred_at: Timestamp) -> bool {
        self.before <= occurred_at && occurred_at <= self.now
    }
}

/// What became of a portion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Where the next portion begins.
    pub reached: i64,
    /// Whether there was more than this portion took.
    pub has_more: bool,
    /// Orders that went.
    pub orders: usize,
    /// Their rows of the journal.
    pub events: usize,
    /// What is kept of them instead.
    pub bytes: usize,
}

/// All of an order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Whole {
    /// Whose.
    pub order_id: String,
    /// Of the row of the order.
    pub row: RawRow,
    /// The rows of its tasks.
    pub tasks: Vec<RawTask>,
    /// Its journal, ascending by sequence.
    pub journal: Vec<RawEvent>,
}

/// An order on its way back: all of it can be read.
#[derive(Debug)]
pub struct Returning {
    pub whole: Whole,
    /// The fold of its journal.
    pub order: Order,
    /// As they stand from now on.
    pub tasks: Vec<Task>,
}

/// Columns of the row of an order: what checks compare with the journal.
#[derive(Debug, Serialize, Deserialize)]
pub struct RawRow {
    pub version: i64,
    pub status: String,
    pub restaurant_id: String,
    pub placed_at: i64,
}

/// An order as it stands in its tables.
#[derive(Debug)]
pub struct Living {
    pub whole: Whole,
    /// The fold as it was kept beside the journal.
    pub state: String,
}

/// A row of a task.
#[derive(Debug, Serialize, Deserialize)]
pub struct RawTask {
    pub sequence: i64,
    pub kind: Box<RawValue>,
    pub state: String,
    pub attempts: i64,
    pub next_attempt_at: i64,
    pub give_up_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub event_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A row of the journal.
#[derive(Debug, Serialize, Deserialize)]
pub struct RawEvent {
    pub position: i64,
    pub event_id: String,
    pub sequence: i64,
    pub occurred_at: i64,
    pub status: String,
    pub actor: String,
    pub data: Box<RawValue>,
    pub restaurant_id: String,
    pub customer_id: String,
    pub total_minor: i64,
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_version: Option<i32>,
}

/// An order on its way to compact history, and what must still hold of its rows when it gets there.
#[derive(Debug)]
pub struct Packed {
    pub order_id: String,
    pub version: i64,
    pub status: String,
    pub attempts: i64,
    pub events: usize,
    pub data: Vec<u8>,
}

/// Text of a column that holds JSON.
pub fn raw(text: String) -> Result<Box<RawValue>, Error> {
    Ok(RawValue::from_string(text)?)
}

impl Living {
    /// Whether it may go with `portion`. One whose journal is not whole, or does not lead to its row, or whose
    /// tasks cannot be read, stays where checks find it.
    #[must_use]
    pub fn may_go(&self, portion: &Portion) -> bool {
        let Whole { row, tasks, journal, .. } = &self.whole;
        let rests = Status::from_word(&row.status).is_some_and(Status::is_at_rest);
        let open = TaskState::Open.as_str();
        rests
            && tasks.iter().all(|task| task.state != open)
            && journal.iter().all(|row| row.position <= portion.published)
            && journal.iter().all(|row| row.occurred_at < portion.before.0)
            && journal.iter().map(|row| row.sequence).eq(1..=row.version)
            && self.is_fold().unwrap_or(false)
            && self.whole.tasks().is_ok()
    }

    fn is_fold(&self) -> Result<bool, Error> {
        Ok(self.whole.order()? == serde_json::from_str(&self.state)?)
    }
}

impl Whole {
    /// The order as its events have made it.
    ///
    /// # Errors
    /// [`Error::Corrupt`], as with all of these.
    pub fn order(&self) -> Result<Order, Error> {
        let mut order = None;
        for row in &self.journal {
            let event = serde_json::from_str(row.data.get())?;
            order = evolve(order, &self.order_id, Timestamp(row.occurred_at), &event);
        }
        order.ok_or_else(|| Error::Corrupt(anyhow!("a journal that places no order")))
    }

    /// The same, unless anything of it cannot be read that it needs to come back.
    pub fn readable_order(&self) -> Result<Order, Error> {
        self.tasks()?;
        self.order()
    }

    /// Ready to come back. A task that was given up and then done anew by another is withdrawn: earlier versions
    /// left it as it was.
    pub fn returning(self) -> Result<Returning, Error> {
        let (order, mut tasks) = (self.order()?, self.tasks()?);
        for row in &self.journal {
            let event: Event = serde_json::from_str(row.data.get())?;
            for task in tasks.iter_mut().filter(|task| task.sequence < row.sequence) {
                let is_done_anew = match &event {
                    Event::OrderRedriven { .. } => true,
                    Event::TaskRedriven { task: kind, was: TaskWas::GivenUp, .. } => {
                        *kind == task.kind
                    }
                    _ => false,
                };
                if task.state == TaskState::GivenUp && is_done_anew {
                    task.state = TaskState::Withdrawn;
                }
            }
        }
        Ok(Returning { whole: self, order, tasks })
    }

    /// Oldest first.
    pub fn tasks(&self) -> Result<Vec<Task>, Error> {
        self.tasks.iter().map(|task| task.typed(&self.order_id)).collect()
    }

    /// Rows of the journal after `sequence`, at most `limit`.
    pub fn history(&self, after: i64, limit: usize) -> Result<Vec<JournalRow>, Error> {
        let rows = self.journal.iter().filter(|row| row.sequence > after);
        rows.take(limit).map(|row| row.typed(&self.order_id)).collect()
    }

    /// For checks: what cannot be read is told of.
    pub fn kept(&self) -> Kept {
        let mut kept = Kept { order_id: self.order_id.clone(), ..Kept::default() };
        match self.kept_row() {
            Ok(row) => kept.row = Some(row),
            Err(error) => kept.unreadable.push(format!("the row: {error}")),
        }
        for row in &self.journal {
            match row.typed(&self.order_id) {
                Ok(row) => kept.journal.push(row),
                Err(error) => kept.unreadable.push(format!("an event: {error}")),
            }
        }
        let tasks = self.tasks.iter().map(|task| task.typed(&self.order_id));
        kept.unreadable
            .extend(tasks.filter_map(Result::err).map(|error| format!("a task: {error}")));
        kept
    }

    fn kept_row(&self) -> Result<KeptRow, Error> {
        let order = self.order()?;
        Ok(KeptRow {
            version: self.row.version,
            status: word(&self.row.status, Status::from_word)?,
            restaurant_id: self.row.restaurant_id.clone(),
            customer_id: Some(order.customer_id.clone()),
            flow_version: order.flow_version.number(),
            placed_at: Timestamp(self.row.placed_at),
            since: Some(order.since),
            deadline: order.deadline(),
            wake_at: None,
            order,
        })
    }
}

impl RawTask {
    fn typed(&self, order_id: &str) -> Result<Task, Error> {
        Ok(Task {
            order_id: order_id.to_owned(),
            sequence: self.sequence,
            kind: serde_json::from_str(self.kind.get())?,
            state: word(&self.state, TaskState::from_word)?,
            attempts: u32::try_from(self.attempts).map_err(|cause| Error::Corrupt(cause.into()))?,
            next_attempt_at: Timestamp(self.next_attempt_at),
            give_up_at: Timestamp(self.give_up_at),
            last_error: self.last_error.clone(),
            event_id: self.event_id.clone(),
            traceparent: self.traceparent.clone(),
        })
    }
}

impl RawEvent {
    fn typed(&self, order_id: &str) -> Result<JournalRow, Error> {
        Ok(JournalRow {
            position: self.position,
            event_id: self.event_id.clone(),
            order_id: order_id.to_owned(),
            sequence: self.sequence,
            occurred_at: Timestamp(self.occurred_at),
            status: word(&self.status, Status::from_word)?,
            actor: self.actor.clone(),
            event: serde_json::from_str(self.data.get())?,
            flow_version: self.flow_version.map(flow).transpose()?,
            restaurant_id: self.restaurant_id.clone(),
            customer_id: self.customer_id.clone(),
            total_minor: self.total_minor,
            currency: self.currency.clone(),
            traceparent: self.traceparent.clone(),
            causation_id: self.causation_id.clone(),
        })
    }
}

fn flow(number: i32) -> Result<FlowVersion, Error> {
    FlowVersion::try_from(number).map_err(|what| Error::Corrupt(anyhow!(what)))
}

fn word<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<T, Error> {
    parse(text).ok_or_else(|| Error::Corrupt(anyhow!("unknown word {text:?}")))
}

/// Makes values, many with one preparation.
pub struct Packer(Compressor<'static>);

impl Packer {
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> Result<Self, Error> {
        let prepare = || {
            let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARY)?;
            compressor.include_checksum(true)?;
            Ok(Self(compressor))
        };
        prepare().map_err(|cause: std::io::Error| Error::Unavailable(cause.into()))
    }

    /// The value of an order.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pack(&mut self, whole: &Whole) -> Result<Packed, Error> {
        let text = serde_json::to_vec(whole)?;
        let frame = self.0.compress(&text).map_err(|cause| Error::Unavailable(cause.into()))?;
        let mut data = Vec::with_capacity(frame.len() + 1);
        data.push(FORM);
        data.extend(frame);
        Ok(Packed {
            order_id: whole.order_id.clone(),
            version: whole.row.version,
            status: whole.row.status.clone(),
            attempts: whole.tasks.iter().map(|task| task.attempts).sum(),
            events: whole.journal.len(),
            data,
        })
    }
}

/// The order that a value was made of.
///
/// # Errors
/// [`Error::Corrupt`]: damaged, or of a form that a newer version writes.
pub fn unpack(data: &[u8]) -> Result<Whole, Error> {
    let damaged = |cause: std::io::Error| Error::Corrupt(cause.into());
    let frame = match data.split_first() {
        Some((&FORM, frame)) => frame,
        Some((form, _)) => return Err(Error::Corrupt(anyhow!("unknown form {form}"))),
        None => return Err(Error::Corrupt(anyhow!("an empty value"))),
    };
    let length = match get_frame_content_size(frame) {
        Ok(Some(length)) if length <= LIMIT_BYTES => length,
        _ => return Err(Error::Corrupt(anyhow!("a damaged value"))),
    };
    let length = usize::try_from(length).map_err(|cause| Error::Corrupt(cause.into()))?;
    let mut decompressor = Decompressor::with_dictionary(DICTIONARY).map_err(damaged)?;
    let text = decompressor.decompress(frame, length).map_err(damaged)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests;
