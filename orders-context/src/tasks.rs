//! Carries out tasks: durable calls to the outside, retried until done or given up.
//!
//! A task is a row; what is in memory is only a shortcut. New tasks are handed over as soon as they
//! are durable, everything else is found by asking the store. The outcome of an attempt goes back as
//! a command; a crash between the call and its report repeats the call, never loses it.

mod attempt;
pub mod envelope;
pub mod kitchen_letter;
mod lane;
mod lanes;
pub mod mail;
pub mod post;
mod push;
mod restaurant;
pub mod schedule;
mod webhook;

use crate::app::Task;
use crate::app::{App, StartedTask};
use crate::domain::{Receiver, Timestamp, Webhook};
use crate::leases::{Held, STOP_WITHIN};
pub use attempt::Failed;
use attempt::Known;
use chassis::shutdown::Shutdown;
use lane::Key;
use lanes::{Lanes, Way};
use mail::Mailer;
use post::Poster;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How often the store is asked for tasks that are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many first attempts may be under way at once on each way ([`lanes`]): a mail server that is slow must not
/// keep a restaurant with a webhook from hearing of an order. Nor does a restaurant that is slow keep another
/// ([`lane`]).
const AT_ONCE: usize = 128;

/// How many due tasks of those to restaurants, and as many of those to customers, are read at once.
const READ_AT_ONCE: usize = 8 * AT_ONCE;

/// The ways to the outside.
pub struct Channels {
    /// To restaurants, and to the push gateway.
    pub poster: Arc<Poster>,
    /// To restaurants that have a mail address; none where there is no mail server.
    pub mailer: Option<Arc<Mailer>>,
    /// To customers.
    pub customers: Customers,
}

/// How customers are told.
pub enum Customers {
    /// By a letter to their mail address.
    Mail(Arc<Mailer>),
    /// By this gateway, which knows how to reach a customer id.
    Push(Webhook),
}

/// Runs attempts until `shutdown`, then lets those under way come to their end, but not for long:
/// who takes the work over repeats what has not. No attempt begins when the lease is no longer `held`.
///
/// # Errors
/// None so far: a failing channel or store is retried.
pub async fn run(
    app: App,
    channels: Arc<Channels>,
    started: Arc<Mutex<mpsc::Receiver<StartedTask>>>,
    held: Held,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut started = started.lock().await;
    // Handed over while another instance did the work, which may have done these too: those that are
    // still open are found in the store.
    while started.try_recv().is_ok() {}
    let mut dispatcher = Dispatcher {
        app,
        channels,
        held,
        lanes: Lanes::default(),
        look_from: LookFrom::default(),
        attempts: JoinSet::new(),
        shutdown: shutdown.clone(),
    };
    let mut look_at = Instant::now();
    loop {
        // The order of the arms matters: a task that was handed over must be known before the end
        // of its attempt is noticed, or it would be taken for a new one.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(new) = started.recv() => {
                let restaurant_id = new.order.restaurant_id.clone();
                let known = Known { order: Some(new.order), contact: new.contact };
                dispatcher.start(restaurant_id, new.task, known);
            }
            Some(ended) = dispatcher.attempts.join_next() => dispatcher.go_on(ended)?,
            () = sleep_until(look_at) => {
                let more = dispatcher.look().await;
                look_at = Instant::now() + if more { LOOK_EVERY / 5 } else { LOOK_EVERY };
            }
        }
    }
    match tokio::time::timeout(STOP_WITHIN, dispatcher.finish()).await {
        Ok(finished) => finished,
        Err(_) => {
            let left = dispatcher.attempts.len();
            tracing::info!(left, "attempts under way are left to whoever takes over");
            Ok(())
        }
    }
}

/// Where the next look at the store begins, if not with the most overdue: who stands behind as many as are read
/// at once and may not begin is found too.
#[derive(Default)]
struct LookFrom {
    to_restaurants: Option<Timestamp>,
    to_customers: Option<Timestamp>,
}

struct Dispatcher {
    app: App,
    channels: Arc<Channels>,
    held: Held,
    lanes: Lanes,
    look_from: LookFrom,
    attempts: JoinSet<(Way, Key)>,
    shutdown: Shutdown,
}

impl Dispatcher {
    fn look_from(&mut self, to: Receiver) -> &mut Option<Timestamp> {
        match to {
            Receiver::Restaurant => &mut self.look_from.to_restaurants,
            Receiver::Customer => &mut self.look_from.to_customers,
        }
    }

    /// Starts what is due and not under way; whether there is more than there is room for.
    async fn look(&mut self) -> bool {
        let mut has_more = false;
        for to in [Receiver::Restaurant, Receiver::Customer] {
            let mut has_room = false;
            for way in Way::all_to(to) {
                self.lanes.of(*way).see_who_hangs(Instant::now());
                self.begin(*way);
                has_room |= self.lanes.of(*way).has_room();
            }
            if has_room {
                has_more |= self.look_for(to).await;
            }
            has_more |= Way::all_to(to).iter().any(|way| self.lanes.of(*way).has_waiting());
        }
        has_more
    }

    /// Starts those to one kind of receiver; whether there may be more of them.
    async fn look_for(&mut self, to: Receiver) -> bool {
        let from = self.look_from(to).take();
        match self.app.open_tasks(to, from, READ_AT_ONCE).await {
            Ok(due) => {
                let has_more = due.len() == READ_AT_ONCE;
                if let Some((_, last)) = due.last().filter(|_| has_more) {
                    // More may be due at the moment of the last; where all are of it, it is passed.
                    let at = last.next_attempt_at;
                    let is_all_of_it = from == Some(at);
                    *self.look_from(to) = Some(Timestamp(at.0 + i64::from(is_all_of_it)));
                }
                for (restaurant_id, task) in due {
                    self.enter(restaurant_id, task, Known::default());
                }
                Way::all_to(to).iter().for_each(|way| self.begin(*way));
                has_more
            }
            Err(failure) => {
                tracing::warn!(error = %failure, "due tasks cannot be read");
                false
            }
        }
    }

    /// Starts the task, or lets it wait for the end of another, unless it is known already.
    fn start(&mut self, restaurant_id: String, task: Task, known: Known) {
        let way = self.enter(restaurant_id, task, known);
        self.begin(way);
    }

    /// Lets the task wait for [`Self::begin`]; on which way.
    fn enter(&mut self, restaurant_id: String, task: Task, known: Known) -> Way {
        let way = Way::of(&task, self.app.has_mail_alone(&restaurant_id));
        self.lanes.enter(way, restaurant_id, task, known, Instant::now());
        way
    }

    /// Begins the attempts on that way for which there is room.
    fn begin(&mut self, way: Way) {
        if !self.held.is_valid() {
            return;
        }
        while let Some((key, (task, known))) = self.lanes.of(way).next(Instant::now()) {
            let (app, channels) = (self.app.clone(), Arc::clone(&self.channels));
            let (held, shutdown) = (self.held.clone(), self.shutdown.clone());
            self.attempts.spawn(async move {
                attempt::run(&app, &channels, &task, known, &held, &shutdown).await;
                (way, key)
            });
        }
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.attempts.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Makes room for the next, and begins it.
    fn go_on(&mut self, ended: Result<(Way, Key), tokio::task::JoinError>) -> anyhow::Result<()> {
        let (way, key) = ended?;
        self.lanes.of(way).leave(&key);
        self.begin(way);
        Ok(())
    }
}
