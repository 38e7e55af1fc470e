//! The registry client, against a stand-in that answers what it is told to and remembers what it was asked.

use std::sync::{Arc, Mutex};

use schemas::registry::{Outcome, apply};
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VERSIONS, ORDER_STATES, ORDER_STATES_VERSIONS};
use schemas::{Owner, RegistryAddress, RegistryClient, RegistryError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

type Answer = fn(&str) -> (u16, &'static str);

struct StandIn {
    client: RegistryClient,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// A registry that answers each request line (`GET /ccompat/...`) with a status and a body.
    async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/ccompat/", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, answer, &remembered).await;
            }
        });
        Self { client: RegistryClient::new(&url).expect("an address"), asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// Serves one request of one connection.
async fn serve(stream: TcpStream, answer: Answer, asked: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await.expect("a request line");
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).await.expect("a header") > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    stream.read_exact(&mut vec![0; length]).await.expect("the body");
    let request = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let (status, body) = answer(&request);
    asked.lock().expect("not poisoned").push(request);
    let head =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.expect("an answer");
}

const ORDERS: &str = "orders.order.events.v1-value";

#[tokio::test]
async fn applying_sets_the_compatibility_first_and_registers_what_is_missing() {
    let registry = StandIn::answering(|request| match request {
        post if post.ends_with("/versions") => (200, r#"{"id":7}"#),
        post if post.starts_with("POST") => (404, "{}"),
        _ => (200, "{}"),
    })
    .await;
    let applied = apply(&registry.client, Owner::Orders).await.expect("a willing registry");
    let mut asked = registry.asked().into_iter();
    let mut expected = Vec::new();
    for topic in [ORDER_EVENTS, ORDER_STATES] {
        assert_eq!(asked.next(), Some(format!("PUT /ccompat/config/{}-value", topic.name)));
        let subject = topic.subject.expect("a topic with schemas");
        for version in 1..=subject.versions.len() {
            let path = format!("POST /ccompat/subjects/{}", subject.name);
            assert_eq!(asked.next().as_ref(), Some(&path));
            assert_eq!(asked.next(), Some(path + "/versions"));
            expected.push((subject.name, version, 7, Outcome::Registered));
        }
    }
    assert_eq!(asked.next(), None);
    let applied = applied.iter().map(|one| (one.subject, one.version, one.id, one.outcome));
    assert_eq!(applied.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn applying_again_changes_nothing() {
    let registry = StandIn::answering(|_| (200, r#"{"id":7,"version":1}"#)).await;
    let applied = apply(&registry.client, Owner::Orders).await.expect("a willing registry");
    assert!(applied.iter().all(|one| one.outcome == Outcome::Unchanged), "{applied:?}");
    let looks = ORDER_EVENTS_VERSIONS.len() + ORDER_STATES_VERSIONS.len();
    assert_eq!(registry.asked().len(), 2 + looks);
}

#[tokio::test]
async fn a_schema_is_fetched_once() {
    let registry = StandIn::answering(|_| (200, r#"{"schema":"\"string\""}"#)).await;
    for _ in 0..3 {
        let schema = registry.client.clone().schema_by_id(9).await.expect("a known id");
        assert_eq!(&*schema, "\"string\"");
    }
    assert_eq!(registry.asked(), ["GET /ccompat/schemas/ids/9"]);
}

#[tokio::test]
async fn an_incompatible_schema_is_refused_with_the_registrys_words_and_the_remedy() {
    let registry = StandIn::answering(|_| (409, r#"{"error_code":409,"message":"no such"}"#)).await;
    let error = registry.client.register(ORDERS, "\"string\"").await.expect_err("incompatible");
    assert!(matches!(&error, RegistryError::Incompatible { subject, detail }
        if subject == ORDERS && detail == "no such"));
    assert!(error.to_string().contains("default null"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_registry_in_trouble_is_worth_another_try() {
    let registry = StandIn::answering(|_| (503, "starting")).await;
    let error = registry.client.schema_by_id(1).await.expect_err("in trouble");
    assert!(
        matches!(&error, RegistryError::Refused { status: 503, detail, .. } if detail == "starting")
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn nobody_there_says_what_to_do_and_keeps_the_password() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let client =
        RegistryClient::new(&format!("http://asha:s3cret@{address}/")).expect("an address");
    let error = client.schema_by_id(1).await.expect_err("nobody is there");
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("SCHEMA_REGISTRY_URL"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    for address in ["", "localhost:8081", "/apis/ccompat/v7", "ftp://127.0.0.1/"] {
        let error = RegistryClient::new(address).expect_err(address);
        assert!(error.to_string().contains("SCHEMA_REGISTRY_URL"), "{error}");
    }
}

#[test]
fn authorities_that_are_none_are_refused_at_once() {
    let file = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let cases = [
        (file("missing.pem"), "No such file"),
        (file("Cargo.toml"), "there is no certificate in it"),
    ];
    for (ca_file, cause) in cases {
        let url = "https://127.0.0.1:9/".to_owned();
        let address = RegistryAddress { url, ca_file: Some(ca_file) };
        let error = RegistryClient::at(&address).expect_err(cause).to_string();
        assert!(error.contains("SCHEMA_REGISTRY_CA_FILE") && error.contains(cause), "{error}");
    }
}
