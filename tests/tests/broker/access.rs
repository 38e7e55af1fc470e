//! Who may do what, on a secured broker of the test's own with the rights of `schemas/access.txt`: the broker
//! itself sees to it that each topic has one writer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use chassis::config::Settings;
use chassis::kafka::relay::publish_once;
use chassis::kafka::{KafkaConfig, Outgoing};
use schemas::access::{PRINCIPALS, Principal};
use schemas::topics;
use serde_json::{Value, json};
use system_tests::addresses::{binaries, checkout};
use system_tests::python::python;

/// The broker; it is gone when this is dropped.
struct Secured {
    var: PathBuf,
}

impl Secured {
    /// Blocks.
    fn start() -> Result<Self> {
        let binaries = binaries()?;
        let var = binaries.parent().unwrap_or(&binaries).join("stacks/secured");
        std::fs::create_dir_all(&var)?;
        let secured = Self { var };
        secured.deploy(&["clean"])?;
        secured.deploy(&["up"])?;
        Ok(secured)
    }

    fn deploy(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(checkout().join("deploy/secured"))
            .args(arguments)
            .env("TAKEAWAY_VAR", &self.var)
            .env("TAKEAWAY_PORT_OFFSET", "17000")
            .stdin(Stdio::null())
            .output()
            .context("deploy/secured does not start")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{arguments:?}:\n{said}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(said)
    }

    /// What that user connects with, by the name of the setting.
    fn user(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let said = self.deploy(&["user", name])?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        // A failure shows itself at the next start, which stops what is left.
        let _ = self.deploy(&["clean"]);
    }
}

/// Our own client, logged in as that user, publishes on that topic as its relay would.
fn publishes(user: &BTreeMap<String, String>, relay: &str, topic: &str) -> Result<()> {
    let mut pairs: BTreeMap<&str, &str> =
        user.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if !cfg!(feature = "kafka-tls") {
        pairs.insert("KAFKA_SASL_MECHANISM", "PLAIN");
    }
    let mut settings = Settings::from_pairs(pairs);
    let kafka = KafkaConfig::from_settings(&mut settings, "access-test");
    let row = Outgoing {
        position: 1,
        topic: topic.into(),
        key: None,
        payload: Some(b"tried".to_vec()),
        headers: Vec::new(),
        timestamp_ms: 1,
    };
    publish_once(&settings.finish(kafka)?, relay, &[row])
}

/// What each user may do by our declarations, as the script tells what it could do.
fn declared(may: impl Fn(&Principal, &topics::Topic) -> bool) -> Value {
    let of = |principal: &Principal| {
        let named = topics::ALL.iter().filter(|topic| may(principal, topic));
        (principal.name.to_owned(), named.map(|topic| topic.name).collect::<Value>())
    };
    Value::Object(PRINCIPALS.iter().map(of).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_lets_each_topic_be_written_by_its_owner_alone() -> Result<()> {
    let found = tokio::task::spawn_blocking(|| {
        let secured = Secured::start()?;
        let mut users = json!({});
        let mut bootstrap = String::new();
        for principal in PRINCIPALS {
            let user = secured.user(principal.name)?;
            users[principal.name] = user["KAFKA_SASL_PASSWORD"].clone().into();
            bootstrap = user["KAFKA_BOOTSTRAP"].clone();
        }
        let owners: BTreeMap<_, _> =
            topics::ALL.iter().map(|topic| (topic.name, topic.owner.context())).collect();
        let given = json!({ "bootstrap": bootstrap, "users": users, "topics": owners });
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), given.to_string())?;
        let tried = python("try_access.py", &[&file.path().to_string_lossy()])?;
        let (orders, promotions) = (secured.user("orders")?, secured.user("promotions")?);
        publishes(&orders, "orders-relay-0", topics::ORDER_EVENTS.name)?;
        let refused = publishes(&promotions, "promotions-relay-0", topics::ORDER_EVENTS.name);
        assert!(refused.is_err(), "promotions published an order's event");
        anyhow::Ok(tried)
    });
    let found = found.await??;
    let sorted = |told: &Value| {
        let mut told = told.clone();
        for names in told.as_object_mut().into_iter().flat_map(|told| told.values_mut()) {
            names.as_array_mut().into_iter().for_each(|names| {
                names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
            });
        }
        told
    };
    assert_eq!(sorted(&found["makes"]), sorted(&declared(Principal::may_write)));
    assert_eq!(sorted(&found["writes"]), sorted(&declared(Principal::may_write)));
    assert_eq!(sorted(&found["reads"]), sorted(&declared(Principal::may_read)));
    for principal in PRINCIPALS {
        let own: Vec<_> = principal.writes.iter().map(|owner| owner.context()).collect();
        assert_eq!(found["fences"][principal.name], json!(own), "nobody fences another's relay");
    }
    assert_eq!(found["stranger_is_refused"], true);
    Ok(())
}
