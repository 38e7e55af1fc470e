//! Tells endpoints what happens to the orders of their restaurants: rows made of the journal ([`plan`]),
//! attempts until each is taken or pointless. One who does this at a time is enough; two do no harm: a
//! receiver may then hear twice, under the same `webhook-id`.

mod body;
mod pauses;
pub(crate) mod plan;

use crate::app::{App, Failure};
use crate::domain::{Attempt, Delivery, Endpoint};
use crate::leases::{Held, STOP_WITHIN};
use crate::store::{Health, Store};
use crate::tasks::Failed;
use crate::tasks::mail::Mailer;
use crate::tasks::post::{Message, Poster};
use crate::tasks::schedule;
use chassis::shutdown::Shutdown;
use plan::Planner;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How often the journal is looked at, and what is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often paused endpoints are looked after.
const LOOK_AFTER_PAUSED_EVERY: Duration = Duration::from_secs(30);

/// How many attempts may be under way at once, and to one endpoint: a slow one does not hold up others.
const AT_ONCE: usize = 256;
const AT_ONCE_EACH: usize = 4;

/// How many of them may begin at endpoints that fail, one at each, which may take long: those that work do not wait for
/// them. And how many at those that work: some room is left in which it is found out that an endpoint works again.
const AT_ONCE_FAILING: usize = AT_ONCE / 2;
const AT_ONCE_WELL: usize = AT_ONCE - AT_ONCE / 8;

/// How many pages of the journal one look reads.
const PAGES: usize = 20;

/// What the loop works with.
#[derive(Clone)]
pub struct Parts {
    /// Knows the time.
    pub app: App,
    /// Keeps endpoints and deliveries.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub poster: Arc<Poster>,
    /// To the owners of endpoints; none where there is no mail server.
    pub mailer: Option<Arc<Mailer>>,
    /// An endpoint of which every attempt failed for so long is paused.
    pub pause_after_ms: i64,
}

/// Runs until `shutdown`, then lets attempts come to their end, but not for long: who takes the work over
/// repeats what has not. No attempt begins when the lease is no longer `held`.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(parts: Parts, held: Held, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut planner = Planner::new(Arc::clone(&parts.store));
    let mut sending = Sending { parts, held, under_way: HashMap::new(), attempts: JoinSet::new() };
    let (mut look_at, mut look_after_at) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = sleep_until(look_after_at) => {
                sending.look_after_paused();
                look_after_at = Instant::now() + LOOK_AFTER_PAUSED_EVERY;
            }
            Some(ended) = sending.attempts.join_next() => {
                sending.under_way.remove(&ended?);
            }
            () = sleep_until(look_at) => {
                if let Err(error) = sending.look(&mut planner, &shutdown).await {
                    tracing::warn!(error = %format!("{error:#}"), "endpoints wait");
                }
                look_at = Instant::now() + LOOK_EVERY;
            }
        }
    }
    let finish = async { while sending.attempts.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_WITHIN, finish).await;
    Ok(())
}

/// Names a delivery: its endpoint and its event.
type Key = (String, String);

struct Sending {
    parts: Parts,
    held: Held,
    under_way: HashMap<Key, Health>,
    attempts: JoinSet<Key>,
}

impl Sending {
    /// Looks after paused endpoints, beside what else is under way.
    fn look_after_paused(&mut self) {
        let key = (String::new(), "paused".to_owned());
        if !self.held.is_valid() || self.under_way.contains_key(&key) {
            return;
        }
        self.under_way.insert(key.clone(), Health::Well);
        let parts = self.parts.clone();
        self.attempts.spawn(async move {
            let (given_up, told) =
                (pauses::give_up(&parts).await, pauses::tell_owners(&parts).await);
            if let Err(error) = given_up.map_err(Failure::from).and(told) {
                tracing::warn!(%error, "paused endpoints wait");
            }
            key
        });
    }

    /// Makes deliveries of what is new, and starts what is due and not under way, whatever came of the former.
    async fn look(&mut self, planner: &mut Planner, shutdown: &Shutdown) -> anyhow::Result<()> {
        let planned = self.plan(planner, shutdown).await;
        self.begin(Health::Well, AT_ONCE_EACH, AT_ONCE_WELL).await?;
        self.begin(Health::Failing, 1, AT_ONCE_FAILING).await?;
        planned
    }

    async fn plan(&self, planner: &mut Planner, shutdown: &Shutdown) -> anyhow::Result<()> {
        for _ in 0..PAGES {
            if shutdown.is_cancelled() || !self.held.is_valid() || !planner.go_on().await? {
                break;
            }
        }
        Ok(())
    }

    /// Starts what is due to endpoints of that `health`, until so many attempts at them are under way, and at `each`.
    async fn begin(&mut self, health: Health, each: usize, most: usize) -> anyhow::Result<()> {
        let now = self.parts.app.now();
        // Those under way are among them.
        let due = self.parts.store.due_deliveries(now, health, each, 2 * most).await?;
        let mut at_each: HashMap<String, usize> = HashMap::new();
        for (endpoint_id, _) in self.under_way.keys() {
            *at_each.entry(endpoint_id.clone()).or_default() += 1;
        }
        let mut alike = self.under_way.values().filter(|other| **other == health).count();
        for (endpoint, delivery) in due {
            let key = (delivery.endpoint_id.clone(), delivery.event_id.clone());
            let at_this = at_each.entry(endpoint.endpoint_id.clone()).or_default();
            let has_room = *at_this < each && alike < most && self.under_way.len() < AT_ONCE;
            if !has_room || !self.held.is_valid() || self.under_way.contains_key(&key) {
                continue;
            }
            self.under_way.insert(key.clone(), health);
            (*at_this, alike) = (*at_this + 1, alike + 1);
            let (parts, held) = (self.parts.clone(), self.held.clone());
            self.attempts.spawn(async move {
                if let Err(error) = attempt(&parts, &endpoint, &delivery, &held).await {
                    tracing::warn!(%error, "a delivery will be repeated: it could not be noted");
                }
                key
            });
        }
        Ok(())
    }
}

/// One attempt, noted with what it says of the endpoint.
async fn attempt(
    parts: &Parts,
    endpoint: &Endpoint,
    delivery: &Delivery,
    held: &Held,
) -> Result<(), Failure> {
    let (store, now) = (&parts.store, parts.app.now());
    if now >= delivery.give_up_at {
        metrics::counter!(ATTEMPTS, "outcome" => "given_up").increment(1);
        store.replace_delivery(delivery.given_up()).await?;
        return Ok(());
    }
    let message = Message {
        id: delivery.webhook_id(),
        body: delivery.body.clone().into_bytes(),
        traceparent: delivery.traceparent.as_deref(),
    };
    if !held.is_valid() {
        return Ok(());
    }
    let began = Instant::now();
    let sent = parts.poster.send(&endpoint.url.0, &endpoint.keys(now), message).await;
    let duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (taken, hopeless) = (sent.is_ok(), matches!(sent, Err(Failed::ForGood(_))));
    let word = if taken { "delivered" } else { "failed" };
    metrics::counter!(ATTEMPTS, "outcome" => word).increment(1);
    let ended = parts.app.now();
    let again_at = schedule::after(endpoint.profile, delivery.attempts + 1, ended, rand::random());
    let attempt = Attempt { at: now, outcome: sent.map_err(Failed::code), duration_ms };
    let next = delivery.attempted(attempt, (!hopeless).then_some(again_at));
    store.replace_delivery(next).await?;
    if let Some(next) = endpoint.attempted(taken, ended, parts.pause_after_ms) {
        // Whoever changed it meanwhile was right: the next attempt says the same again.
        let is_changed = store.replace_endpoint(next.clone()).await?;
        if is_changed && next.pause.is_some() {
            pauses::tell_owner(parts, &next).await?;
        }
    }
    Ok(())
}

/// Counts attempts, by outcome.
const ATTEMPTS: &str = "orders_delivery_attempts_total";
