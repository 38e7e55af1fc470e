//! An issuer for one machine: a key in a file, made when it is first needed, and tokens signed with
//! it. Never for production: whoever can read the file can be anybody.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the ids of such keys begin with.
pub const LOCAL_KEY_PREFIX: &str = "local-";

/// Who such tokens say issued them.
pub const LOCAL_ISSUER: &str = "takeaway-local";

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Signs tokens with the key of this machine.
pub struct LocalIssuer {
    key: EncodingKey,
    public: Jwk,
    id: String,
}

impl LocalIssuer {
    /// The issuer whose Ed25519 key is in that file (PKCS #8, PEM). If there is none it is made,
    /// readable by its owner alone; of several processes that do so at once, one wins and all
    /// use its key.
    ///
    /// # Errors
    /// When the file cannot be read, made or understood.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let pem = match fs::read_to_string(path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => create(path),
            read => read.map_err(Into::into),
        };
        let pem = pem.with_context(|| format!("the key of local tokens, {}", path.display()))?;
        Self::from_pem(&pem).with_context(|| format!("the key in {}", path.display()))
    }

    fn from_pem(pem: &str) -> anyhow::Result<Self> {
        let body = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body: String = body.context("is no PEM")?.split_whitespace().collect();
        let der = STANDARD.decode(body).context("is no base64")?;
        let pair = Ed25519KeyPair::from_pkcs8(&der).map_err(|cause| anyhow!("{cause}"))?;
        let public = pair.public_key().as_ref();
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, public));
        let id = format!("{LOCAL_KEY_PREFIX}{}", hash.get(..16).unwrap_or(&hash));
        let public = serde_json::from_value(serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public),
            "kid": id, "alg": "EdDSA", "use": "sig",
        }))?;
        Ok(Self { key: EncodingKey::from_ed_der(&der), public, id })
    }

    /// The public half.
    pub fn keys(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// A token for `subject` with further `claims`, good from `now_us` on for so long.
    ///
    /// # Errors
    /// None of its parts can fail to be written.
    pub fn mint(
        &self,
        audience: &str,
        subject: &str,
        mut claims: Map<String, Value>,
        now_us: i64,
        valid_for: Duration,
    ) -> anyhow::Result<String> {
        let now = now_us / 1_000_000;
        let expires = now.saturating_add(i64::try_from(valid_for.as_secs())?);
        claims.insert("iss".to_owned(), LOCAL_ISSUER.into());
        claims.insert("aud".to_owned(), audience.into());
        claims.insert("sub".to_owned(), subject.into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), expires.into());
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        Ok(encode(&header, &claims, &self.key)?)
    }
}

/// Makes the key, unless somebody else was faster; what is in the file then.
fn create(path: &Path) -> anyhow::Result<String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1());
    let document = document.map_err(|_| anyhow!("no key could be made"))?;
    let pem = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(document.as_ref()));
    let draft = path.with_extension(format!("{}.new", Uuid::now_v7().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
    // A link appears whole, and never in place of another.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(cause.into()),
        _ => Ok(fs::read_to_string(path)?),
    }
}
