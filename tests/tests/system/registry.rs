//! The real registry as the keeper of the language: it knows every shipped schema, and refuses one
//! that would break a reader.

use anyhow::Result;
use schemas::{
    Decoder, OrderEvent,
    registry::{Outcome, RegistryClient, apply},
    topics::{ORDER_EVENTS_VALUE, Owner},
};
use serde_json::{Value, json};

use super::support::shared;

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_has_every_shipped_schema_and_takes_them_again() -> Result<()> {
    let shared = shared().await?;
    let registry = RegistryClient::new(&shared.addresses().registry)?;
    for owner in [Owner::Orders, Owner::Promotions] {
        for applied in apply(&registry, owner).await? {
            assert_eq!(applied.outcome, Outcome::Unchanged, "{applied:?}");
            let schema = registry.schema_by_id(applied.id).await?;
            let read = Decoder::<OrderEvent>::new().add(applied.id, &schema);
            assert_eq!(read.is_ok(), applied.subject == ORDER_EVENTS_VALUE.name, "{applied:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_refuses_what_would_break_a_reader() -> Result<()> {
    let shared = shared().await?;
    let subject = ORDER_EVENTS_VALUE;
    let url = format!("{}/subjects/{}/versions", shared.addresses().registry, subject.name);
    let mut schema: Value = serde_json::from_str(subject.latest())?;
    let additional = json!({ "name": "mood", "type": "string" });
    schema["fields"].as_array_mut().into_iter().for_each(|fields| fields.push(additional.clone()));
    let body = json!({ "schema": schema.to_string(), "schemaType": "AVRO" });
    let post = reqwest::Client::new().post(&url);
    let refused = post
        .header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .body(body.to_string())
        .send()
        .await?;
    assert_eq!(refused.status(), 409, "{}", refused.text().await?);
    Ok(())
}
