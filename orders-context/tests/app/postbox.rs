//! A mail server: as little of SMTP as it takes to hand a letter in.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Something else than the usual answer, once: to which command, after how long, what.
#[derive(Clone, Copy, Debug)]
pub struct Instead(pub &'static str, pub Duration, pub &'static str);

/// At once, to this command.
pub const fn instead(of: &'static str, answer: &'static str) -> Instead {
    Instead(of, Duration::ZERO, answer)
}

/// The command that a client sends first: none, the server greets.
pub const GREETING: &str = "";

/// Listens until the test ends.
pub struct Postbox {
    /// Where letters are handed in, with a login.
    pub url: String,
    came: Arc<Mutex<Came>>,
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
        let postbox = Self { url, came: Arc::new(Mutex::new(came)) };
        let came = Arc::clone(&postbox.came);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                came.lock().unwrap().calls += 1;
                tokio::spawn(serve(BufReader::new(stream), Arc::clone(&came)));
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
}

async fn serve(mut stream: BufReader<TcpStream>, came: Arc<Mutex<Came>>) -> Option<()> {
    answer(&mut stream, &came, GREETING, "220 mail.example").await?;
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
        answer(&mut stream, &came, &command, usual).await?;
        if command == "DATA" {
            while self::line(&mut stream).await?.trim_end() != "." {}
            answer(&mut stream, &came, ".", "250 Taken").await?;
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
    command: &str,
    usual: &'static str,
) -> Option<()> {
    let said = {
        let instead = &mut came.lock().unwrap().instead;
        let at = instead.iter().position(|Instead(of, ..)| *of == command);
        at.map(|at| instead.remove(at))
    };
    let Instead(_, after, said) = said.unwrap_or(Instead("", Duration::ZERO, usual));
    tokio::time::sleep(after).await;
    stream.write_all(format!("{said}\r\n").as_bytes()).await.ok()
}
