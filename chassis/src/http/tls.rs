//! Encryption of what comes in, with a certificate from files. They are read at the start; a new
//! certificate counts from the next start on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Settings;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that vouch for it.
    pub certificates: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the two variables of these names; `None` when neither is set. One without the other is a
    /// problem.
    pub fn from_settings(
        settings: &mut Settings,
        certificates: &'static str,
        key: &'static str,
    ) -> Option<Self> {
        match (settings.optional(certificates), settings.optional(key)) {
            (Some(certificates), Some(key)) => Some(Self { certificates, key }),
            (None, None) => None,
            (Some(_), None) => {
                settings.problem(key, "is missing: a certificate needs its key");
                None
            }
            (None, Some(_)) => {
                settings.problem(certificates, "is missing: a key needs its certificate");
                None
            }
        }
    }
}

/// Encrypts connections.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// TLS 1.2 and 1.3 with the certificate of these files.
    ///
    /// # Errors
    /// When a file cannot be read, holds no PEM, or the key is not that of the certificate.
    pub fn load(files: &TlsFiles) -> anyhow::Result<Self> {
        let certificates = certificates(&files.certificates)
            .with_context(|| format!("the certificate in {}", files.certificates.display()))?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .with_context(|| format!("the key in {}", files.key.display()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .context("certificate and key do not go together")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// What makes an encrypted stream of a plain one.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    ensure!(!all.is_empty(), "is none");
    Ok(all)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}
