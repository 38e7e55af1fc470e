//! Who may do what, on a secured broker of the test's own with the rights of `schemas/access.txt`: the broker
//! itself sees to it that each topic has one writer.

use std::collections::BTreeMap;

use anyhow::Result;
use schemas::access::{PRINCIPALS, Principal};
use schemas::topics;
use serde_json::{Value, json};
use system_tests::python::python;

use super::secured::Secured;

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
        let secured = Secured::start("secured", 17_000)?;
        let mut users = json!({});
        let mut bootstrap = String::new();
        for principal in PRINCIPALS {
            let user = secured.user(principal.name, "sasl_plaintext")?;
            users[principal.name] = user["KAFKA_SASL_PASSWORD"].clone().into();
            bootstrap = user["KAFKA_BOOTSTRAP"].clone();
        }
        let owners: BTreeMap<_, _> =
            topics::ALL.iter().map(|topic| (topic.name, topic.owner.context())).collect();
        let given = json!({ "bootstrap": bootstrap, "users": users, "topics": owners });
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), given.to_string())?;
        python("try_access.py", &[&file.path().to_string_lossy()])
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
