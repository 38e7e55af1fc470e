//! Carries bulk actions on: a portion at a time, each at its rate, until they are done.

use crate::app::{App, Bulk, Failure};
use crate::leases::Held;

use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::collections::HashMap;
use std::sync::Arc;

/// The longest sleep: a bulk action that was started or resumed meanwhile begins at most this late,
/// in microseconds.
const LOOK_EVERY_US: i64 = 500_000;

/// Runs until `shutdown`, and begins no portion when the lease is no longer `held`: who has it then
/// goes on, and of a portion that was begun no further order is changed.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(
    app: App,
    clock: Arc<dyn Clock>,
    held: Held,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    loop {
        let look_at_us = match go_on(&app, &*clock, &held, &shutdown, &mut pace).await {
            Ok(look_at_us) => look_at_us,
            Err(failure) => {
                tracing::warn!(error = %failure, "bulk actions wait");
                clock.now_us() + LOOK_EVERY_US
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = clock.sleep_until(look_at_us) => {}
        }
    }
}

/// When each bulk action may take its next portion, in microseconds.
#[derive(Default)]
struct Pace(HashMap<String, i64>);

impl Pace {
    fn may_go_on_at_us(&self, bulk: &Bulk) -> i64 {
        self.0.get(&bulk.bulk_id).copied().unwrap_or(i64::MIN)
    }

    fn went_on(&mut self, bulk_id: String, began_us: i64, pause_us: i64) {
        self.0.insert(bulk_id, began_us + pause_us);
    }

    fn keep_only(&mut self, open: &[Bulk]) {
        self.0.retain(|bulk_id, _| open.iter().any(|bulk| bulk.bulk_id == *bulk_id));
    }
}

/// One portion of each that may take one; when to look again, in microseconds.
async fn go_on(
    app: &App,
    clock: &dyn Clock,
    held: &Held,
    shutdown: &Shutdown,
    pace: &mut Pace,
) -> Result<i64, Failure> {
    let open = app.open_bulks().await?;
    pace.keep_only(&open);
    let mut look_at_us = clock.now_us() + LOOK_EVERY_US;
    for bulk in open {
        let began_us = clock.now_us();
        let at_us = pace.may_go_on_at_us(&bulk);
        if at_us > began_us {
            look_at_us = look_at_us.min(at_us);
            continue;
        }
        if !held.is_valid() || shutdown.is_cancelled() {
            break;
        }
        let (bulk_id, pause_us) = (bulk.bulk_id.clone(), bulk.pause_us());
        let action = bulk.action.as_str();
        match app.advance_bulk(bulk, held.lease()).await {
            Ok(0) => {}
            Ok(dealt_with) => {
                metrics::counter!("orders_bulk_orders_total", "action" => action)
                    .increment(dealt_with as u64);
                pace.went_on(bulk_id, began_us, pause_us);
                look_at_us = look_at_us.min(began_us + pause_us);
            }
            // The others need not wait for this one.
            Err(failure) => {
                tracing::warn!(bulk.id = %bulk_id, error = %failure, "a bulk action waits");
            }
        }
    }
    Ok(look_at_us)
}
