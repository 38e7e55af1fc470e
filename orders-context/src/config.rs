//! What the orders context is told from outside, all of it through the environment.

use crate::app::group::Limits;
use crate::domain::Policy;
use crate::tasks::webhook::Reach;
use chassis::config::Settings;
use chassis::kafka::KafkaConfig;
use chassis::postgres::Address;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Everything `orders serve` needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ORDERS_LISTEN`: address of the HTTP API.
    pub listen: SocketAddr,
    /// `ORDERS_DATABASE_URL`: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub database: Database,
    /// `KAFKA_BOOTSTRAP` and what goes with it.
    pub kafka: KafkaConfig,
    /// `SCHEMA_REGISTRY_URL`: with the path of its Confluent-compatible API.
    pub registry_url: String,
    /// `SMTP_URL`: where letters to customers are handed in.
    pub smtp_url: String,
    /// `ORDERS_MAIL_FROM`: the mailbox they come from.
    pub mail_from: String,
    /// `ORDERS_WEBHOOK_ALLOW_PRIVATE`: `true` lets webhooks reach private addresses.
    pub webhook_reach: Reach,
    /// `ORDERS_ACCEPT_WITHIN_MS`, `ORDERS_COMPLETE_WITHIN_MS`: for new orders.
    pub policy: Policy,
    /// `ORDERS_QUEUE`, `ORDERS_GROUP`: how many commands may wait, and go into one transaction.
    pub limits: Limits,
}

/// Where orders are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In a file of this machine.
    Sqlite(PathBuf),
    /// In a database that several instances share.
    Postgres(Box<Address>),
}

impl Default for Database {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("var/orders.db"))
    }
}

impl FromStr for Database {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => match url.parse() {
                Ok(address) => Ok(Self::Postgres(Box::new(address))),
                Err(cause) => Err(cause.to_string()),
            },
            _ => Err("is not an address this version knows: give sqlite:PATH or \
                      postgres://USER:PASSWORD@HOST:PORT/DATABASE"
                .to_owned()),
        }
    }
}

impl Config {
    /// Reads the environment's variables from `settings`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let standard = Policy::standard();
        let policy = Policy {
            accept_within_ms: settings.or("ORDERS_ACCEPT_WITHIN_MS", standard.accept_within_ms),
            complete_within_ms: settings
                .or("ORDERS_COMPLETE_WITHIN_MS", standard.complete_within_ms),
            ..standard
        };
        if policy.accept_within_ms <= 0 || policy.complete_within_ms < policy.accept_within_ms {
            settings.problem(
                "ORDERS_COMPLETE_WITHIN_MS",
                "must not be shorter than ORDERS_ACCEPT_WITHIN_MS, which must be above 0",
            );
        }
        let limits = Limits {
            queue: settings.or("ORDERS_QUEUE", 4_096),
            group: settings.or("ORDERS_GROUP", 512),
        };
        if limits.queue == 0 || limits.group == 0 {
            settings.problem("ORDERS_QUEUE", "must be above 0, and so must ORDERS_GROUP");
        }
        Self {
            listen: settings.or("ORDERS_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            database: settings.or("ORDERS_DATABASE_URL", Database::default()),
            kafka: KafkaConfig::from_settings(settings, "orders"),
            registry_url: settings.required("SCHEMA_REGISTRY_URL"),
            smtp_url: settings.required("SMTP_URL"),
            mail_from: settings
                .or("ORDERS_MAIL_FROM", "Takeaway <orders@takeaway.example>".to_owned()),
            webhook_reach: match settings.or("ORDERS_WEBHOOK_ALLOW_PRIVATE", false) {
                true => Reach::Anywhere,
                false => Reach::PublicOnly,
            },
            policy,
            limits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_database_says_which_kind_it_is() {
        let file: Database = "sqlite:var/orders.db".parse().unwrap();
        assert_eq!(file, Database::Sqlite(PathBuf::from("var/orders.db")));
        let shared: Database = "postgres://nonna:basilico@127.0.0.1/orders".parse().unwrap();
        assert_eq!(format!("{shared:?}"), "Postgres(Address(postgres://127.0.0.1:5432/orders))");
        for unknown in ["sqlite:", "mysql://nonna:basilico@db/orders", "postgres://basilico@/"] {
            let refused = unknown.parse::<Database>().unwrap_err();
            assert!(!refused.contains("basilico"), "{refused}");
        }
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let mut settings = Settings::from_pairs([
            ("ORDERS_LISTEN", "nowhere"),
            ("ORDERS_DATABASE_URL", "mysql://"),
            ("ORDERS_ACCEPT_WITHIN_MS", "0"),
        ]);
        let config = Config::from_settings(&mut settings);
        let problems = settings.finish(config).unwrap_err().to_string();
        for name in [
            "ORDERS_LISTEN",
            "ORDERS_DATABASE_URL",
            "ORDERS_COMPLETE_WITHIN_MS",
            "SCHEMA_REGISTRY_URL",
            "SMTP_URL",
        ] {
            assert!(problems.contains(name), "{name} in {problems}");
        }
    }
}
