//! A mail server: as little of SMTP as it takes to hand a letter in.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Something else than the usual answer, once.
#[derive(Clone, Copy, Debug)]
pub struct Instead {
    of: &'static str,
    answer: &'static str,
    is_held: bool,
}

/// At once, to this command.
pub const fn instead(of: &'static str, answer: &'static str) -> Instead {
    Instead { of, answer, is_held: false }
}

/// To this command, but not before [`Postbox::release`].
pub const fn held(of: &'static str, answer: &'static str) -> Instead {
    Instead { of, answer, is_held: true }
}

/// The command that a client sends first: none, the server greets.
pub const GREETING: &str = "";

/// Listens until the test ends.
pub struct Postbox {
    /// Where letters are handed in, with a login.
    pub url: String,
    came: Arc<Mutex<Came>>,
    gate: Arc<Semaphore>,
}

#[derive(Default)]
struct Came {
    calls: usize,
    commands: Vec<String>,
    instead: Vec<Instead>,
}

impl Postbox {
    /// Takes every letter, but for what is to be said instead, in this order.
    pub async fn open(instead: &[Instead]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://rosa:secret@{}", listener.local_addr().unwrap());
        let came = Came { instead: instead.to_vec(), ..Came::default() };
        let (came, gate) = (Arc::new(Mutex::new(came)), Arc::new(Semaphore::new(0)));
        let postbox = Self { url, came: Arc::clone(&came), gate: Arc::clone(&gate) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                came.lock().unwrap().calls += 1;
                tokio::spawn(serve(BufReader::new(stream), Arc::clone(&came), Arc::clone(&gate)));
            }
        });
        postbox
    }

    /// How many connections there have been.
    pub fn calls(&self) -> usize {
        self.came.lock().unwrap().calls
    }

    /// The first words of all commands so far.
    pub fn commands(&self) -> Vec<String> {
        self.came.lock().unwrap().commands.clone()
    }

    /// How many commands have not come yet that something else is said to.
    pub fn left(&self) -> usize {
        self.came.lock().unwrap().instead.len()
    }

    /// Whether all connections have ended, and all that was said there has been heard.
    pub fn is_alone(&self) -> bool {
        // It has one, and the listener.
        Arc::strong_count(&self.gate) == 2
    }

    /// Lets what is held, and all that will be, be said.
    pub fn release(&self) {
        self.gate.close();
    }
}

async fn serve(
    mut stream: BufReader<TcpStream>,
    came: Arc<Mutex<Came>>,
    gate: Arc<Semaphore>,
) -> Option<()> {
    answer(&mut stream, &came, &gate, GREETING, "220 mail.example").await?;
    loop {
        let line = line(&mut stream).await?;
        let command = line.split_whitespace().next()?.to_owned();
        came.lock().unwrap().commands.push(command.clone());
        let usual = match command.as_str() {
            "EHLO" => "250-mail.example\r\n250 AUTH PLAIN",
            "AUTH" => "235 Welcome",
            "DATA" => "354 Go on",
            _ => "250 So",
        };
        answer(&mut stream, &came, &gate, &command, usual).await?;
        if command == "DATA" {
            while self::line(&mut stream).await?.trim_end() != "." {}
            answer(&mut stream, &came, &gate, ".", "250 Taken").await?;
        }
    }
}

/// `None` at the end.
async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then_some(line)
}

async fn answer(
    stream: &mut BufReader<TcpStream>,
    came: &Mutex<Came>,
    gate: &Semaphore,
    command: &str,
    usual: &'static str,
) -> Option<()> {
    let said = {
        let instead = &mut came.lock().unwrap().instead;
        let at = instead.iter().position(|other| other.of == command);
        at.map(|at| instead.remove(at))
    };
    let said = said.unwrap_or(instead("", usual));
    if said.is_held {
        // It is never given, only closed.
        let _ = gate.acquire().await;
    }
    stream.write_all(format!("{}\r\n", said.answer).as_bytes()).await.ok()
}
