//! The loop that carries out tasks, with a restaurant's webhook to talk to.

use crate::faulty::Fault;
use crate::sink::{Answer, Sink};
use crate::support::{
    MINUTE, ROOMY, SECOND, Takeaway, bella_napoli, cook, history, last_event, lease, margherite,
    placed, told, until,
};
use chassis::clock::BootInstant;
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, PlaceOrder, TaskReport};
use orders_context::domain::{
    Action, Deadline, Decision, Event, Intervention, Notification, Receiver, Restaurant, Status,
    TaskKind, Until,
};
use orders_context::leases::{Held, STOP_WITHIN};
use orders_context::store::{Task, TaskState};
use orders_context::tasks::mail::Mailer;
use orders_context::tasks::post::{Poster, Reach};
use orders_context::tasks::{self, Channels, Customers};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

fn channels() -> Channels {
    mute_mail(Duration::from_millis(200))
}

/// With a mail server that takes calls and never says a word, which has so long for a letter.
pub fn mute_mail(limit: Duration) -> Channels {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", mute.local_addr().unwrap());
    // The kernel takes the calls for as long as it listens: until the test ends.
    std::mem::forget(mute);
    over_mail(&url, limit)
}

/// With this mail server, which has so long for a letter.
pub fn over_mail(url: &str, limit: Duration) -> Channels {
    let from = "Takeaway <orders@takeaway.example>";
    let mailer = Arc::new(Mailer::new(url, from, limit).unwrap());
    Channels {
        poster: Arc::new(Poster::new(Reach::Anywhere).unwrap()),
        mailer: Some(Arc::clone(&mailer)),
        customers: Customers::Mail(mailer),
    }
}

/// An application whose tasks are handed over and carried out, with its webhook at `sink`.
pub async fn at_work(takeaway: &Takeaway, sink: &Sink) -> (App, Shutdown) {
    at_work_over(channels(), takeaway, sink).await
}

/// The same over other channels.
pub async fn at_work_over(channels: Channels, takeaway: &Takeaway, sink: &Sink) -> (App, Shutdown) {
    let (app, mut group) = takeaway.idle_app(ROOMY);
    let (hand_over, started) = mpsc::channel(16);
    group.hand_tasks_to(hand_over);
    tokio::spawn(group.run(Shutdown::new()));
    app.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    let stop = Shutdown::new();
    let started = Arc::new(Mutex::new(started));
    let held = Held::until(lease(), BootInstant::now() + Duration::from_secs(600));
    tokio::spawn(tasks::run(app.clone(), Arc::new(channels), started, held, stop.clone()));
    (app, stop)
}

pub async fn announcement(app: &App, order_id: &str) -> Task {
    app.order(order_id).await.unwrap().tasks.remove(0)
}

/// The announcement once it has had so many attempts.
pub async fn attempted(app: &App, order_id: &str, attempts: u32) -> Task {
    until("an attempt", async || {
        let task = announcement(app, order_id).await;
        (task.attempts == attempts).then_some(task)
    })
    .await
}

#[tokio::test]
async fn a_restaurant_that_fails_twice_is_told_at_the_third_attempt() {
    let sink = Sink::open(&[Answer::Status(503), Answer::Silence, Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;

    let first = attempted(&app, id, 1).await;
    assert_eq!((first.state, first.last_error.as_deref()), (TaskState::Open, Some("http_503")));
    assert!(first.next_attempt_at > app.now());
    takeaway.clock.advance_us(SECOND);
    let second = attempted(&app, id, 2).await;
    assert_eq!(second.last_error.as_deref(), Some("broken_connection"));
    takeaway.clock.advance_us(2 * SECOND);
    let third = attempted(&app, id, 3).await;
    assert_eq!((third.state, third.last_error), (TaskState::Done, None));

    assert_eq!(app.order(id).await.unwrap().order.status, Status::Notified);
    let rows = history(&app, id).await;
    let told = Event::RestaurantNotified { channel: "webhook".to_owned(), attempts: 3 };
    assert_eq!((rows.len(), &rows[1].event), (2, &told));
    assert_eq!(rows[1].causation_id.as_ref(), Some(&rows[0].event_id));

    let deliveries = sink.deliveries();
    assert_eq!(deliveries.len(), 3);
    let message = format!("msg_{id}_1");
    for delivery in &deliveries {
        assert_eq!(delivery.headers["webhook-id"], message, "the same at each attempt");
        assert!(delivery.headers["webhook-signature"].starts_with("v1,"));
        assert_eq!(delivery.body["type"], "order.placed");
        assert_eq!(delivery.body["data"]["order_id"], id.as_str());
        assert_eq!(delivery.body["data"]["total_minor"], 1_900);
    }
}

#[tokio::test]
async fn a_restaurant_that_says_yes_and_goes_on_talking_has_been_told() {
    let sink = Sink::open(&[Answer::Endless]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    let task = attempted(&app, &order.order_id, 1).await;
    assert_eq!((task.state, task.last_error), (TaskState::Done, None));
    assert_eq!(sink.deliveries().len(), 1);
}

#[tokio::test]
async fn a_restaurant_that_never_answers_is_given_up_when_the_window_closes() {
    let sink = Sink::open(&[Answer::Silence]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    attempted(&app, id, 1).await;
    // What would be the next attempt but one comes after the window has closed.
    takeaway.clock.advance_us(10 * MINUTE - SECOND);
    let task = attempted(&app, id, 2).await;
    assert_eq!(task.state, TaskState::GivenUp);
    assert_eq!(task.last_error.as_deref(), Some("broken_connection"));
    let failed = Event::NotificationFailed {
        task: TaskKind::NotifyRestaurant,
        attempts: 2,
        cause: "broken_connection".to_owned(),
    };
    assert_eq!(last_event(&app, id).await, failed);
    assert_eq!(app.order(id).await.unwrap().order.status, Status::Placed, "it may still answer");
    assert_eq!(sink.deliveries().len(), 2);
}

/// The attempt was under way when the restaurant was given more time.
#[tokio::test]
async fn an_attempt_that_ends_in_an_older_window_gives_nothing_up() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    app.register_restaurant(bella_napoli(Some("http://127.0.0.1:1/".to_owned()))).await.unwrap();
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    let begun = announcement(&app, id).await;
    let until_then = Until::Later { by_ms: 10 * 60_000 };
    let extend = Action::Extend { deadline: Deadline::AcceptBy, until: until_then };
    let why = Intervention { actor: "operator-7".to_owned(), reason: "No power".to_owned() };
    let extended = app.act(id, &extend, why, Cause::default()).await.unwrap();
    takeaway.clock.advance_us(10 * MINUTE - SECOND);
    let again_at = app.now().plus_ms(60_000);
    let gave_up = TaskReport::GaveUp { error: "timeout".to_owned(), too_late: Some(again_at) };
    app.report_task(&begun, 1, gave_up.clone(), &lease()).await.unwrap();
    let task = announcement(&app, id).await;
    assert_eq!((task.state, task.next_attempt_at), (TaskState::Open, again_at));
    assert_eq!((task.attempts, task.give_up_at), (1, extended.accept_by));
    assert_eq!(told(&app, id).await, ["order_placed", "deadline_extended"]);
    // The next one knows how much time there is.
    app.report_task(&task, 2, gave_up, &lease()).await.unwrap();
    assert_eq!(announcement(&app, id).await.state, TaskState::GivenUp);
}

/// As after a restart that took longer than the window.
#[tokio::test]
async fn a_task_found_after_its_window_is_given_up_without_a_call() {
    let sink = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let idle = takeaway.app().await;
    idle.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    let order = placed(&idle, "rosa-1").await;
    takeaway.clock.advance_us(10 * MINUTE);
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let id = &order.order_id;
    let given_up = until("giving up", async || {
        let task = announcement(&app, id).await;
        (task.state == TaskState::GivenUp).then_some(task)
    });
    assert_eq!(given_up.await.last_error.as_deref(), Some("too_late"));
    assert_eq!(told(&app, id).await, ["order_placed", "notification_failed"]);
    assert_eq!(sink.deliveries().len(), 0);
}

/// One order's call is held while the loop looks into the store, which is seen by the delivery of
/// another order's task that nobody handed over.
#[tokio::test]
async fn a_task_that_is_handed_over_and_found_is_delivered_once() {
    let sink = Sink::open(&[Answer::Held, Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let handed_over = placed(&app, "rosa-1").await;
    until("the first call", async || (sink.deliveries().len() == 1).then_some(())).await;
    let elsewhere = takeaway.app().await;
    elsewhere.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    for number in 2..=3 {
        // The second one shows that a whole look at the store has ended before.
        let found = placed(&elsewhere, &format!("rosa-{number}")).await;
        let done = attempted(&app, &found.order_id, 1).await;
        assert_eq!(done.state, TaskState::Done);
    }
    sink.release();
    let id = &handed_over.order_id;
    assert_eq!(attempted(&app, id, 1).await.state, TaskState::Done);
    let message = format!("msg_{id}_1");
    let deliveries = sink.deliveries();
    let calls = deliveries.iter().filter(|delivery| delivery.headers["webhook-id"] == message);
    assert_eq!((calls.count(), deliveries.len()), (1, 3));
    let delivered = Event::RestaurantNotified { channel: "webhook".to_owned(), attempts: 1 };
    assert_eq!(last_event(&app, id).await, delivered);
}

#[tokio::test]
async fn a_report_that_cannot_be_stored_is_repeated_and_the_call_is_not() {
    let sink = Sink::open(&[Answer::Held]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    until("the call", async || (sink.deliveries().len() == 1).then_some(())).await;
    takeaway.store.spoil([Fault::Before, Fault::After]);
    sink.release();
    let id = &order.order_id;
    assert_eq!(attempted(&app, id, 1).await.state, TaskState::Done);
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"]);
    assert_eq!(sink.deliveries().len(), 1);
}

/// The loop, in the middle of its call about an order.
struct Calling {
    app: App,
    order_id: String,
    stop: Shutdown,
    working: JoinHandle<anyhow::Result<()>>,
}

impl Calling {
    async fn begin(takeaway: &Takeaway, sink: &Sink) -> Self {
        let app = takeaway.app().await;
        app.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
        let order_id = placed(&app, "rosa-1").await.order_id.clone();
        let started = Arc::new(Mutex::new(mpsc::channel(1).1));
        let held = Held::until(lease(), BootInstant::now() + Duration::from_secs(600));
        let stop = Shutdown::new();
        let working = tasks::run(app.clone(), Arc::new(channels()), started, held, stop.clone());
        let working = tokio::spawn(working);
        until("the call", async || (sink.deliveries().len() == 1).then_some(())).await;
        Self { app, order_id, stop, working }
    }
}

#[tokio::test]
async fn stopping_lets_a_call_under_way_come_to_its_end() {
    let sink = Sink::open(&[Answer::Held]).await;
    let takeaway = Takeaway::open();
    let Calling { app, order_id, stop, working } = Calling::begin(&takeaway, &sink).await;
    let began = Instant::now();
    stop.cancel();
    sink.release();
    working.await.unwrap().unwrap();
    // Who stops sooner than it has to leaves nothing to others.
    if began.elapsed() < STOP_WITHIN {
        assert_eq!(announcement(&app, &order_id).await.state, TaskState::Done);
    }
}

/// Whoever takes over repeats it, and can do so soon.
#[tokio::test]
async fn stopping_does_not_wait_for_a_restaurant_that_does_not_answer() {
    let sink = Sink::open(&[Answer::Held]).await;
    let takeaway = Takeaway::open();
    let Calling { app, order_id, stop, working } = Calling::begin(&takeaway, &sink).await;
    stop.cancel();
    working.await.unwrap().unwrap();
    assert_eq!(announcement(&app, &order_id).await.state, TaskState::Open);
}

#[tokio::test]
async fn nothing_is_sent_once_the_lease_is_lost() {
    let sink = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, group) = takeaway.idle_app(ROOMY);
    tokio::spawn(group.run(Shutdown::new()));
    app.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    let order = placed(&app, "rosa-lost").await;
    let start = |granted| {
        let started = Arc::new(Mutex::new(mpsc::channel(1).1));
        let held = Held::until(lease(), BootInstant::now() + granted);
        tokio::spawn(tasks::run(app.clone(), Arc::new(channels()), started, held, Shutdown::new()));
    };
    start(Duration::ZERO);
    start(Duration::from_secs(600));
    attempted(&app, &order.order_id, 1).await;
    assert_eq!(sink.deliveries().len(), 1, "only who holds the lease has sent it");
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_is_not_waited_for() {
    let sink = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let order = placed(&app, "rosa-mute").await;
    let id = &order.order_id;
    app.decide_order(id, Decision::Accept, cook(), Cause::default()).await.unwrap();
    let letter = until("an attempt", async || {
        let letter = app.order(id).await.unwrap().tasks.pop()?;
        (letter.attempts == 1).then_some(letter)
    })
    .await;
    assert_eq!(letter.kind, Notification::Accepted.task());
    assert_eq!(
        (letter.state, letter.last_error.as_deref()),
        (TaskState::Open, Some("smtp_timeout"))
    );
}

/// As after a restart while the mail server is ill: more letters are overdue than are read at once.
#[tokio::test]
async fn letters_that_pile_up_do_not_keep_a_restaurant_from_hearing() {
    const AT_ONCE: usize = 10;
    const PILE: usize = 110 * AT_ONCE;
    let sink = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let idle = takeaway.app().await;
    idle.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    for wave in 0..PILE / AT_ONCE {
        let accepting = (0..AT_ONCE).map(|number| {
            let app = idle.clone();
            tokio::spawn(async move {
                let id = &placed(&app, &format!("rosa-{wave}-{number}")).await.order_id;
                app.decide_order(id, Decision::Accept, cook(), Cause::default()).await.unwrap();
            })
        });
        for accepted in accepting.collect::<Vec<_>>() {
            accepted.await.unwrap();
        }
    }
    takeaway.clock.advance_us(SECOND);
    let order = placed(&idle, "rosa-last").await;
    let (app, _stop) = at_work_over(mute_mail(Duration::from_secs(600)), &takeaway, &sink).await;
    assert_eq!(attempted(&app, &order.order_id, 1).await.state, TaskState::Done);
    let letters = idle.open_tasks(Receiver::Customer, None, 2 * PILE).await.unwrap();
    assert_eq!(letters.len(), PILE, "none of them was waited for");
}

/// More orders than there are places, whose restaurant takes calls and answers none.
#[tokio::test]
async fn a_restaurant_that_does_not_answer_keeps_no_other_from_hearing() {
    const ORDERS: usize = 130;
    let (mute, sink) =
        (Sink::open(&[Answer::Held]).await, Sink::open(&[Answer::Status(200)]).await);
    let takeaway = Takeaway::open();
    let idle = takeaway.app().await;
    idle.register_restaurant(bella_napoli(Some(mute.url.clone()))).await.unwrap();
    let nino =
        Restaurant { restaurant_id: "nino".to_owned(), ..bella_napoli(Some(sink.url.clone())) };
    idle.register_restaurant(nino).await.unwrap();
    for number in 0..ORDERS {
        placed(&idle, &format!("rosa-{number}")).await;
    }
    // Not before all are there: an answer is waited for ten seconds, and none of the calls is to end.
    let (app, _stop) = at_work(&takeaway, &mute).await;
    until("a call", async || (!mute.deliveries().is_empty()).then_some(())).await;
    let wanted = PlaceOrder { restaurant_id: "nino".to_owned(), ..margherite("rosa-nino") };
    let order = app.place_order(wanted, Cause::default()).await.unwrap().order;
    assert_eq!(attempted(&app, &order.order_id, 1).await.state, TaskState::Done);
    let open = app.open_tasks(Receiver::Restaurant, None, 2 * ORDERS).await.unwrap();
    assert_eq!(open.len(), ORDERS);
    assert!(open.iter().all(|(_, task)| task.attempts == 0), "none of them has ended");
}
