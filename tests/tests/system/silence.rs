//! The restaurant never answers. Nobody sleeps ten minutes: orders runs inside this test, with a
//! clock that is moved by hand; and without Kafka, which must make no difference to an order.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use anyhow::{Result, ensure};
use chassis::{
    clock::{Clock, ManualClock, SystemClock},
    config::Settings,
    ids::UuidV7Ids,
    shutdown::Shutdown,
};
use orders_context::{boot, config::Config};
use serde_json::json;
use system_tests::{
    addresses::Addresses,
    api::{Api, dinner, trattoria, unique},
    eventually::eventually,
    mail::mails,
    restaurant::{Conduct, RestaurantSink, SECRET},
    tokens::Tokens,
};
use tokio::task::JoinHandle;

use super::support::{LIMIT, shared};

/// Ports of these, one after another: below those that connections are given by chance.
static NEXT_PORT: AtomicU16 = AtomicU16::new(24_080);

/// Orders inside this process; it stops when this is dropped.
pub struct OrdersHere {
    pub api: Api,
    pub tokens: Tokens,
    pub clock: ManualClock,
    /// Where people reach it.
    pub url: String,
    shutdown: Shutdown,
    running: JoinHandle<Result<()>>,
}

impl OrdersHere {
    pub fn start(folder: &Path, stack: &Addresses) -> Result<Self> {
        Self::start_told(folder, stack, &[])
    }

    /// The same with these settings beside its own.
    pub fn start_told(folder: &Path, stack: &Addresses, more: &[(&str, &str)]) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", NEXT_PORT.fetch_add(1, Ordering::Relaxed));
        let database = format!("sqlite:{}", folder.join("orders.db").display());
        let key = folder.join("token.key");
        let tokens = Tokens::of(&key)?;
        let key = key.display().to_string();
        let links = folder.join("links.key");
        std::fs::write(&links, "0a".repeat(32))?;
        let (url, links) = (format!("http://{listen}"), links.display().to_string());
        let own = [
            ("ORDERS_LISTEN", listen.as_str()),
            ("ORDERS_DATABASE_URL", &database),
            ("ORDERS_WEBHOOK_ALLOW_PRIVATE", "true"),
            ("TOKEN_LOCAL_KEY", &key),
            ("ORDERS_PAUSE_AFTER_EXPIRED", "0"),
            ("SMTP_URL", &stack.smtp),
            ("ORDERS_PUBLIC_URL", &url),
            ("ORDERS_LINK_KEY_FILE", &links),
            // Port 1 is nobody's: the broker and the registry are down for good.
            ("KAFKA_BOOTSTRAP", "127.0.0.1:1"),
            ("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1"),
        ];
        let mut settings = Settings::from_pairs(own.into_iter().chain(more.iter().copied()));
        let config = Config::from_settings(&mut settings);
        let config = settings.finish(config)?;
        let clock = ManualClock::at(SystemClock.now_us());
        let shutdown = Shutdown::new();
        let (time, ids) = (Arc::new(clock.clone()), Arc::new(UuidV7Ids));
        let running = tokio::spawn(boot::run(config, time, ids, shutdown.clone()));
        let api = Api::new(&url, &stack.promotions, tokens.clone())?;
        Ok(Self { api, tokens, clock, url, shutdown, running })
    }

    pub async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        self.running.await?
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_nobody_answers_expires_and_the_customer_hears_of_it() -> Result<()> {
    let shared = shared().await?;
    let folder = tempfile::tempdir()?;
    let here = OrdersHere::start(folder.path(), shared.addresses())?;
    let sink = RestaurantSink::open(Conduct::Silent).await?;
    let restaurant = trattoria(Some((&sink.url(), SECRET)));
    eventually("orders answers", LIMIT, async || {
        here.api.put_restaurant("trattoria", &restaurant).await.map(Some)
    })
    .await?;
    let email = format!("{}@example.com", unique("edsger"));
    let placed = here.api.place("dinner", &dinner("trattoria", "edsger", &email)).await?;
    ensure!(placed.status == 201, "{placed:?}");
    let id = placed.body["id"].as_str().unwrap_or_default().to_owned();
    let told = |kind: &str| sink.told(&id).iter().filter(|told| told.kind == kind).count();
    let reached = async |status: &str| {
        eventually(&format!("the order is {status}"), LIMIT, async || {
            Ok((here.api.order(&id).await?.status == status).then_some(()))
        })
        .await
    };
    reached("notified").await?;
    assert_eq!(told("order.placed"), 1);

    // 90 seconds, 3 minutes and 8 minutes after placing.
    for (reminder, seconds) in (1..).zip([90, 90, 300]) {
        here.clock.advance_us(seconds * 1_000_000);
        eventually(&format!("reminder {reminder}"), LIMIT, async || {
            let history = here.api.history(&id).await?;
            let written = history.iter().filter(|e| e.event_type == "restaurant_reminded").count();
            Ok((told("order.reminder") == reminder && written == reminder).then_some(()))
        })
        .await?;
    }
    reached("notified").await?;
    here.clock.advance_us(120 * 1_000_000);
    reached("expired").await?;

    let mail = eventually("the mail to the customer", LIMIT, async || {
        Ok(mails(&shared.addresses().mail, &email).await?.pop())
    })
    .await?;
    assert!(mail.header("To").is_some_and(|to| to.contains(&email)));
    let late = here.api.decide(&id, "accept", &json!({})).await?;
    assert_eq!((late.status, late.body["current_status"].as_str()), (409, Some("expired")));
    eventually("user_notified closes the history", LIMIT, async || {
        let history = here.api.history(&id).await?;
        let types: Vec<_> = history.iter().map(|entry| entry.event_type.as_str()).collect();
        let whole = [
            "order_placed",
            "restaurant_notified",
            "restaurant_reminded",
            "restaurant_reminded",
            "restaurant_reminded",
            "order_expired",
            "user_notified",
        ];
        ensure!(types == whole, "the history is {types:?}");
        Ok(Some(()))
    })
    .await?;
    here.stop().await
}
