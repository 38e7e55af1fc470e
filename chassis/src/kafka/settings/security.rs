//! How a client proves who it is, and keeps what it says private.

use std::fmt;
use std::str::FromStr;

use rdkafka::ClientConfig;

use crate::config::Settings;

/// What every client of this process adds to its settings; nothing where Kafka trusts everybody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security(Vec<(&'static str, String)>);

/// How the connection is protected, in the words of Kafka's clients.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let all = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];
        let found = all.into_iter().find(|each| each.as_str().eq_ignore_ascii_case(word));
        found.ok_or("it is plaintext, ssl, sasl_plaintext or sasl_ssl")
    }
}

impl Security {
    /// Reads `KAFKA_SECURITY_PROTOCOL` (`plaintext` when absent) and what it asks for; problems are
    /// remembered in `settings`.
    ///
    /// - With SASL: `KAFKA_SASL_MECHANISM` (`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`),
    ///   `KAFKA_SASL_USERNAME`, and `KAFKA_SASL_PASSWORD` or the file `KAFKA_SASL_PASSWORD_FILE`.
    /// - With TLS: `KAFKA_CA_FILE` (the system's authorities when absent), and for a certificate of
    ///   one's own `KAFKA_CERT_FILE` and `KAFKA_KEY_FILE`; all PEM.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let protocol = settings.or("KAFKA_SECURITY_PROTOCOL", Protocol::default());
        if !protocol.has_sasl() {
            unused(settings, &["KAFKA_SASL_USERNAME"], protocol, "sasl_ssl");
        }
        if !protocol.has_tls() {
            let files = ["KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_KEY_FILE"];
            unused(settings, &files, protocol, "ssl or sasl_ssl");
        }
        if protocol == Protocol::Plaintext {
            return Self::default();
        }
        let mut all = vec![("security.protocol", protocol.as_str().to_owned())];
        if protocol.has_sasl() {
            all.extend(sasl(settings));
        }
        if protocol.has_tls() {
            all.extend(tls(settings));
        }
        Self(all)
    }

    /// Adds it to a client's settings.
    pub(super) fn add_to(&self, client: &mut ClientConfig) {
        for (name, value) in &self.0 {
            client.set(*name, value);
        }
    }
}

/// The names alone: a value may be a password.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whoever set one of these wanted another protocol.
fn unused(settings: &mut Settings, names: &[&'static str], protocol: Protocol, wanted: &str) {
    let protocol = protocol.as_str();
    for name in names {
        if settings.optional::<String>(name).is_some() {
            let what =
                format!("is set, and KAFKA_SECURITY_PROTOCOL is {protocol}: set it to {wanted}");
            settings.problem(name, what);
        }
    }
}

fn sasl(settings: &mut Settings) -> Vec<(&'static str, String)> {
    let mechanism: String = settings.required("KAFKA_SASL_MECHANISM");
    match mechanism.as_str() {
        // Nothing at all has been complained of already.
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "" => {}
        _ => {
            let what = "is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512: correct it";
            settings.problem("KAFKA_SASL_MECHANISM", what);
        }
    }
    let user: String = settings.required("KAFKA_SASL_USERNAME");
    vec![
        ("sasl.mechanism", mechanism),
        ("sasl.username", user),
        ("sasl.password", password(settings)),
    ]
}

fn password(settings: &mut Settings) -> String {
    let Some(file) = settings.optional::<String>("KAFKA_SASL_PASSWORD_FILE") else {
        return settings.required("KAFKA_SASL_PASSWORD");
    };
    if settings.optional::<String>("KAFKA_SASL_PASSWORD").is_some() {
        let what = "is set beside KAFKA_SASL_PASSWORD: keep one of them";
        settings.problem("KAFKA_SASL_PASSWORD_FILE", what);
    }
    match std::fs::read_to_string(&file) {
        Ok(password) => password.trim_end().to_owned(),
        Err(cause) => {
            settings.problem("KAFKA_SASL_PASSWORD_FILE", format!("cannot be read: {cause}"));
            String::new()
        }
    }
}

fn tls(settings: &mut Settings) -> Vec<(&'static str, String)> {
    let files = [
        ("ssl.ca.location", settings.pem_file("KAFKA_CA_FILE")),
        ("ssl.certificate.location", settings.pem_file("KAFKA_CERT_FILE")),
        ("ssl.key.location", settings.pem_file("KAFKA_KEY_FILE")),
    ];
    if files[1].1.is_some() != files[2].1.is_some() {
        let what = "goes with KAFKA_KEY_FILE: set both, or neither";
        settings.problem("KAFKA_CERT_FILE", what);
    }
    files.into_iter().filter_map(|(name, file)| Some((name, file?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static LOGIN: [(&str, &str); 4] = [
        ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "asha"),
        ("KAFKA_SASL_PASSWORD", "s3cret"),
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<Security, String> {
        let mut settings = Settings::from_pairs(pairs.iter().copied());
        let security = Security::from_settings(&mut settings);
        settings.finish(security).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_said_is_nothing_added() {
        assert_eq!(read(&[]), Ok(Security::default()));
        assert_eq!(read(&[("KAFKA_SECURITY_PROTOCOL", "plaintext")]), Ok(Security::default()));
    }

    #[test]
    fn a_login_is_what_librdkafka_is_told_and_its_password_is_not_shown() {
        let security = read(&LOGIN).unwrap();
        let mut client = ClientConfig::new();
        security.add_to(&mut client);
        assert_eq!(client.get("security.protocol"), Some("sasl_plaintext"));
        assert_eq!(client.get("sasl.mechanism"), Some("PLAIN"));
        assert_eq!(client.get("sasl.username"), Some("asha"));
        assert_eq!(client.get("sasl.password"), Some("s3cret"));
        assert!(!format!("{security:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_may_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file\n").unwrap();
        let path = file.path().to_string_lossy().into_owned();
        let mut login = LOGIN;
        login[3] = ("KAFKA_SASL_PASSWORD_FILE", path.as_str());
        let mut client = ClientConfig::new();
        read(&login).unwrap().add_to(&mut client);
        assert_eq!(client.get("sasl.password"), Some("from a file"));
        let both = [LOGIN.as_slice(), &login[3..]].concat();
        assert!(read(&both).unwrap_err().contains("KAFKA_SASL_PASSWORD_FILE: is set beside"));
        login[3] = ("KAFKA_SASL_PASSWORD_FILE", "/nowhere");
        assert!(read(&login).unwrap_err().contains("KAFKA_SASL_PASSWORD_FILE: cannot be read"));
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_the_remedy() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("KAFKA_SECURITY_PROTOCOL", "tls")], "sasl_plaintext or sasl_ssl"),
            (&LOGIN[..3], "KAFKA_SASL_PASSWORD: is required"),
            (&LOGIN[..1], "KAFKA_SASL_MECHANISM: is required"),
            (&LOGIN[2..], "KAFKA_SECURITY_PROTOCOL is plaintext"),
            (&[("KAFKA_CA_FILE", "ca.pem")], "plaintext: set it to ssl or sasl_ssl"),
            (&[("KAFKA_SECURITY_PROTOCOL", "ssl"), LOGIN[2]], "ssl: set it to sasl_ssl"),
            (&[LOGIN[0], ("KAFKA_SASL_MECHANISM", "GSSAPI")], "is none of PLAIN"),
            (
                &[("KAFKA_SECURITY_PROTOCOL", "ssl"), ("KAFKA_CERT_FILE", "own.pem")],
                "set both, or neither",
            ),
        ];
        for (pairs, remedy) in cases {
            let refused = read(pairs).unwrap_err();
            assert!(refused.contains(remedy), "{pairs:?}: {refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn the_client_is_built_with_tls_and_scram() {
        let scram = [
            ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
            LOGIN[2],
            LOGIN[3],
        ];
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", "127.0.0.1:9");
        read(&scram).unwrap().add_to(&mut client);
        // A library without them refuses the settings.
        client.create::<rdkafka::producer::BaseProducer>().unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let (empty, tls) = (empty.to_string_lossy(), ("KAFKA_SECURITY_PROTOCOL", "ssl"));
        for (path, cause) in [("/nowhere.pem", "cannot be read"), (&*empty, "no PEM")] {
            let refused = read(&[tls, ("KAFKA_CA_FILE", path)]).unwrap_err();
            assert!(refused.contains("KAFKA_CA_FILE") && refused.contains(cause), "{refused}");
            let own = [tls, ("KAFKA_CERT_FILE", path), ("KAFKA_KEY_FILE", path)];
            let refused = read(&own).unwrap_err();
            assert!(refused.contains("KAFKA_KEY_FILE") && refused.contains(cause), "{refused}");
        }
    }
}
