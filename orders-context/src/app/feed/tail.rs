//! The end of the journal as it was read last, and those who listen to it. It stands still: whoever
//! reads tells it what there is.

use super::Begin;
use crate::domain::{Status, Timestamp};
use crate::store::JournalRow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many events are kept for those who come back: a few megabytes.
const RING: usize = 16_384;

/// How much one listener may have before them; who has more is too slow, and is cut off. More than one
/// reading of the journal gives.
const QUEUE: usize = 2 * super::PAGE;

/// One event of an order, as its restaurant is told. Nothing personal is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Its place in the journal.
    pub position: i64,
    /// Whose.
    pub restaurant_id: String,
    /// Of which order.
    pub order_id: String,
    /// UUIDv7; the same as on the topic.
    pub event_id: String,
    /// From 1 for each order, without gaps.
    pub sequence: i64,
    /// What happened.
    pub event_type: &'static str,
    /// When.
    pub occurred_at: Timestamp,
    /// Where the order stood afterwards.
    pub status: Status,
}

/// What comes over a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Everything behind this position follows.
    Ready(i64),
    /// Something up to this position may have been missed; everything behind it follows.
    Reset(i64),
    /// An event.
    News(Arc<News>),
    /// Everything up to this position was told.
    Mark(i64),
}

impl Told {
    /// Its place in the journal.
    #[must_use]
    pub fn position(&self) -> i64 {
        match self {
            Self::Ready(at) | Self::Reset(at) | Self::Mark(at) => *at,
            Self::News(news) => news.position,
        }
    }
}

/// Somebody who wants to listen.
pub struct Join {
    pub restaurant_id: String,
    pub begin: Begin,
    pub reply: oneshot::Sender<Joined>,
}

/// A new listener.
pub struct Joined {
    /// Everything behind this position comes over `live`.
    pub at: i64,
    /// What lies between where they begin and `at`; `None` if the ring does not reach back so far.
    pub ring: Option<VecDeque<Arc<News>>>,
    pub live: mpsc::Receiver<Told>,
}

/// The journal from one position to another, and who listens behind it.
pub struct Tail {
    from: i64,
    to: i64,
    ring: VecDeque<Arc<News>>,
    ring_size: usize,
    listeners: HashMap<String, Vec<Listener>>,
}

struct Listener {
    queue: mpsc::Sender<Told>,
    told_up_to: i64,
}

impl Tail {
    /// Nothing, behind that position.
    pub fn behind(position: i64) -> Self {
        Self::keeping(RING, position)
    }

    /// The same with a ring of that size.
    pub fn keeping(ring_size: usize, position: i64) -> Self {
        let (ring, listeners) = (VecDeque::new(), HashMap::new());
        Self { from: position, to: position, ring, ring_size, listeners }
    }

    /// Up to where the journal was read.
    pub fn read_up_to(&self) -> i64 {
        self.to
    }

    /// Whether nobody listens.
    pub fn is_alone(&self) -> bool {
        self.listeners.values().flatten().all(|listener| listener.queue.is_closed())
    }

    /// Lets somebody listen behind what was read.
    pub fn join(&mut self, join: Join) {
        let (queue, live) = mpsc::channel(QUEUE);
        let ring = match join.begin {
            Begin::Now | Begin::Unknown => Some(VecDeque::new()),
            Begin::After(after) => self.since(&join.restaurant_id, after),
        };
        if join.reply.send(Joined { at: self.to, ring, live }).is_ok() {
            let listener = Listener { queue, told_up_to: self.to };
            self.listeners.entry(join.restaurant_id).or_default().push(listener);
        }
    }

    fn since(&self, restaurant_id: &str, after: i64) -> Option<VecDeque<Arc<News>>> {
        if after < self.from {
            return None;
        }
        let begin = self.ring.partition_point(|news| news.position <= after);
        let missed = self.ring.range(begin..);
        Some(missed.filter(|news| news.restaurant_id == restaurant_id).cloned().collect())
    }

    /// The next row of the journal.
    pub fn tell(&mut self, row: JournalRow) {
        let news = Arc::new(News::of(row));
        self.to = news.position;
        if let Some(listeners) = self.listeners.get_mut(&news.restaurant_id) {
            listeners.retain_mut(|listener| listener.tell(Told::News(Arc::clone(&news))));
            if listeners.is_empty() {
                self.listeners.remove(&news.restaurant_id);
            }
        }
        self.ring.push_back(news);
        if self.ring.len() > self.ring_size
            && let Some(oldest) = self.ring.pop_front()
        {
            self.from = oldest.position;
        }
    }

    /// Tells those to whom nothing happened how far the journal is, and forgets who has gone.
    pub fn mark(&mut self) {
        let to = self.to;
        self.listeners.retain(|_, listeners| {
            listeners.retain_mut(|listener| match listener.told_up_to < to {
                true => listener.tell(Told::Mark(to)),
                false => !listener.queue.is_closed(),
            });
            !listeners.is_empty()
        });
    }
}

impl Listener {
    /// Whether they still listen, and are fast enough.
    fn tell(&mut self, told: Told) -> bool {
        self.told_up_to = told.position();
        self.queue.try_send(told).is_ok()
    }
}

impl News {
    /// What a restaurant is told of a row of the journal.
    #[must_use]
    pub fn of(row: JournalRow) -> Self {
        Self {
            position: row.position,
            restaurant_id: row.restaurant_id,
            order_id: row.order_id,
            event_id: row.event_id,
            sequence: row.sequence,
            event_type: row.event.event_type(),
            occurred_at: row.occurred_at,
            status: row.status,
        }
    }
}
