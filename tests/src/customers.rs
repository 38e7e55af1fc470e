//! Customers who do not give up: whatever is not answered is asked again with the same key, until it
//! is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    api::{Answer, Api, dinner},
    stack::Settings,
};

/// How long an answer may fail to come, however often it is asked for: longer than any outage here.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a restaurant may take to answer under [`HASTE`]: longer than anybody who means to decide
/// has to ask, as a rule.
pub const ACCEPT_WITHIN: Duration = Duration::from_secs(20);

/// How long the whole order may take under [`HASTE`].
pub const COMPLETE_WITHIN: Duration = Duration::from_secs(45);

/// What orders has to be told, so that customers can be left alone within a test: the times above, in
/// milliseconds, and that a restaurant which is silent again and again goes on.
pub const HASTE: Settings = &[
    ("ORDERS_ACCEPT_WITHIN_MS", "20000"),
    ("ORDERS_COMPLETE_WITHIN_MS", "45000"),
    ("ORDERS_PAUSE_AFTER_EXPIRED", "0"),
];

/// By how much the clocks of two processes may differ.
const CLOCKS_DIFFER_BY: Duration = Duration::from_millis(500);

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
    /// The restaurant never answered.
    Expired,
    /// The restaurant said yes and no more.
    TimedOut,
}

impl End {
    /// The status that goes with it.
    pub fn status(self) -> &'static str {
        match self {
            Self::Completed | Self::CompletedSmall => "completed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::TimedOut => "timed_out",
        }
    }

    /// The end to which a deadline brings an order, when that is where a decision found it.
    fn of_too_late(answer: &Answer) -> Option<Self> {
        if !matches!(answer.code(), "deadline_passed" | "decided_otherwise") {
            return None;
        }
        match answer.body["current_status"].as_str() {
            Some("placed" | "notified" | "expired") => Some(Self::Expired),
            Some("accepted" | "confirmed" | "timed_out") => Some(Self::TimedOut),
            _ => None,
        }
    }

    /// How long after its placing a deadline may bring an order there; none does to the others.
    fn after(self) -> Option<Duration> {
        match self {
            Self::Expired => Some(ACCEPT_WITHIN),
            Self::TimedOut => Some(COMPLETE_WITHIN),
            _ => None,
        }
    }

    /// What is decided about the order on the way there, if no deadline comes before.
    fn decisions(self) -> Vec<(&'static str, Value)> {
        let nothing = || json!({});
        match self {
            Self::Completed | Self::CompletedSmall => {
                vec![("accept", nothing()), ("complete", nothing())]
            }
            Self::Rejected => vec![("reject", json!({ "reason": "technical" }))],
            Self::Cancelled => vec![("cancel", json!({ "reason": "changed_my_mind" }))],
            Self::Expired => Vec::new(),
            Self::TimedOut => vec![("accept", nothing())],
        }
    }

    /// Whether a deadline brings an order there, and nobody's decision.
    pub fn comes_by_itself(self) -> bool {
        self.after().is_some()
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
    /// Whether that is because a decision came too late, as whoever decided was told.
    pub is_late: bool,
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

/// Takes that many orders, one after the other, with an end of each kind among any ten of them.
pub async fn one_by_one(doors: &Doors, number: usize) -> Result<Vec<Taken>> {
    let mut taken = Vec::new();
    while taken.len() < number {
        taken.push(take(doors, end_of(taken.len())).await?);
    }
    Ok(taken)
}

async fn order_until(doors: Doors, stop: Arc<AtomicBool>) -> Result<Vec<Taken>> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        taken.push(take(&doors, end_of(taken.len())).await?);
    }
    Ok(taken)
}

/// What the order with that number is to become.
fn end_of(number: usize) -> End {
    match number % 10 {
        1 => End::Expired,
        3 => End::Rejected,
        5 => End::Cancelled,
        7 => End::CompletedSmall,
        9 => End::TimedOut,
        _ => End::Completed,
    }
}

async fn take(doors: &Doors, end: End) -> Result<Taken> {
    let key = Uuid::now_v7().to_string();
    let customer = format!("customer-{key}");
    let mut order = dinner("trattoria", &customer, &format!("{key}@example.com"));
    if end == End::CompletedSmall {
        order.body["items"] = json!([{ "item_id": "tiramisu", "quantity": 1 }]);
    }
    let began = Instant::now();
    let placed = insist(doors, "place", 201, |api| {
        let (key, order) = (key.clone(), order.clone());
        async move { api.place(&key, &order).await }
    })
    .await?;
    let id = placed.body["id"].as_str().context("the order has no id")?.to_owned();
    for (decision, body) in end.decisions() {
        if let Some(end) = decide(doors, &id, decision, &body).await? {
            let is_in_time =
                end.after().is_some_and(|most| began.elapsed() + CLOCKS_DIFFER_BY < most);
            ensure!(!is_in_time, "{decision} came too late for {id} after {:?}", began.elapsed());
            return Ok(Taken { id, customer, end, is_late: true });
        }
    }
    Ok(Taken { id, customer, end, is_late: false })
}

/// Nothing once it is decided so; the end of the order when its time was over.
async fn decide(doors: &Doors, id: &str, decision: &str, body: &Value) -> Result<Option<End>> {
    let answer =
        insist(doors, decision, 200, |api| async move { api.decide(id, decision, body).await });
    Ok(End::of_too_late(&answer.await?))
}

/// Asks until the wanted status comes, or the answer that it is too late for it. No connection, no answer in time, 503, "that key is still at
/// work" and "others keep changing the order" are reasons to ask again; any other answer is a failure.
async fn insist<F, Fut>(doors: &Doors, what: &str, wanted: u16, ask: F) -> Result<Answer>
where
    F: Fn(Api) -> Fut,
    Fut: Future<Output = Result<Answer>>,
{
    let started = Instant::now();
    loop {
        let last = match ask(doors.next()?).await {
            Ok(answer) if answer.status == wanted || End::of_too_late(&answer).is_some() => {
                return Ok(answer);
            }
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
