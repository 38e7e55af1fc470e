//! Listeners who come, go and come back: whoever was told of something is told of what follows, once.

use super::tail::{Join, Joined, Tail};
use super::*;
use crate::domain::tests::mother::{MINUTE, after, order_accepted};
use crate::store::Commit;
use crate::store::contract::{commit, moved, placed};
use crate::store::sqlite::Sqlite;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

const NAPLES: &str = "bella-napoli";

fn chef() -> Listener {
    Listener::App("chef".to_owned())
}

/// A store, and a loop that reads it for those who listen.
struct Kitchen {
    store: Arc<dyn Store>,
    feeds: Feeds,
    stop: Shutdown,
    folder: TempDir,
}

impl Kitchen {
    fn open() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self::at(folder)
    }

    fn at(folder: TempDir) -> Self {
        let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
        let store: Arc<dyn Store> = Arc::new(store);
        let (feeds, stop) =
            (Feeds::new(Arc::clone(&store), StreamLimits::standard()), Shutdown::new());
        tokio::spawn(feeds.clone().run(stop.clone()));
        Self { store, feeds, stop, folder }
    }

    /// The same store, found by a process that remembers nothing.
    fn again(self) -> Self {
        self.stop.cancel();
        Self::at(self.folder)
    }

    async fn commit(&self, commits: Vec<Commit>) {
        commit(&*self.store, commits).await;
        self.feeds.grew().notify();
    }

    async fn listen(&self, begin: Begin) -> Feed {
        self.feeds.listen(NAPLES, chef(), begin).await.expect("there is room")
    }
}

/// The next event, as its position, order and sequence.
async fn news(feed: &mut Feed) -> (i64, String, i64) {
    match feed.next().await {
        Some(Told::News(news)) => (news.position, news.order_id.clone(), news.sequence),
        other => panic!("{other:?} is no event"),
    }
}

fn elsewhere(order_id: &str) -> Commit {
    let mut commit = placed(order_id);
    Arc::make_mut(&mut commit.order).restaurant_id = "nino".to_owned();
    commit
}

#[tokio::test]
async fn who_listens_is_told_of_their_own_orders_as_they_move() {
    let kitchen = Kitchen::open();
    kitchen.commit(vec![placed("before")]).await;
    let mut feed = kitchen.listen(Begin::Now).await;
    assert_eq!(feed.next().await, Some(Told::Ready(1)));
    let born = placed("order-1");
    let accepted = moved(&born.order, after(MINUTE), order_accepted());
    kitchen.commit(vec![elsewhere("n-1"), born]).await;
    assert_eq!(news(&mut feed).await, (3, "order-1".to_owned(), 1));
    kitchen.commit(vec![accepted]).await;
    let Some(Told::News(told)) = feed.next().await else { panic!("an event") };
    assert_eq!((told.event_type, told.status.as_str()), ("order_accepted", "accepted"));
    assert_eq!((told.position, told.sequence, told.occurred_at), (4, 2, after(MINUTE)));
}

#[tokio::test]
async fn who_was_cut_off_goes_on_behind_what_they_were_told() {
    let mut kitchen = Kitchen::open();
    let mut feed = kitchen.listen(Begin::Now).await;
    assert_eq!(feed.next().await, Some(Told::Ready(0)));
    kitchen.commit(vec![placed("order-1"), placed("order-2")]).await;
    assert_eq!(news(&mut feed).await.0, 1);
    drop(feed);
    kitchen.commit(vec![elsewhere("n-1"), placed("order-3")]).await;
    for way in ["from the ring", "from the journal"] {
        let mut feed = kitchen.listen(Begin::After(1)).await;
        assert_eq!(feed.next().await, Some(Told::Ready(1)), "{way}");
        assert_eq!(news(&mut feed).await, (2, "order-2".to_owned(), 1), "{way}");
        assert_eq!(news(&mut feed).await, (4, "order-3".to_owned(), 1), "{way}");
        kitchen = kitchen.again();
        assert_eq!(feed.next().await, None, "it ends with its process");
    }
}

#[tokio::test]
async fn who_cannot_be_told_everything_is_told_so() {
    let kitchen = Kitchen::open();
    kitchen.commit(vec![placed("order-1"), placed("order-2")]).await;
    for (begin, first) in [
        (Begin::Now, Told::Ready(2)),
        (Begin::After(0), Told::Ready(0)),
        (Begin::After(2), Told::Ready(2)),
        (Begin::After(3), Told::Reset(2)),
        (Begin::After(i64::MAX), Told::Reset(2)),
        (Begin::Unknown, Told::Reset(2)),
    ] {
        let mut feed = kitchen.listen(begin).await;
        assert_eq!(feed.next().await, Some(first), "{begin:?}");
    }
    let mut feed = kitchen.listen(Begin::Unknown).await;
    assert_eq!(feed.next().await, Some(Told::Reset(2)));
    kitchen.commit(vec![placed("order-3")]).await;
    assert_eq!(news(&mut feed).await.1, "order-3", "it goes on");
}

#[tokio::test]
async fn what_another_instance_told_already_is_not_told_again() {
    let kitchen = Kitchen::open();
    kitchen.commit(vec![placed("order-1"), placed("order-2")]).await;
    // This one has read up to 1 only.
    let known = missed::since(&*kitchen.store, NAPLES, Begin::After(2), 1, None).await.unwrap();
    assert_eq!((known.first, known.floor), (Told::Ready(2), 2));
    let (live, queue) = mpsc::channel(4);
    let seat = kitchen.feeds.0.seats.take("chef").unwrap();
    let backlog = VecDeque::new();
    let mut feed = Feed { first: None, backlog, live: queue, floor: 2, _seat: seat };
    for position in [1, 2, 3] {
        live.send(Told::Mark(position)).await.unwrap();
    }
    assert_eq!(feed.next().await, Some(Told::Mark(3)));
}

#[tokio::test]
async fn who_is_too_slow_is_cut_off_and_misses_nothing() {
    let kitchen = Kitchen::open();
    let (mut slow, mut quick) =
        (kitchen.listen(Begin::Now).await, kitchen.listen(Begin::Now).await);
    quick.next().await;
    let many = 3 * PAGE;
    for portion in 0..3 {
        let orders = (0..PAGE).map(|number| placed(&format!("order-{portion}-{number}")));
        kitchen.store.commit(orders.collect()).await.unwrap();
        kitchen.feeds.grew().notify();
        for _ in 0..PAGE {
            news(&mut quick).await;
        }
    }
    assert_eq!(slow.next().await, Some(Told::Ready(0)));
    let mut told = 0;
    while let Some(Told::News(news)) = slow.next().await {
        told += 1;
        assert_eq!(news.position, told);
    }
    assert!(told < many as i64, "it was cut off");
    let mut again = kitchen.listen(Begin::After(told)).await;
    again.next().await;
    for position in told + 1..=many as i64 {
        assert_eq!(news(&mut again).await.0, position);
    }
}

#[tokio::test]
async fn there_are_no_more_streams_than_there_may_be_and_none_after_the_end() {
    let kitchen = Kitchen::open();
    let limits = StreamLimits { per_principal: 1, ..StreamLimits::standard() };
    let feeds = kitchen.feeds.with_limits(limits);
    let stop = Shutdown::new();
    let running = tokio::spawn(feeds.clone().run(stop.clone()));
    let mut first = feeds.listen(NAPLES, chef(), Begin::Now).await.expect("there is room");
    let refused = feeds.listen(NAPLES, chef(), Begin::Now).await.err();
    assert!(matches!(refused, Some(NoFeed::NoSeat(NoSeat::OfPrincipal(1)))), "{refused:?}");
    first.next().await;
    stop.cancel();
    assert_eq!(first.next().await, None);
    running.await.unwrap().unwrap();
    drop(first);
    let refused = feeds.listen(NAPLES, chef(), Begin::Now).await.err();
    assert!(matches!(refused, Some(NoFeed::Failed(Failure::Unavailable(_)))), "{refused:?}");
}

fn row(position: i64, restaurant: u8) -> JournalRow {
    let Commit { order, mut entries, .. } = placed("order-1");
    let entry = entries.remove(0);
    JournalRow {
        position,
        event_id: entry.event_id,
        order_id: order.order_id.clone(),
        sequence: 1,
        occurred_at: entry.occurred_at,
        status: entry.status,
        actor: entry.actor,
        event: entry.event,
        flow_version: None,
        restaurant_id: format!("r-{restaurant}"),
        customer_id: order.customer_id.clone(),
        total_minor: order.total_minor,
        currency: order.currency.clone(),
        traceparent: None,
        causation_id: None,
    }
}

/// Who joins: what the ring still has for them, and what comes later.
fn join(tail: &mut Tail, restaurant_id: &str, begin: Begin) -> Joined {
    let (reply, mut joined) = oneshot::channel();
    tail.join(Join { restaurant_id: restaurant_id.to_owned(), begin, reply });
    joined.try_recv().expect("an answer at once")
}

fn positions(joined: &mut Joined) -> Option<Vec<i64>> {
    let mut told: Vec<i64> = joined.ring.take()?.iter().map(|news| news.position).collect();
    while let Ok(Told::News(news)) = joined.live.try_recv() {
        told.push(news.position);
    }
    Some(told)
}

proptest! {
    /// Whatever the journal, wherever somebody was cut off and whenever they come back: what the ring has
    /// for them and what comes later is what lies behind, or the ring says that it does not know.
    #[test]
    fn a_ring_tells_everything_or_that_it_cannot(
        start in 0_i64..50,
        rows in vec((1_i64..4, 0_u8..3), 0..60),
        cut in 0_usize..60,
        back in 0_usize..60,
        ring in 1_usize..40,
    ) {
        let mut position = start;
        let journal: Vec<JournalRow> = rows
            .iter()
            .map(|(gap, restaurant)| {
                position += gap;
                row(position, *restaurant)
            })
            .collect();
        let (cut, back) = (cut.min(journal.len()), back.min(journal.len()));
        let after = cut.checked_sub(1).map_or(start, |last| journal[last].position);
        let mut tail = Tail::keeping(ring, start);
        journal[..back].iter().cloned().for_each(|row| tail.tell(row));
        let (read, mut joined) = (tail.read_up_to(), join(&mut tail, "r-1", Begin::After(after)));
        journal[back..].iter().cloned().for_each(|row| tail.tell(row));
        prop_assert_eq!(joined.at, read);
        let expected = journal.iter().filter(|row| row.restaurant_id == "r-1" && row.position > after.max(read));
        let missed = journal.iter().filter(|row| {
            row.restaurant_id == "r-1" && row.position > after && row.position <= read
        });
        let expected: Vec<i64> = missed.chain(expected).map(|row| row.position).collect();
        let kept = back.saturating_sub(ring);
        match positions(&mut joined) {
            Some(told) => {
                let told: Vec<i64> = told.into_iter().filter(|at| *at > after).collect();
                prop_assert_eq!(told, expected);
            }
            None => prop_assert!(cut < kept, "the ring reaches back to {} of {}", kept, back),
        }
    }

    /// A mark says that everything up to it was told; it comes after that, and to no one twice.
    #[test]
    fn a_mark_comes_behind_what_was_told(rows in vec(0_u8..3, 1..30), marks in vec(any::<bool>(), 30)) {
        let mut tail = Tail::keeping(100, 0);
        let mut listening = join(&mut tail, "r-1", Begin::Now);
        for (at, restaurant) in rows.iter().enumerate() {
            tail.tell(row(at as i64 + 1, *restaurant));
            if marks[at] {
                tail.mark();
                tail.mark();
            }
        }
        tail.mark();
        let mut last = 0;
        while let Ok(told) = listening.live.try_recv() {
            prop_assert!(told.position() > last, "{:?} after {}", told, last);
            let passed = (last + 1..told.position()).map(|at| rows[at as usize - 1]);
            prop_assert!(passed.into_iter().all(|restaurant| restaurant != 1));
            last = told.position();
        }
        prop_assert_eq!(last, rows.len() as i64);
    }
}
