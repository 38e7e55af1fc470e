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

    /// The text behind the headers, in plain characters.
    pub fn text(&self) -> String {
        let split = self.source.split_once("\r\n\r\n").or_else(|| self.source.split_once("\n\n"));
        let text = split.map_or("", |(_, text)| text.trim_end());
        match self.header("Content-Transfer-Encoding") {
            Some(encoding) if encoding.eq_ignore_ascii_case("quoted-printable") => unquoted(text),
            _ => text.to_owned(),
        }
    }
}

/// Quoted-printable text (RFC 2045, section 6.7) as what it stands for.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let code = rest.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code) {
            (b'=', Some("\r\n")) => rest = &rest[2..],
            (b'=', Some(soft)) if soft.starts_with('\n') => rest = &rest[1..],
            (b'=', Some(code)) => {
                if let Ok(byte) = u8::from_str_radix(code, 16) {
                    bytes.push(byte);
                    rest = &rest[2..];
                }
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_as_its_reader_would() {
        let source = "To: Ada <ada@example.com>\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                      1 x Tiramis=C3=B9, which is very very good in=\r\ndeed\r\n";
        let mail = Mail { subject: "Dinner".to_owned(), source: source.to_owned() };
        assert_eq!(mail.header("to"), Some("Ada <ada@example.com>"));
        assert_eq!(mail.text(), "1 x Tiramisù, which is very very good indeed");
    }
}
