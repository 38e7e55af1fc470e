//! Sends the tests that owners of endpoints ask for: at once, one attempt each, and tells what came of
//! it. Nothing is kept.

use crate::app::{App, EndpointTest, Tried};
use crate::tasks::Failed;
use crate::tasks::envelope::enveloped;
use crate::tasks::post::{Message, Poster};
use chassis::shutdown::Shutdown;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many tests may be under way at once.
const AT_ONCE: usize = 16;

/// Runs until `shutdown`.
///
/// # Errors
/// None: what comes of a test is its answer.
pub async fn run(
    app: App,
    poster: Arc<Poster>,
    mut asked: mpsc::Receiver<EndpointTest>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            Some(_) = under_way.join_next() => {}
            Some(test) = asked.recv(), if under_way.len() < AT_ONCE => {
                let (app, poster) = (app.clone(), Arc::clone(&poster));
                under_way.spawn(async move { send(&app, &poster, test).await });
            }
            else => return Ok(()),
        }
    }
}

async fn send(app: &App, poster: &Poster, test: EndpointTest) {
    let EndpointTest { endpoint, test_id, reply } = test;
    let now = app.now();
    let data = json!({
        "restaurant_id": endpoint.restaurant_id,
        "endpoint_id": endpoint.endpoint_id,
    });
    let body = enveloped("webhook.test", now, data);
    let message = Message { id: format!("msg_test_{test_id}"), body, traceparent: None };
    let began = Instant::now();
    let sent = poster.send(&endpoint.url.0, &endpoint.keys(now), message).await;
    let outcome = sent.map_err(Failed::code);
    let duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    // Whoever asked may have gone.
    let _ = reply.send(Tried { outcome, duration_ms });
}
