//! The mail server, as a URL names it, and how to come to it.

use anyhow::Context;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use std::time::Duration;
use url::{Url, form_urlencoded};

/// Where connections lead, and what is said at their beginning.
pub struct Server {
    host: String,
    port: u16,
    tls: Tls,
    /// Who calls, as `EHLO` has it.
    name: ClientId,
    login: Option<Credentials>,
}

impl Server {
    /// Reads `smtp://host` (port 25), `smtp://host?tls=required` or `?tls=opportunistic` (port 587,
    /// `STARTTLS`) or `smtps://host` (port 465); each with a port, a login or a path, the name of the caller.
    ///
    /// # Errors
    /// When it is none of these, or the TLS library cannot be set up.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url)?;
        let host = url.host_str().context("a host is missing")?.to_owned();
        let encrypted = || TlsParameters::new(host.clone());
        let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value);
        let (port, tls) = match (url.scheme(), asked.as_deref()) {
            ("smtp", None) => (SMTP_PORT, Tls::None),
            ("smtp", Some("required")) => (SUBMISSION_PORT, Tls::Required(encrypted()?)),
            ("smtp", Some("opportunistic")) => (SUBMISSION_PORT, Tls::Opportunistic(encrypted()?)),
            ("smtps", _) => (SUBMISSIONS_PORT, Tls::Wrapper(encrypted()?)),
            _ => {
                anyhow::bail!("it begins with smtp or smtps, and tls is required or opportunistic")
            }
        };
        let name = match url.path().trim_matches('/') {
            "" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        let login = |password| Credentials::new(decoded(url.username()), decoded(password));
        let login = url.password().map(login);
        Ok(Self { port: url.port().unwrap_or(port), host, tls, name, login })
    }

    /// A connection on which letters may be sent: encrypted and logged in, as the URL wants it.
    pub async fn connect(&self, limit: Duration) -> Result<AsyncSmtpConnection, Error> {
        let address = (self.host.as_str(), self.port);
        let wrapper = match &self.tls {
            Tls::Wrapper(tls) => Some(tls.clone()),
            _ => None,
        };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(address, Some(limit), &self.name, wrapper, None);
        let mut connection = connecting.await?;
        match &self.tls {
            Tls::Required(tls) => connection.starttls(tls.clone(), &self.name).await?,
            Tls::Opportunistic(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &self.name).await?;
            }
            _ => {}
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }
}

/// Without percent signs. A form is read like this, but for three signs that mean more there.
fn decoded(text: &str) -> String {
    let text = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(server: &Server) -> &'static str {
        match server.tls {
            Tls::None => "none",
            Tls::Opportunistic(_) => "opportunistic",
            Tls::Required(_) => "required",
            Tls::Wrapper(_) => "wrapper",
        }
    }

    #[test]
    fn a_url_says_where_the_server_is_and_how_it_is_spoken_to() {
        let host = ClientId::default();
        let shop = ClientId::Domain("shop.example".to_owned());
        let cases = [
            ("smtp://mail", ("mail", 25, "none", &host)),
            ("smtp://127.0.0.1:1025/", ("127.0.0.1", 1025, "none", &host)),
            ("smtp://mail?tls=required", ("mail", 587, "required", &host)),
            ("smtp://mail:25/shop.example?tls=opportunistic", ("mail", 25, "opportunistic", &shop)),
            ("smtps://mail", ("mail", 465, "wrapper", &host)),
        ];
        for (url, expected) in cases {
            let server = Server::from_url(url).unwrap();
            let read = (server.host.as_str(), server.port, tls(&server), &server.name);
            assert_eq!(read, expected, "{url}");
            assert!(server.login.is_none(), "{url}");
        }
        for url in ["mail:25", "http://mail", "smtp://mail?tls=no", "smtp:", "smtp://"] {
            assert!(Server::from_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_login_may_hold_any_sign() {
        let server = Server::from_url("smtp://rosa%40shop:a%2Fb+c&d=e%25%c3%a9%zz@mail").unwrap();
        let login = Credentials::new("rosa@shop".to_owned(), "a/b+c&d=e%é%zz".to_owned());
        assert_eq!(server.login, Some(login));
        assert!(Server::from_url("smtp://rosa@mail").unwrap().login.is_none());
    }
}
