//! The address of a database, with its secret, which is never shown.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_postgres::config::{Host, SslMode};

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with the parameters of libpq that the driver
/// knows. Shown without user, password and parameters, in `Display` and `Debug` alike.
///
/// Whether a connection is encrypted is decided here and never left to what the server offers:
/// `sslmode=require` encrypts and checks the server's certificate, `sslmode=disable` does not, and
/// without either a server on this machine is spoken to in plain text, any other encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(tokio_postgres::Config);

/// Why a text is not the address of a database. Shows nothing of the text, which holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not of that form.
    #[error(
        "is not an address of PostgreSQL: give postgres://USER:PASSWORD@HOST:PORT/DATABASE, each \
         part percent-encoded, with parameters that the driver knows (sslmode=require or disable)"
    )]
    Form,
    /// Nothing says where or which database.
    #[error("names no host, no user or no database: give all three")]
    Incomplete,
}

impl Address {
    /// What the driver is given.
    pub(super) fn driver_config(&self) -> &tokio_postgres::Config {
        &self.0
    }

    /// Whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.get_ssl_mode() == SslMode::Require
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(AddressError::Form);
        }
        let mut config: tokio_postgres::Config = url.parse().map_err(|_| AddressError::Form)?;
        let unnamed = config.get_user().is_none() || config.get_dbname().is_none();
        if unnamed || config.get_hosts().is_empty() {
            return Err(AddressError::Incomplete);
        }
        if config.get_ssl_mode() == SslMode::Prefer {
            let here = config.get_hosts().iter().all(is_this_machine);
            config.ssl_mode(if here { SslMode::Disable } else { SslMode::Require });
        }
        Ok(Self(config))
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://")?;
        let ports = self.0.get_ports();
        for (at, host) in self.0.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(folder) => write!(f, "{comma}{}", folder.display())?,
            }
            write!(f, ":{}", ports.get(at).or(ports.first()).unwrap_or(&5432))?;
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "pepperoni";

    #[test]
    fn the_secret_is_never_shown() {
        let url = format!("postgres://ada:{SECRET}@db.example:6432/orders?application_name=x");
        let address: Address = url.parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:6432/orders");
        assert_eq!(format!("{address:?}"), "Address(postgres://db.example:6432/orders)");
        for broken in [
            format!("postgres://ada:x@db.example/orders?{SECRET}=1"),
            format!("postgres://ada:x@db.example:{SECRET}/orders"),
            format!("mysql://ada:{SECRET}@db.example/orders"),
            format!("postgres://ada:{SECRET}@/orders"),
        ] {
            let error = broken.parse::<Address>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
        }
    }

    #[test]
    fn another_machine_is_never_spoken_to_in_plain_text_unless_told_so() {
        for (url, encrypted) in [
            ("postgres://ada@127.0.0.1/orders", false),
            ("postgres://ada@[::1]/orders", false),
            ("postgres://ada@localhost/orders", false),
            ("postgres://ada@localhost/orders?sslmode=require", true),
            ("postgres://ada@db.example/orders", true),
            ("postgres://ada@localhost,db.example/orders", true),
            ("postgres://ada@db.example/orders?sslmode=prefer", true),
            ("postgres://ada@db.example/orders?sslmode=require", true),
            ("postgres://ada@db.example/orders?sslmode=disable", false),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address.is_encrypted(), encrypted, "{url}");
        }
    }
}
