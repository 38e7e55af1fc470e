//! One order, from the request to its completion.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    http1::{Connection, Message},
    sink::{Doorbells, Who, restaurants_at},
    visible::Step,
};
use crate::{
    api::{dinner, trattoria},
    restaurant::SECRET,
    tokens::Tokens,
};

/// How long an order may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was noted down.
#[derive(Default)]
pub struct Notes {
    /// Whether anything is noted yet.
    pub counting: bool,
    /// How long each answer took.
    pub calls: HashMap<Step, Vec<Duration>>,
    /// How long each order took until it was completed.
    pub totals: Vec<Duration>,
    /// When what was answered.
    pub acknowledged: Vec<(Uuid, Step, Instant)>,
    /// How long it took to refuse: 429 or 503, with the time after which to come back.
    pub refusals: Vec<Duration>,
    /// What went wrong and how often.
    pub failures: HashMap<String, u64>,
}

impl Notes {
    /// An order that did not come to its end.
    pub fn failed(&mut self, error: &anyhow::Error) {
        if self.counting {
            *self.failures.entry(format!("{error:#}")).or_default() += 1;
        }
    }
}

/// A restaurant and its only customer, who has one order at a time.
pub struct Pair {
    number: usize,
    connection: Connection,
    doorbells: Doorbells,
    order: String,
    /// The customer's token.
    customer: String,
    /// The restaurant's.
    kitchen: String,
    /// Whether keys are random; they grow with time otherwise.
    pub random_keys: bool,
}

impl Pair {
    /// Connects to orders at `host:port`. The restaurant is registered already.
    pub async fn new(
        number: usize,
        host: &str,
        doorbells: Doorbells,
        tokens: &Tokens,
    ) -> Result<Self> {
        let connection = Connection::open(host).await?;
        let dinner = dinner(&restaurant(number), &format!("customer-{number}"), "ada@example.org");
        let customer = tokens.customer(&dinner.customer)?;
        let kitchen = tokens.restaurant(&restaurant(number))?;
        let order = dinner.body.to_string();
        Ok(Self { number, connection, doorbells, order, customer, kitchen, random_keys: false })
    }

    /// Takes one order all the way. Times count from `due`, the moment at which it was to be placed.
    pub async fn order(&mut self, due: Instant, note: &mut impl FnMut(Noted)) -> Result<()> {
        timeout(PATIENCE, self.order_patiently(due, note))
            .await
            .context("an order took too long")?
    }

    fn key(&self) -> Uuid {
        let growing = Uuid::now_v7();
        if !self.random_keys {
            return growing;
        }
        let mut bytes = growing.into_bytes();
        // What is random in it stands at its end.
        bytes.reverse();
        Uuid::new_v8(bytes)
    }

    async fn order_patiently(&mut self, due: Instant, note: &mut impl FnMut(Noted)) -> Result<()> {
        let key = self.key().to_string();
        let asked = Instant::now();
        let placed =
            self.connection.call("POST", "/v1/orders", &self.customer, Some(&key), &self.order);
        let placed = placed.await?;
        if refused(&placed)?.is_some() {
            // A customer who is sent away does not come back; the next one comes in any case.
            note(Noted::Refused(asked.elapsed()));
            return Ok(());
        }
        ensure!(placed.status() == 201, "placed: {}", placed.status());
        let id = placed.field("id").context("the order has no id")?.to_owned();
        note(Noted::answer(Step::Placed, &id, due));
        self.doorbells[self.number].heard(Who::Restaurant, &id).await;
        self.decide("accept", Step::Accepted, &id, note).await?;
        self.doorbells[self.number].heard(Who::Customer, &id).await;
        self.decide("complete", Step::Completed, &id, note).await?;
        note(Noted::Done(due.elapsed()));
        Ok(())
    }

    async fn decide(
        &mut self,
        word: &str,
        step: Step,
        id: &str,
        note: &mut impl FnMut(Noted),
    ) -> Result<()> {
        let path = format!("/v1/orders/{id}/{word}");
        let first_asked = Instant::now();
        let answer = loop {
            let asked = Instant::now();
            let answer = self.connection.call("POST", &path, &self.kitchen, None, "").await?;
            // A restaurant has work to finish: it comes back when it was told to.
            let Some(after) = refused(&answer)? else { break answer };
            note(Noted::Refused(asked.elapsed()));
            sleep(after).await;
        };
        if answer.status() != 200 {
            bail!("{word}: {} {}", answer.status(), answer.field("code").unwrap_or_default());
        }
        note(Noted::answer(step, id, first_asked));
        Ok(())
    }
}

/// Something to note down.
pub enum Noted {
    /// An answer came.
    Answer {
        /// To which call.
        step: Step,
        /// Of which order.
        order: Option<Uuid>,
        /// When.
        at: Instant,
        /// How long it took.
        took: Duration,
    },
    /// An order was completed in this time.
    Done(Duration),
    /// Something was refused, to be asked again later: after this time.
    Refused(Duration),
}

impl Noted {
    fn answer(step: Step, id: &str, asked: Instant) -> Self {
        let at = Instant::now();
        Self::Answer { step, order: id.parse().ok(), at, took: at - asked }
    }
}

/// After what time to come back, if the answer is that it is too much now. One that does not say it is a failure.
fn refused(answer: &Message) -> Result<Option<Duration>> {
    if !matches!(answer.status(), 429 | 503) {
        return Ok(None);
    }
    let status = answer.status();
    let after = answer.retry_after().with_context(|| format!("{status} without Retry-After"))?;
    Ok(Some(Duration::from_secs(after)))
}

fn restaurant(number: usize) -> String {
    format!("load-{number}")
}

/// Registers so many restaurants with orders at `host:port`, all told at the sink at `sink`.
pub async fn register_restaurants(
    host: &str,
    sink: &str,
    count: usize,
    tokens: &Tokens,
) -> Result<()> {
    let operator = tokens.operator()?;
    let mut connection = Connection::open(host).await?;
    for number in 0..count {
        let url = format!("{}/{number}", restaurants_at(sink));
        let body = trattoria(Some((&url, SECRET))).to_string();
        let path = format!("/v1/restaurants/{}", restaurant(number));
        let answer = connection.call("PUT", &path, &operator, None, &body).await?;
        let said = String::from_utf8_lossy(answer.body());
        ensure!(answer.is_success(), "PUT {path} answered {}: {said}", answer.status());
    }
    Ok(())
}
