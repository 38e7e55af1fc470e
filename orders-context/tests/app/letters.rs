//! Letters handed to a mail server, which may be late, refuse them, or be ill itself.

use crate::postbox::{GREETING, Instead, Postbox, held, instead};
use crate::sink::{Answer, Sink};
use crate::support::{SECOND, Takeaway, bella_napoli, cook, lease, margherite, placed, until};
use crate::tasks::{at_work_over, over_mail};
use chassis::clock::BootInstant;
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, PlaceOrder};
use orders_context::domain::{Decision, MailAddress, Receiver, Restaurant};
use orders_context::leases::Held;
use orders_context::store::{Task, TaskState};
use orders_context::tasks::mail::{Addressed, Mailer, Turn};
use orders_context::tasks::{self, Channels, Failed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// As long as a letter may take whose answer does not come.
const SOON: Duration = Duration::from_millis(500);

/// As long as a letter may take before others have its place.
const HANGS_AFTER: Duration = Duration::from_secs(6);

/// An answer that is late, and the one to the next letter.
const LATE: [Instead; 2] = [held(".", "250 Taken"), instead(".", "554 Refused")];

fn mailer(postbox: &Postbox) -> Mailer {
    Mailer::new(&postbox.url, "orders@takeaway.example", LIMIT).unwrap()
}

async fn send(mailer: &Mailer, address: &str) -> Result<(), Failed> {
    let [subject, id, text] = ["Hello", "order-1.1", "It is late.\n"].map(str::to_owned);
    mailer.send(Addressed::new("Rosa", address, subject, id, text).unwrap()).await
}

fn now(code: &str) -> Result<(), Failed> {
    Err(Failed::ForNow(code.to_owned()))
}

fn good(code: &str) -> Result<(), Failed> {
    Err(Failed::ForGood(code.to_owned()))
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_that_to_the_next_letter() {
    let postbox = Postbox::open(&LATE).await;
    let mut mailer = mailer(&postbox);
    mailer.limit = SOON;
    // On a machine that stalls a letter may not come to its end in that time: then another is sent.
    while postbox.left() == 2 {
        assert_eq!(send(&mailer, "rosa@example.org").await, now("smtp_timeout"));
        let is_over = || postbox.left() == 1 || postbox.is_alone();
        until("the end of it", async || is_over().then_some(())).await;
    }
    postbox.release();
    mailer.limit = LIMIT;
    assert_eq!(send(&mailer, "rosa@example.org").await, good("smtp_refused"));
    assert_eq!(send(&mailer, "rosa@example.org").await, Ok(()));
}

/// As when the lease is lost.
#[tokio::test]
async fn a_letter_that_nobody_waits_for_any_more_takes_its_connection_with_it() {
    let postbox = Postbox::open(&LATE).await;
    let mailer = mailer(&postbox);
    tokio::select! {
        sent = send(&mailer, "rosa@example.org") => panic!("it is under way: {sent:?}"),
        () = until("its end", async || (postbox.left() == 1).then_some(())) => {}
    }
    postbox.release();
    assert_eq!(send(&mailer, "rosa@example.org").await, good("smtp_refused"));
}

#[tokio::test]
async fn a_connection_goes_from_one_letter_to_the_next_for_as_long_as_it_lives() {
    let postbox = Postbox::open(&[instead("NOOP", "250 Here"), instead("NOOP", "421 Bye")]).await;
    let mailer = mailer(&postbox);
    for calls in [1, 1, 2] {
        assert_eq!(send(&mailer, "rosa@example.org").await, Ok(()));
        assert_eq!(postbox.calls(), calls);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_server_is_tried_again_and_what_is_wrong_with_the_letter_is_not() {
    let cases = [
        (GREETING, "554 Blocked", now("smtp_refused")),
        ("AUTH", "535 Who are you?", now("smtp_refused")),
        ("MAIL", "550 Not you", now("smtp_refused")),
        ("RCPT", "550 No such user", good("smtp_refused")),
        (".", "554 Spam", good("smtp_refused")),
        (GREETING, "421 Busy", now("smtp_later")),
        ("RCPT", "450 Mailbox busy", now("smtp_later")),
        ("DATA", "250 So", now("smtp_connect")),
        (".", "354 Go on", now("smtp_connect")),
    ];
    for (command, answer, expected) in cases {
        let postbox = Postbox::open(&[instead(command, answer)]).await;
        let mailer = mailer(&postbox);
        assert_eq!(send(&mailer, "rosa@example.org").await, expected, "{command} {answer}");
        assert_eq!(send(&mailer, "rosa@example.org").await, Ok(()), "{command} {answer}");
    }
    let postbox = Postbox::open(&[]).await;
    assert_eq!(send(&mailer(&postbox), "rösa@example.org").await, good("smtp_unsupported"));
    assert!(!postbox.commands().iter().any(|command| command == "MAIL"));
}

/// An order that was accepted, of which the customer is to read.
async fn accepted(app: &App, key: &str) -> String {
    let id = placed(app, key).await.order_id.clone();
    app.decide_order(&id, Decision::Accept, cook(), Cause::default()).await.unwrap();
    id
}

/// The customer's letter once it has had so many attempts.
async fn attempted(app: &App, order_id: &str, attempts: u32) -> Task {
    until("an attempt", async || {
        let letter = app.order(order_id).await.unwrap().tasks.pop()?;
        (letter.attempts == attempts).then_some(letter)
    })
    .await
}

#[tokio::test]
async fn a_letter_outlives_a_password_that_is_wrong_for_a_while() {
    let postbox = Postbox::open(&[instead("AUTH", "535 Who are you?")]).await;
    let sink = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let channels = over_mail(&postbox.url, LIMIT);
    let (app, _stop) = at_work_over(channels, &takeaway, &sink).await;
    let id = accepted(&app, "rosa-1").await;
    let first = attempted(&app, &id, 1).await;
    assert_eq!((first.state, first.last_error.as_deref()), (TaskState::Open, Some("smtp_refused")));
    takeaway.clock.advance_us(5 * SECOND);
    assert_eq!(attempted(&app, &id, 2).await.state, TaskState::Done);
}

/// Carries out the tasks of `app` while that lease is held.
fn work(app: &App, channels: &Arc<Channels>, held: &Held) {
    let started = Arc::new(Mutex::new(mpsc::channel(1).1));
    let (app, channels, held) = (app.clone(), Arc::clone(channels), held.clone());
    tokio::spawn(tasks::run(app, channels, started, held, Shutdown::new()));
}

fn held_for_long() -> Held {
    Held::until(lease(), BootInstant::now() + 10 * LIMIT)
}

/// As many as letters can be on their way at once.
async fn all_turns(mailer: &Mailer, to: Receiver) -> Vec<Turn<'_>> {
    let at_once = match to {
        Receiver::Customer => 64,
        Receiver::Restaurant => 32,
    };
    let mut turns = Vec::new();
    while turns.len() < at_once {
        turns.push(mailer.turn(to).await.unwrap());
    }
    turns
}

/// The one letter of `app` that is due has its turn when the lease is lost.
async fn lose_the_lease_before_the_turn(takeaway: &Takeaway, app: &App, to: Receiver) {
    let postbox = Postbox::open(&[]).await;
    let channels = Arc::new(over_mail(&postbox.url, LIMIT));
    let mailer = channels.mailer.clone().unwrap();
    let turns = all_turns(&mailer, to).await;
    let held = held_for_long();
    work(app, &channels, &held);
    // Who is written to is the last thing that is asked before.
    let waits = || takeaway.store.contacts() == 1;
    until("a letter that waits", async || waits().then_some(())).await;
    held.prolong(BootInstant::now());
    drop(turns);
    // Whoever attempts has the channels too.
    let is_over = || Arc::strong_count(&channels) == 2;
    until("the end of the attempt", async || is_over().then_some(())).await;
    assert_eq!(postbox.calls(), 0);
}

#[tokio::test]
async fn no_customer_is_written_to_once_the_lease_is_lost() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    accepted(&app, "rosa-1").await;
    lose_the_lease_before_the_turn(&takeaway, &app, Receiver::Customer).await;
}

/// A restaurant that has a mail address alone, with an order.
async fn by_mail(app: &App, house: usize) {
    let restaurant_id = format!("bella-napoli-{house}");
    let mail = Some(MailAddress("kitchen@bella-napoli.example".to_owned()));
    let restaurant = Restaurant { restaurant_id, mail, ..bella_napoli(None) };
    let restaurant_id = restaurant.restaurant_id.clone();
    app.register_restaurant(restaurant).await.unwrap();
    let wanted = PlaceOrder { restaurant_id, ..margherite(&format!("rosa-{house}")) };
    app.place_order(wanted, Cause::default()).await.unwrap();
}

#[tokio::test]
async fn no_restaurant_is_written_to_once_the_lease_is_lost() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    by_mail(&app, 1).await;
    lose_the_lease_before_the_turn(&takeaway, &app, Receiver::Restaurant).await;
}

/// How long it takes to call a webhook beside letters that have just begun, at a server that is mute. There are more
/// of them than restaurants are told at once.
async fn called_beside_letters() -> Duration {
    let hook = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    app.register_restaurant(bella_napoli(Some(hook.url.clone()))).await.unwrap();
    for house in 0..140 {
        by_mail(&app, house).await;
    }
    let postbox = Postbox::open(&[held(GREETING, "220 mail.example"); 32]).await;
    let began = Instant::now();
    work(&app, &Arc::new(over_mail(&postbox.url, 10 * LIMIT)), &held_for_long());
    until("all turns", async || (postbox.left() == 0).then_some(())).await;
    let id = &placed(&app, "rosa-hook").await.order_id;
    let is_done = |task: &Task| task.state == TaskState::Done;
    until("the call", async || is_done(&app.order(id).await.unwrap().tasks[0]).then_some(())).await;
    let called_after = began.elapsed();
    let letters = app.open_tasks(Receiver::Restaurant, None, 200).await.unwrap();
    assert!(letters.iter().filter(|(_, task)| task.attempts == 0).count() >= 32, "they wait");
    called_after
}

/// On a machine that stalls a letter may hang before the webhook is called, which shows nothing.
#[tokio::test]
async fn restaurants_that_are_told_by_mail_keep_no_webhook_from_hearing_while_the_server_is_mute() {
    for _ in 0..5 {
        if called_beside_letters().await < HANGS_AFTER {
            return;
        }
    }
    panic!("it waits until a letter hangs");
}

#[tokio::test]
async fn a_letter_to_a_restaurant_waits_for_its_turn_not_for_long_and_for_no_customers() {
    let postbox = Postbox::open(&[]).await;
    let mailer = mailer(&postbox);
    let _to_customers = all_turns(&mailer, Receiver::Customer).await;
    assert_eq!(send(&mailer, "kitchen@example.org").await, Ok(()));
    let mut to_restaurants = all_turns(&mailer, Receiver::Restaurant).await;
    assert_eq!(send(&mailer, "kitchen@example.org").await, now("smtp_busy"));
    to_restaurants.pop();
    assert_eq!(send(&mailer, "kitchen@example.org").await, Ok(()));
    let waits = tokio::time::timeout(4 * SOON, mailer.turn(Receiver::Customer)).await;
    assert!(waits.is_err(), "a customer's waits on");
}
