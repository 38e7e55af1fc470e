//! Changes of tasks. What one in trouble becomes is counted: the state before is looked up for those
//! alone that were not done at the first attempt.

use super::statements::Statements;
use crate::store::{Counters, Error, Task, TaskChange, TaskState};
use rusqlite::{OptionalExtension, Row, params};

pub fn change(
    tx: &mut Statements<'_>,
    order_id: &str,
    change: &TaskChange,
    counters: &mut Counters,
) -> Result<(), Error> {
    match change {
        TaskChange::Open(task) => insert(tx, task),
        TaskChange::TryAgain { sequence, attempts, next_attempt_at, last_error } => {
            let Some(before) = find(tx, order_id, *sequence)? else { return Ok(()) };
            if before.state != Some(TaskState::Open) {
                return Ok(());
            }
            tx.prepare_cached(
                "UPDATE tasks SET attempts = ?3, next_attempt_at = ?4, last_error = ?5
                 WHERE order_id = ?1 AND sequence = ?2",
            )?
            .execute(params![
                order_id,
                sequence,
                attempts,
                next_attempt_at.0,
                last_error
            ])?;
            before.count(counters, -1);
            counters.add_task_in(TaskState::Open, *attempts, Some(last_error), 1);
            Ok(())
        }
        TaskChange::Close { sequence, attempts, state, last_error } => {
            let end = End { order_id, sequence: *sequence, attempts: *attempts, state: *state };
            close(tx, &end, last_error.as_deref(), counters)
        }
        TaskChange::WithdrawOpen => withdraw_open(tx, order_id, counters),
        TaskChange::WithdrawGivenUp { kind } => {
            let kind = kind.map(|kind| serde_json::to_string(&kind)).transpose()?;
            let withdrawn = tx
                .prepare_cached(
                    "UPDATE tasks SET state = 'withdrawn'
                     WHERE order_id = ?1 AND state = 'given_up' AND kind = coalesce(?2, kind)",
                )?
                .execute(params![order_id, kind])?;
            counters.add_task_in(TaskState::GivenUp, 0, None, -(withdrawn as i64));
            Ok(())
        }
        TaskChange::HurryOpen { due_at } => {
            tx.prepare_cached(
                "UPDATE tasks SET next_attempt_at = min(next_attempt_at, ?2)
                 WHERE order_id = ?1 AND state = 'open'",
            )?
            .execute(params![order_id, due_at.0])?;
            Ok(())
        }
        TaskChange::ProlongOpen { give_up_at } => {
            tx.prepare_cached(
                "UPDATE tasks SET give_up_at = max(give_up_at, ?2)
                 WHERE order_id = ?1 AND state = 'open'",
            )?
            .execute(params![order_id, give_up_at.0])?;
            Ok(())
        }
    }
}

struct End<'a> {
    order_id: &'a str,
    sequence: i64,
    attempts: u32,
    state: TaskState,
}

/// Most tasks are done at the first attempt: those change in one statement.
fn close(
    tx: &mut Statements<'_>,
    end: &End<'_>,
    last_error: Option<&str>,
    counters: &mut Counters,
) -> Result<(), Error> {
    let End { order_id, sequence, attempts, state } = end;
    let values = params![order_id, sequence, attempts, state.as_str(), last_error];
    let untried = tx
        .prepare_cached(
            "UPDATE tasks SET attempts = ?3, state = ?4, last_error = ?5
             WHERE order_id = ?1 AND sequence = ?2 AND state = 'open' AND attempts = 0",
        )?
        .execute(values)?;
    if untried == 0 {
        let Some(before) = find(tx, order_id, *sequence)? else { return Ok(()) };
        // What was withdrawn and is given up all the same stays withdrawn: somebody else does it, or nobody need.
        let is_told_late = before.state == Some(TaskState::Withdrawn) && *state == TaskState::Done;
        if before.state != Some(TaskState::Open) && !is_told_late {
            return Ok(());
        }
        tx.prepare_cached(
            "UPDATE tasks SET attempts = ?3, state = ?4, last_error = ?5
             WHERE order_id = ?1 AND sequence = ?2",
        )?
        .execute(values)?;
        before.count(counters, -1);
    }
    counters.add_task_in(*state, *attempts, last_error, 1);
    Ok(())
}

/// Read before they change: RETURNING would take a table of its own for each order, which costs more than
/// both statements. Most orders have none.
fn withdraw_open(
    tx: &mut Statements<'_>,
    order_id: &str,
    counters: &mut Counters,
) -> Result<(), Error> {
    let sql = "SELECT state, attempts > 0 AND last_error IS DISTINCT FROM 'endpoint_not_yet'
        FROM tasks WHERE order_id = ?1 AND state = 'open'";
    let mut open = tx.prepare_cached(sql)?.query([order_id])?;
    let mut has_some = false;
    while let Some(row) = open.next()? {
        has_some = true;
        Before::read(row)?.count(counters, -1);
    }
    drop(open);
    if has_some {
        let sql = "UPDATE tasks SET state = 'withdrawn' WHERE order_id = ?1 AND state = 'open'";
        tx.prepare_cached(sql)?.execute([order_id])?;
    }
    Ok(())
}

/// What is counted of a task, before it changes: judged as a recount does, so that a task which makes no sense
/// stands in no order's way.
struct Before {
    state: Option<TaskState>,
    has_failed: bool,
}

impl Before {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state = row.get_ref(0)?.as_str().ok().and_then(TaskState::from_word);
        Ok(Self { state, has_failed: row.get(1)? })
    }

    fn count(&self, counters: &mut Counters, by: i64) {
        if let Some(state) = self.state {
            counters.add_task_in(state, self.has_failed.into(), None, by);
        }
    }
}

fn find(tx: &mut Statements<'_>, order_id: &str, sequence: i64) -> Result<Option<Before>, Error> {
    let sql = "SELECT state, attempts > 0 AND last_error IS DISTINCT FROM 'endpoint_not_yet'
        FROM tasks WHERE order_id = ?1 AND sequence = ?2";
    let found = tx.prepare_cached(sql)?.query_row(params![order_id, sequence], Before::read);
    Ok(found.optional()?)
}

pub fn insert(tx: &mut Statements<'_>, task: &Task) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO tasks (order_id, sequence, kind, state, attempts, next_attempt_at, give_up_at,
            last_error, event_id, traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        task.order_id,
        task.sequence,
        serde_json::to_string(&task.kind)?,
        task.state.as_str(),
        task.attempts,
        task.next_attempt_at.0,
        task.give_up_at.0,
        task.last_error,
        task.event_id,
        task.traceparent,
    ])?;
    Ok(())
}
