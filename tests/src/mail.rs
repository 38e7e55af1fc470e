//! The mail that the stack's mail server took, as its reader sees it.

use anyhow::{Context, Result};
use serde::Deserialize;

/// A mail.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// The whole of it, headers first.
    #[serde(rename = "mimeMessage")]
    pub source: String,
}

impl Mail {
    /// The value of that header, or nothing when it has none.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.source.lines().take_while(|line| !line.trim().is_empty());
        headers
            .filter_map(|line| line.split_once(':'))
            .find_map(|(header, value)| header.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// The text behind the headers.
    pub fn text(&self) -> &str {
        let split = self.source.split_once("\r\n\r\n").or_else(|| self.source.split_once("\n\n"));
        split.map_or("", |(_, text)| text.trim_end())
    }
}

/// Every mail to that address, oldest first; none when the server has never heard of it.
pub async fn mails(mail_url: &str, address: &str) -> Result<Vec<Mail>> {
    let url = format!("{mail_url}/api/user/{address}/messages/");
    let response = reqwest::get(&url).await?;
    if response.status() == reqwest::StatusCode::BAD_REQUEST
        || response.status() == reqwest::StatusCode::NOT_FOUND
    {
        return Ok(Vec::new());
    }
    let text = response.error_for_status()?.text().await?;
    serde_json::from_str(&text).with_context(|| format!("{url} answered: {text}"))
}
