//! Whether orders has published all that it decided, as its metrics say.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

/// How often that is asked: longer than the relay waits between two transactions, so that a figure from before
/// the last decision is not taken for one from after it.
const EVERY: Duration = Duration::from_millis(50);

/// How long publishing may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The metrics of orders.
pub struct Published {
    url: String,
    http: reqwest::Client,
}

impl Published {
    /// Of orders with that base.
    pub fn of(orders: &str) -> Self {
        Self { url: format!("{orders}/metrics"), http: reqwest::Client::new() }
    }

    /// Waits until everything is published, where orders has a relay: of several instances, another may have it.
    ///
    /// # Errors
    /// When it is not within a minute, or the metrics cannot be read.
    pub async fn everything(&self) -> Result<()> {
        let (began, mut before) = (Instant::now(), None);
        while let Some(now) = self.relays().await? {
            if !now.is_behind() && before.as_ref() == Some(&now) {
                break;
            }
            ensure!(began.elapsed() < LIMIT, "orders does not publish what it decided: {now:?}");
            before = Some(now);
            sleep(EVERY).await;
        }
        Ok(())
    }

    async fn relays(&self) -> Result<Option<Relays>> {
        let said = self.http.get(&self.url).send().await?.error_for_status()?.text().await?;
        Ok(Relays::read(&said))
    }
}

/// How far all relays are together.
#[derive(Debug, PartialEq)]
struct Relays {
    position: f64,
    behind: f64,
}

impl Relays {
    fn read(metrics: &str) -> Option<Self> {
        let sum = |name: &str| {
            let of_name = |line: &&str| line.starts_with(&format!("{name}{{"));
            let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
            let values = metrics.lines().filter(of_name).filter_map(value);
            // Of what others publish an instance knows nothing.
            let values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            (!values.is_empty()).then(|| values.iter().sum())
        };
        Some(Self { position: sum("relay_position")?, behind: sum("relay_behind_positions")? })
    }

    fn is_behind(&self) -> bool {
        self.behind > 0.0
    }
}

#[test]
fn all_relays_count() {
    let metrics = "# TYPE relay_position gauge\nrelay_position{relay=\"a\"} 41\nrelay_position{relay=\"b\"} 1\n\
                   relay_behind_positions{relay=\"a\"} 0\nrelay_behind_positions{relay=\"b\"} 3\n\
                   relay_position{relay=\"c\"} NaN\nrelay_behind_positions{relay=\"c\"} NaN\n";
    let relays = Relays::read(metrics).expect("two relays");
    assert_eq!(relays, Relays { position: 42.0, behind: 3.0 });
    assert!(relays.is_behind());
    assert_eq!(Relays::read(""), None);
}
