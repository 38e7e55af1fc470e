//! The public keys that tokens are checked with: a JWKS (RFC 7517) from a file or a URL, kept in
//! memory and read again in the course of time, so that keys can be exchanged while we run.
//!
//! A key that is not known is looked for once, for all who ask, and no more often than every ten
//! seconds: tokens with invented key ids cost the issuer nothing. A look goes on to its end, whoever
//! hangs up meanwhile. While the issuer does not answer, the keys known so far stay in use, and nobody
//! is told that theirs does not exist.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

/// Keys are read again when they are older than this.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// Between two looks for a key that is not known.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long an issuer may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A set with more keys or bytes than this is refused.
const MOST_KEYS: usize = 100;
const MOST_BYTES: usize = 256 * 1024;

/// Where a JWKS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// Behind this address, over HTTP.
    Url(String),
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("http" | "https", host)) if !host.is_empty() => Ok(Self::Url(text.to_owned())),
            Some(_) => Err("it is neither a path nor an address with http or https"),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

/// One public key.
pub(super) struct Key {
    /// The one algorithm it may be used with.
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

/// Why there is no key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none with this id.
    Unknown,
    /// Nobody knows: the issuer did not answer when it was asked last.
    Unavailable,
}

/// The keys of one issuer.
pub struct Keys {
    source: Option<Source>,
    refused_prefix: Option<&'static str>,
    client: reqwest::Client,
    present: RwLock<Present>,
    /// The last look for them; held while one goes on.
    last_look: LastLook,
}

type LastLook = Arc<Mutex<Option<Look>>>;

/// A look for keys that has come to its end.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    was_answered: bool,
}

#[derive(Default)]
struct Present {
    by_id: Arc<HashMap<String, Arc<Key>>>,
    read_at: Option<Instant>,
    /// Rises with every set that differs from the one before.
    generation: u64,
    text: Vec<u8>,
}

impl Keys {
    /// These keys and no others, for as long as the process runs.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn fixed(set: &JwkSet) -> anyhow::Result<Arc<Self>> {
        let keys = Self::empty(None, None)?;
        keys.keep(serde_json::to_vec(set)?)?;
        Ok(Arc::new(keys))
    }

    /// Keys from `source`. A file must be readable now; an issuer that does not answer is asked
    /// again with the first token. Keys whose id begins with `refused_prefix` are refused.
    ///
    /// # Errors
    /// When the file cannot be read or used.
    pub async fn open(
        source: Source,
        refused_prefix: Option<&'static str>,
    ) -> anyhow::Result<Arc<Self>> {
        let keys = Self::empty(Some(source), refused_prefix)?;
        match (keys.read_again().await, &keys.source) {
            (Err(cause), Some(Source::File(_))) => return Err(cause),
            (Err(cause), _) => tracing::warn!(error = %format!("{cause:#}"), "no keys yet"),
            (Ok(()), _) => {}
        }
        Ok(Arc::new(keys))
    }

    /// Whether [`Keys::open`] would take the keys in this file.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_file(
        path: &Path,
        refused_prefix: Option<&'static str>,
    ) -> anyhow::Result<()> {
        parse(&std::fs::read(path)?, refused_prefix).map(drop)
    }

    fn empty(source: Option<Source>, refused_prefix: Option<&'static str>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            source,
            refused_prefix,
            client,
            present: RwLock::default(),
            last_look: Arc::default(),
        })
    }

    /// Which set of keys is in use.
    pub(super) fn generation(&self) -> u64 {
        self.present.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Looks for the keys, beside what runs, when they are no longer fresh or were never read.
    pub(super) fn refresh(self: &Arc<Self>) {
        let stale = {
            let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
            present.read_at.is_none_or(|at| at.elapsed() > FRESH_FOR)
        };
        if !stale {
            return;
        }
        // Where somebody is looking already, that is enough.
        let Ok(last_look) = Arc::clone(&self.last_look).try_lock_owned() else { return };
        if self.was_answered(&last_look).is_none() {
            drop(self.start_look(last_look));
        }
    }

    /// The key with this id. One that is not known is looked for.
    pub(super) async fn find(self: &Arc<Self>, id: &str) -> Result<Arc<Key>, NoKey> {
        if let Some(key) = self.present_key(id) {
            return Ok(key);
        }
        let missing = if self.look().await { NoKey::Unknown } else { NoKey::Unavailable };
        self.present_key(id).ok_or(missing)
    }

    fn present_key(&self, id: &str) -> Option<Arc<Key>> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        present.by_id.get(id).map(Arc::clone)
    }

    /// Asks the source, unless that was done a moment ago; who comes meanwhile waits for the answer.
    /// Whether there was one.
    async fn look(self: &Arc<Self>) -> bool {
        let last_look = Arc::clone(&self.last_look).lock_owned().await;
        match self.was_answered(&last_look) {
            Some(was_answered) => was_answered,
            None => self.start_look(last_look).await.unwrap_or(false),
        }
    }

    /// What came of the last look, if it is too early for another one.
    fn was_answered(&self, last_look: &Option<Look>) -> Option<bool> {
        if self.source.is_none() {
            return Some(true);
        }
        last_look.filter(|look| look.at.elapsed() < LOOK_EVERY).map(|look| look.was_answered)
    }

    /// Asks the source in a task of its own, which nobody who hangs up can stop. Whether it answered.
    fn start_look(
        self: &Arc<Self>,
        mut last_look: OwnedMutexGuard<Option<Look>>,
    ) -> JoinHandle<bool> {
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            let read = keys.read_again().await;
            if let Err(cause) = &read {
                tracing::warn!(error = %format!("{cause:#}"), "keys of tokens were not read again");
            }
            let was_answered = read.is_ok();
            *last_look = Some(Look { at: Instant::now(), was_answered });
            was_answered
        })
    }

    async fn read_again(&self) -> anyhow::Result<()> {
        let text = match &self.source {
            Some(Source::File(path)) => std::fs::read(path)
                .with_context(|| format!("cannot read the keys in {}", path.display()))?,
            Some(Source::Url(url)) => self.fetch(url).await.context("the issuer's keys")?,
            None => return Ok(()),
        };
        self.keep(text)
    }

    async fn fetch(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let mut response = self.client.get(url).send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(part) = response.chunk().await? {
            ensure!(text.len() + part.len() <= MOST_BYTES, "are more than {MOST_BYTES} bytes");
            text.extend_from_slice(&part);
        }
        Ok(text)
    }

    fn keep(&self, text: Vec<u8>) -> anyhow::Result<()> {
        let by_id = parse(&text, self.refused_prefix)?;
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        present.read_at = Some(Instant::now());
        if present.text != text {
            present.by_id = Arc::new(by_id);
            present.generation += 1;
            present.text = text;
        }
        Ok(())
    }
}

/// The keys that can be used; others in the set, such as those for encryption, are left out.
fn parse(text: &[u8], refused_prefix: Option<&str>) -> anyhow::Result<HashMap<String, Arc<Key>>> {
    let set: JwkSet = serde_json::from_slice(text).context("is no JWKS (RFC 7517)")?;
    ensure!(set.keys.len() <= MOST_KEYS, "there are more than {MOST_KEYS} keys");
    let mut by_id = HashMap::new();
    for jwk in &set.keys {
        let (Some(id), Some(algorithm)) = (&jwk.common.key_id, algorithm(jwk)) else { continue };
        if let Some(prefix) = refused_prefix {
            let detail =
                "the key of the local stack stands there: anybody could make tokens with it";
            ensure!(!id.starts_with(prefix), "{detail}");
        }
        let decoding = DecodingKey::from_jwk(jwk).with_context(|| format!("key {id:?}"))?;
        by_id.insert(id.clone(), Arc::new(Key { algorithm, decoding }));
    }
    ensure!(!by_id.is_empty() || set.keys.is_empty(), "none of the keys can be used");
    Ok(by_id)
}

/// The one algorithm of the allowed three that fits the key.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature);
    let fits = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        _ => return None,
    };
    let said = jwk.common.key_algorithm.map(|said| said.to_string());
    let agrees = said.is_none_or(|said| said == format!("{fits:?}"));
    (for_signatures && agrees).then_some(fits)
}
