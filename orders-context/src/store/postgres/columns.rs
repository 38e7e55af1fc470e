//! Rows on their way in: each column an array, so that one statement writes them all.

use super::journal::FIRST;
use super::rows::{text, to_json};
use crate::domain::Order;
use crate::store::{Commit, Contact, Entry, Error, Remembered};
use std::borrow::Cow;
use tokio_postgres::types::ToSql;

type Value<'a> = &'a (dyn ToSql + Sync);

/// Keys that were used.
#[derive(Default)]
pub struct Keys<'a> {
    key: Vec<&'a str>,
    request_hash: Vec<&'a [u8]>,
    order_id: Vec<&'a str>,
    at: Vec<i64>,
}

impl<'a> Keys<'a> {
    /// Returns the keys that nobody had used; waits for others who are about to use one.
    pub const INSERT: &'static str = "INSERT INTO idempotency (key, request_hash, order_id, at)
        SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[])
        ON CONFLICT DO NOTHING RETURNING key";

    pub fn push(&mut self, remembered: &'a Remembered) {
        self.key.push(&remembered.key);
        self.request_hash.push(&remembered.request_hash);
        self.order_id.push(&remembered.order_id);
        self.at.push(remembered.at.0);
    }

    pub fn values(&self) -> [Value<'_>; 4] {
        [&self.key, &self.request_hash, &self.order_id, &self.at]
    }
}

/// Orders as they are from now on.
#[derive(Default)]
pub struct Orders<'a> {
    order_id: Vec<&'a str>,
    version: Vec<i64>,
    status: Vec<&'a str>,
    restaurant_id: Vec<&'a str>,
    customer_id: Vec<&'a str>,
    placed_at: Vec<i64>,
    since: Vec<i64>,
    deadline: Vec<Option<i64>>,
    wake_at: Vec<Option<i64>>,
    state: Vec<String>,
    flow_version: Vec<i32>,
}

impl<'a> Orders<'a> {
    /// Returns the ids that did not exist.
    pub const INSERT: &'static str = "INSERT INTO orders
        (order_id, version, status, restaurant_id, customer_id, placed_at, since, deadline, wake_at,
            state, flow_version)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::int[])
        ON CONFLICT DO NOTHING RETURNING order_id";

    pub const UPDATE: &'static str = "UPDATE orders SET version = moved.version,
            status = moved.status, since = moved.since, deadline = moved.deadline,
            wake_at = moved.wake_at, state = moved.state, flow_version = moved.flow_version
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::text[], $8::int[])
            AS moved (order_id, version, status, since, deadline, wake_at, state, flow_version)
        WHERE orders.order_id = moved.order_id";

    pub fn push(&mut self, order: &'a Order, wake_at: Option<i64>) -> Result<(), Error> {
        self.order_id.push(&order.order_id);
        self.version.push(order.version);
        self.status.push(order.status.as_str());
        self.restaurant_id.push(&order.restaurant_id);
        self.customer_id.push(&order.customer_id);
        self.placed_at.push(order.placed_at.0);
        self.since.push(order.since.0);
        self.deadline.push(order.deadline().map(|at| at.0));
        self.wake_at.push(wake_at);
        self.state.push(to_json(order)?);
        self.flow_version.push(order.flow_version.number());
        Ok(())
    }

    pub fn to_insert(&self) -> [Value<'_>; 11] {
        [
            &self.order_id,
            &self.version,
            &self.status,
            &self.restaurant_id,
            &self.customer_id,
            &self.placed_at,
            &self.since,
            &self.deadline,
            &self.wake_at,
            &self.state,
            &self.flow_version,
        ]
    }

    pub fn to_update(&self) -> [Value<'_>; 8] {
        [
            &self.order_id,
            &self.version,
            &self.status,
            &self.since,
            &self.deadline,
            &self.wake_at,
            &self.state,
            &self.flow_version,
        ]
    }

    pub fn is_empty(&self) -> bool {
        self.order_id.is_empty()
    }
}

/// What became true, in the order in which it is to be read.
#[derive(Default)]
pub struct Journal<'a> {
    place: Vec<i64>,
    event_id: Vec<&'a str>,
    order_id: Vec<&'a str>,
    sequence: Vec<i64>,
    occurred_at: Vec<i64>,
    status: Vec<&'a str>,
    actor: Vec<&'a str>,
    data: Vec<String>,
    restaurant_id: Vec<&'a str>,
    customer_id: Vec<&'a str>,
    total_minor: Vec<i64>,
    currency: Vec<&'a str>,
    traceparent: Vec<Option<&'a str>>,
    causation_id: Vec<Option<&'a str>>,
    flow_version: Vec<i32>,
}

impl<'a> Journal<'a> {
    pub fn insert() -> String {
        format!(
            "INSERT INTO journal (position, event_id, order_id, sequence, occurred_at, status,
                actor, data, restaurant_id, customer_id, total_minor, currency, traceparent,
                causation_id, flow_version)
             SELECT {FIRST} + place, event_id, order_id, sequence, occurred_at, status, actor, data,
                restaurant_id, customer_id, total_minor, currency, traceparent, causation_id,
                flow_version
             FROM unnest($1::bigint[], $2::text[], $3::text[],
                $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[],
                $15::int[])
                AS entry (place, event_id, order_id, sequence, occurred_at, status, actor, data,
                restaurant_id, customer_id, total_minor, currency, traceparent, causation_id, flow_version)"
        )
    }

    pub fn push(&mut self, commit: &'a Commit, entry: &'a Entry) -> Result<(), Error> {
        let order = &*commit.order;
        self.place.push(self.place.len() as i64);
        self.event_id.push(&entry.event_id);
        self.order_id.push(&order.order_id);
        self.sequence.push(entry.sequence);
        self.occurred_at.push(entry.occurred_at.0);
        self.status.push(entry.status.as_str());
        self.actor.push(&entry.actor);
        self.data.push(to_json(&entry.event)?);
        self.restaurant_id.push(&order.restaurant_id);
        self.customer_id.push(&order.customer_id);
        self.total_minor.push(order.total_minor);
        self.currency.push(&order.currency);
        self.traceparent.push(entry.traceparent.as_deref());
        self.causation_id.push(entry.causation_id.as_deref());
        self.flow_version.push(order.flow_version.number());
        Ok(())
    }

    pub fn values(&self) -> [Value<'_>; 15] {
        [
            &self.place,
            &self.event_id,
            &self.order_id,
            &self.sequence,
            &self.occurred_at,
            &self.status,
            &self.actor,
            &self.data,
            &self.restaurant_id,
            &self.customer_id,
            &self.total_minor,
            &self.currency,
            &self.traceparent,
            &self.causation_id,
            &self.flow_version,
        ]
    }

    pub fn len(&self) -> usize {
        self.place.len()
    }
}

/// How to reach customers.
#[derive(Default)]
pub struct Contacts<'a> {
    order_id: Vec<&'a str>,
    name: Vec<Cow<'a, str>>,
    email: Vec<Cow<'a, str>>,
    note: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Contacts<'a> {
    pub const INSERT: &'static str = "INSERT INTO contacts (order_id, name, email, note)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])";

    pub fn push(&mut self, order_id: &'a str, contact: &'a Contact) {
        self.order_id.push(order_id);
        self.name.push(text(&contact.name));
        self.email.push(text(&contact.email));
        self.note.push(contact.note.as_deref().map(text));
    }

    pub fn values(&self) -> [Value<'_>; 4] {
        [&self.order_id, &self.name, &self.email, &self.note]
    }

    pub fn is_empty(&self) -> bool {
        self.order_id.is_empty()
    }
}

/// What restaurants want customers to read.
#[derive(Default)]
pub struct Remarks<'a> {
    order_id: Vec<&'a str>,
    remark: Vec<Cow<'a, str>>,
}

impl<'a> Remarks<'a> {
    pub const UPDATE: &'static str = "UPDATE contacts SET remark = said.remark
        FROM unnest($1::text[], $2::text[]) AS said (order_id, remark)
        WHERE contacts.order_id = said.order_id";

    pub fn push(&mut self, order_id: &'a str, remark: &'a str) {
        self.order_id.push(order_id);
        self.remark.push(text(remark));
    }

    pub fn values(&self) -> [Value<'_>; 2] {
        [&self.order_id, &self.remark]
    }

    pub fn is_empty(&self) -> bool {
        self.order_id.is_empty()
    }
}
