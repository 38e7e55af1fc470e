//! The feed of a restaurant in a browser: whatever happens to the connection, the page shows everything
//! that happened, in its order and once.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use system_tests::{
    api::{dinner, trattoria, unique},
    browser::Browser,
    eventually::eventually,
    sse::Parser,
    tokens::Tokens,
    wire::Wire,
};

use super::super::{
    silence::OrdersHere,
    support::{LIMIT, shared},
};
use super::page::{Page, listed, shown, tickets};

/// A page gives a connection up that has been silent for half a minute, and then asks for a ticket over
/// others that are dead too.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the script of the README shows.
const SHOWN: [&str; 4] = ["order_placed", "order_accepted", "order_cancelled", "order_expired"];

/// Orders with the restaurant of the README, and a page that may follow them.
async fn kitchen(folder: &Path) -> Result<(OrdersHere, Page)> {
    let shared = shared().await?;
    let page = Page::with(Tokens::of(&folder.join("token.key"))?.restaurant("nino")?).await?;
    let origin = page.origin();
    let settings = [("ORDERS_CORS_ORIGINS", origin.as_str()), ("ORDERS_OPEN_PER_CUSTOMER", "0")];
    let here = OrdersHere::start_told(folder, shared.addresses(), &settings)?;
    eventually("orders answers", LIMIT, async || {
        here.api.put_restaurant("nino", &trattoria(None)).await.map(Some)
    })
    .await?;
    Ok((here, page))
}

async fn wire_to(here: &OrdersHere) -> Result<Wire> {
    Ok(Wire::to(here.url.strip_prefix("http://").context("a URL")?).await?)
}

/// Some orders, every second of them accepted.
async fn cook(here: &OrdersHere, number: usize) -> Result<()> {
    for each in 0..number {
        let (key, order) = (unique("dinner"), dinner("nino", "ada", "ada@example.com"));
        let placed = here.api.place(&key, &order).await?;
        ensure!(placed.status == 201, "{placed:?}");
        let id = placed.body["id"].as_str().context("an id")?;
        if each % 2 == 1 {
            let accepted = here.api.decide(id, "accept", &json!({})).await?;
            ensure!(accepted.status == 200, "{accepted:?}");
        }
    }
    Ok(())
}

/// Somebody who follows the same feed without a browser, and without interruption.
struct Witness {
    response: Response,
    parser: Parser,
    /// The ids of what a page has to show, in the order of the journal.
    told: Vec<String>,
    heartbeats: usize,
}

impl Witness {
    async fn of(here: &OrdersHere) -> Result<Self> {
        let url = format!("{}/v1/restaurants/nino/feed", here.url);
        let client = Client::builder().no_proxy().build()?;
        let response = client.get(url).bearer_auth(here.tokens.restaurant("nino")?).send().await?;
        ensure!(response.status() == 200, "{}", response.status());
        let mut witness =
            Self { response, parser: Parser::default(), told: Vec::new(), heartbeats: 0 };
        witness.read().await?;
        Ok(witness)
    }

    /// Reads once.
    async fn read(&mut self) -> Result<()> {
        let bytes = self.response.chunk().await?.context("the feed has ended")?;
        for event in self.parser.read(&bytes) {
            let news: Value = serde_json::from_str(&event.data)?;
            self.heartbeats += usize::from(event.name == "heartbeat");
            if SHOWN.contains(&event.name.as_str()) {
                self.told.push(news["event_id"].as_str().context("an id")?.to_owned());
            }
        }
        Ok(())
    }

    /// Reads until it knows of so many more.
    async fn knows_more(&mut self, number: usize) -> Result<()> {
        let all = self.told.len() + number;
        while self.told.len() < all {
            tokio::time::timeout(LIMIT, self.read()).await.context("something never came")??;
        }
        Ok(())
    }
}

/// Waits until the page shows as much as has been told, and compares.
async fn shows(browser: &Browser, told: &[String]) -> Result<()> {
    eventually("the page shows everything", LIMIT, async || {
        Ok((shown(browser).await?.len() >= told.len()).then_some(()))
    })
    .await?;
    assert_eq!(shown(browser).await?, told, "everything, in its order, once");
    Ok(())
}

async fn lists(browser: &Browser, found: &[usize]) -> Result<()> {
    eventually("the page lists what is there", LIMIT, async || {
        Ok((listed(browser).await? == found).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_everything_once_whatever_befalls_its_connection() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (here, page) = kitchen(folder.path()).await?;
    let wire = wire_to(&here).await?;
    cook(&here, 3).await?;
    let mut witness = Witness::of(&here).await?;
    let browser = Browser::open().await?;
    browser.go_to(&page.following(&wire.url())).await?;
    lists(&browser, &[3]).await?;

    for befalls in [Wire::cut, Wire::tear, Wire::cut, Wire::close, Wire::tear] {
        cook(&here, 2).await?;
        witness.knows_more(3).await?;
        shows(&browser, &witness.told).await?;
        befalls(&wire);
        cook(&here, 2).await?;
        witness.knows_more(3).await?;
        if wire.is_closed() {
            eventually("the page is turned away", LIMIT, async || {
                Ok((wire.turned_away() > 1).then_some(()))
            })
            .await?;
            wire.open();
        }
        shows(&browser, &witness.told).await?;
    }
    assert_eq!(listed(&browser).await?, [3], "it had no need to look again");

    // While nothing goes over the wire, the page has an id that this journal has never given.
    wire.close();
    browser.run("lastId = '9999999'").await?;
    wire.open();
    lists(&browser, &[3, 23]).await?;
    cook(&here, 1).await?;
    witness.knows_more(1).await?;
    shows(&browser, &witness.told).await?;
    let refused = |line: &String| line.contains("CORS") || line.contains("Content Security");
    assert_eq!(browser.console().await?.into_iter().find(refused), None);
    here.stop().await
}

/// The heart of an app that nobody touches for an hour: what is silent is dead, and what is quiet is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_notices_a_connection_that_is_dead_and_keeps_one_that_is_quiet() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (here, page) = kitchen(folder.path()).await?;
    let dying = wire_to(&here).await?;
    let mut witness = Witness::of(&here).await?;
    let browsers = [Browser::open().await?, Browser::open().await?];
    for (browser, way) in browsers.iter().zip([&dying.url(), &here.url]) {
        browser.go_to(&page.following(way)).await?;
        lists(browser, &[0]).await?;
    }
    let (died_after, quiet_after) = (dying.carried(), tickets(&browsers[1]).await?);
    dying.go_dead();
    eventually("the page comes by another connection", PATIENCE, async || {
        Ok((dying.carried() > died_after).then_some(()))
    })
    .await?;
    cook(&here, 2).await?;
    witness.knows_more(3).await?;
    for browser in &browsers {
        shows(browser, &witness.told).await?;
    }
    ensure!(witness.heartbeats > 1, "{} heartbeats", witness.heartbeats);
    assert_eq!(tickets(&browsers[1]).await?, quiet_after, "the other page has stayed");
    here.stop().await
}

/// A menu is read and changed by a page under its ETag, and by the page of a stranger it is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_list_changes_a_menu_under_its_etag_and_no_other_page_sees_it() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let (here, page) = kitchen(folder.path()).await?;
    let stranger = Page::with(here.tokens.restaurant("nino")?).await?;
    let browser = Browser::open().await?;
    browser.go_to(&page.following(&here.url)).await?;
    lists(&browser, &[0]).await?;
    assert_eq!(browser.run(MENU).await?, json!([200, 304, 200, 412]));
    browser.go_to(&stranger.following(&here.url)).await?;
    let refused = eventually("it is refused", LIMIT, async || {
        let lines = browser.console().await?;
        Ok(lines.into_iter().find(|line| line.contains("CORS policy")))
    })
    .await?;
    ensure!(refused.contains("feed-tickets"), "{refused}");
    ensure!(browser.run(MENU).await.is_err(), "it reads a menu");
    here.stop().await
}

/// Reads a menu, reads it again, changes it, and changes it once more as if nobody had.
const MENU: &str = "
    return (async () => {
        const url = `${orders}/v1/restaurants/nino`, json = 'application/json';
        const headers = { Authorization: `Bearer ${await freshToken()}` };
        const read = await fetch(url, { headers });
        const known = read.headers.get('etag');
        const { id, ...menu } = await read.json();
        const again = await fetch(url, { headers: { ...headers, 'If-None-Match': known } });
        menu.menu[0].price_minor += 50;
        const change = { method: 'PUT', body: JSON.stringify(menu),
            headers: { ...headers, 'If-Match': known, 'Content-Type': json } };
        const [changed, late] = [await fetch(url, change), await fetch(url, change)];
        return [read, again, changed, late].map((answer) => answer.status);
    })()";
