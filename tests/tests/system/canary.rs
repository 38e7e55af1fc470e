//! A person who leaves: what they sent is seeded with words that stand nowhere else, and afterwards
//! looked for everywhere, in files, topics, logs and the lake; and so are tokens and codes.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use serde_json::{Value, json};
use system_tests::{
    addresses::Addresses,
    api::{dinner, trattoria, unique},
    eventually::eventually,
    mail::mails,
    promises::verified,
    python::python,
    tokens::Tokens,
    topic::{Fact, facts},
};

use super::{
    language::table,
    support::{LIMIT, Shared, shared},
};

/// Words that stand in one person's order and nowhere else.
struct Canary {
    customer: String,
    name: String,
    email: String,
    note: String,
    /// Where their restaurant reads its mail: it stays, in the database alone.
    kitchen: String,
}

impl Canary {
    fn new() -> Self {
        Self {
            customer: unique("customer"),
            name: unique("Wilhelmina"),
            email: format!("{}@example.com", unique("mina")),
            note: unique("beware-of-the-count"),
            kitchen: format!("{}@example.com", unique("kitchen")),
        }
    }

    fn words(&self) -> [&str; 3] {
        [&self.name, &self.email, &self.note]
    }
}

/// Which of `words` are in the files below that folder, and where. Topics are read by themselves, and the
/// mail server is where letters belong.
fn found_below(folder: &Path, words: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    // What is there may go while this looks.
    let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        if path.ends_with("kafka") || path.ends_with("mail.log") {
            continue;
        }
        if path.is_dir() {
            found.extend(found_below(&path, words)?);
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let those = words.iter().filter(|word| holds(&bytes, word.as_bytes()));
        found.extend(those.map(|word| format!("{word} in {}", path.display())));
    }
    Ok(found)
}

/// One order of that person, all the way: its id, and the code of the voucher it brought.
async fn order_and_eat(shared: &Shared, canary: &Canary) -> Result<(String, String)> {
    let (api, restaurant) = (&shared.api, unique("trattoria"));
    let mut house = trattoria(None);
    house["mail"] = json!(canary.kitchen);
    api.put_restaurant(&restaurant, &house).await?;
    let mut order = dinner(&restaurant, &canary.customer, &canary.email);
    order.body["customer"]["name"] = json!(canary.name);
    order.body["note"] = json!(canary.note);
    let placed = api.place(&unique("key"), &order).await?;
    ensure!(placed.status == 201, "{placed:?}");
    let id = placed.body["id"].as_str().context("an id")?.to_owned();
    for decision in ["accept", "complete"] {
        let decided = api.decide(&id, decision, &json!({})).await?;
        ensure!(decided.status == 200, "{decided:?}");
    }
    eventually("the letter", LIMIT, async || {
        Ok(mails(&shared.addresses().mail, &canary.email).await?.pop())
    })
    .await?;
    let voucher =
        eventually("the voucher", LIMIT, async || Ok(api.vouchers(&canary.customer).await?.pop()));
    Ok((id, voucher.await?.code))
}

async fn erase(shared: &Shared, canary: &Canary) -> Result<Value> {
    let token = Tokens::of(&shared.addresses().token_key)?.service()?;
    let (api, key) = (&shared.api, unique("erase"));
    let who = json!({ "customer_id": canary.customer });
    let path = "/v1/erasure-requests";
    let asked = api.call_as(&token, Method::POST, path, Some(&key), Some(&who)).await?;
    ensure!(asked.status == 202, "{asked:?}");
    let path = asked.location.context("a receipt")?;
    eventually("the erasure", LIMIT, async || {
        let receipt = api.call_as(&token, Method::GET, &path, None, None).await?;
        Ok((receipt.body["state"] == "done").then_some(receipt.body))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_person_nothing_is_left_anywhere() -> Result<()> {
    let shared = shared().await?;
    let (addresses, canary) = (shared.addresses(), Canary::new());
    let (order, code) = order_and_eat(&shared, &canary).await?;
    let seeded = found_below(&addresses.var, &canary.words())?;
    ensure!(seeded.len() >= 3, "the canary can be found: {seeded:?}");

    let receipt = erase(&shared, &canary).await?;
    ensure!(receipt["places"][0]["erased"] == 1, "{receipt}");
    assert_eq!(found_below(&addresses.var, &canary.words())?, [""; 0]);
    let mut secrets = canary.words().to_vec();
    // Every token begins so, and this is the person's voucher.
    secrets.extend(["eyJ0eXAiOiJKV1Qi", code.as_str(), canary.kitchen.as_str()]);
    let in_logs = found_below(&addresses.var.join("log"), &secrets)?;
    assert_eq!(in_logs, [""; 0], "no log tells of persons, tokens or codes");

    for topic in schemas::topics::ALL {
        let told = on_topic(addresses, topic.name, &secrets).await?;
        assert_eq!(told, [], "{}", topic.name);
    }
    for context in ["promotions", "analytics"] {
        verified(addresses, context, &["verify", "--wait", "60"]).await?;
    }
    for topic in [ORDER_EVENTS.name, VOUCHER_EVENTS.name] {
        let words = [&[order.as_str()], secrets.as_slice()].concat();
        let found = found_in_lake(&table(addresses, topic), &words).await?;
        assert_eq!(found, [order.as_str()], "{topic}: the order, and nothing of the person");
    }
    Ok(())
}

/// The records of that topic with one of `words` in key, body or headers.
async fn on_topic(addresses: &Addresses, topic: &str, words: &[&str]) -> Result<Vec<Fact>> {
    let words: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    facts(&addresses.kafka, topic, move |record| {
        let headers = record.headers.iter().map(|(_, value)| value.as_slice());
        let parts = record.key.as_deref().into_iter().chain(record.payload.as_deref());
        parts.chain(headers).any(|part| words.iter().any(|word| holds(part, word)))
    })
    .await
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// Which of `words` are in the rows of that table.
async fn found_in_lake(folder: &str, words: &[&str]) -> Result<Vec<String>> {
    let arguments: Vec<String> =
        std::iter::once(&folder).chain(words).map(|&word| word.to_owned()).collect();
    let look = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        python("find_words.py", &arguments)
    };
    let found = tokio::task::spawn_blocking(look).await??;
    Ok(serde_json::from_value(found["found"].clone())?)
}
