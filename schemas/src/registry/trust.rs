//! Whose word is taken for the certificate of a registry.

use std::error::Error;
use std::io;
use std::path::Path;

use reqwest::Certificate;

use super::RegistryError;

/// The authorities in a PEM file.
pub(super) fn authorities(file: &Path) -> Result<Vec<Certificate>, RegistryError> {
    let found = match std::fs::read(file) {
        Ok(bytes) => Certificate::from_pem_bundle(&bytes).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match found {
        Ok(found) if found.is_empty() => Err(unusable(file, "there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(cause) => Err(unusable(file, &cause)),
    }
}

/// That the file cannot be what it should be.
pub(super) fn unusable(file: &Path, cause: &str) -> RegistryError {
    RegistryError::BadAuthority { file: file.display().to_string(), cause: cause.to_owned() }
}

/// Whether the other side showed a certificate that does not count.
pub(super) fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An error of input and output passes over what it wraps when it is asked for its source.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let cause = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    cause.is_some_and(is_distrust)
}
