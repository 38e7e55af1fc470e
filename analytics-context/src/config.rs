//! Configuration of the process, from environment variables.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::config::{ConfigError, Settings};
use chassis::kafka::KafkaConfig;
use schemas::RegistryAddress;

use crate::ingest::FlushRules;
use crate::lake::Lake;

/// All of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `KAFKA_BOOTSTRAP`.
    pub kafka: KafkaConfig,
    /// `SCHEMA_REGISTRY_URL`, `SCHEMA_REGISTRY_CA_FILE`: base of a Confluent-compatible API.
    pub registry: RegistryAddress,
    /// `ANALYTICS_LISTEN`: address of the HTTP server.
    pub listen: SocketAddr,
    /// `LAKE_URI`: a folder, or a `file://` URL of one.
    pub lake: Lake,
    /// `ANALYTICS_FLUSH_MS`, `ANALYTICS_FLUSH_BYTES`, `ANALYTICS_FLUSH_ROWS`.
    pub flush: FlushRules,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every problem at once, one a line.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_settings(Settings::from_env())
    }

    /// Reads these settings.
    ///
    /// # Errors
    /// Every problem at once, one a line.
    pub fn from_settings(mut settings: Settings) -> Result<Self, ConfigError> {
        chassis::telemetry::init("analytics", &mut settings);
        let config = Self {
            kafka: KafkaConfig::from_settings(&mut settings, "analytics"),
            registry: registry(&mut settings),
            listen: settings.or("ANALYTICS_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8083))),
            lake: lake(&mut settings),
            flush: flush(&mut settings),
        };
        settings.finish(config)
    }
}

fn registry(settings: &mut Settings) -> RegistryAddress {
    let url = "http://127.0.0.1:8081/apis/ccompat/v7".to_owned();
    RegistryAddress {
        url: settings.http_url("SCHEMA_REGISTRY_URL").unwrap_or(url),
        ca_file: settings.pem_file("SCHEMA_REGISTRY_CA_FILE").map(Into::into),
    }
}

/// `LAKE_URI`; `var/lake` when absent.
pub fn lake(settings: &mut Settings) -> Lake {
    let uri = settings.or("LAKE_URI", "var/lake".to_owned());
    uri.parse().unwrap_or_else(|cause: String| {
        settings.problem("LAKE_URI", cause);
        Lake::default()
    })
}

fn flush(settings: &mut Settings) -> FlushRules {
    let after_ms = within(settings, "ANALYTICS_FLUSH_MS", 2_000, 50, 600_000);
    let bytes = within(settings, "ANALYTICS_FLUSH_BYTES", 32 << 20, 1 << 10, 256 << 20);
    let rows = within(settings, "ANALYTICS_FLUSH_ROWS", 200_000, 1, 1_000_000);
    FlushRules {
        after: Duration::from_millis(after_ms),
        bytes: bytes as usize,
        rows: rows as usize,
    }
}

fn within(settings: &mut Settings, name: &'static str, default: u64, low: u64, high: u64) -> u64 {
    let value = settings.or(name, default);
    if !(low..=high).contains(&value) {
        settings.problem(name, format!("must be from {low} to {high}"));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_local_stack() {
        let config = Config::from_settings(Settings::from_pairs([])).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8083");
        assert_eq!(config.flush.after, Duration::from_secs(2));
        assert!(config.lake.root().ends_with("var/lake"));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let settings = Settings::from_pairs([
            ("ANALYTICS_LISTEN", "nowhere"),
            ("LAKE_URI", "s3://bucket"),
            ("ANALYTICS_FLUSH_MS", "49"),
            ("ANALYTICS_FLUSH_ROWS", "many"),
        ]);
        let error = Config::from_settings(settings).unwrap_err();
        assert_eq!(error.problems().len(), 4, "{error}");
    }

    #[test]
    fn limits_hold_at_their_edges() {
        for (text, fine) in [("49", false), ("50", true), ("600000", true), ("600001", false)] {
            let settings = Settings::from_pairs([("ANALYTICS_FLUSH_MS", text)]);
            assert_eq!(Config::from_settings(settings).is_ok(), fine, "{text}");
        }
    }
}
