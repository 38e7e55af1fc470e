//! The configuration of promotions, from environment variables. Each command reads what it needs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chassis::config::Settings;
use chassis::http::auth::{AuthConfig, Quota, Rate};
use chassis::http::{Origins, TlsFiles};
use chassis::kafka::KafkaConfig;
use schemas::RegistryAddress;

use crate::app::CodeKey;
use crate::domain::Campaign;
use crate::http::Role;

/// What `promotions serve` needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// `KAFKA_BOOTSTRAP`: where Kafka is.
    pub kafka: KafkaConfig,
    /// `SCHEMA_REGISTRY_URL`, `SCHEMA_REGISTRY_CA_FILE`: where the registry's API begins.
    pub registry: RegistryAddress,
    /// `PROMOTIONS_LISTEN`: address and port of the HTTP API; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `TAKEAWAY_ENV`, `TOKEN_JWKS` and what goes with them: whose tokens count.
    pub auth: AuthConfig,
    /// `PROMOTIONS_TLS_CERT`, `PROMOTIONS_TLS_KEY`: files of the certificate; without them nothing is encrypted.
    pub tls: Option<TlsFiles>,
    /// `PROMOTIONS_CORS_ORIGINS`: whose web pages may call from a browser.
    pub origins: Origins,
    /// `PROMOTIONS_RATE_CUSTOMER` and so on: how many requests a minute each may send; 0: no limit.
    pub quotas: Vec<Quota<Role>>,
    /// `PROMOTIONS_DATABASE_URL`: where everything is kept.
    pub database: DatabaseUrl,
    /// `PROMOTIONS_CAMPAIGN_…`: what completed orders earn.
    pub campaign: Campaign,
    /// `PROMOTIONS_CODE_KEY_FILE`: names the file of the secret that codes are derived with.
    pub code_key: CodeKey,
}

/// `sqlite:PATH`, the path absolute or from the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseUrl(PathBuf);

impl DatabaseUrl {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self(path.into())),
            _ => Err("it does not look like sqlite:PATH"),
        }
    }
}

impl Config {
    /// Reads every variable; problems are remembered in `settings`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            kafka: kafka(settings),
            registry: registry(settings),
            listen: settings.or("PROMOTIONS_LISTEN", ([127, 0, 0, 1], 8082).into()),
            auth: AuthConfig::from_settings(settings),
            tls: TlsFiles::from_settings(settings, "PROMOTIONS_TLS_CERT", "PROMOTIONS_TLS_KEY"),
            origins: settings.or("PROMOTIONS_CORS_ORIGINS", Origins::default()),
            quotas: quotas(settings),
            database: database(settings),
            campaign: campaign(settings),
            code_key: code_key(settings),
        }
    }

    /// A configuration for tests: a port of its own, five euros for orders from fifteen on, and a
    /// key that is no secret.
    #[must_use]
    pub fn for_testing(bootstrap: &str, registry_url: &str, database: &Path) -> Self {
        Self {
            kafka: KafkaConfig::for_testing(bootstrap),
            registry: RegistryAddress { url: registry_url.to_owned(), ca_file: None },
            listen: ([127, 0, 0, 1], 0).into(),
            auth: AuthConfig::for_testing(database.with_extension("token.key")),
            tls: None,
            origins: Origins::default(),
            quotas: Vec::new(),
            database: DatabaseUrl(database.to_owned()),
            campaign: campaign(&mut Settings::from_pairs([])),
            code_key: CodeKey::default(),
        }
    }
}

/// Reads where Kafka is.
pub fn kafka(settings: &mut Settings) -> KafkaConfig {
    KafkaConfig::from_settings(settings, "promotions")
}

/// Reads where the registry is; the local stack's by default.
pub fn registry(settings: &mut Settings) -> RegistryAddress {
    let url = "http://127.0.0.1:8081/apis/ccompat/v7".to_owned();
    RegistryAddress {
        url: settings.http_url("SCHEMA_REGISTRY_URL").unwrap_or(url),
        ca_file: settings.pem_file("SCHEMA_REGISTRY_CA_FILE").map(Into::into),
    }
}

/// Reads where the database is; `sqlite:var/promotions.db` by default.
pub fn database(settings: &mut Settings) -> DatabaseUrl {
    settings.or("PROMOTIONS_DATABASE_URL", DatabaseUrl("var/promotions.db".into()))
}

fn campaign(settings: &mut Settings) -> Campaign {
    let campaign = Campaign {
        id: settings.or("PROMOTIONS_CAMPAIGN_ID", "thank-you".to_owned()),
        minimum_minor: settings.or("PROMOTIONS_CAMPAIGN_MINIMUM_MINOR", 1500),
        value_minor: settings.or("PROMOTIONS_CAMPAIGN_VALUE_MINOR", 500),
        currency: settings.or("PROMOTIONS_CAMPAIGN_CURRENCY", "EUR".to_owned()),
        voucher_minimum_minor: settings.or("PROMOTIONS_CAMPAIGN_VOUCHER_MINIMUM_MINOR", 1500),
        valid_days: settings.or("PROMOTIONS_CAMPAIGN_VALID_DAYS", 30),
    };
    if campaign.id.len() > 64 {
        settings.problem("PROMOTIONS_CAMPAIGN_ID", "is longer than 64 bytes: shorten it");
    }
    let not_below = [
        ("PROMOTIONS_CAMPAIGN_MINIMUM_MINOR", campaign.minimum_minor, 0),
        ("PROMOTIONS_CAMPAIGN_VALUE_MINOR", campaign.value_minor, 1),
        ("PROMOTIONS_CAMPAIGN_VOUCHER_MINIMUM_MINOR", campaign.voucher_minimum_minor, 0),
        ("PROMOTIONS_CAMPAIGN_VALID_DAYS", campaign.valid_days.into(), 1),
    ];
    for (name, value, least) in not_below {
        if value < least {
            settings.problem(name, format!("must be at least {least}: raise it"));
        }
    }
    let upper_case = campaign.currency.bytes().all(|letter| letter.is_ascii_uppercase());
    if campaign.currency.len() != 3 || !upper_case {
        let what = "is no ISO 4217 code: use three upper-case letters, such as EUR";
        settings.problem("PROMOTIONS_CAMPAIGN_CURRENCY", what);
    }
    campaign
}

fn code_key(settings: &mut Settings) -> CodeKey {
    const NAME: &str = "PROMOTIONS_CODE_KEY_FILE";
    let path: PathBuf = settings.required(NAME);
    if path.as_os_str().is_empty() {
        return CodeKey::default();
    }
    settings.secret_file(NAME, &path).map(CodeKey::from).unwrap_or_default()
}

fn quotas(settings: &mut Settings) -> Vec<Quota<Role>> {
    let by_role = [
        (Role::Customer, "PROMOTIONS_RATE_CUSTOMER", 600),
        (Role::Operator, "PROMOTIONS_RATE_OPERATOR", 60_000),
        (Role::Service, "PROMOTIONS_RATE_SERVICE", 60_000),
    ];
    let quota = |(role, name, standard)| Quota {
        role,
        rate: settings.or(name, Rate::per_minute(standard)),
    };
    by_role.into_iter().map(quota).collect()
}

#[cfg(test)]
mod tests;
