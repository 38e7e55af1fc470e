//! The feed of a restaurant, cut a hundred times: by its client, in the middle of an event too, by a
//! process that is killed and by one that stops. Nothing is lost and nothing comes twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::json;
use system_tests::{
    api::{Api, dinner},
    eventually::eventually,
    postgres::Postgres,
    sse::{Event, Parser},
    stack::Stack,
};
use tokio::task::block_in_place;

use super::served::{Served, migrate};

const CUTS: usize = 100;

/// So often the process goes, and not the client.
const RESTART_EVERY: usize = 25;

/// How many orders are made at most of which nothing has been read yet.
const MOST_AHEAD: usize = 200;

/// Added to every port of the database's stack.
const PORT_OFFSET: u16 = 20_500;

/// How long anything may take before it counts as missing.
const LIMIT: Duration = Duration::from_secs(60);

/// What is told of an event.
#[derive(Debug, Deserialize)]
struct News {
    order_id: String,
    event_id: String,
    sequence: i64,
}

impl News {
    fn name(&self) -> (String, u64) {
        (self.order_id.clone(), self.sequence as u64)
    }
}

/// Somebody who follows a restaurant, and writes everything down.
struct Follower {
    client: Client,
    url: String,
    token: String,
    parser: Parser,
    /// By the ids they were told under, in the order they were told.
    seen: Vec<(i64, News)>,
    /// The orders that were told of.
    orders: BTreeSet<String>,
    /// How many these are, for the cook to see.
    told: Arc<AtomicUsize>,
}

impl Follower {
    /// Comes back behind what was told last. Nothing may have been missed.
    async fn connect(&mut self) -> Result<Response> {
        let last_id = self.parser.last_id().to_owned();
        self.parser = Parser::after(&last_id);
        let mut response = eventually("the feed is there", LIMIT, async || {
            let mut request = self.client.get(&self.url).bearer_auth(&self.token);
            if !last_id.is_empty() {
                request = request.header("Last-Event-ID", &last_id);
            }
            let response = request.send().await?;
            ensure!(response.status() == 200, "{}", response.status());
            Ok(Some(response))
        })
        .await?;
        // The beginning is the first whole event; what comes with it is an event already.
        let mut first = Vec::new();
        while first.is_empty() {
            let bytes = response.chunk().await?.context("it ended before it began")?;
            first = self.parser.read(&bytes);
        }
        let ready = first.remove(0);
        ensure!(ready.name == "ready", "{ready:?} behind {last_id:?}");
        ensure!(last_id.is_empty() || ready.id == last_id, "{ready:?} behind {last_id:?}");
        self.note(first)?;
        Ok(response)
    }

    fn note(&mut self, events: Vec<Event>) -> Result<()> {
        for event in events.into_iter().filter(|event| event.name != "heartbeat") {
            let news: News = serde_json::from_str(&event.data)?;
            self.orders.insert(news.order_id.clone());
            self.seen.push((event.id.parse()?, news));
        }
        self.told.store(self.orders.len(), Ordering::SeqCst);
        Ok(())
    }

    /// Reads until at least so many more events have come; the last piece of the stream only in part,
    /// if `torn`. Whether the stream still goes on.
    async fn read(&mut self, response: &mut Response, more: usize, torn: bool) -> Result<bool> {
        let enough = self.seen.len().saturating_add(more);
        while self.seen.len() < enough {
            let Ok(Some(bytes)) = response.chunk().await else { return Ok(false) };
            let last = self.seen.len() + 1 >= enough && torn;
            let events = self.parser.read(if last { &bytes[..bytes.len() / 2] } else { &bytes });
            self.note(events)?;
            if last {
                break;
            }
        }
        Ok(true)
    }

    /// Reads until it has been told of everything that is `missing`.
    async fn read_all(
        &mut self,
        response: &mut Response,
        mut missing: BTreeSet<(String, u64)>,
    ) -> Result<()> {
        let mut looked_at = 0;
        loop {
            for (_, news) in &self.seen[looked_at..] {
                missing.remove(&news.name());
            }
            looked_at = self.seen.len();
            if missing.is_empty() {
                return Ok(());
            }
            let next = tokio::time::timeout(LIMIT, self.read(response, 1, false)).await;
            let Ok(Ok(true)) = next else {
                bail!("{} events never came, such as {:?}", missing.len(), missing.first());
            };
        }
    }
}

/// Places orders and decides about them, one after the other, until it is told to stop; their ids.
/// While nobody answers, it asks again. It is so few orders ahead of the `told` ones that their events are
/// not too many to be told of later.
async fn cook(api: Api, told: Arc<AtomicUsize>, stop: Arc<AtomicBool>) -> Result<Vec<String>> {
    let mut orders = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let made = orders.len();
        let may_go_on = || made <= told.load(Ordering::SeqCst) + MOST_AHEAD;
        eventually("the feed is read on", LIMIT, async || {
            Ok((stop.load(Ordering::SeqCst) || may_go_on()).then_some(()))
        })
        .await?;
        let key = format!("\"dinner-{}\"", orders.len());
        let order = dinner("nino", "c-1815", "ada@example.org");
        let placed = eventually("an order is taken", LIMIT, async || {
            let answer = api.place(&key, &order).await?;
            Ok((answer.status == 201).then_some(answer))
        })
        .await?;
        let id = placed.body["id"].as_str().context("no id")?.to_owned();
        let decisions: &[&str] = match orders.len() % 3 {
            0 => &["accept", "complete"],
            1 => &["reject"],
            _ => &["accept"],
        };
        for decision in decisions {
            let body =
                if *decision == "reject" { json!({ "reason": "closed" }) } else { json!({}) };
            eventually("a decision is taken", LIMIT, async || {
                let answer = api.decide(&id, decision, &body).await?;
                Ok((answer.status == 200).then_some(()))
            })
            .await?;
        }
        orders.push(id);
    }
    Ok(orders)
}

/// A rejection as `closed` would close the restaurant.
const NEVER_CLOSED: [(&str, &str); 2] = [("ORDERS_CLOSED_MS", "0"), ("ORDERS_PAUSE_MS", "0")];

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_cut_a_hundred_times_tells_everything_once() -> Result<()> {
    cut(Served::start(&NEVER_CLOSED).await?).await
}

/// There, what commits late lies before what was told already.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_over_postgres_that_is_cut_a_hundred_times_tells_everything_once() -> Result<()> {
    // Of the stack, which sees to the server's end, the smallest part is started.
    let stack = block_in_place(|| Stack::start_parts("feed", PORT_OFFSET, &["mail"]))?;
    let postgres = block_in_place(|| Postgres::beside(&stack))?;
    let database = ("ORDERS_DATABASE_URL", postgres.url());
    migrate(postgres.url())?;
    let [closed, pause] = NEVER_CLOSED;
    cut(Served::start(&[closed, pause, database]).await?).await
}

async fn cut(mut served: Served) -> Result<()> {
    let client = Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/restaurants/nino/feed", served.url);
    let (token, parser) = (served.tokens.restaurant("nino")?, Parser::default());
    let told = Arc::new(AtomicUsize::new(0));
    let mut follower = Follower {
        client,
        url,
        token,
        parser,
        seen: Vec::new(),
        orders: BTreeSet::new(),
        told: Arc::clone(&told),
    };
    let mut response = follower.connect().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let cooking = tokio::spawn(cook(served.api.clone(), told, Arc::clone(&stop)));
    for cut in 1..=CUTS {
        let restarts = cut % RESTART_EVERY == 0;
        // Who tears a piece in two reads no further.
        let torn = cut % 3 == 0 && !restarts;
        let goes_on = follower.read(&mut response, 1 + cut % 4, torn).await?;
        ensure!(goes_on, "nobody cut it, and it ended before {cut}");
        if restarts {
            let signal = if cut % (2 * RESTART_EVERY) == 0 { "KILL" } else { "TERM" };
            let read_on = follower.read(&mut response, usize::MAX, false);
            let (ended, restarted) = tokio::join!(read_on, served.restart(signal));
            restarted?;
            ensure!(!ended?, "it goes on after the end of its process");
        }
        drop(response);
        response = follower.connect().await?;
    }
    stop.store(true, Ordering::SeqCst);
    let orders = cooking.await??;

    // Attempts that fail, to reach the mail server for instance, go on meanwhile: what the histories
    // say now has to come.
    let mut happened = BTreeMap::new();
    for id in &orders {
        for entry in served.api.history(id).await? {
            happened.insert((id.clone(), entry.sequence), entry.event_id);
        }
    }
    follower.read_all(&mut response, happened.keys().cloned().collect()).await?;
    let seen = &follower.seen;
    let told: BTreeSet<_> = seen.iter().map(|(_, news)| news.name()).collect();
    ensure!(told.len() == seen.len(), "something came twice");
    ensure!(seen.is_sorted_by(|(one, _), (next, _)| one < next), "ids rise");
    for (_, news) in seen {
        let event_id = happened.get(&news.name());
        ensure!(event_id.is_none_or(|event_id| *event_id == news.event_id), "{news:?}");
    }
    println!("{CUTS} cuts, {} orders, {} events", orders.len(), seen.len());
    Ok(())
}
