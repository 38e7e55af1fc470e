//! Whose certificates this process accepts where it is the client of a TLS connection.

use anyhow::Context as _;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

/// The operating system's certificates, or those that `SSL_CERT_FILE` names. May be none.
pub fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    for error in found.errors {
        warn!(error = %error, "A certificate of this machine cannot be read");
    }
    roots
}

/// Checks servers by `roots` and shows no certificate of its own.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn client_config(roots: RootCertStore) -> anyhow::Result<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
