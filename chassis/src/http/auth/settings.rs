//! Whose tokens count, as the environment says. The names have no context in front: like the
//! broker, the issuer is the same for all of them.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::keys::Source;
use super::local::{LOCAL_ISSUER, LOCAL_KEY_PREFIX};
use super::{Keys, LocalIssuer, Principal, Verifier};
use crate::clock::Clock;
use crate::config::Settings;

/// What the process is run for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// On a machine of one's own: a key of this machine will do.
    #[default]
    Development,
    /// For real: nothing made for the local stack counts.
    Production,
}

impl Environment {
    /// How ids of keys begin that do not count there.
    fn refused_prefix(self) -> Option<&'static str> {
        match self {
            Self::Production => Some(LOCAL_KEY_PREFIX),
            Self::Development => None,
        }
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("it is neither development nor production"),
        }
    }
}

/// Whose tokens count.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `TAKEAWAY_ENV`: `development` or `production`.
    pub environment: Environment,
    /// `TOKEN_JWKS`: path or address of the issuer's keys; the key of this machine when absent.
    pub jwks: Option<Source>,
    /// `TOKEN_ISSUER`: who tokens must say issued them.
    pub issuer: String,
    /// `TOKEN_AUDIENCE`: for whom tokens must be.
    pub audience: String,
    /// `TOKEN_LOCAL_KEY`: the file of the key of this machine.
    pub local_key: PathBuf,
}

/// `TOKEN_LOCAL_KEY`: the file of the key of this machine; `var/token.key` by default.
pub fn local_key(settings: &mut Settings) -> PathBuf {
    settings.or("TOKEN_LOCAL_KEY", PathBuf::from("var/token.key"))
}

impl AuthConfig {
    /// Reads the variables.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let environment = settings.or("TAKEAWAY_ENV", Environment::default());
        let jwks: Option<Source> = settings.optional("TOKEN_JWKS");
        let issuer = match jwks {
            Some(_) => settings.required("TOKEN_ISSUER"),
            None => LOCAL_ISSUER.to_owned(),
        };
        if environment == Environment::Production {
            match &jwks {
                None => settings.problem(
                    "TOKEN_JWKS",
                    "is required where TAKEAWAY_ENV is production: the key of this machine is \
                     for the local stack only",
                ),
                Some(Source::Url(url)) if !url.starts_with("https://") => {
                    settings.problem("TOKEN_JWKS", "must be a file or https in production");
                }
                Some(_) => {}
            }
            if jwks.is_some() && issuer == LOCAL_ISSUER {
                settings.problem("TOKEN_ISSUER", "is that of the local stack: name your issuer");
            }
        }
        if let Some(Source::File(file)) = &jwks
            && let Err(cause) = Keys::check_file(file, environment.refused_prefix())
        {
            settings.problem("TOKEN_JWKS", format!("names a file that cannot be used ({cause:#})"));
        }
        Self {
            environment,
            jwks,
            issuer,
            audience: settings.or("TOKEN_AUDIENCE", "takeaway".to_owned()),
            local_key: local_key(settings),
        }
    }

    /// For tests: tokens of the key in that file count.
    #[must_use]
    pub fn for_testing(local_key: PathBuf) -> Self {
        let mut settings = Settings::from_pairs([]);
        Self { local_key, ..Self::from_settings(&mut settings) }
    }

    /// A verifier of these tokens.
    ///
    /// # Errors
    /// When the file of the keys, or the key of this machine, cannot be read or used.
    pub async fn verifier<P: Principal>(
        &self,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Verifier<P>> {
        let keys = match &self.jwks {
            Some(source) => Keys::open(source.clone(), self.environment.refused_prefix()).await?,
            None => Keys::fixed(&LocalIssuer::open(&self.local_key)?.keys())?,
        };
        Ok(Verifier::new(keys, &self.issuer, &self.audience, clock))
    }
}
