//! As much of HTTP/1.1 as one well-behaved peer on this machine needs: messages with a
//! `Content-Length`, one after the other, on a connection that stays open.

use std::io;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LONGEST_HEAD_BYTES: usize = 16 * 1024;

/// A message: its first line and headers, and its body.
pub struct Message {
    bytes: Vec<u8>,
    head: usize,
}

impl Message {
    /// The status, when it is an answer.
    pub fn status(&self) -> u16 {
        let digits = self.bytes.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Whether the status says that it was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// The seconds of `Retry-After`, when it has them.
    pub fn retry_after(&self) -> Option<u64> {
        let head = std::str::from_utf8(&self.bytes[..self.head]).unwrap_or_default();
        let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
        value.trim().parse().ok()
    }

    /// The first line.
    pub fn first_line(&self) -> &str {
        let head = std::str::from_utf8(&self.bytes[..self.head]).unwrap_or_default();
        head.split("\r\n").next().unwrap_or_default()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// The first text under that name in the body, without parsing the rest of it.
    pub fn field(&self, name: &str) -> Option<&str> {
        let body = std::str::from_utf8(self.body()).ok()?;
        let (_, rest) = body.split_once(&format!("\"{name}\":"))?;
        rest.trim_start().strip_prefix('"')?.split('"').next()
    }
}

/// A connection and what was read of it too early.
pub struct Connection {
    stream: TcpStream,
    early: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("nothing answers at {address}"))?;
        Self::over(stream).context("the connection has no options")
    }

    /// Takes over a connection that is open.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, early: Vec::with_capacity(4096) })
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// POSTs or PUTs JSON with that token and reads the answer.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: &str,
    ) -> Result<Message> {
        let key = key.map(|key| format!("Idempotency-Key: \"{key}\"\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{key}Content-Length: {length}\r\n\r\n{body}"
        );
        self.send(request.as_bytes()).await?;
        self.receive().await?.context("the server closed the connection instead of answering")
    }

    /// The next message; none when the peer has closed the connection between two.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        loop {
            if let Some(head) = find(&self.early, b"\r\n\r\n") {
                let head = head + 4;
                let whole = head + content_length(&self.early[..head])?;
                while self.early.len() < whole {
                    self.read_more().await?.context("the peer closed within a body")?;
                }
                let rest = self.early.split_off(whole);
                let bytes = std::mem::replace(&mut self.early, rest);
                return Ok(Some(Message { bytes, head }));
            }
            if self.early.len() > LONGEST_HEAD_BYTES {
                bail!("a head of more than {LONGEST_HEAD_BYTES} bytes");
            }
            if self.read_more().await?.is_none() {
                return Ok(None);
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<Option<usize>> {
        let read = self.stream.read_buf(&mut self.early).await?;
        Ok((read > 0).then_some(read))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().context("a Content-Length that is no number");
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the peer sends in chunks, which this client does not read");
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn messages_arrive_whole_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            for part in
                ["HTTP/1.1 201 Created\r\nconte", "nt-length: 12\r\n\r\n{\"id\":", "\"42\"}"]
            {
                stream.write_all(part.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            let refusal = b" HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let mut connection = Connection::open(&address).await.unwrap();
        let answer = connection.call("POST", "/v1/orders", "t", Some("k"), "{}").await.unwrap();
        assert_eq!((answer.status(), answer.field("id")), (201, Some("42")));
        assert_eq!(answer.retry_after(), None);
        assert!(server.await.unwrap().contains("Idempotency-Key: \"k\"\r\nContent-Length: 2"));
        let refusal = connection.receive().await.unwrap().unwrap();
        assert_eq!((refusal.status(), refusal.retry_after()), (503, Some(2)));
        assert!(connection.receive().await.unwrap().is_none());
    }
}
