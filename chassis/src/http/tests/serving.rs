//! What the router adds: health, metrics, traces; and the server itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::*;
use crate::http::server::{Server, miss_the_vanished};
use crate::http::{self, extract};
use crate::shutdown::Shutdown;

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_process_is_ready_when_every_check_is() {
    let health = Health::new();
    let (store, menu) = (health.check("store"), health.check("menu"));
    let kitchen = kitchen(health);
    store.ready();
    menu.not_ready("the menu is being written");
    let answer = ask_at(kitchen.clone(), get_request("/readyz")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "not_ready");
    assert_eq!(answer.json()["checks"]["store"], "ready");
    assert_eq!(answer.json()["checks"]["menu"], "the menu is being written");
    menu.ready();
    let answer = ask_at(kitchen.clone(), get_request("/readyz")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "ready");
    assert_eq!(ask_at(kitchen, get_request("/livez")).await.text(), "live\n");
}

#[tokio::test]
async fn requests_are_counted_by_matched_path() {
    let kitchen = kitchen(Health::new());
    for number in ["7", "8"] {
        ask_at(kitchen.clone(), get_request(&format!("/orders/{number}"))).await;
    }
    let brewed = Request::builder().method("BREW").uri("/a-secret-place");
    ask_at(kitchen.clone(), brewed.body(Body::empty()).unwrap()).await;
    let shown = ask_at(kitchen, get_request("/metrics")).await.text();
    let line = |labels: &str| format!("http_requests_total{{{labels}}} ");
    assert!(
        shown.contains(&line(r#"method="GET",path="/orders/{number}",status="200""#)),
        "{shown}"
    );
    assert!(shown.contains(&line(r#"method="other",path="unmatched",status="404""#)), "{shown}");
    assert!(shown.contains("http_request_duration_seconds_bucket"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn a_request_is_a_step_of_its_callers_trace_or_begins_one() {
    let caller = TraceParent::parse(TRACEPARENT).unwrap();
    let step = TraceParent::parse(&ask(get_request("/trace")).await.text()).unwrap();
    assert_eq!(step.trace_id(), caller.trace_id());
    assert_ne!(step, caller);
    let without = Request::get("/trace").body(Body::empty()).unwrap();
    let root = TraceParent::parse(&ask(without).await.text()).unwrap();
    assert_ne!(root.trace_id(), caller.trace_id());
}

/// Where it listens, and what it becomes.
async fn serve(app: Router, shutdown: &Shutdown) -> (SocketAddr, JoinHandle<anyhow::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(http::serve(listener, app, shutdown.clone())))
}

/// Sends this and reads until the server closes the connection.
fn talk(address: SocketAddr, request: &'static str) -> JoinHandle<String> {
    tokio::task::spawn_blocking(move || {
        let mut guest = TcpStream::connect(address).unwrap();
        guest.set_read_timeout(Some(LONG)).unwrap();
        guest.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        guest.read_to_string(&mut answer).unwrap();
        answer
    })
}

#[tokio::test]
async fn a_server_finishes_running_requests_and_then_stops() {
    let (arrived, mut arrivals) = mpsc::channel(1);
    let plate = Arc::new(Notify::new());
    let served = plate.clone();
    let cook = move || async move {
        let _ = arrived.send(()).await;
        served.notified().await;
        "Dal"
    };
    let shutdown = Shutdown::new();
    let (address, server) = serve(Router::new().route("/", get(cook)), &shutdown).await;
    let answer = talk(address, "GET / HTTP/1.1\r\nhost: kitchen\r\n\r\n");
    arrivals.recv().await.unwrap();
    shutdown.cancel();
    plate.notify_one();
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("Dal"), "{answer}");
    tokio::time::timeout(LONG, server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_not_waited_for() {
    let impatient = |request: Request<Body>| async {
        extract::read(request, &(), Duration::from_millis(1)).await
    };
    let shutdown = Shutdown::new();
    let (address, _) = serve(Router::new().route("/", post(impatient)), &shutdown).await;
    let half = "POST / HTTP/1.1\r\nhost: kitchen\r\ncontent-length: 9\r\n\r\nhalf";
    let answer = talk(address, half).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_slow\""), "{answer}");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server() {
    let (arrived, mut arrivals) = mpsc::channel(1);
    let cook = move || async move {
        let _ = arrived.send(()).await;
        std::future::pending::<()>().await;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    guest.write_all(b"GET / HTTP/1.1\r\nhost: kitchen\r\n\r\n").unwrap();
    let (app, shutdown) = (Router::new().route("/", get(cook)), Shutdown::new());
    let server = Server {
        tls: None,
        app,
        shutdown: shutdown.clone(),
        most: 1,
        drain: Duration::from_millis(1),
        head_time: LONG,
    };
    let server = tokio::spawn(server.run(listener));
    arrivals.recv().await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(LONG, server).await.unwrap().unwrap().unwrap();
}

/// The same of a server that may close the connection before it has heard anything: to who speaks or
/// listens then, it is broken.
fn heard_until_closed(address: SocketAddr, said: &str) -> String {
    let mut guest = TcpStream::connect(address).unwrap();
    guest.set_read_timeout(Some(LONG)).unwrap();
    let _ = guest.write_all(said.as_bytes());
    let mut heard = Vec::new();
    match guest.read_to_end(&mut heard) {
        Err(cause) if cause.kind() != ErrorKind::ConnectionReset => panic!("{cause}"),
        _ => String::from_utf8_lossy(&heard).into_owned(),
    }
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server {
        tls: None,
        app: Router::new(),
        shutdown: Shutdown::new(),
        most: 1,
        drain: LONG,
        head_time: Duration::from_millis(20),
    };
    let _server = tokio::spawn(server.run(listener));
    for said in ["", "GET / HTTP/1.1\r\nhost: kit"] {
        let heard = tokio::task::spawn_blocking(move || heard_until_closed(address, said));
        let heard = heard.await.unwrap();
        assert!(!heard.contains("200 OK"), "the connection was closed: {heard}");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_missed_on_every_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    miss_the_vanished(&listener).unwrap();
    let _guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, _) = listener.accept().await.unwrap();
    let socket = socket2::SockRef::from(&connection);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(15));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    for path in ["/livez", "/trace", "/nowhere"] {
        let answer = ask(get_request(path)).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, no-cache"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
    }
}
