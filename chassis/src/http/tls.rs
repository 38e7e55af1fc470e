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
    /// problem, and so are files that [`Tls::load`] would refuse.
    pub fn from_settings(
        settings: &mut Settings,
        certificates: &'static str,
        key: &'static str,
    ) -> Option<Self> {
        match (settings.optional(certificates), settings.optional(key)) {
            (Some(of_certificates), Some(of_key)) => {
                let files = Self { certificates: of_certificates, key: of_key };
                files.check(settings, certificates, key);
                Some(files)
            }
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

impl TlsFiles {
    fn check(&self, settings: &mut Settings, certificates: &'static str, key: &'static str) {
        let (chain, private) = (read_certificates(&self.certificates), read_key(&self.key));
        for (name, cause) in [(certificates, chain.as_ref().err()), (key, private.as_ref().err())] {
            if let Some(cause) = cause {
                settings.problem(name, format!("names a file that cannot be used ({cause:#})"));
            }
        }
        if let (Ok(chain), Ok(private)) = (chain, private)
            && let Err(cause) = Tls::of(chain, private)
        {
            settings.problem(key, format!("is not the key of the certificate ({cause:#})"));
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
        let certificates = read_certificates(&files.certificates)
            .with_context(|| format!("the certificate in {}", files.certificates.display()))?;
        let key =
            read_key(&files.key).with_context(|| format!("the key in {}", files.key.display()))?;
        Self::of(certificates, key).context("certificate and key do not go together")
    }

    fn of(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// What makes an encrypted stream of a plain one.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

fn read_certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    ensure!(!all.is_empty(), "is none");
    Ok(all)
}

fn read_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    Ok(PrivateKeyDer::from_pem_file(path)?)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}
