//! The customers and their orders.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::{
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    http1::{Connection, Message},
    measure::Cpu,
    report::Report,
    sinks::{Doorbells, mail_server, webhooks},
    visible::{Step, Watcher},
};
use crate::{
    addresses::Addresses,
    api::{dinner, trattoria},
    restaurant::SECRET,
};

/// How long a customer waits for anything before the order counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Customers, each with one order at a time.
    pub customers: usize,
    /// How long nothing is counted yet.
    pub warm_up: Duration,
    /// How long is counted.
    pub measured: Duration,
}

/// What the customers have noted down while it counted.
#[derive(Default)]
pub(super) struct Notes {
    pub counting: bool,
    pub calls: HashMap<Step, Vec<Duration>>,
    pub totals: Vec<Duration>,
    pub acknowledged: Vec<(Uuid, Step, Instant)>,
    pub failures: HashMap<String, u64>,
}

type Book = Rc<RefCell<Notes>>;

/// Takes orders through the running stack and reports what it measured.
pub async fn run(addresses: &Addresses, load: Load) -> Result<Report> {
    LocalSet::new().run_until(run_locally(addresses, load)).await
}

async fn run_locally(addresses: &Addresses, load: Load) -> Result<Report> {
    let doorbells: Doorbells = Rc::new((0..load.customers).map(|_| Default::default()).collect());
    let hooks = webhooks(doorbells.clone()).await?;
    mail_server(addresses.smtp.trim_start_matches("smtp://"), doorbells.clone()).await?;
    let host = addresses.orders.trim_start_matches("http://").to_owned();
    register_restaurants(&host, &hooks, load.customers).await?;
    let watcher = Watcher::start(&addresses.kafka);
    let book = Book::default();
    for number in 0..load.customers {
        let customer = Customer { number, host: host.clone(), doorbells: doorbells.clone() };
        spawn_local(customer.order_for_ever(book.clone()));
    }
    sleep(load.warm_up).await;
    book.borrow_mut().counting = true;
    let (started, before) = (Instant::now(), Used::now(addresses)?);
    sleep(load.measured).await;
    book.borrow_mut().counting = false;
    let (seconds, used) = (started.elapsed().as_secs_f64(), Used::now(addresses)?);
    let notes = std::mem::take(&mut *book.borrow_mut());
    ensure!(!notes.totals.is_empty(), "no order was completed; {:?}", notes.failures);
    let last = notes.acknowledged.last().map(|(order, step, _)| (*order, *step));
    if let Some((order, step)) = last {
        let until_seen = async {
            while !watcher.has_seen(order, step) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, until_seen).await.context("the last event was not seen on the topic")?;
    }
    let seen = watcher.finish()?;
    Ok(Report::of(load, seconds, notes, &seen, used.since(&before)))
}

/// CPU time of the three processes: orders, the broker and this one.
struct Used([Cpu; 3]);

impl Used {
    fn now(addresses: &Addresses) -> Result<Self> {
        let run = addresses.var.join("run");
        let of = |part: &str| Cpu::of_pid_file(&run.join(format!("{part}.pid")));
        Ok(Self([of("orders")?, of("kafka")?, Cpu::of_self()?]))
    }

    fn since(&self, earlier: &Self) -> [u64; 3] {
        std::array::from_fn(|at| self.0[at].since(earlier.0[at]))
    }
}

async fn register_restaurants(host: &str, hooks: &str, number: usize) -> Result<()> {
    let mut connection = Connection::open(host).await?;
    for number in 0..number {
        let url = format!("{hooks}/{number}");
        let restaurant = trattoria(Some((&url, SECRET))).to_string();
        let path = format!("/v1/restaurants/load-{number}");
        let answer = connection.call("PUT", &path, None, &restaurant).await?;
        let status = answer.status();
        let body = String::from_utf8_lossy(answer.body());
        ensure!((200..300).contains(&status), "PUT {path} answered {status}: {body}");
    }
    Ok(())
}

struct Customer {
    number: usize,
    host: String,
    doorbells: Doorbells,
}

impl Customer {
    async fn order_for_ever(self, book: Book) {
        let mut connection = None;
        loop {
            let open = match connection.take() {
                Some(open) => Ok(open),
                None => Connection::open(&self.host).await,
            };
            let mut open = match open {
                Ok(open) => open,
                Err(error) => {
                    note_failure(&book, &error);
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match timeout(PATIENCE, self.order_once(&mut open, &book)).await {
                Ok(Ok(())) => connection = Some(open),
                Ok(Err(error)) => {
                    note_failure(&book, &error);
                    sleep(Duration::from_millis(20)).await;
                }
                Err(_) => note_failure(&book, &anyhow::anyhow!("30 s without an end")),
            }
        }
    }

    async fn order_once(&self, connection: &mut Connection, book: &Book) -> Result<()> {
        let started = Instant::now();
        let bell = &self.doorbells[self.number];
        let number = self.number;
        let (restaurant, customer) = (format!("load-{number}"), format!("customer-{number}"));
        let order = dinner(&restaurant, &customer, &format!("{number}@sink.example")).to_string();
        let key = Uuid::now_v7().to_string();
        let placed = connection.call("POST", "/v1/orders", Some(&key), &order);
        let placed = self.timed(placed, Step::Placed, None, book).await?;
        let id = placed.field("id").context("the order has no id")?.to_owned();
        bell.announced(&id).await;
        let mails = bell.mails();
        self.decide(connection, &id, Step::Accepted, book).await?;
        bell.mail_after(mails).await;
        self.decide(connection, &id, Step::Completed, book).await?;
        let mut notes = book.borrow_mut();
        if notes.counting {
            notes.totals.push(started.elapsed());
        }
        Ok(())
    }

    async fn decide(
        &self,
        connection: &mut Connection,
        id: &str,
        step: Step,
        book: &Book,
    ) -> Result<()> {
        let word = if step == Step::Accepted { "accept" } else { "complete" };
        let path = format!("/v1/orders/{id}/{word}");
        let body = json!({ "by": "restaurant" }).to_string();
        let answer = connection.call("POST", &path, None, &body);
        self.timed(answer, step, Some(id), book).await?;
        Ok(())
    }

    async fn timed(
        &self,
        call: impl Future<Output = Result<Message>>,
        step: Step,
        id: Option<&str>,
        book: &Book,
    ) -> Result<Message> {
        let asked = Instant::now();
        let answer = call.await?;
        let answered = Instant::now();
        let status = answer.status();
        if !(200..300).contains(&status) {
            bail!("{step:?}: {status} {}", answer.field("code").unwrap_or_default());
        }
        let mut notes = book.borrow_mut();
        if notes.counting {
            notes.calls.entry(step).or_default().push(answered - asked);
            let id = id.or_else(|| answer.field("id")).and_then(|id| id.parse().ok());
            notes.acknowledged.extend(id.map(|id| (id, step, answered)));
        }
        Ok(answer)
    }
}

fn note_failure(book: &Book, error: &anyhow::Error) {
    let mut notes = book.borrow_mut();
    if notes.counting || notes.totals.is_empty() {
        *notes.failures.entry(format!("{error:#}")).or_default() += 1;
    }
}
