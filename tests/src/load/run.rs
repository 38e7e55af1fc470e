//! The two ways of bringing load, and the measurement around them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{
    task::{LocalSet, spawn_local},
    time::{sleep, sleep_until, timeout},
};

use super::{
    cost::Watched,
    order::{Noted, Notes, Pair, register_restaurants},
    published::Published,
    report::{Memory, Report},
    sink::{self, Doorbells},
    visible::{Ends, Seen, Watcher},
};
use crate::{addresses::Addresses, tokens::Tokens};

/// How often the memory of orders is looked at.
const MEMORY_EVERY: Duration = Duration::from_secs(2);

/// How long a customer waits after a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the events may take until all are seen on the topic.
const UNTIL_SEEN: Duration = Duration::from_secs(60);

/// What load, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// Names what is measured in the figures.
    pub name: String,
    /// How orders come.
    pub pace: Pace,
    /// Most orders that are open at once when they come at a rate; more than that wait, and their time
    /// runs.
    pub most_open: usize,
    /// How long nothing is counted yet.
    pub warm_up: Duration,
    /// How long orders are brought and counted.
    pub measured: Duration,
    /// Where the notifications come: `host:port`, as orders was told.
    pub sink: String,
    /// Whether keys of new orders are random; they grow with time otherwise.
    pub random_keys: bool,
    /// Whether the topic is read, to see when events become visible; that costs CPU.
    pub watch: bool,
}

/// How orders come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many are in flight at any time.
    InFlight(usize),
    /// So many come a second, whatever becomes of them.
    PerSecond(f64),
}

/// Takes orders through the running stack and reports what it measured.
pub async fn run(addresses: &Addresses, load: Load) -> Result<Report> {
    LocalSet::new().run_until(run_locally(addresses, load)).await
}

async fn run_locally(addresses: &Addresses, load: Load) -> Result<Report> {
    let pairs = match load.pace {
        Pace::InFlight(number) => number,
        Pace::PerSecond(_) => load.most_open,
    };
    let doorbells: Doorbells = Rc::new((0..pairs).map(|_| Default::default()).collect());
    sink::open(&load.sink, doorbells.clone()).await?;
    let host = addresses.orders.trim_start_matches("http://").to_owned();
    let tokens = Tokens::of(&addresses.token_key)?;
    register_restaurants(&host, &load.sink, pairs, &tokens).await?;
    let since = Ends::now(&addresses.kafka).await?;
    let watcher = load.watch.then(|| Watcher::start(&addresses.kafka, since.clone()));
    let book = Book::default();
    let mut free = Vec::with_capacity(pairs);
    for number in (0..pairs).rev() {
        let mut pair = Pair::new(number, &host, doorbells.clone(), &tokens).await?;
        pair.random_keys = load.random_keys;
        free.push(pair);
    }
    let free = Rc::new(RefCell::new(free));
    let watched = Watched::of_stack(&addresses.var)?;
    let published = Published::of(&addresses.orders);
    book.bring(&load, &free, load.warm_up).await;
    book.0.borrow_mut().counting = true;
    let memory_before_mb = watched.memory_mb();
    let memory = Rc::new(Cell::new(memory_before_mb));
    let (began, before) = (Instant::now(), watched.cost());
    let sampler = spawn_local(sample_memory(watched.clone(), memory.clone()));
    book.bring(&load, &free, load.measured).await;
    published.everything().await?;
    let (seconds, used) = (began.elapsed().as_secs_f64(), watched.cost().since(&before));
    sampler.abort();
    let notes = book.0.take();
    ensure!(!notes.totals.is_empty(), "no order was completed; {:?}", notes.failures);
    // Read afterwards, where nobody looked meanwhile: reading costs CPU.
    let watcher = watcher.unwrap_or_else(|| Watcher::start(&addresses.kafka, since));
    let seen = seen(watcher, &notes).await?;
    let memory = Memory { before_mb: memory_before_mb, peak_mb: memory.get() };
    Ok(Report::of(&load, seconds, notes, seen, used, memory))
}

/// Waits until each acknowledged event is on the topic; which of them are is for the report to say.
async fn seen(watcher: Watcher, notes: &Notes) -> Result<Seen> {
    let until_seen = async {
        for (order, step, _) in &notes.acknowledged {
            while !watcher.has_seen(*order, *step) {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    // What is missing then is counted.
    let _ = timeout(UNTIL_SEEN, until_seen).await;
    watcher.finish()
}

async fn sample_memory(watched: Watched, peak: Rc<Cell<f64>>) {
    loop {
        peak.set(peak.get().max(watched.memory_mb()));
        sleep(MEMORY_EVERY).await;
    }
}

type Free = Rc<RefCell<Vec<Pair>>>;

/// The notes, shared by all who write into them.
#[derive(Clone, Default)]
struct Book(Rc<RefCell<Notes>>);

impl Book {
    /// Brings orders for that long, then lets the last ones come to their end.
    async fn bring(&self, load: &Load, free: &Free, time: Duration) {
        let until = Instant::now() + time;
        match load.pace {
            Pace::InFlight(_) => self.keep_in_flight(free, until).await,
            Pace::PerSecond(rate) => self.bring_at_rate(free, rate, until).await,
        }
    }

    async fn keep_in_flight(&self, free: &Free, until: Instant) {
        let mut loops = Vec::new();
        while let Some(pair) = free.borrow_mut().pop() {
            let (book, free) = (self.clone(), free.clone());
            loops.push(spawn_local(async move {
                let mut pair = pair;
                while Instant::now() < until {
                    book.order(&mut pair, Instant::now()).await;
                }
                free.borrow_mut().push(pair);
            }));
        }
        for each in loops {
            // A panic of one is seen as orders that are missing.
            let _ = each.await;
        }
    }

    async fn bring_at_rate(&self, free: &Free, rate: f64, until: Instant) {
        let (began, mut orders) = (Instant::now(), Vec::new());
        for number in 0_u32.. {
            let due = began + Duration::from_secs_f64(f64::from(number) / rate);
            if due >= until {
                break;
            }
            sleep_until(due.into()).await;
            while free.borrow().is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
            let Some(mut pair) = free.borrow_mut().pop() else { continue };
            let (book, free) = (self.clone(), free.clone());
            orders.push(spawn_local(async move {
                book.order(&mut pair, due).await;
                free.borrow_mut().push(pair);
            }));
        }
        for each in orders {
            let _ = each.await;
        }
    }

    async fn order(&self, pair: &mut Pair, due: Instant) {
        let mut note = |noted| self.note(noted);
        if let Err(error) = pair.order(due, &mut note).await {
            self.0.borrow_mut().failed(&error);
            sleep(PAUSE).await;
        }
    }

    fn note(&self, noted: Noted) {
        let mut notes = self.0.borrow_mut();
        if !notes.counting {
            return;
        }
        match noted {
            Noted::Answer { step, order, at, took } => {
                notes.calls.entry(step).or_default().push(took);
                notes.acknowledged.extend(order.map(|order| (order, step, at)));
            }
            Noted::Done(took) => notes.totals.push(took),
            Noted::Refused(took) => notes.refusals.push(took),
        }
    }
}
