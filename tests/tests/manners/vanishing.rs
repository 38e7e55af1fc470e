//! A client that vanishes without a word, in a tunnel or with a battery that is empty: nothing that is
//! sent to it is acknowledged, and nothing comes from it. It is missed, and nobody else is.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Response};
use serde_json::json;
use socket2::{SockFilter, SockRef};
use system_tests::{
    api::{dinner, trattoria},
    eventually::eventually,
};
use tokio::task::block_in_place;

use super::served::Served;

const FEED: &str = "/v1/restaurants/nino/feed";

/// It takes 45 seconds at most: ten until something is sent to it, thirty without an acknowledgement, and five
/// that an app has to come back.
const LIMIT: Duration = Duration::from_secs(180);

/// Takes every packet for refused (`BPF_RET`, Linux, `socket(7)`, `SO_ATTACH_FILTER`).
const NOTHING: SockFilter = SockFilter::new(6, 0, 0, 0);

/// Somebody of the restaurant who has heard the beginning of its feed.
fn listening(served: &Served) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(served.url.strip_prefix("http://").context("a URL")?)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let token = served.tokens.restaurant("nino")?;
    let ask = format!("GET {FEED} HTTP/1.1\r\nhost: nino\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(ask.as_bytes())?;
    let (mut heard, mut piece) = (Vec::new(), [0; 1_024]);
    while !String::from_utf8_lossy(&heard).contains("event: ready") {
        let size = stream.read(&mut piece)?;
        ensure!(size > 0, "it ended: {}", String::from_utf8_lossy(&heard));
        heard.extend(&piece[..size]);
    }
    Ok(stream)
}

/// From now on the kernel drops what comes for it, so that the other side hears no more of it. As long as
/// it stays open: its end would be a word.
fn vanish(stream: &TcpStream) -> Result<()> {
    Ok(SockRef::from(stream).attach_filter(&[NOTHING])?)
}

async fn follow(served: &Served, path: &str, token: &str) -> Result<Response> {
    let client = Client::builder().no_proxy().build()?;
    Ok(client.get(format!("{}{path}", served.url)).bearer_auth(token).send().await?)
}

/// Waits until it is said of the restaurant's app whether it is connected.
async fn is_connected(served: &Served, expected: bool) -> Result<()> {
    eventually(&format!("app_connected is {expected}"), LIMIT, async || {
        let said = served.get("/v1/restaurants/nino/availability").await?;
        Ok((said["app_connected"] == json!(expected)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanished_is_missed_with_its_seat_and_its_presence() -> Result<()> {
    let served = Served::start(&[("ORDERS_STREAMS_PER_PRINCIPAL", "1")]).await?;
    let chef = served.tokens.restaurant("nino")?;
    served.api.put_restaurant("bombay", &trattoria(None)).await?;
    let operator = served.tokens.operator()?;
    let mut quiet = follow(&served, "/v1/restaurants/bombay/feed", &operator).await?;
    let vanishing = block_in_place(|| listening(&served))?;
    is_connected(&served, true).await?;
    ensure!(follow(&served, FEED, &chef).await?.status() == 429, "its seat is taken");

    vanish(&vanishing)?;
    is_connected(&served, false).await?;
    ensure!(follow(&served, FEED, &chef).await?.status() == 200, "its seat is free");
    let placed = served.api.place("late", &dinner("bombay", "ada", "ada@example.org")).await?;
    let id = placed.body["id"].as_str().context("an id")?;
    let mut heard = String::new();
    while !heard.contains(id) {
        let piece = quiet.chunk().await?.context("who was quiet has been cut off")?;
        heard.push_str(&String::from_utf8_lossy(&piece));
    }
    ensure!(heard.matches("event: heartbeat").count() > 1, "{heard}");
    drop(vanishing);
    Ok(())
}
