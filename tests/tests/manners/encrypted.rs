//! Letters over TLS, to a mail server that is not ours (`aiosmtpd`), with certificates of an authority that is trusted by
//! `SSL_CERT_FILE` or not: what is asked for is encrypted before anything is said that others should not hear.

use std::{
    io::BufRead,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::{api::trattoria, eventually::eventually, python::PythonServer};
use tempfile::TempDir;

use super::served::Served;

/// How long a letter may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The login that the server takes, as a URL has it.
const LOGIN: &str = "rosa%40shop:tomatoes%20%26%20basil";

/// `tests/python/receive_mail.py`; it ends when this is dropped.
struct MailServer {
    _process: PythonServer,
    ports: Value,
    taken: Arc<Mutex<Vec<Value>>>,
    folder: TempDir,
}

impl MailServer {
    /// Blocks until it listens.
    fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (process, ports, said) = PythonServer::start("receive_mail.py", &[folder.path()])?;
        let ports = serde_json::from_str(&ports)?;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&taken);
        std::thread::spawn(move || {
            for letter in said.lines().map_while(|line| serde_json::from_str(&line.ok()?).ok()) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
            }
        });
        Ok(Self { _process: process, ports, taken, folder })
    }

    /// The URL of one of its doors.
    fn url(&self, scheme: &str, door: &str, query: &str) -> String {
        format!("{scheme}://{LOGIN}@127.0.0.1:{}{query}", self.ports[door])
    }

    /// The certificate of its authority.
    fn authority(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Orders that hands its letters in at `url`, trusting that authority if any, with an order whose restaurant has a
/// mail address; and where the order is shown.
async fn ordered(url: &str, authority: Option<&str>) -> Result<(Served, String)> {
    let mut settings = vec![("SMTP_URL", url)];
    settings.extend(authority.map(|path| ("SSL_CERT_FILE", path)));
    let served = Served::start(&settings).await?;
    let mut restaurant = trattoria(None);
    restaurant["mail"] = json!("kitchen@example.org");
    served.api.put_restaurant("nino", &restaurant).await?;
    let placed = served.place("ada", "one").await?;
    ensure!(placed.status == 201, "{placed:?}");
    let id = placed.body["id"].as_str().context("no id")?;
    let path = format!("/v1/orders/{id}");
    Ok((served, path))
}

/// The one letter that the server has taken of an order that was placed so.
async fn letter(server: &MailServer, url: &str) -> Result<Value> {
    let before = server.taken().len();
    let (served, order) = ordered(url, Some(&server.authority())).await?;
    eventually("the restaurant is told", LIMIT, async || {
        Ok((served.get(&order).await?["status"] == "notified").then_some(()))
    })
    .await?;
    let letter = eventually("the letter is told of", LIMIT, async || {
        let taken = server.taken().split_off(before);
        ensure!(taken.len() <= 1, "{taken:?}");
        Ok(taken.into_iter().next())
    })
    .await?;
    let text = letter["text"].as_str().context("no text")?;
    ensure!(text.contains("2 x Pizza Margherita"), "{text}");
    ensure!(letter["to"] == json!(["kitchen@example.org"]), "{letter}");
    Ok(letter)
}

/// Waits until an attempt to hand in a letter there has failed for want of a connection.
async fn fails(url: &str, authority: Option<&str>) -> Result<()> {
    let (served, order) = ordered(url, authority).await?;
    eventually("an attempt has failed", LIMIT, async || {
        let order = served.get(&order).await?;
        let mut tasks = order["tasks"].as_array().into_iter().flatten();
        Ok(tasks.any(|task| task["last_error"] == "smtp_connect").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_encrypted_where_it_is_asked_for() -> Result<()> {
    let server = tokio::task::spawn_blocking(MailServer::open).await??;
    let required = letter(&server, &server.url("smtp", "starttls", "?tls=required")).await?;
    let possible = letter(&server, &server.url("smtp", "starttls", "?tls=opportunistic")).await?;
    let always = letter(&server, &server.url("smtps", "tls", "")).await?;
    for (letter, door) in [(&required, "starttls"), (&possible, "starttls"), (&always, "tls")] {
        ensure!(letter["door"] == door && letter["login"] == "rosa@shop", "{letter}");
        ensure!(letter["tls"].as_str().is_some_and(|tls| tls.starts_with("TLSv1.")), "{letter}");
    }
    let plain = format!("smtp://127.0.0.1:{}?tls=opportunistic", server.ports["plain"]);
    let plain = letter(&server, &plain).await?;
    ensure!(plain["door"] == "plain" && plain["tls"].is_null(), "{plain}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_letter_goes_to_a_server_that_cannot_be_trusted() -> Result<()> {
    let server = tokio::task::spawn_blocking(MailServer::open).await??;
    let authority = server.authority();
    let trusted = Some(authority.as_str());
    // An authority that this machine does not know, one that answers for another host, and one that takes the
    // encryption out of the conversation.
    let refused = [
        (server.url("smtp", "starttls", "?tls=required"), None),
        (server.url("smtp", "starttls", "?tls=opportunistic"), None),
        (server.url("smtps", "tls", ""), None),
        (server.url("smtps", "misnamed", ""), trusted),
        (server.url("smtp", "plain", "?tls=required"), trusted),
    ];
    for (url, authority) in refused {
        fails(&url, authority).await.with_context(|| url.clone())?;
        ensure!(server.taken().is_empty(), "{url}: {:?}", server.taken());
    }
    Ok(())
}
