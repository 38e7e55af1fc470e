//! The world around orders: a webhook for every restaurant and an SMTP server, both of which take
//! everything, tell the customer it is meant for, and forget it.

use std::{cell::RefCell, collections::HashSet, rc::Rc};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::spawn_local,
};

use super::http1::Connection;

/// What has reached one customer and their restaurant.
#[derive(Default)]
pub struct Doorbell {
    announced: RefCell<HashSet<String>>,
    mails: RefCell<u64>,
    rung: Notify,
}

impl Doorbell {
    /// Waits until the restaurant has heard of that order.
    pub async fn announced(&self, order_id: &str) {
        while !self.announced.borrow_mut().remove(order_id) {
            self.rung.notified().await;
        }
    }

    /// How many mails have come so far.
    pub fn mails(&self) -> u64 {
        *self.mails.borrow()
    }

    /// Waits until more mails than that have come.
    pub async fn mail_after(&self, seen: u64) {
        while self.mails() <= seen {
            self.rung.notified().await;
        }
    }
}

/// The doorbells of all customers.
pub type Doorbells = Rc<Vec<Doorbell>>;

/// Opens the webhooks; the customer's number is the last part of the path. Returns the base URL.
pub async fn webhooks(doorbells: Doorbells) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(answer_webhooks(stream, doorbells.clone()));
        }
    });
    Ok(url)
}

async fn answer_webhooks(stream: TcpStream, doorbells: Doorbells) -> Result<()> {
    let mut connection = Connection::over(stream)?;
    while let Some(message) = connection.receive().await? {
        let path = message.first_line().split(' ').nth(1).unwrap_or_default();
        let number = path.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        let bell = number.and_then(|number| doorbells.get(number));
        if let (Some(bell), Some(order_id)) = (bell, message.field("order_id")) {
            bell.announced.borrow_mut().insert(order_id.to_owned());
            bell.rung.notify_one();
        }
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
    Ok(())
}

/// Opens the SMTP server at `host:port`; a customer's number is their mail address up to the `@`.
pub async fn mail_server(address: &str, doorbells: Doorbells) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{address}, where orders hands in its mail, is taken: deploy/local down mail")
    })?;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(take_mail(stream, doorbells.clone()));
        }
    });
    Ok(())
}

async fn take_mail(stream: TcpStream, doorbells: Doorbells) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let mut line = String::new();
    let mut recipient = None;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            "RCPT" => {
                recipient = customer_in(&line);
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                skip_text(&mut stream).await?;
                if let Some(bell) = recipient.take().and_then(|number| doorbells.get(number)) {
                    *bell.mails.borrow_mut() += 1;
                    bell.rung.notify_one();
                }
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            // HELO, MAIL, RSET, NOOP: whatever it is, it is fine.
            _ => b"250 ok\r\n",
        };
        stream.write_all(reply).await?;
    }
}

async fn skip_text(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = stream.read_until(b'\n', &mut line).await?;
        anyhow::ensure!(length > 0, "the client closed within a mail");
        if line == b".\r\n" {
            return Ok(());
        }
    }
}

fn customer_in(line: &str) -> Option<usize> {
    line.split_once('<')?.1.split_once('@')?.0.parse().ok()
}
