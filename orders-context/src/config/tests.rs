//! What is refused, with its variable; and what is taken.

use super::*;

#[test]
fn the_address_of_a_database_says_which_kind_it_is() {
    let file: Database = "sqlite:var/orders.db".parse().unwrap();
    assert_eq!(file, Database::Sqlite(PathBuf::from("var/orders.db")));
    let shared: Database = "postgres://nonna:basilico@127.0.0.1/orders".parse().unwrap();
    assert_eq!(format!("{shared:?}"), "Postgres(Address(postgres://127.0.0.1:5432/orders))");
    for unknown in ["sqlite:", "mysql://nonna:basilico@db/orders", "postgres://basilico@/"] {
        let refused = unknown.parse::<Database>().unwrap_err();
        assert!(!refused.contains("basilico"), "{refused}");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let mut settings = Settings::from_pairs([
        ("SCHEMA_REGISTRY_URL", "registry:8081"),
        ("SCHEMA_REGISTRY_CA_FILE", "no-such-file.pem"),
        ("SMTP_URL", "mail.example"),
        ("ORDERS_MAIL_FROM", "nobody"),
        ("ORDERS_TLS_CERT", "no-such-file.pem"),
        ("ORDERS_TLS_KEY", "no-such-file.key"),
        ("TOKEN_JWKS", "no-such-file.json"),
        ("ORDERS_LISTEN", "nowhere"),
        ("ORDERS_DATABASE_URL", "mysql://"),
        ("ORDERS_ACCEPT_WITHIN_MS", "0"),
        ("ORDERS_POLICY", "no-such-file.json"),
    ]);
    let config = Config::from_settings(&mut settings);
    let problems = settings.finish(config).unwrap_err().to_string();
    for name in [
        "ORDERS_LISTEN",
        "ORDERS_DATABASE_URL",
        "ORDERS_COMPLETE_WITHIN_MS",
        "ORDERS_POLICY: says the times",
        "ORDERS_POLICY: no-such-file.json cannot be read",
        "SCHEMA_REGISTRY_URL: must be a URL",
        "SCHEMA_REGISTRY_CA_FILE: cannot be read",
        "SMTP_URL: is not the address",
        "ORDERS_MAIL_FROM: is no mailbox",
        "ORDERS_TLS_CERT: names a file",
        "ORDERS_TLS_KEY: names a file",
        "TOKEN_ISSUER: is required",
        "TOKEN_JWKS: names a file",
    ] {
        assert!(problems.contains(name), "{name} in {problems}");
    }
}

#[test]
fn what_is_required_is_named() {
    let mut settings = Settings::from_pairs([]);
    let config = Config::from_settings(&mut settings);
    let problems = settings.finish(config).unwrap_err();
    assert_eq!(
        problems.problems(),
        ["SCHEMA_REGISTRY_URL: is required: set it", "SMTP_URL: is required: set it"]
    );
}

#[test]
fn streams_leave_connections_to_requests() {
    for (connections, streams) in [(8_192, 4_096), (5_464, 4_096), (5_460, 4_095), (512, 384)] {
        let limits = streams_within(StreamLimits::standard(), connections);
        assert_eq!(limits.in_all, streams, "{connections}");
    }
}

#[test]
fn customers_are_told_by_push_where_a_gateway_is_named() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let problems = |url: &str, secret: &str, private: &str| {
        let mut settings = Settings::from_pairs([
            ("SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081"),
            ("ORDERS_PUSH_URL", url),
            ("ORDERS_PUSH_SECRET", secret),
            ("ORDERS_WEBHOOK_ALLOW_PRIVATE", private),
        ]);
        let config = Config::from_settings(&mut settings);
        assert!(matches!(config.customers, CustomerChannel::Push(_)));
        settings.finish(()).err().map(|error| error.problems().join(" ")).unwrap_or_default()
    };
    assert_eq!(problems("https://push.example/v1", secret, "false"), "");
    assert_eq!(problems("http://127.0.0.1:7070/", secret, "true"), "");
    for (url, secret, private, named) in [
        ("http://127.0.0.1:7070/", secret, "false", "ORDERS_PUSH_URL: leads"),
        ("ftp://push.example/", secret, "true", "ORDERS_PUSH_URL: must be"),
        ("https://ada:lace@push.example/", secret, "true", "ORDERS_PUSH_URL: must be"),
        ("https://push.example/", "whsec_c2hvcnQ=", "false", "ORDERS_PUSH_SECRET: must be"),
    ] {
        let found = problems(url, secret, private);
        assert!(found.contains(named), "{url}: {found}");
        assert!(!found.contains("lace") && !found.contains(secret), "{found}");
    }
}

#[test]
fn links_need_an_address_and_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good", &format!("{}\n", "0a".repeat(32)));
    let short = file("short", "0a0a");
    let problems = |pairs: &[(&'static str, &str)]| {
        let mut settings = Settings::from_pairs(pairs.iter().copied());
        let links = answer_links(&mut settings);
        let problems = settings.finish(()).err().map(|error| error.problems().join(" "));
        (links.is_some(), problems.unwrap_or_default())
    };
    let (url, key) = ("ORDERS_PUBLIC_URL", "ORDERS_LINK_KEY_FILE");
    assert_eq!(problems(&[]), (false, String::new()));
    assert_eq!(problems(&[(url, "https://orders.example"), (key, &good)]), (true, String::new()));
    for (settings, named) in [
        (vec![(url, "https://orders.example")], "set both or neither"),
        (vec![(url, "https://orders.example"), (key, short.as_str())], "64 hexadecimal"),
        (vec![(url, "https://orders.example"), (key, "/no/such")], "cannot be read"),
        (vec![(url, "mailto:nino@example.org"), (key, good.as_str())], "must be a URL"),
    ] {
        let (_, found) = problems(&settings);
        assert!(found.contains(named), "{found}");
    }
}
