//! Verifies tokens: signature, issuer, audience and times.

use std::ops::Deref;
use std::sync::Arc;

use axum::http::StatusCode;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};

use super::keys::{Key, NoKey};
use super::known::Known;
use super::{Claims, Keys, Principal};
use crate::clock::Clock;
use crate::http::Problem;

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: f64 = 30.0;

/// A longer token is refused unread.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Verifies tokens of one issuer for one audience.
pub struct Verifier<P> {
    keys: Arc<Keys>,
    issuer: String,
    audience: String,
    clock: Arc<dyn Clock>,
    known: Known<Verified<P>>,
}

/// Whom a good token stands for, and until when it does.
#[derive(Debug, PartialEq)]
pub struct Verified<P> {
    principal: P,
    until_us: i64,
}

impl<P> Verified<P> {
    /// Somebody who has shown who they are, until that moment.
    pub fn new(principal: P, until_us: i64) -> Self {
        Self { principal, until_us }
    }

    /// The moment from which the token counts no more.
    pub fn until_us(&self) -> i64 {
        self.until_us
    }
}

impl<P> Deref for Verified<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.principal
    }
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is none.
    Missing,
    /// It is not good, and why: for the caller's eyes, and nothing a forger could use.
    Invalid(&'static str),
    /// The keys to check it with are not at hand.
    Unavailable,
}

impl<P: Principal> Verifier<P> {
    /// A verifier of tokens that `issuer` signed for `audience` with one of `keys`.
    pub fn new(
        keys: Arc<Keys>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (issuer, audience) = (issuer.into(), audience.into());
        Self { keys, issuer, audience, clock, known: Known::default() }
    }

    /// A verifier that takes no token at all.
    ///
    /// # Errors
    /// When there is no TLS to ask issuers with.
    pub fn of_nobody() -> anyhow::Result<Self> {
        let keys = Keys::fixed(&JwkSet { keys: Vec::new() })?;
        Ok(Self::new(keys, "nobody", "nobody", Arc::new(crate::clock::SystemClock)))
    }

    /// Whom the token stands for. A token verified before costs a look into a table.
    ///
    /// # Errors
    /// [`Denied`]; never which of several faults would have come next.
    pub async fn verify(&self, token: &str) -> Result<Arc<Verified<P>>, Denied> {
        let now = self.clock.now_us() as f64 / 1e6;
        self.keys.refresh();
        let generation = self.keys.generation();
        if let Some(principal) = self.known.get(token, generation, now) {
            return Ok(principal);
        }
        if token.len() > LONGEST_TOKEN {
            return Err(Denied::Invalid("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| Denied::Invalid("this is no JWT"))?;
        let id = header.kid.as_deref().ok_or(Denied::Invalid("the token names no key"))?;
        let key = self.keys.find(id).await.map_err(|missing| match missing {
            NoKey::Unknown => Denied::Invalid("the token's key is not known"),
            NoKey::Unavailable => Denied::Unavailable,
        })?;
        let claims = self.check(token, header.alg, &key)?;
        let until = claims.exp + LEEWAY;
        if now >= until {
            return Err(Denied::Invalid("the token has expired"));
        }
        if claims.nbf.is_some_and(|nbf| now + LEEWAY < nbf) {
            return Err(Denied::Invalid("the token does not count yet"));
        }
        let principal =
            P::of(&claims).ok_or(Denied::Invalid("the token names nobody whom this API knows"))?;
        let verified = Arc::new(Verified { principal, until_us: (until * 1e6) as i64 });
        // Under the keys of the beginning: had they changed since, it is verified anew.
        self.known.put(token, &verified, generation, until, now);
        Ok(verified)
    }

    fn check(&self, token: &str, algorithm: Algorithm, key: &Key) -> Result<Claims, Denied> {
        // The key decides, never the token.
        if algorithm != key.algorithm {
            return Err(Denied::Invalid("the token's algorithm is not that of its key"));
        }
        let mut wanted = Validation::new(key.algorithm);
        wanted.set_issuer(&[&self.issuer]);
        wanted.set_audience(&[&self.audience]);
        wanted.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By our own clock, above.
        wanted.validate_exp = false;
        let decoded = decode::<Claims>(token, &key.decoding, &wanted);
        let decoded = decoded.map_err(|cause| Denied::Invalid(reason(cause.kind())))?;
        Ok(decoded.claims)
    }
}

fn reason(cause: &ErrorKind) -> &'static str {
    match cause {
        ErrorKind::InvalidSignature => "the token's signature is not that of its key",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks issuer or audience",
        _ => "the token cannot be used",
    }
}

impl From<Denied> for Problem {
    /// RFC 6750, section 3.
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing => {
                let detail = "say who is asking: send the header Authorization: Bearer and a token";
                Self::new(StatusCode::UNAUTHORIZED, "token_required", detail)
                    .challenge("Bearer realm=\"takeaway\"".to_owned())
            }
            Denied::Invalid(why) => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                format!("{why}: get a new one"),
            )
            .challenge(format!(
                "Bearer realm=\"takeaway\", error=\"invalid_token\", \
                         error_description=\"{why}\""
            )),
            Denied::Unavailable => {
                let detail = "the keys to check your token with are not at hand; try again soon";
                Self::unavailable("keys_unavailable", detail).retry_after(1)
            }
        }
    }
}
