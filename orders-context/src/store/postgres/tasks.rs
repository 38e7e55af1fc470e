//! Changes of tasks, many in one statement, those of one order still one after the other.

use crate::domain::TaskKind;
use crate::store::{Error, Task, TaskChange, TaskState};
use chassis::postgres::{Client, Sending};
use std::collections::HashMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

type Value<'a> = &'a (dyn ToSql + Sync);

/// The statements of waves, compiled.
pub struct Statements {
    try_again: Statement,
    close: Statement,
    withdraw_open: Statement,
    withdraw_given_up: Statement,
    hurry_open: Statement,
    prolong_open: Statement,
    insert: Statement,
}

impl Statements {
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            try_again: client.prepare_cached(TRY_AGAIN).await?,
            close: client.prepare_cached(CLOSE).await?,
            withdraw_open: client.prepare_cached(WITHDRAW_OPEN).await?,
            withdraw_given_up: client.prepare_cached(WITHDRAW_GIVEN_UP).await?,
            hurry_open: client.prepare_cached(HURRY_OPEN).await?,
            prolong_open: client.prepare_cached(PROLONG_OPEN).await?,
            insert: client.prepare_cached(INSERT).await?,
        })
    }
}

/// Adds what `changed` says of tasks in trouble to the counters, in the slot that `$1` names. Nothing is
/// written when nothing was in trouble.
macro_rules! counting {
    ($change:literal, retrying: $retrying:literal, given_up: $given_up:literal) => {
        concat!(
            "WITH changed AS (",
            $change,
            "), counted (word, change) AS (
                SELECT 'given_up', sum(",
            $given_up,
            ") FROM changed
                UNION ALL SELECT 'retrying', sum(",
            $retrying,
            ") FROM changed)
            INSERT INTO counters (what, word, bucket, slot, count)
            SELECT 'tasks', word, 0, $1, change FROM counted WHERE change <> 0 ORDER BY word
            ON CONFLICT (what, word, bucket, slot)
                DO UPDATE SET count = counters.count + excluded.count"
        )
    };
}

const TRY_AGAIN: &str = counting! {
    "UPDATE tasks SET attempts = tried.attempts, next_attempt_at = tried.next_attempt_at,
        last_error = tried.last_error
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
            AS tried (order_id, sequence, attempts, next_attempt_at, last_error)
        JOIN tasks AS before USING (order_id, sequence)
    WHERE tasks.order_id = tried.order_id AND tasks.sequence = tried.sequence
        AND tasks.state = 'open'
    RETURNING before.attempts AS tried, before.last_error AS failed, tasks.attempts, tasks.last_error",
    retrying: "(attempts > 0 AND last_error IS DISTINCT FROM 'endpoint_not_yet')::int
        - (tried > 0 AND failed IS DISTINCT FROM 'endpoint_not_yet')::int",
    given_up: "0"
};

const CLOSE: &str = counting! {
    "UPDATE tasks SET attempts = closed.attempts, state = closed.state,
        last_error = closed.last_error
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
            AS closed (order_id, sequence, attempts, state, last_error)
        JOIN tasks AS before USING (order_id, sequence)
    WHERE tasks.order_id = closed.order_id AND tasks.sequence = closed.sequence
        AND (tasks.state = 'open' OR tasks.state = 'withdrawn' AND closed.state = 'done')
    RETURNING before.state AS stood, before.attempts AS tried, before.last_error AS failed,
        tasks.state AS stands",
    retrying: "-(stood = 'open' AND tried > 0 AND failed IS DISTINCT FROM 'endpoint_not_yet')::int",
    given_up: "(stands = 'given_up')::int"
};

const WITHDRAW_OPEN: &str = counting! {
    "UPDATE tasks SET state = 'withdrawn' WHERE order_id = ANY($2::text[]) AND state = 'open'
    RETURNING attempts, last_error",
    retrying: "-(attempts > 0 AND last_error IS DISTINCT FROM 'endpoint_not_yet')::int",
    given_up: "0"
};

const WITHDRAW_GIVEN_UP: &str = counting! {
    "UPDATE tasks SET state = 'withdrawn'
    FROM unnest($2::text[], $3::text[]) AS anew (order_id, kind)
    WHERE tasks.order_id = anew.order_id AND tasks.state = 'given_up'
        AND tasks.kind = coalesce(anew.kind, tasks.kind)
    RETURNING tasks.sequence",
    retrying: "0",
    given_up: "-1"
};

const HURRY_OPEN: &str = "UPDATE tasks
    SET next_attempt_at = least(tasks.next_attempt_at, hurried.at)
    FROM unnest($1::text[], $2::bigint[]) AS hurried (order_id, at)
    WHERE tasks.order_id = hurried.order_id AND tasks.state = 'open'";

const PROLONG_OPEN: &str = "UPDATE tasks SET give_up_at = greatest(tasks.give_up_at, prolonged.at)
    FROM unnest($1::text[], $2::bigint[]) AS prolonged (order_id, at)
    WHERE tasks.order_id = prolonged.order_id AND tasks.state = 'open'";

const INSERT: &str = "INSERT INTO tasks (order_id, sequence, kind, state, attempts,
        next_attempt_at, give_up_at, last_error, event_id, traceparent)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[])";

/// The changes of a group. The first changes of all orders make the first wave, the second ones the
/// next: within a wave no two are of the same order, so a wave's statements may run in any order.
#[derive(Default)]
pub struct Waves<'a> {
    waves: Vec<Wave<'a>>,
    next: HashMap<&'a str, usize>,
}

#[derive(Default)]
struct Wave<'a> {
    tried: Attempts<'a>,
    closed: Attempts<'a>,
    withdrawn: Vec<&'a str>,
    anew: Anew<'a>,
    hurried: Moments<'a>,
    prolonged: Moments<'a>,
    opened: Opened<'a>,
}

/// Attempts that have come to their end. Of a closed task there is no next one.
#[derive(Default)]
struct Attempts<'a> {
    order_id: Vec<&'a str>,
    sequence: Vec<i64>,
    attempts: Vec<i64>,
    next_attempt_at: Vec<i64>,
    state: Vec<&'a str>,
    last_error: Vec<Option<&'a str>>,
}

/// What was given up of an order and is done anew: of one kind, or all.
#[derive(Default)]
struct Anew<'a> {
    order_id: Vec<&'a str>,
    kind: Vec<Option<String>>,
}

/// A moment for all that is open of an order.
#[derive(Default)]
struct Moments<'a> {
    order_id: Vec<&'a str>,
    at: Vec<i64>,
}

#[derive(Default)]
struct Opened<'a> {
    order_id: Vec<&'a str>,
    sequence: Vec<i64>,
    kind: Vec<String>,
    state: Vec<&'a str>,
    attempts: Vec<i64>,
    next_attempt_at: Vec<i64>,
    give_up_at: Vec<i64>,
    last_error: Vec<Option<&'a str>>,
    event_id: Vec<&'a str>,
    traceparent: Vec<Option<&'a str>>,
}

impl<'a> Waves<'a> {
    /// Adds a change after those of the same order that were added before.
    pub fn push(&mut self, order_id: &'a str, change: &'a TaskChange) -> Result<(), Error> {
        let next = self.next.entry(order_id).or_default();
        if *next == self.waves.len() {
            self.waves.push(Wave::default());
        }
        let wave = &mut self.waves[*next];
        *next += 1;
        match change {
            TaskChange::Open(task) => wave.opened.push(task)?,
            TaskChange::TryAgain { sequence, attempts, next_attempt_at, last_error } => {
                let at = next_attempt_at.0;
                let error = Some(last_error.as_str());
                wave.tried.push(order_id, *sequence, *attempts, at, TaskState::Open, error);
            }
            TaskChange::Close { sequence, attempts, state, last_error } => {
                let error = last_error.as_deref();
                wave.closed.push(order_id, *sequence, *attempts, 0, *state, error);
            }
            TaskChange::WithdrawOpen => wave.withdrawn.push(order_id),
            TaskChange::WithdrawGivenUp { kind } => wave.anew.push(order_id, *kind)?,
            TaskChange::HurryOpen { due_at } => wave.hurried.push(order_id, due_at.0),
            TaskChange::ProlongOpen { give_up_at } => wave.prolonged.push(order_id, give_up_at.0),
        }
        Ok(())
    }

    /// The statements, to be sent in their order.
    pub fn sendings<'s>(
        &'s self,
        client: &'s Client,
        statements: &'s Statements,
        slot: &'s i32,
    ) -> impl Iterator<Item = Sending<'s, Vec<Row>, Error>> {
        self.waves.iter().flat_map(move |wave| wave.sendings(client, statements, slot))
    }
}

impl Wave<'_> {
    fn sendings<'s>(
        &'s self,
        client: &'s Client,
        statements: &'s Statements,
        slot: &'s i32,
    ) -> Vec<Sending<'s, Vec<Row>, Error>> {
        let mut sendings: Vec<Sending<'s, Vec<Row>, Error>> = Vec::new();
        if !self.tried.order_id.is_empty() {
            sendings.push(Box::pin(async move {
                let Attempts { order_id, sequence, attempts, next_attempt_at, last_error, .. } =
                    &self.tried;
                let values: [Value<'_>; 6] =
                    [slot, order_id, sequence, attempts, next_attempt_at, last_error];
                Ok(client.query(&statements.try_again, &values).await?)
            }));
        }
        if !self.closed.order_id.is_empty() {
            sendings.push(Box::pin(async move {
                let Attempts { order_id, sequence, attempts, state, last_error, .. } = &self.closed;
                let values: [Value<'_>; 6] =
                    [slot, order_id, sequence, attempts, state, last_error];
                Ok(client.query(&statements.close, &values).await?)
            }));
        }
        if !self.withdrawn.is_empty() {
            sendings.push(Box::pin(async move {
                Ok(client.query(&statements.withdraw_open, &[slot, &self.withdrawn]).await?)
            }));
        }
        if !self.anew.order_id.is_empty() {
            sendings.push(Box::pin(async move {
                let values: [Value<'_>; 3] = [slot, &self.anew.order_id, &self.anew.kind];
                Ok(client.query(&statements.withdraw_given_up, &values).await?)
            }));
        }
        for (moments, statement) in
            [(&self.hurried, &statements.hurry_open), (&self.prolonged, &statements.prolong_open)]
        {
            if !moments.order_id.is_empty() {
                let values: [Value<'_>; 2] = [&moments.order_id, &moments.at];
                sendings.push(Box::pin(async move { Ok(client.query(statement, &values).await?) }));
            }
        }
        if !self.opened.order_id.is_empty() {
            sendings.push(Box::pin(async {
                Ok(client.query(&statements.insert, &self.opened.values()).await?)
            }));
        }
        sendings
    }
}

impl<'a> Attempts<'a> {
    fn push(
        &mut self,
        order_id: &'a str,
        sequence: i64,
        attempts: u32,
        next_attempt_at: i64,
        state: TaskState,
        last_error: Option<&'a str>,
    ) {
        self.order_id.push(order_id);
        self.sequence.push(sequence);
        self.attempts.push(attempts.into());
        self.next_attempt_at.push(next_attempt_at);
        self.state.push(state.as_str());
        self.last_error.push(last_error);
    }
}

impl<'a> Anew<'a> {
    fn push(&mut self, order_id: &'a str, kind: Option<TaskKind>) -> Result<(), Error> {
        self.order_id.push(order_id);
        self.kind.push(kind.map(|kind| serde_json::to_string(&kind)).transpose()?);
        Ok(())
    }
}

impl<'a> Moments<'a> {
    fn push(&mut self, order_id: &'a str, at: i64) {
        self.order_id.push(order_id);
        self.at.push(at);
    }
}

impl<'a> Opened<'a> {
    fn push(&mut self, task: &'a Task) -> Result<(), Error> {
        self.order_id.push(&task.order_id);
        self.sequence.push(task.sequence);
        self.kind.push(serde_json::to_string(&task.kind)?);
        self.state.push(task.state.as_str());
        self.attempts.push(task.attempts.into());
        self.next_attempt_at.push(task.next_attempt_at.0);
        self.give_up_at.push(task.give_up_at.0);
        self.last_error.push(task.last_error.as_deref());
        self.event_id.push(&task.event_id);
        self.traceparent.push(task.traceparent.as_deref());
        Ok(())
    }

    fn values(&self) -> [Value<'_>; 10] {
        [
            &self.order_id,
            &self.sequence,
            &self.kind,
            &self.state,
            &self.attempts,
            &self.next_attempt_at,
            &self.give_up_at,
            &self.last_error,
            &self.event_id,
            &self.traceparent,
        ]
    }
}
