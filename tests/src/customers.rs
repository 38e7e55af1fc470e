//! Customers who do not give up: whatever is not answered is asked again with the same key, until it
//! is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::{Answer, Api, dinner};

/// How long an answer may fail to come, however often it is asked for: longer than any outage here.
const PATIENCE: Duration = Duration::from_secs(90);

/// What an order has to have become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Delivered, and large enough for a voucher.
    Completed,
    /// Delivered, but too small for a voucher.
    CompletedSmall,
    /// The restaurant said no.
    Rejected,
    /// The customer took it back.
    Cancelled,
}

impl End {
    /// The status that goes with it.
    pub fn status(self) -> &'static str {
        match self {
            Self::Completed | Self::CompletedSmall => "completed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An order that was acknowledged, and every decision about it too.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The order.
    pub id: String,
    /// Who ordered: nobody else's order has this customer.
    pub customer: String,
    /// What it has to have become.
    pub end: End,
}

/// Where customers order: at any of these, the next one when one does not answer.
#[derive(Clone, Debug)]
pub struct Doors {
    apis: Arc<Vec<Api>>,
    next: Arc<AtomicUsize>,
}

impl Doors {
    /// These, of which there is at least one.
    pub fn of(apis: Vec<Api>) -> Self {
        Self { apis: Arc::new(apis), next: Arc::default() }
    }

    fn next(&self) -> Result<Api> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.apis.get(next % self.apis.len().max(1)).cloned().context("there is no door")
    }
}

/// Customers at work.
#[derive(Debug)]
pub struct Customers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Vec<Taken>>>,
}

/// Lets that many customers order until they are told to finish.
pub fn start(doors: &Doors, number: usize) -> Customers {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for _ in 0..number {
        tasks.spawn(order_until(doors.clone(), stop.clone()));
    }
    Customers { stop, tasks }
}

impl Customers {
    /// Lets each customer finish their order, and returns every order that was acknowledged.
    pub async fn finish(mut self) -> Result<Vec<Taken>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut taken = Vec::new();
        while let Some(orders) = self.tasks.join_next().await {
            taken.extend(orders??);
        }
        Ok(taken)
    }
}

async fn order_until(doors: Doors, stop: Arc<AtomicBool>) -> Result<Vec<Taken>> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let end = match taken.len() % 10 {
            3 => End::Rejected,
            5 => End::Cancelled,
            7 => End::CompletedSmall,
            _ => End::Completed,
        };
        taken.push(take(&doors, end).await?);
    }
    Ok(taken)
}

async fn take(doors: &Doors, end: End) -> Result<Taken> {
    let key = Uuid::now_v7().to_string();
    let customer = format!("customer-{key}");
    let mut order = dinner("trattoria", &customer, &format!("{key}@example.com"));
    if end == End::CompletedSmall {
        order.body["items"] = json!([{ "item_id": "tiramisu", "quantity": 1 }]);
    }
    let placed = insist(doors, "place", 201, |api| {
        let (key, order) = (key.clone(), order.clone());
        async move { api.place(&key, &order).await }
    })
    .await?;
    let id = placed.body["id"].as_str().context("the order has no id")?.to_owned();
    let nothing = json!({});
    match end {
        End::Completed | End::CompletedSmall => {
            decide(doors, &id, "accept", &nothing).await?;
            decide(doors, &id, "complete", &nothing).await?;
        }
        End::Rejected => {
            let reason = json!({ "reason": "technical" });
            decide(doors, &id, "reject", &reason).await?;
        }
        End::Cancelled => {
            let reason = json!({ "reason": "changed_my_mind" });
            decide(doors, &id, "cancel", &reason).await?;
        }
    }
    Ok(Taken { id, customer, end })
}

async fn decide(doors: &Doors, id: &str, decision: &str, body: &Value) -> Result<()> {
    insist(doors, decision, 200, |api| async move { api.decide(id, decision, body).await }).await?;
    Ok(())
}

/// Asks until the wanted status comes. No connection, no answer in time, 503, "that key is still at
/// work" and "others keep changing the order" are reasons to ask again; any other answer is a failure.
async fn insist<F, Fut>(doors: &Doors, what: &str, wanted: u16, ask: F) -> Result<Answer>
where
    F: Fn(Api) -> Fut,
    Fut: Future<Output = Result<Answer>>,
{
    let started = Instant::now();
    loop {
        let last = match ask(doors.next()?).await {
            Ok(answer) if answer.status == wanted => return Ok(answer),
            Ok(answer) if is_for_now(&answer, wanted) => {
                format!("{answer:?}")
            }
            Ok(answer) => bail!("{what} answered {answer:?}"),
            Err(error) => format!("{error:#}"),
        };
        if started.elapsed() > PATIENCE {
            bail!("{what} was not answered in {} s: {last}", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_for_now(answer: &Answer, wanted: u16) -> bool {
    answer.status == 503
        || (answer.status == 409 && (wanted == 201 || answer.code() == "contended"))
}
