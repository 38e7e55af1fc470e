//! Connections to the mail server that are kept from one letter to the next.

use super::Failed;
use super::dialogue::{hand_over, of_server};
use super::server::Server;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A connection that nobody has used for so long is closed.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// How long the server may take to hear that a connection ends.
const GOODBYE_LIMIT: Duration = Duration::from_millis(250);

/// Connections, of which each has one letter at a time. Only one whose last letter was taken is kept: of
/// any other it is not known what the server answers next.
pub struct Connections {
    server: Server,
    kept: Arc<Kept>,
}

/// Those without a letter, the one that was used last at the end.
#[derive(Default)]
struct Kept(Mutex<Vec<(AsyncSmtpConnection, Instant)>>);

impl Connections {
    /// None yet. To be called within a runtime.
    pub fn new(server: Server) -> Self {
        let kept = Arc::new(Kept::default());
        tokio::spawn(close_idle(Arc::downgrade(&kept), IDLE_TIME));
        Self { server, kept }
    }

    /// Hands the letter over within `limit`. Once this returns, the server has taken it. Whoever stops
    /// waiting closes the connection.
    ///
    /// # Errors
    /// A code: `smtp_refused`, `smtp_unsupported`, `smtp_later`, `smtp_timeout`, `smtp_connect`.
    pub async fn hand_over(
        &self,
        envelope: &Envelope,
        letter: &[u8],
        limit: Duration,
    ) -> Result<(), Failed> {
        let sending = async {
            let mut connection = self.connection(limit).await.map_err(of_server)?;
            let sent = hand_over(&mut connection, envelope, letter).await;
            Ok((connection, sent))
        };
        let too_late = |_| Failed::ForNow("smtp_timeout".to_owned());
        let (connection, sent) = timeout(limit, sending).await.map_err(too_late)??;
        match sent {
            Ok(()) => self.kept.put(connection),
            Err(_) => close(connection).await,
        }
        sent
    }

    /// One that was kept and still answers, or else a new one.
    async fn connection(&self, limit: Duration) -> Result<AsyncSmtpConnection, Error> {
        while let Some(mut kept) = self.kept.take() {
            if kept.test_connected().await {
                return Ok(kept);
            }
        }
        self.server.connect(limit).await
    }
}

impl Kept {
    fn put(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((connection, Instant::now()));
    }

    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pop().map(|(connection, _)| connection)
    }

    /// Those that nobody has used for so long.
    fn take_idle(&self, since: Duration) -> Vec<AsyncSmtpConnection> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = kept.partition_point(|(_, used_at)| used_at.elapsed() >= since);
        kept.drain(..idle).map(|(connection, _)| connection).collect()
    }
}

/// Closes connections that nobody has used for so long, while there is somebody who could.
async fn close_idle(kept: Weak<Kept>, since: Duration) {
    loop {
        sleep(since).await;
        let Some(idle) = kept.upgrade().map(|kept| kept.take_idle(since)) else { return };
        futures::future::join_all(idle.into_iter().map(close)).await;
    }
}

/// Says so, if the server still listens.
async fn close(mut connection: AsyncSmtpConnection) {
    let _ = timeout(GOODBYE_LIMIT, connection.abort()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    /// Says yes to everything, until the other side hangs up; what that said.
    async fn agree(stream: TcpStream) -> Vec<String> {
        let (mut stream, mut said) = (BufReader::new(stream), Vec::new());
        loop {
            stream.write_all(b"250 mail.example\r\n").await.unwrap();
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                return said;
            }
            said.push(line.split_whitespace().next().unwrap().to_owned());
        }
    }

    #[tokio::test]
    async fn a_connection_that_nobody_uses_is_closed_after_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let agreeing = tokio::spawn(async move { agree(listener.accept().await.unwrap().0).await });
        let server = Server::from_url(&url).unwrap();
        let kept = Arc::new(Kept::default());
        kept.put(server.connect(IDLE_TIME).await.unwrap());
        assert!(kept.take_idle(IDLE_TIME).is_empty(), "it was used a moment ago");
        tokio::spawn(close_idle(Arc::downgrade(&kept), Duration::from_millis(10)));
        assert_eq!(agreeing.await.unwrap(), ["EHLO", "QUIT"]);
        assert!(kept.take().is_none());
    }
}
