//! A restaurant's webhook: as little of an HTTP server as it takes to answer a `POST`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What the sink does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Hangs up without a word.
    Silence,
    /// Answers 200, but not before [`Sink::release`].
    Held,
    /// Answers 200 with a body that goes on until [`Sink::release`].
    Endless,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By lower-case name.
    pub headers: HashMap<String, String>,
    /// JSON.
    pub body: serde_json::Value,
}

/// Listens until the test ends.
pub struct Sink {
    pub url: String,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    gate: Arc<Semaphore>,
}

impl Sink {
    /// Gives the n-th request the n-th of `answers`, the last of them to all that come after.
    pub async fn open(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/orders", listener.local_addr().unwrap());
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let sink = Self { url, deliveries: Arc::clone(&deliveries), gate: Arc::clone(&gate) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (deliveries, gate) = (Arc::clone(&deliveries), Arc::clone(&gate));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let delivery = read(&mut stream).await;
                    let answer = {
                        let mut deliveries = deliveries.lock().unwrap();
                        deliveries.push(delivery);
                        answers[deliveries.len().min(answers.len()) - 1]
                    };
                    respond(stream, answer, &gate).await;
                });
            }
        });
        sink
    }

    /// What came so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }

    /// Lets those that are held, and all that will be, have their answer.
    pub fn release(&self) {
        self.gate.close();
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Delivery {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    assert_eq!(lines.remove(0), "POST /orders HTTP/1.1");
    let pairs = lines.iter().filter_map(|line| line.split_once(": "));
    let headers: HashMap<String, String> =
        pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    Delivery { headers, body: serde_json::from_slice(&body).unwrap() }
}

async fn respond(mut stream: BufReader<TcpStream>, answer: Answer, gate: &Semaphore) {
    let status = match answer {
        Answer::Status(status) => status,
        Answer::Silence => return,
        Answer::Held => {
            // It is never given, only closed.
            let _ = gate.acquire().await;
            200
        }
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 So\r\n\r\nOn").await;
            let _ = gate.acquire().await;
            return;
        }
    };
    let head = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // Who asked may have gone away.
    let _ = stream.write_all(head.as_bytes()).await;
}
