//! Letters handed to a mail server, which may be late, refuse them, or be ill itself.

use crate::postbox::{GREETING, Instead, Postbox, instead};
use crate::sink::{Answer, Sink};
use crate::support::{SECOND, Takeaway, bella_napoli, cook, lease, margherite, placed, until};
use crate::tasks::{at_work_over, mute_mail, over_mail};
use chassis::clock::BootInstant;
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, PlaceOrder};
use orders_context::domain::{Decision, MailAddress, Receiver, Restaurant};
use orders_context::leases::Held;
use orders_context::store::{Task, TaskState};
use orders_context::tasks::mail::{Addressed, Mailer};
use orders_context::tasks::{self, Failed};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

const LIMIT: Duration = Duration::from_millis(500);

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
    let late = Instead(".", 2 * LIMIT, "250 Taken");
    let postbox = Postbox::open(&[late, instead(".", "554 Refused")]).await;
    let mailer = mailer(&postbox);
    assert_eq!(send(&mailer, "rosa@example.org").await, now("smtp_timeout"));
    tokio::time::sleep(2 * LIMIT).await;
    assert_eq!(send(&mailer, "rosa@example.org").await, good("smtp_refused"));
    assert_eq!(send(&mailer, "rosa@example.org").await, Ok(()));
}

/// As when the lease is lost.
#[tokio::test]
async fn a_letter_that_nobody_waits_for_any_more_takes_its_connection_with_it() {
    let late = Instead(".", LIMIT / 2, "250 Taken");
    let postbox = Postbox::open(&[late, instead(".", "554 Refused")]).await;
    let mailer = mailer(&postbox);
    let sending = send(&mailer, "rosa@example.org");
    assert!(tokio::time::timeout(LIMIT / 4, sending).await.is_err(), "it is under way");
    tokio::time::sleep(LIMIT).await;
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
    let channels = over_mail(&postbox.url, 10 * LIMIT);
    let (app, _stop) = at_work_over(channels, &takeaway, &sink).await;
    let id = accepted(&app, "rosa-1").await;
    let first = attempted(&app, &id, 1).await;
    assert_eq!((first.state, first.last_error.as_deref()), (TaskState::Open, Some("smtp_refused")));
    takeaway.clock.advance_us(5 * SECOND);
    assert_eq!(attempted(&app, &id, 2).await.state, TaskState::Done);
}

/// As many letters of `app` are due as have their `turns` at once, and those may take longer than the lease; `others`
/// are asked for while it is held.
async fn lose_the_lease_before_the_last_turn(
    app: &App,
    turns: usize,
    others: impl Future<Output = ()>,
) {
    let held_for = Duration::from_secs(2);
    let mute = vec![Instead(GREETING, 20 * held_for, "220 mail.example"); 2 * turns];
    let postbox = Postbox::open(&mute).await;
    let started = Arc::new(Mutex::new(mpsc::channel(1).1));
    let held = Held::until(lease(), BootInstant::now() + held_for);
    let channels = Arc::new(over_mail(&postbox.url, held_for + LIMIT / 4));
    tokio::spawn(tasks::run(app.clone(), channels, started, held, Shutdown::new()));
    until("all turns", async || (postbox.calls() == turns).then_some(())).await;
    // Their letters are found in half a second and wait for a second.
    tokio::time::sleep(held_for * 6 / 10).await;
    others.await;
    tokio::time::sleep(held_for + 2 * LIMIT).await;
    assert_eq!(postbox.calls(), turns);
}

#[tokio::test]
async fn no_customer_is_written_to_once_the_lease_is_lost() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    for number in 0..64 {
        accepted(&app, &format!("rosa-{number}")).await;
    }
    let other = async { drop(accepted(&app, "rosa-last").await) };
    lose_the_lease_before_the_last_turn(&app, 64, other).await;
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
    for house in 0..32 {
        by_mail(&app, house).await;
    }
    lose_the_lease_before_the_last_turn(&app, 32, by_mail(&app, 32)).await;
}

/// There are more of them than restaurants are told at once.
#[tokio::test]
async fn restaurants_that_are_told_by_mail_keep_no_webhook_from_hearing_while_the_server_is_mute() {
    let hook = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let mute = mute_mail(Duration::from_secs(600));
    let (app, _stop) = at_work_over(mute, &takeaway, &hook).await;
    for house in 0..140 {
        by_mail(&app, house).await;
    }
    // All have been found by then, and none hangs yet.
    tokio::time::sleep(2 * LIMIT).await;
    let id = &placed(&app, "rosa-hook").await.order_id;
    let told = until("the call", async || {
        (app.order(id).await.unwrap().tasks[0].state == TaskState::Done).then_some(())
    });
    tokio::time::timeout(8 * LIMIT, told).await.expect("sooner than a letter hangs");
    let letters = app.open_tasks(Receiver::Restaurant, None, 200).await.unwrap();
    assert!(letters.iter().filter(|(_, task)| task.attempts == 0).count() >= 32, "they wait");
}

#[tokio::test]
async fn a_letter_to_a_restaurant_waits_for_its_turn_not_for_long_and_for_no_customers() {
    let postbox = Postbox::open(&[]).await;
    let mailer = mailer(&postbox);
    let mut to_customers = Vec::new();
    while to_customers.len() < 64 {
        to_customers.push(mailer.turn(Receiver::Customer).await.unwrap());
    }
    assert_eq!(send(&mailer, "kitchen@example.org").await, Ok(()));
    let mut to_restaurants = Vec::new();
    while to_restaurants.len() < 32 {
        to_restaurants.push(mailer.turn(Receiver::Restaurant).await.unwrap());
    }
    assert_eq!(send(&mailer, "kitchen@example.org").await, now("smtp_busy"));
    to_restaurants.pop();
    assert_eq!(send(&mailer, "kitchen@example.org").await, Ok(()));
    let waits = tokio::time::timeout(4 * LIMIT, mailer.turn(Receiver::Customer)).await;
    assert!(waits.is_err(), "a customer's waits on");
}
