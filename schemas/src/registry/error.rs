//! What can go wrong with a registry, and what to do then.

/// Why the registry did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// The address cannot be one.
    #[error(
        "the address of the schema registry is not usable ({cause}): SCHEMA_REGISTRY_URL looks like \
         http://127.0.0.1:8081/apis/ccompat/v7"
    )]
    BadAddress {
        /// What is wrong with it.
        cause: String,
    },
    /// Nobody answers there, or not in time.
    #[error(
        "the schema registry at {url} does not answer ({cause}): start it, or set \
         SCHEMA_REGISTRY_URL to where it is"
    )]
    Unreachable {
        /// The address, without credentials.
        url: String,
        /// What the attempt met.
        cause: String,
    },
    /// It has a certificate that does not count here.
    #[error(
        "the certificate of the schema registry at {url} is not trusted ({cause}): \
         SCHEMA_REGISTRY_CA_FILE names the authority that signed it, SCHEMA_REGISTRY_URL an address \
         that it is for"
    )]
    Untrusted {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The authorities that its certificate is to be checked by are none.
    #[error(
        "the file {file} cannot be used ({cause}): SCHEMA_REGISTRY_CA_FILE names certificates of \
         authorities, in PEM"
    )]
    BadAuthority {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The subject has versions that this schema cannot live with.
    #[error(
        "the registry refuses the schema for {subject}: {detail}. A new version may only add \
         nullable fields with null first and default null; anything else needs a new topic"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// The registry's own words.
        detail: String,
    },
    /// The registry has never heard of it.
    #[error("the registry does not know {what}: run `schemas apply` of the context that owns it")]
    NotFound {
        /// The path that was asked for.
        what: String,
    },
    /// Any other answer than a good one.
    #[error("the schema registry at {url} answered {status}: {detail}")]
    Refused {
        /// The address, without credentials.
        url: String,
        /// HTTP status.
        status: u16,
        /// The registry's own words.
        detail: String,
    },
}

impl RegistryError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            // Certificates are renewed, over there.
            Self::Unreachable { .. } | Self::Untrusted { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429 || *status == 408,
            Self::BadAddress { .. }
            | Self::BadAuthority { .. }
            | Self::Incompatible { .. }
            | Self::NotFound { .. } => false,
        }
    }
}
