//! A restaurant's page, on a server and so of an origin of its own. Its script is the one of
//! `orders-context/README.md`, word for word, with what that leaves to the page around it.

use std::{fs, net::SocketAddr};

use anyhow::{Context, Result};
use axum::{Router, response::Html, routing::get};
use system_tests::{addresses::checkout, browser::Browser};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the script asks for: where orders is, which is in the page's address; tokens; and somewhere to show
/// things.
const AROUND: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Kitchen</title></head>
<body>
<ol id="shown"></ol>
<ol id="listed"></ol>
<script>
const orders = new URLSearchParams(location.search).get("orders");
const freshToken = async () => (await fetch("/token")).text();

function line(list, text) {
  const item = document.createElement("li");
  item.textContent = text;
  document.getElementById(list).append(item);
}

const show = (event) => line("shown", event.event_id);

async function listOpenOrders() {
  const answer = await fetch(`${orders}/v1/orders?restaurant_id=nino&limit=100`,
    { headers: { Authorization: `Bearer ${await freshToken()}` } });
  line("listed", (await answer.json()).orders.length);
}

SCRIPT
follow();
</script>
</body>
</html>
"#;

/// Serves the page. It ends when this is dropped.
pub struct Page {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Page {
    /// A page that has this token.
    pub async fn with(token: String) -> Result<Self> {
        let page = Html(AROUND.replace("SCRIPT", &script()?));
        let app = Router::new()
            .route("/", get(async move || page))
            .route("/token", get(async move || token));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, serving })
    }

    /// What a browser says it comes from.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The page that follows the orders which are reached there.
    pub fn following(&self, orders: &str) -> String {
        format!("{}/?orders={orders}", self.origin())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The block of the README.
fn script() -> Result<String> {
    let readme = fs::read_to_string(checkout().join("orders-context/README.md"))?;
    let blocks = readme.split("```js\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.into_iter().find(|block| block.contains("new EventSource("));
    Ok(block.context("the README has no script for pages")?.to_owned())
}

/// The ids of the events that the page shows, in its order.
pub async fn shown(browser: &Browser) -> Result<Vec<String>> {
    lines(browser, "shown").await
}

/// How many orders it found, each time it listed them.
pub async fn listed(browser: &Browser) -> Result<Vec<usize>> {
    let lines = lines(browser, "listed").await?;
    lines.iter().map(|line| Ok(line.parse()?)).collect()
}

/// How many tickets it has got: so often it has begun to follow.
pub async fn tickets(browser: &Browser) -> Result<Option<u64>> {
    let got = "return performance.getEntriesByType('resource')\
                 .filter((entry) => entry.name.endsWith('/feed-tickets')).length";
    Ok(browser.run(got).await?.as_u64())
}

async fn lines(browser: &Browser, list: &str) -> Result<Vec<String>> {
    let script =
        format!("return [...document.querySelectorAll('#{list} li')].map(i => i.textContent)");
    Ok(serde_json::from_value(browser.run(&script).await?)?)
}
