//! The whole of promotions while everything around it is away.

use std::io::{Read, Write};
use std::net::TcpStream;

use chassis::clock::ManualClock;
use chassis::http::auth::LocalIssuer;
use chassis::ids::SequentialIds;

use super::*;

/// Nobody listens on port 1 of this machine.
const NOWHERE: &str = "127.0.0.1:1";

fn get(address: SocketAddr, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_and_registry_it_answers_says_what_is_missing_and_stops_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("promotions.db");
    let config = Config::for_testing(NOWHERE, &format!("http://{NOWHERE}"), &database);
    let issuer = LocalIssuer::open(&config.auth.local_key).unwrap();
    let claims = serde_json::Map::from_iter([("role".to_owned(), "customer".into())]);
    let token = issuer.mint("takeaway", "amira", claims, 0, Duration::from_secs(60)).unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let running = start(config, clock, Arc::new(SequentialIds::new())).await.unwrap();
    let address = running.address;
    let shutdown = Shutdown::new();
    let ended = tokio::spawn(running.until(shutdown.clone()));

    let asked = tokio::task::spawn_blocking(move || {
        ["/livez", "/readyz", "/v1/customers/amira/vouchers"].map(|path| get(address, path, &token))
    });
    let [live, ready, vouchers] = asked.await.unwrap();
    assert!(live.starts_with("HTTP/1.0 200"), "{live}");
    assert!(ready.starts_with("HTTP/1.0 503"), "{ready}");
    assert!(ready.contains("\"schema\"") && ready.contains("\"order-events\""), "{ready}");
    assert!(vouchers.contains("\"vouchers\":[]"), "{vouchers}");

    shutdown.cancel();
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_reported_with_its_variable() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = directory.path().join("promotions.db");
    let mut config = Config::for_testing(NOWHERE, &format!("http://{NOWHERE}"), &database);
    config.listen = taken.local_addr().unwrap();
    let refused = start(config, Arc::new(ManualClock::at(0)), Arc::new(SequentialIds::new()));
    let error = refused.await.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains("PROMOTIONS_LISTEN"), "{error}");
}
