//! Our facts out: the journal's rows as the records that the relay publishes.

mod journal;
mod schema_id;

pub use journal::{VoucherJournal, published_form};
pub use schema_id::{SchemaIdSource, wait_for_schema_id};
