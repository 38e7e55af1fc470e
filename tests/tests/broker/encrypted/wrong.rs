//! Settings that are wrong, and what is said of each by whoever is refused: a command as it fails, and a
//! program that serves on `/readyz`.

use anyhow::{Context, Result, ensure};
use system_tests::eventually::eventually;
use tokio::task::block_in_place;

use super::super::secured::{Secured, User};
use super::LIMIT;
use super::program::{Program, run};

/// The programs that serve, and the check of each that needs Kafka.
const SERVING: [(&str, &str); 2] = [("orders", "kafka"), ("promotions", "order-events")];

/// What Kafka does not take.
pub async fn what_kafka_refuses_is_said(secured: &Secured, right: &User) -> Result<()> {
    let without_tls = block_in_place(|| secured.user("orders", "sasl_plaintext"))?;
    let without_tls = without_tls["KAFKA_BOOTSTRAP"].as_str();
    let mut without_login = right.clone();
    without_login.retain(|name, _| name == "KAFKA_BOOTSTRAP" || !name.starts_with("KAFKA_"));
    let mut in_the_clear = with(right, "KAFKA_SECURITY_PROTOCOL", "sasl_plaintext");
    in_the_clear.remove("KAFKA_CA_FILE");
    let cases = [
        (with(right, "KAFKA_SASL_PASSWORD", "guessed"), "correct KAFKA_SASL_USERNAME"),
        (with(right, "KAFKA_CA_FILE", &stranger(secured)?), "KAFKA_CA_FILE names the authority"),
        (in_the_clear, "correct KAFKA_SECURITY_PROTOCOL"),
        (with(right, "KAFKA_BOOTSTRAP", without_tls), "correct KAFKA_SECURITY_PROTOCOL"),
        (without_login, "correct KAFKA_SECURITY_PROTOCOL"),
    ];
    for (wrong, remedy) in cases {
        for (context, check) in SERVING {
            is_refused(context, &["topics", "apply"], &wrong, remedy)?;
            is_not_ready(context, check, &wrong, remedy).await?;
        }
    }
    Ok(())
}

/// What the registry does not take, or what is not taken from it.
pub async fn what_is_wrong_with_the_registry_is_said(
    secured: &Secured,
    right: &User,
) -> Result<()> {
    let mut by_the_system = right.clone();
    by_the_system.remove("SCHEMA_REGISTRY_CA_FILE");
    let plain = right["SCHEMA_REGISTRY_URL"].replace("https://", "http://");
    let authority = "SCHEMA_REGISTRY_CA_FILE names the authority";
    let cases = [
        (with(right, "SCHEMA_REGISTRY_CA_FILE", &stranger(secured)?), authority),
        (by_the_system, authority),
        (with(right, "SCHEMA_REGISTRY_URL", &plain), "set SCHEMA_REGISTRY_URL"),
    ];
    for (wrong, remedy) in cases {
        is_refused("promotions", &["schemas", "apply"], &wrong, remedy)?;
        is_not_ready("promotions", "schema", &wrong, remedy).await?;
    }
    Ok(())
}

fn with(right: &User, name: &str, value: &str) -> User {
    let mut wrong = right.clone();
    wrong.insert(name.to_owned(), value.to_owned());
    wrong
}

/// The file of a certificate, but of nobody's authority.
fn stranger(secured: &Secured) -> Result<String> {
    let stranger = block_in_place(|| secured.user("analytics", "ssl"))?;
    Ok(stranger["KAFKA_CERT_FILE"].clone())
}

fn is_refused(context: &str, arguments: &[&str], wrong: &User, remedy: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused = run(context, arguments, wrong, &folder);
    let refused = format!("{:#}", refused.err().context("it was let in")?);
    ensure!(refused.contains(remedy), "{context}, {remedy}: {refused}");
    Ok(())
}

async fn is_not_ready(context: &str, check: &str, wrong: &User, remedy: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serving = Program::serve(context, wrong, &folder)?;
    eventually(remedy, LIMIT, async || {
        let answer = serving.get("/readyz").await?;
        let status = answer.status();
        let told: serde_json::Value = answer.json().await?;
        ensure!(status == 503, "{context}, {remedy}: it is ready: {told}");
        let said = told["checks"][check].as_str().unwrap_or_default();
        Ok(said.contains(remedy).then_some(()))
    })
    .await
    .with_context(|| serving.log())?;
    // It is shown first, and logged then.
    let is_logged = async || Ok(serving.log().contains(remedy).then_some(()));
    eventually(remedy, LIMIT, is_logged).await.with_context(|| serving.log())?;
    let log = serving.log();
    ensure!(!log.contains("guessed"), "{context}: {log}");
    Ok(())
}
