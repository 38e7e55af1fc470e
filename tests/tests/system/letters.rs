//! A restaurant that has nothing but a mail address: it is told and reminded by letters, and answers by
//! the link in them. Orders runs inside this test, with a clock that is moved by hand.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, redirect::Policy};
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
pub async fn letters(server: &str, address: &str, number: usize) -> Result<Vec<Mail>> {
    eventually(&format!("{number} letters"), LIMIT, async || {
        let letters = mails(server, address).await?;
        Ok((letters.len() == number).then_some(letters))
    })
    .await
}

/// Orders, with a restaurant that has this mail address.
pub async fn with_trattoria(here: &OrdersHere, kitchen: &str) -> Result<()> {
    let mut restaurant = trattoria(None);
    restaurant["mail"] = json!(kitchen);
    eventually("orders answers", LIMIT, async || {
        here.api.put_restaurant("trattoria", &restaurant).await.map(Some)
    })
    .await
}

/// The id of a new order there.
pub async fn ordered(here: &OrdersHere, note: Option<&str>) -> Result<String> {
    let mut order = dinner("trattoria", "ada", &format!("{}@example.com", unique("ada")));
    if let Some(note) = note {
        order.body["note"] = json!(note);
    }
    let placed = here.api.place(&unique("dinner"), &order).await?;
    ensure!(placed.status == 201, "{placed:?}");
    Ok(placed.body["id"].as_str().context("an id")?.to_owned())
}

/// The link in a letter that asks for an answer.
pub fn answer_link(here: &OrdersHere, letter: &Mail) -> Result<String> {
    let (text, begins) = (letter.text(), format!("{}/answer/", here.url));
    let link = text.split_whitespace().find(|word| word.starts_with(&begins));
    Ok(link.context("a letter without a link")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restaurant_answers_by_the_link_in_its_letter() -> Result<()> {
    let shared = shared().await?;
    let folder = tempfile::tempdir()?;
    let here = OrdersHere::start(folder.path(), shared.addresses())?;
    let kitchen = format!("{}@example.com", unique("kitchen"));
    with_trattoria(&here, &kitchen).await?;
    let id = ordered(&here, Some("No olives")).await?;
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
    let link = &answer_link(&here, &reminder)?;
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

/// Nobody listens at port 1, a day and an hour long.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_an_endpoint_that_fails_for_long_is_told_by_mail() -> Result<()> {
    let shared = shared().await?;
    let folder = tempfile::tempdir()?;
    let here = OrdersHere::start(folder.path(), shared.addresses())?;
    let kitchen = format!("{}@example.com", unique("kitchen"));
    with_trattoria(&here, &kitchen).await?;
    let (token, path) =
        (here.tokens.restaurant("trattoria")?, "/v1/restaurants/trattoria/webhook-endpoints");
    let wanted = json!({ "url": "http://127.0.0.1:1/orders", "profile": "patient" });
    let made = here.api.call_as(&token, Method::POST, path, Some("one"), Some(&wanted)).await?;
    ensure!(made.status == 201, "{made:?}");
    let id = made.body["id"].as_str().context("an id")?.to_owned();
    ordered(&here, None).await?;
    let path = format!("{path}/{id}/deliveries");
    eventually("an attempt", LIMIT, async || {
        let told = here.api.call_as(&token, Method::GET, &path, None, None).await?;
        let told = told.body["deliveries"].as_array().cloned().unwrap_or_default();
        Ok(told.iter().any(|delivery| delivery["attempts"] == 1).then_some(()))
    })
    .await?;
    here.clock.advance_us(25 * 3_600 * 1_000_000);
    let server = &shared.addresses().mail;
    let letter = eventually("the letter", LIMIT, async || {
        let letters = mails(server, &kitchen).await?;
        Ok(letters.into_iter().find(|mail| mail.subject == "Your webhook endpoint is paused"))
    })
    .await?;
    let text = letter.text();
    ensure!(text.contains(&id) && !text.contains("127.0.0.1"), "{text}");
    here.stop().await
}
