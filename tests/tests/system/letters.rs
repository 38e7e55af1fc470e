//! A restaurant that has nothing but a mail address: it is told and reminded by letters, and answers by
//! the link in them. Orders runs inside this test, with a clock that is moved by hand.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use system_tests::{
    api::{dinner, trattoria, unique},
    eventually::eventually,
    mail::{Mail, mails},
};

use super::{
    silence::OrdersHere,
    support::{LIMIT, shared},
};

/// The letters to that address, once there are so many.
async fn letters(server: &str, address: &str, number: usize) -> Result<Vec<Mail>> {
    eventually(&format!("{number} letters"), LIMIT, async || {
        let letters = mails(server, address).await?;
        Ok((letters.len() == number).then_some(letters))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restaurant_answers_by_the_link_in_its_letter() -> Result<()> {
    let shared = shared().await?;
    let folder = tempfile::tempdir()?;
    let here = OrdersHere::start(folder.path(), shared.addresses())?;
    let kitchen = format!("{}@example.com", unique("kitchen"));
    let mut restaurant = trattoria(None);
    restaurant["mail"] = json!(kitchen);
    eventually("orders answers", LIMIT, async || {
        here.api.put_restaurant("trattoria", &restaurant).await.map(Some)
    })
    .await?;
    let mut order = dinner("trattoria", "ada", &format!("{}@example.com", unique("ada")));
    order.body["note"] = json!("No olives");
    let placed = here.api.place("dinner", &order).await?;
    ensure!(placed.status == 201, "{placed:?}");
    let id = placed.body["id"].as_str().context("an id")?.to_owned();
    let status = async |status: &str| {
        eventually(&format!("the order is {status}"), LIMIT, async || {
            Ok((here.api.order(&id).await?.status == status).then_some(()))
        })
        .await
    };
    status("notified").await?;
    let server = &shared.addresses().mail;
    let first = letters(server, &kitchen, 1).await?.remove(0);
    assert_eq!(first.subject, "A new order waits for your answer");
    let text = first.text();
    ensure!(text.contains("2 x Pizza Margherita") && text.contains("No olives"), "{text}");
    ensure!(first.header("Message-ID") == Some(&format!("<{id}.1@takeaway.example>")), "{first:?}");

    here.clock.advance_us(90 * 1_000_000);
    let reminder = letters(server, &kitchen, 2).await?.remove(1);
    assert_eq!(reminder.subject, "Reminder 1: an order waits for your answer");
    let text = reminder.text();
    let begins = format!("{}/answer/", here.url);
    let link = text.split_whitespace().find(|word| word.starts_with(&begins)).context("a link")?;
    let browser = Client::builder().redirect(Policy::none()).build()?;
    ensure!(browser.get(link).send().await?.status() == 200, "the page");
    status("notified").await?;
    let answered = browser.post(link).body("decision=accept&ready_in=30").send().await?;
    assert_eq!(answered.status(), 303);
    ensure!(here.api.order(&id).await?.status != "notified", "it is answered");

    let history: Value =
        here.api.history(&id).await?.iter().map(|e| e.event_type.clone()).collect();
    let whole = ["order_placed", "restaurant_notified", "restaurant_reminded", "order_accepted"];
    ensure!(history.as_array().is_some_and(|told| told.starts_with(&whole.map(Value::from))));
    here.stop().await
}
