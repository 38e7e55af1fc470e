//! Metrics of this process for Prometheus, recorded with the macros of the `metrics` crate.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of buckets of what is called seconds: from a cached read to a call that timed out.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Upper bounds of buckets of everything else, which is counted.
const COUNTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often samples are sorted into their buckets: until then they are kept one by one.
const UPKEEP: Duration = Duration::from_secs(5);

static INSTALLED: OnceLock<MetricsHandle> = OnceLock::new();

/// Shows what was recorded.
#[derive(Debug, Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// All metrics in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Starts recording. There is one recorder in a process: each call returns the same one. What is
/// recorded, or whose handle is taken, before the first call is lost.
pub fn install() -> MetricsHandle {
    INSTALLED.get_or_init(start).clone()
}

fn start() -> MetricsHandle {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets(&COUNTS);
    let builder = builder.and_then(|builder| builder.set_buckets_for_metric(seconds, &SECONDS));
    // Only an empty list of buckets is refused.
    let builder = builder.unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another recorder was installed before: /metrics stays empty");
    }
    let upkeep = handle.clone();
    let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    });
    if let Err(cause) = thread {
        tracing::warn!("metrics take memory until they are read: {cause}");
    }
    MetricsHandle(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_shown_by_every_handle() {
        let (one, two) = (install(), install());
        metrics::counter!("dishes_cooked_total", "dish" => "dal").increment(3);
        metrics::histogram!("dish_duration_seconds").record(0.003);
        metrics::histogram!("dishes_of_a_table").record(300.0);
        for shown in [one.render(), two.render()] {
            assert!(shown.contains("dishes_cooked_total{dish=\"dal\"} 3"), "{shown}");
            assert!(shown.contains("dish_duration_seconds_bucket{le=\"0.005\"} 1"), "{shown}");
            assert!(shown.contains("dishes_of_a_table_bucket{le=\"256\"} 0"), "{shown}");
            assert!(shown.contains("dishes_of_a_table_bucket{le=\"512\"} 1"), "{shown}");
        }
    }
}
