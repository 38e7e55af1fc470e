//! The page behind the link of a restaurant's letter: what is clicked there becomes of the order, once,
//! and what the page tells the browser to refuse is nothing that it needs.

use std::{env, fs};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::{api::unique, browser::Browser, eventually::eventually};

use super::super::{
    letters::{answer_link, letters, ordered, with_trattoria},
    silence::OrdersHere,
    support::{LIMIT, shared},
};

/// Waits until the page is headed so.
async fn headed(browser: &Browser, heading: &str) -> Result<()> {
    eventually(&format!("the page says: {heading}"), LIMIT, async || {
        Ok((browser.text("h1").await? == heading).then_some(()))
    })
    .await
}

/// Keeps a picture for whoever asks for pictures, by `SCREENSHOTS`, a folder.
async fn show(browser: &Browser, name: &str) -> Result<()> {
    if let Some(folder) = env::var_os("SCREENSHOTS") {
        let file = std::path::Path::new(&folder).join(format!("{name}.png"));
        fs::write(file, browser.screenshot().await?)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_clicked_on_the_page_of_a_link_becomes_of_the_order() -> Result<()> {
    let shared = shared().await?;
    let folder = tempfile::tempdir()?;
    let here = OrdersHere::start(folder.path(), shared.addresses())?;
    let kitchen = format!("{}@example.com", unique("kitchen"));
    with_trattoria(&here, &kitchen).await?;
    let browser = Browser::open().await?;
    let awaited = async |number| {
        let id = ordered(&here, None).await?;
        let newest = letters(&shared.addresses().mail, &kitchen, number).await?.pop();
        let link = answer_link(&here, &newest.context("a letter")?)?;
        browser.go_to(&link).await?;
        headed(&browser, "An order waits for your answer").await?;
        anyhow::Ok((id, link))
    };

    let (id, link) = awaited(1).await?;
    let text = browser.text("body").await?;
    for said in
        ["within 10 minutes", "2 x Pizza Margherita", "Total 24.50 EUR", "The customer is told"]
    {
        ensure!(text.contains(said), "{said}: {text}");
    }
    // The style has come through: a button for a thumb.
    let wide = "return document.querySelector('button').offsetWidth";
    ensure!(browser.run(wide).await?.as_i64() > Some(250), "the page is bare");
    show(&browser, "waiting").await?;
    browser.click("option[value='30']").await?;
    browser.click("button[value=accept]").await?;
    headed(&browser, "The order is accepted").await?;
    show(&browser, "accepted").await?;
    let path = format!("/v1/orders/{id}");
    let order: Value = here.api.call(reqwest::Method::GET, &path, None, None).await?.read()?;
    ensure!(order["ready_by"].is_string() && order["status"] != "notified", "{order}");
    browser.go_to(&link).await?;
    ensure!(browser.text("body").await?.contains("this link is used up"), "a second time");
    ensure!(browser.click("button").await.is_err(), "there is nothing to click on any more");

    let (id, _) = awaited(2).await?;
    let chosen = "return document.querySelector('[name=reason]').checkValidity()";
    ensure!(browser.run(chosen).await? == false, "no reason is sent by mistake");
    browser.click("option[value=other]").await?;
    browser.click("button[value=reject]").await?;
    eventually("it asks which reason", LIMIT, async || {
        Ok(browser.text("[role=alert]").await?.contains("Say which").then_some(()))
    })
    .await?;
    show(&browser, "asked").await?;
    browser.click("option[value=other]").await?;
    browser.type_into("input[name=note]", "The oven & I need a rest").await?;
    browser.click("button[value=reject]").await?;
    headed(&browser, "The order is rejected").await?;
    assert_eq!(here.api.order(&id).await?.status, "rejected");

    browser.go_to(&format!("{}/answer/made-up", here.url)).await?;
    headed(&browser, "Nothing to answer").await?;
    let answered = |line: &&String| !line.contains("status of 4");
    let complaints = browser.console().await?;
    assert_eq!(complaints.iter().find(answered), None, "but for the answers that were refusals");
    here.stop().await
}
