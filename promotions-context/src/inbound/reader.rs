//! From bytes to what promotions needs to know of an order.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use chassis::kafka::Incoming;
use chassis::telemetry::trace::TraceParent;
use schemas::{DecodeError, Decoder, OrderEvent, OrderFact};

use crate::app::{CompletedEvent, Reading};
use crate::domain::CompletedOrder;

/// The longest id that goes on into vouchers and their events, in bytes: nobody's is nearly as long, and a record
/// that Kafka refuses for its size would hold up all that come after it.
const LONGEST_ID: usize = 1_024;

/// What a registry says about a schema id.
#[derive(Clone, Debug)]
pub enum FetchedSchema {
    /// The schema's text.
    Known(Arc<str>),
    /// There is no such schema.
    Missing,
}

/// Asks a registry for a schema by id. An error says that it could not be asked.
pub type FetchSchema = Box<dyn FnMut(u32) -> anyhow::Result<FetchedSchema> + Send>;

/// Reads order events and fetches the schemas they were written with, each once.
pub struct OrderReader {
    decoder: Decoder<OrderEvent>,
    fetch: FetchSchema,
}

impl OrderReader {
    /// A reader that has seen no schema yet.
    #[must_use]
    pub fn new(fetch: FetchSchema) -> Self {
        Self { decoder: Decoder::new(), fetch }
    }

    /// Reads a record. Ids that the registry does not have are added to `missing` and not asked
    /// for again.
    ///
    /// # Errors
    /// The registry could not be asked: read the record again later. Never because of the record.
    pub fn read(
        &mut self,
        record: &Incoming,
        missing: &mut HashSet<u32>,
    ) -> anyhow::Result<Reading> {
        let Some(payload) = &record.payload else {
            let cause = "the record has no value".to_owned();
            return Ok(Reading::Unreadable { class: "no_value", cause });
        };
        let mut decoded = self.decoder.decode(payload);
        if let Err(DecodeError::UnknownSchema(id)) = decoded
            && !missing.contains(&id)
        {
            match (self.fetch)(id).with_context(|| format!("schema {id} could not be fetched"))? {
                FetchedSchema::Missing => {
                    missing.insert(id);
                }
                FetchedSchema::Known(schema) => {
                    decoded =
                        self.decoder.add(id, &schema).and_then(|()| self.decoder.decode(payload));
                }
            }
        }
        Ok(match decoded {
            Ok(event) => meaning(event, record),
            Err(error) => Reading::Unreadable { class: error.class(), cause: cause(&error) },
        })
    }
}

fn meaning(event: OrderEvent, record: &Incoming) -> Reading {
    let OrderFact::OrderCompleted(_) = &event.fact else {
        return Reading::WithoutEffect;
    };
    let copied = [&event.event_id, &event.order_id, &event.customer_id, &event.currency];
    if copied.iter().any(|text| text.len() > LONGEST_ID) {
        let cause = format!("an id or a currency has more than {LONGEST_ID} bytes");
        return Reading::Unreadable { class: "too_long", cause };
    }
    let trace = header(record, "traceparent").and_then(TraceParent::parse);
    let correlation_id = header(record, "ce_correlationid").filter(|id| id.len() <= LONGEST_ID);
    let correlation_id = correlation_id.unwrap_or(&event.order_id).to_owned();
    Reading::Completed(CompletedEvent {
        event_id: event.event_id,
        correlation_id,
        traceparent: trace.map_or_else(TraceParent::new_root, |trace| trace.child()).to_string(),
        order: CompletedOrder {
            order_id: event.order_id,
            customer_id: event.customer_id,
            total_minor: event.total_minor,
            currency: event.currency,
        },
    })
}

fn header<'a>(record: &'a Incoming, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(known, _)| known == name)?;
    std::str::from_utf8(value).ok()
}

/// What is wrong with a record, without any part of it: a decoder's own words may quote the body.
fn cause(error: &DecodeError) -> String {
    match error {
        DecodeError::UnknownSchema(id) => format!("the registry has no schema {id}"),
        DecodeError::Corrupt { id, .. } => format!("the body does not match schema {id}"),
        other => other.to_string(),
    }
}
