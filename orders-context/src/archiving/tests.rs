//! The loop that moves orders to compact history, with somebody who says what is published.

use super::*;
use crate::domain::tests::mother::{COMPLETE_BY, EVENING, after, order_accepted, order_completed};
use crate::domain::{Effect, TaskKind};
use crate::store::contract::{commit, journal, moved, placed, unmoved};
use crate::store::sqlite::Sqlite;
use crate::store::{Commit, Task, TaskChange, TaskState};
use chassis::clock::ManualClock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What the next question is answered with; the last answer stays.
#[derive(Clone, Copy, Debug)]
enum Says {
    Position(i64),
    Nothing,
    Panics,
    /// Not before the process ends.
    Never,
}

#[derive(Clone)]
struct Kafka(Arc<Mutex<Says>>, Arc<AtomicUsize>);

impl Published for Kafka {
    fn position(&mut self) -> anyhow::Result<i64> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let says = *self.0.lock().expect("nobody panics with it");
        match says {
            Says::Position(position) => Ok(position),
            Says::Nothing => anyhow::bail!("Kafka is away"),
            Says::Panics => panic!("as told"),
            Says::Never => loop {
                std::thread::park();
            },
        }
    }
}

/// An archive at work over a database, on a clock that these tests move.
struct Archive {
    store: Arc<Sqlite>,
    clock: ManualClock,
    kafka: Kafka,
    made: Arc<AtomicUsize>,
    stop: Shutdown,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Archive {
    fn open(says: Says) -> Self {
        let folder = TempDir::new().expect("a folder");
        let store = Arc::new(Sqlite::open(&folder.path().join("orders.db")).expect("a database"));
        let clock = ManualClock::at(EVENING.0);
        let kafka = Kafka(Arc::new(Mutex::new(says)), Arc::default());
        let (made, stop) = (Arc::new(AtomicUsize::new(0)), Shutdown::new());
        let (asked, counted) = (kafka.clone(), Arc::clone(&made));
        let ask_anew = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(asked.clone())
        };
        let ticking: Arc<dyn Clock> = Arc::new(clock.clone());
        let running = run(Arc::clone(&store) as _, ticking, ask_anew, 60_000, stop.clone());
        let running = tokio::spawn(running);
        Self { store, clock, kafka, made, stop, running, _folder: folder }
    }

    fn says(&self, says: Says) {
        *self.kafka.0.lock().expect("nobody panics with it") = says;
    }

    /// An order that was completed a second after the evening began.
    async fn completed(&self, order_id: &str) {
        let born = placed(order_id);
        let accepted = moved(&born.order, after(1), order_accepted());
        let completed = moved(&accepted.order, after(SECOND_US), order_completed());
        commit(&*self.store, vec![born, accepted, completed]).await;
    }

    fn left(&self) -> usize {
        journal(&*self.store).len()
    }

    /// Lets time pass until it has asked so often.
    async fn asked(&self, times: usize) {
        self.until("a question", || self.kafka.1.load(Ordering::SeqCst) >= times).await;
    }

    /// Lets time pass, from one look to the next, until it is so. While it looks, the clock stands still.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !is_so() {
            assert!(began.elapsed() < LIMIT, "waited in vain for {what}");
            if self.clock.sleepers() > 0 {
                self.clock.advance_us(LOOK_EVERY_US);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.expect("it does not panic").expect("it stops in order");
    }
}

#[tokio::test]
async fn what_rests_moves_when_it_is_old_enough_and_published() {
    let archive = Archive::open(Says::Position(0));
    archive.completed("order-1").await;
    archive.asked(20).await;
    assert_eq!(archive.left(), 3, "nothing is published");
    archive.says(Says::Position(i64::MAX));
    archive.until("the move", || archive.left() == 0).await;
    assert!(archive.clock.now_us() >= EVENING.0 + 61 * SECOND_US);
    archive.stop().await;
}

#[tokio::test]
async fn nothing_moves_before_its_time() {
    let archive = Archive::open(Says::Position(i64::MAX));
    archive.completed("order-1").await;
    while archive.clock.now_us() < EVENING.0 + 60 * SECOND_US {
        assert_eq!(archive.left(), 3);
        archive.clock.advance_us(SECOND_US);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    archive.until("the move", || archive.left() == 0).await;
    archive.stop().await;
}

/// An order is met at its last event; one that could not go then, for a task of it was open, is met again
/// an hour later.
#[tokio::test]
async fn it_begins_anew_after_an_hour() {
    let archive = Archive::open(Says::Position(i64::MAX));
    let born = placed("order-1");
    let tell = Effect::Start { task: TaskKind::NotifyRestaurant, give_up_at: COMPLETE_BY };
    let task = Task::from_effect("order-1", &born.entries[0], &tell);
    let born = Commit { tasks: vec![task], ..born };
    let accepted = moved(&born.order, after(1), order_accepted());
    let completed = moved(&accepted.order, after(2), order_completed());
    let order = Arc::clone(&completed.order);
    commit(&*archive.store, vec![born, accepted, completed]).await;
    archive.asked(12).await;
    assert_eq!(archive.left(), 3, "it was met, a minute old");
    let (state, last_error) = (TaskState::Done, None);
    let close = TaskChange::Close { sequence: 1, attempts: 1, state, last_error };
    commit(&*archive.store, vec![unmoved(&order, close)]).await;
    archive.until("the move", || archive.left() == 0).await;
    let waited_us = archive.clock.now_us() - EVENING.0;
    assert!((HOUR_US..HOUR_US + 60 * SECOND_US).contains(&waited_us), "{waited_us}");
    archive.stop().await;
}

#[tokio::test]
async fn while_kafka_is_away_nothing_moves_and_it_is_asked_less_often() {
    let archive = Archive::open(Says::Nothing);
    archive.completed("order-1").await;
    archive.asked(8).await;
    let waited_us = archive.clock.now_us() - EVENING.0;
    assert!(waited_us > 300 * SECOND_US, "{waited_us}");
    assert_eq!((archive.left(), archive.made.load(Ordering::SeqCst)), (3, 1));
    archive.says(Says::Position(i64::MAX));
    archive.until("the move", || archive.left() == 0).await;
    archive.stop().await;
}

#[tokio::test]
async fn who_panics_is_replaced_and_archiving_goes_on() {
    let archive = Archive::open(Says::Panics);
    archive.completed("order-1").await;
    archive.asked(4).await;
    assert!(archive.made.load(Ordering::SeqCst) >= 4, "one for each");
    assert_eq!(archive.left(), 3);
    archive.says(Says::Position(i64::MAX));
    archive.until("the move", || archive.left() == 0).await;
    let made = archive.made.load(Ordering::SeqCst);
    let times = archive.kafka.1.load(Ordering::SeqCst);
    archive.asked(times + 3).await;
    assert_eq!(archive.made.load(Ordering::SeqCst), made, "whoever answers is asked again");
    archive.stop().await;
}

#[tokio::test]
async fn a_kafka_that_never_answers_holds_up_no_stop() {
    let archive = Archive::open(Says::Never);
    archive.asked(1).await;
    archive.stop().await;
}
