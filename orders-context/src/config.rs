//! What the orders context is told from outside, all of it through the environment.

use crate::app::AnswerLinks;
use crate::app::feed::StreamLimits;
use crate::app::group::Limits;
use crate::domain::{Pauses, Policy, Terms, Webhook};
use crate::http::Role;
use crate::policy_file;
use crate::store::MOST_SHARDS;
use crate::tasks::mail::Server;
use crate::tasks::post::Reach;
use chassis::config::Settings;
use chassis::http::auth::{AuthConfig, Quota, Rate};
use chassis::http::{Origins, TlsFiles};
use chassis::kafka::KafkaConfig;
use chassis::postgres::Address;
use chassis::signing::secret_bytes;
use lettre::message::Mailbox;
use schemas::RegistryAddress;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Everything `orders serve` needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ORDERS_LISTEN`: address of the HTTP API.
    pub listen: SocketAddr,
    /// `TAKEAWAY_ENV`, `TOKEN_JWKS` and what goes with them: whose tokens count.
    pub auth: AuthConfig,
    /// `ORDERS_TLS_CERT`, `ORDERS_TLS_KEY`: files of the certificate; without them nothing is encrypted.
    pub tls: Option<TlsFiles>,
    /// `ORDERS_CORS_ORIGINS`: whose web pages may call from a browser.
    pub origins: Origins,
    /// `ORDERS_RATE_CUSTOMER` and so on: how many requests a minute each may send; 0: no limit.
    pub quotas: Vec<Quota<Role>>,
    /// `ORDERS_DATABASE_URL`: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub database: Database,
    /// `KAFKA_BOOTSTRAP` and what goes with it.
    pub kafka: KafkaConfig,
    /// `SCHEMA_REGISTRY_URL`, `SCHEMA_REGISTRY_CA_FILE`: with the path of its Confluent-compatible API.
    pub registry: RegistryAddress,
    /// How customers are told.
    pub customers: CustomerChannel,
    /// Where letters are handed in, to restaurants too; none where customers are told by push and
    /// `SMTP_URL` is not set.
    pub mail: Option<MailServer>,
    /// `ORDERS_WEBHOOK_ALLOW_PRIVATE`: `true` lets webhooks, and the push gateway's, reach private
    /// addresses.
    pub webhook_reach: Reach,
    /// `ORDERS_POLICY`, a policy file (see [`policy_file`]); or, for the standard policy with other
    /// times, `ORDERS_ACCEPT_WITHIN_MS` and `ORDERS_COMPLETE_WITHIN_MS`. For new orders.
    pub terms: Terms,
    /// `ORDERS_PAUSE_AFTER_EXPIRED`, `ORDERS_PAUSE_MS`, `ORDERS_CLOSED_MS`: when and for how long
    /// restaurants are paused by themselves.
    pub pauses: Pauses,
    /// `ORDERS_OPEN_PER_CUSTOMER`: how many orders a customer may have under way; 0: any number.
    pub most_open: Option<u32>,
    /// `ORDERS_PUBLIC_URL`, `ORDERS_LINK_KEY_FILE`: where people reach this API, and the secret that signs
    /// links with which an order is answered; without them there are none.
    pub answer_links: Option<AnswerLinks>,
    /// `ORDERS_RELAY_SHARDS`: how many relays publish a new journal, from 1 to 8.
    pub relay_shards: Option<i32>,
    /// `ORDERS_QUEUE`, `ORDERS_GROUP`: how many commands may wait, and go into one transaction.
    pub limits: Limits,
    /// `ORDERS_STREAMS_PER_PRINCIPAL`, `ORDERS_STREAMS`, `ORDERS_STREAM_MS`: how many streams one
    /// principal and all together may hold, and how long one lasts.
    pub streams: StreamLimits,
    /// `ORDERS_ARCHIVE_AFTER_MS`: how long after it came to rest an order moves to compact history.
    pub archive_after_ms: i64,
    /// `ORDERS_ENDPOINT_PAUSE_AFTER_MS`: an endpoint of which every attempt failed for so long is paused.
    pub endpoint_pause_after_ms: i64,
}

/// How customers are told what became of their orders.
#[derive(Clone, Debug)]
pub enum CustomerChannel {
    /// By letters.
    Mail,
    /// `ORDERS_PUSH_URL` and `ORDERS_PUSH_SECRET`: by a push gateway.
    Push(Webhook),
}

/// Where letters are handed in.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// `SMTP_URL`: its address, perhaps with a login.
    pub smtp_url: String,
    /// `ORDERS_MAIL_FROM`: the mailbox they come from.
    pub from: String,
}

/// Of the 8,192 connections that a process takes at most.
const MOST_STREAMS: usize = 6_000;

/// A day: as long as idempotency keys are remembered.
const ARCHIVE_AFTER_MS: i64 = 24 * 3_600_000;

/// A day.
const ENDPOINT_PAUSE_AFTER_MS: i64 = 24 * 3_600_000;

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

impl std::fmt::Display for Database {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(address) => address.fmt(f),
        }
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
        let terms = terms(settings);
        let limits = Limits {
            queue: settings.or("ORDERS_QUEUE", 4_096),
            group: settings.or("ORDERS_GROUP", 512),
        };
        if limits.queue == 0 || limits.group == 0 {
            settings.problem("ORDERS_QUEUE", "must be above 0, and so must ORDERS_GROUP");
        }
        let relay_shards = settings.optional("ORDERS_RELAY_SHARDS");
        let database = settings.or("ORDERS_DATABASE_URL", Database::default());
        if relay_shards.is_some_and(|shards| !(1..=MOST_SHARDS).contains(&shards)) {
            settings.problem("ORDERS_RELAY_SHARDS", "must be a number from 1 to 8");
        }
        if relay_shards.is_some_and(|shards| shards > 1) && matches!(database, Database::Sqlite(_))
        {
            settings
                .problem("ORDERS_RELAY_SHARDS", "must be 1 with SQLite, which one process uses");
        }
        let webhook_reach = match settings.or("ORDERS_WEBHOOK_ALLOW_PRIVATE", false) {
            true => Reach::Anywhere,
            false => Reach::PublicOnly,
        };
        let archive_after_ms = settings.or("ORDERS_ARCHIVE_AFTER_MS", ARCHIVE_AFTER_MS);
        if archive_after_ms < 0 {
            settings.problem("ORDERS_ARCHIVE_AFTER_MS", "must not be below 0");
        }
        let endpoint_pause_after_ms =
            settings.or("ORDERS_ENDPOINT_PAUSE_AFTER_MS", ENDPOINT_PAUSE_AFTER_MS);
        if endpoint_pause_after_ms < 0 {
            settings.problem("ORDERS_ENDPOINT_PAUSE_AFTER_MS", "must not be below 0");
        }
        let customers = CustomerChannel::from_settings(settings, webhook_reach);
        Self {
            archive_after_ms,
            endpoint_pause_after_ms,
            listen: settings.or("ORDERS_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            auth: AuthConfig::from_settings(settings),
            tls: TlsFiles::from_settings(settings, "ORDERS_TLS_CERT", "ORDERS_TLS_KEY"),
            origins: settings.or("ORDERS_CORS_ORIGINS", Origins::default()),
            quotas: quotas(settings),
            database,
            kafka: KafkaConfig::from_settings(settings, "orders"),
            registry: registry(settings),
            mail: MailServer::from_settings(settings, &customers),
            customers,
            webhook_reach,
            terms,
            pauses: pauses(settings),
            answer_links: answer_links(settings),
            most_open: Some(settings.or("ORDERS_OPEN_PER_CUSTOMER", 20)).filter(|most| *most > 0),
            relay_shards,
            limits,
            streams: streams(settings),
        }
    }
}

impl MailServer {
    /// Required where customers are told by mail.
    fn from_settings(settings: &mut Settings, customers: &CustomerChannel) -> Option<Self> {
        let from = "Takeaway <orders@takeaway.example>".to_owned();
        let from = settings.or("ORDERS_MAIL_FROM", from);
        let smtp_url = match customers {
            CustomerChannel::Mail => Some(settings.required::<String>("SMTP_URL")),
            CustomerChannel::Push(_) => settings.optional("SMTP_URL"),
        };
        if smtp_url.is_some() && from.parse::<Mailbox>().is_err() {
            let what = "is no mailbox: it looks like Takeaway <orders@takeaway.example>";
            settings.problem("ORDERS_MAIL_FROM", what);
        }
        if let Some(url) = smtp_url.as_deref().filter(|url| !url.is_empty())
            && Server::from_url(url).is_err()
        {
            let what = "is not the address of a mail server: it looks like smtp://HOST:PORT or \
                        smtps://USER:PASSWORD@HOST";
            settings.problem("SMTP_URL", what);
        }
        smtp_url.map(|smtp_url| Self { smtp_url, from })
    }
}

impl CustomerChannel {
    /// By push where a gateway is named, by mail where none is.
    fn from_settings(settings: &mut Settings, reach: Reach) -> Self {
        let Some(url) = settings.optional::<url::Url>("ORDERS_PUSH_URL") else {
            return Self::Mail;
        };
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_plain {
            let rule = "must be a URL with http or https, without user and password";
            settings.problem("ORDERS_PUSH_URL", rule);
        } else if !reach.allows(&url) {
            let rule = "leads to an address that is not public: ORDERS_WEBHOOK_ALLOW_PRIVATE=true \
                        lets it";
            settings.problem("ORDERS_PUSH_URL", rule);
        }
        let secret: String = settings.required("ORDERS_PUSH_SECRET");
        if !secret_bytes(&secret).is_some_and(|key| (24..=64).contains(&key.len())) {
            let rule = "must be whsec_ and base64 of 24 to 64 bytes";
            settings.problem("ORDERS_PUSH_SECRET", rule);
        }
        Self::Push(Webhook { url: url.into(), secret })
    }
}

fn quotas(settings: &mut Settings) -> Vec<Quota<Role>> {
    let by_role = [
        (Role::Customer, "ORDERS_RATE_CUSTOMER", 600),
        (Role::Restaurant, "ORDERS_RATE_RESTAURANT", 6_000),
        (Role::Operator, "ORDERS_RATE_OPERATOR", 60_000),
        (Role::Service, "ORDERS_RATE_SERVICE", 60_000),
    ];
    let quota = |(role, name, standard)| Quota {
        role,
        rate: settings.or(name, Rate::per_minute(standard)),
    };
    by_role.into_iter().map(quota).collect()
}

/// What new orders live by: in a file, or in two settings, not in both.
fn terms(settings: &mut Settings) -> Terms {
    let standard = Policy::standard();
    let accept_within_ms = settings.optional("ORDERS_ACCEPT_WITHIN_MS");
    let complete_within_ms = settings.optional("ORDERS_COMPLETE_WITHIN_MS");
    let beside_a_file = accept_within_ms.or(complete_within_ms).is_some();
    let policy = Policy {
        accept_within_ms: accept_within_ms.unwrap_or(standard.accept_within_ms),
        complete_within_ms: complete_within_ms.unwrap_or(standard.complete_within_ms),
        ..standard
    };
    if policy.accept_within_ms <= 0 || policy.complete_within_ms < policy.accept_within_ms {
        settings.problem(
            "ORDERS_COMPLETE_WITHIN_MS",
            "must not be shorter than ORDERS_ACCEPT_WITHIN_MS, which must be above 0",
        );
    }
    let Some(file) = settings.optional::<PathBuf>("ORDERS_POLICY") else { return policy.into() };
    if beside_a_file {
        let what = "says the times that ORDERS_ACCEPT_WITHIN_MS and ORDERS_COMPLETE_WITHIN_MS say \
                    too: unset those";
        settings.problem("ORDERS_POLICY", what);
    }
    policy_file::read(&file).unwrap_or_else(|problems| {
        problems.into_iter().for_each(|what| settings.problem("ORDERS_POLICY", what));
        policy.into()
    })
}

/// Both or neither.
fn answer_links(settings: &mut Settings) -> Option<AnswerLinks> {
    const KEY_FILE: &str = "ORDERS_LINK_KEY_FILE";
    let url = settings.optional::<url::Url>("ORDERS_PUBLIC_URL");
    let file = settings.optional::<PathBuf>(KEY_FILE);
    let (url, file) = match (url, file) {
        (None, None) => return None,
        (Some(url), Some(file)) => (url, file),
        _ => {
            settings.problem(KEY_FILE, "belongs to ORDERS_PUBLIC_URL: set both or neither");
            return None;
        }
    };
    let links = AnswerLinks::new(&url, settings.secret_file(KEY_FILE, &file)?);
    if links.is_none() || !matches!(url.scheme(), "http" | "https") {
        settings.problem("ORDERS_PUBLIC_URL", "must be a URL with http or https");
    }
    links
}

/// Reads where the registry is.
pub fn registry(settings: &mut Settings) -> RegistryAddress {
    const URL: &str = "SCHEMA_REGISTRY_URL";
    let url = settings.http_url(URL).unwrap_or_else(|| settings.required(URL));
    RegistryAddress { url, ca_file: settings.pem_file("SCHEMA_REGISTRY_CA_FILE").map(Into::into) }
}

fn streams(settings: &mut Settings) -> StreamLimits {
    let standard = StreamLimits::standard();
    let standard_ms = u64::try_from(standard.lasts.as_millis()).unwrap_or(u64::MAX);
    let limits = StreamLimits {
        per_principal: settings.or("ORDERS_STREAMS_PER_PRINCIPAL", standard.per_principal),
        in_all: settings.or("ORDERS_STREAMS", standard.in_all),
        lasts: Duration::from_millis(settings.or("ORDERS_STREAM_MS", standard_ms)),
    };
    if limits.in_all > MOST_STREAMS {
        settings.problem("ORDERS_STREAMS", "must not be above 6000: requests need connections too");
    }
    limits
}

/// The same, with a quarter of so many connections left to requests.
pub fn streams_within(limits: StreamLimits, connections: u32) -> StreamLimits {
    let room = connections as usize / 4 * 3;
    if limits.in_all > room {
        tracing::warn!(
            "ORDERS_STREAMS is {}: of {connections} connections {room} are given to streams",
            limits.in_all
        );
    }
    StreamLimits { in_all: limits.in_all.min(room), ..limits }
}

fn pauses(settings: &mut Settings) -> Pauses {
    let standard = Pauses::standard();
    let pauses = Pauses {
        after_expired: settings.or("ORDERS_PAUSE_AFTER_EXPIRED", standard.after_expired),
        pause_ms: settings.or("ORDERS_PAUSE_MS", standard.pause_ms),
        closed_ms: settings.or("ORDERS_CLOSED_MS", standard.closed_ms),
    };
    if pauses.pause_ms < 0 || pauses.closed_ms < 0 {
        settings.problem("ORDERS_PAUSE_MS", "must not be below 0, nor may ORDERS_CLOSED_MS");
    }
    pauses
}

#[cfg(test)]
mod tests;
