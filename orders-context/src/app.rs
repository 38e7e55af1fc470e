//! The use cases of the orders context. Each has a file named after it; every change goes through
//! one bounded queue and is committed in groups ([`group`]).
//!
//! [`App`] is what HTTP, tasks and deadlines hold. Once a change returns here, it is durable.

mod act;
mod answer_links;
mod availability;
mod bulk;
mod cursor;
mod decide_order;
mod deliveries;
mod endpoints;
mod erase_person;
pub mod feed;
mod forget_keys;
pub mod group;
mod heard_by;
mod line;
pub mod list_orders;
mod place_order;
mod presence;
mod questions;
mod reach;
mod register_restaurant;
mod report_task;
mod step;
mod tickets;
mod wake_order;

pub use act::Acted;
pub use answer_links::{AnswerLinks, BadLink};
pub use availability::SetAvailability;
pub use bulk::{BulkRefusal, BulkWanted, DryRun, Interrupt};
pub use decide_order::Said;
pub use deliveries::ListDeliveries;
pub use endpoints::{EndpointChange, EndpointRefusal, EndpointTest, EndpointWanted, Tried};
pub use group::{Group, StartedTask};
pub use heard_by::HeardBy;
pub use list_orders::{ListOrders, OrderPage};
pub use place_order::{PlaceOrder, Placed};
pub use presence::AppPresence;
pub use reach::Reach;
pub use report_task::TaskReport;
pub use tickets::TicketHolder;

/// What the use cases take and give, as it is stored.
pub use crate::store::bulk::{Bulk, BulkState, Tally};
pub use crate::store::{
    Contact, Counter, Due, ENDPOINT_NOT_YET, FlowFigures, Found, JournalRow, OrdersFilter,
    OrdersSort, Task, TaskCondition, TaskState,
};
pub use crate::store::{Erasure, Person};

use crate::domain::{Actor, Command, Order, Rejection, Terms, Timestamp};
use crate::store::{self, Lease, Remembered, Store, TaskChange};
use chassis::clock::Clock;
use chassis::ids::Ids;
use endpoints::Outside;
use feed::{Feeds, StreamLimits};
use line::Line;
use register_restaurant::Restaurants;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The application: cheap to clone, one for each who uses it.
#[derive(Clone)]
pub struct App {
    store: Arc<dyn Store>,
    queue: mpsc::Sender<Submission>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    terms: Arc<Terms>,
    restaurants: Arc<Restaurants>,
    answer_links: Option<Arc<AnswerLinks>>,
    outside: Outside,
    feeds: Feeds,
    taking_tickets: Arc<Semaphore>,
    listing: Line,
}

/// Why a use case did not do what was asked. Nothing has changed, or (after
/// [`Failure::Unavailable`]) it is unknown and safe to ask again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The business says no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// There is no such restaurant.
    #[error("There is no restaurant with this id.")]
    UnknownRestaurant,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for a different request.")]
    KeyReused,
    /// The cursor is none, or of a listing with another filter or another sort.
    #[error(
        "cursor must be a next_cursor of this listing: hand it back as it came, with the filters and \
         the sort it came with."
    )]
    InvalidCursor,
    /// Too much is waiting already; try again in a moment.
    #[error("Too many requests are waiting; try again in a moment.")]
    Overloaded,
    /// Others keep changing the same order; try again.
    #[error("The order is being changed by others; try again.")]
    Contended,
    /// Another instance does this work by now.
    #[error("Another instance does this work now.")]
    Fenced,
    /// What is stored cannot be understood; trying again does not help.
    #[error("What is stored of it cannot be read.")]
    Unreadable(#[source] anyhow::Error),
    /// The database does not answer, or the process is stopping.
    #[error("The orders database does not answer; try again in a moment.")]
    Unavailable(#[source] anyhow::Error),
}

/// What caused a command, carried into the journal.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The event that led to it.
    pub causation_id: Option<String>,
}

/// One change on its way through the queue.
pub struct Submission {
    change: Change,
    reply: oneshot::Sender<Result<Reply, Failure>>,
}

/// What a use case submits.
#[derive(Default)]
pub struct Change {
    order_id: String,
    /// `None`: only the task's row changes.
    command: Option<Command>,
    /// To whom an order that is not theirs does not exist; `None`: to nobody.
    asked_by: Option<Arc<Actor>>,
    /// The one version of the order that may be changed; `None`: any. What changes nothing is
    /// answered at every version.
    only_at: Option<i64>,
    cause: Cause,
    task: Option<TaskChange>,
    /// The order still waits for its answer beyond this moment: only this is done about the task.
    if_prolonged: Option<(Timestamp, TaskChange)>,
    contact: Option<Contact>,
    remark: Option<String>,
    remember: Option<Remembered>,
    /// The order as it was read a moment ago, if it was.
    seen: Option<Arc<Order>>,
    fence: Option<Lease>,
}

/// What became of a submission.
#[derive(Clone, Debug)]
enum Reply {
    /// The order as it stands now.
    Order(Arc<Order>),
    /// The idempotency key had been used by the same request, which led to this order.
    Replayed(String),
}

impl App {
    /// An application over `store`, and the loop that commits what it is given, which must be run.
    /// `started` receives each task as soon as it is durable. New orders are placed under `terms`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        terms: impl Into<Terms>,
        limits: group::Limits,
    ) -> (Self, Group) {
        let (queue, submissions) = mpsc::channel(limits.queue);
        let mut group = Group::new(Arc::clone(&store), Arc::clone(&ids), submissions, limits);
        let feeds = Feeds::new(Arc::clone(&store), StreamLimits::standard());
        group.wake_on_journal(feeds.grew());
        let app = Self {
            listing: Line::new(store.listings_at_once()),
            store,
            queue,
            clock,
            ids,
            terms: Arc::new(terms.into()),
            restaurants: Arc::new(Restaurants::default()),
            answer_links: None,
            outside: Outside::none(),
            feeds,
            taking_tickets: Arc::new(Semaphore::new(tickets::AT_ONCE)),
        };
        (app, group)
    }

    /// The same, with other bounds of its streams; for who has not begun to use it.
    #[must_use]
    pub fn with_streams(mut self, limits: StreamLimits) -> Self {
        self.feeds = self.feeds.with_limits(limits);
        self
    }

    /// The same for what goes on by itself: what it asks for waits for no question.
    #[must_use]
    pub fn for_loops(&self) -> Self {
        Self { store: self.store.for_loops(), ..self.clone() }
    }

    /// The feeds of restaurants, whose loop must be run for anybody to listen.
    #[must_use]
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// The clock that everything here is judged by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_us())
    }

    async fn submit(&self, change: Change) -> Result<Reply, Failure> {
        let (submission, answer) = change.submission();
        self.queue.try_send(submission).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Failure::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Failure::stopping(),
        })?;
        answer.await.map_err(|_| Failure::stopping())?
    }

    /// Waits for a place in the queue, behind those who wait already.
    async fn submit_in_turn(&self, change: Change) -> Result<Reply, Failure> {
        let (submission, answer) = change.submission();
        self.queue.send(submission).await.map_err(|_| Failure::stopping())?;
        answer.await.map_err(|_| Failure::stopping())?
    }
}

impl Change {
    fn submission(self) -> (Submission, oneshot::Receiver<Result<Reply, Failure>>) {
        let (reply, answer) = oneshot::channel();
        (Submission { change: self, reply }, answer)
    }
}

impl Failure {
    fn stopping() -> Self {
        Self::Unavailable(anyhow::anyhow!("the process is stopping"))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Corrupt(_) => Self::Unreadable(error.into()),
            store::Error::Unavailable(_) | store::Error::TooLong => Self::Unavailable(error.into()),
        }
    }
}
