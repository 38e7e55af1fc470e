//! What is said to a mail server about one letter, and what its answers mean.

use super::Failed;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter, ServerInfo};
use lettre::transport::smtp::response::{Response, Severity};

/// Hands the letter over. Once this returns, the server has taken it.
pub async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    letter: &[u8],
) -> Result<(), Failed> {
    let parameters = parameters(connection.server_info(), envelope, letter)
        .ok_or_else(|| Failed::ForGood("smtp_unsupported".to_owned()))?;
    let from = Mail::new(envelope.from().cloned(), parameters);
    said(connection.command(from).await.map_err(of_server)?, Severity::PositiveCompletion)?;
    for to in envelope.to() {
        let to = Rcpt::new(to.clone(), Vec::new());
        said(connection.command(to).await.map_err(of_letter)?, Severity::PositiveCompletion)?;
    }
    let go_on = connection.command(Data).await.map_err(of_letter)?;
    said(go_on, Severity::PositiveIntermediate)?;
    let taken = connection.message(letter).await.map_err(of_letter)?;
    said(taken, Severity::PositiveCompletion)
}

/// What the letter asks of the server beyond RFC 5321; `None` when this one cannot do it.
fn parameters(
    server: &ServerInfo,
    envelope: &Envelope,
    letter: &[u8],
) -> Option<Vec<MailParameter>> {
    let mut parameters = Vec::new();
    let mut addresses = envelope.from().into_iter().chain(envelope.to());
    if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        server.supports_feature(Extension::SmtpUtfEight).then_some(())?;
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !letter.is_ascii() {
        server.supports_feature(Extension::EightBitMime).then_some(())?;
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Some(parameters)
}

/// An answer of another kind is to something else: nothing is known of the letter.
fn said(answer: Response, expected: Severity) -> Result<(), Failed> {
    match answer.code().severity == expected {
        true => Ok(()),
        false => Err(Failed::ForNow("smtp_connect".to_owned())),
    }
}

/// What fails before the recipient is named has to do with the server, the login or the sender: it fails
/// for every letter, until somebody has mended it.
pub fn of_server(error: Error) -> Failed {
    Failed::ForNow(code(&error).to_owned())
}

/// A recipient or a letter that is refused stays so.
fn of_letter(error: Error) -> Failed {
    let code = code(&error).to_owned();
    match error.is_permanent() {
        true => Failed::ForGood(code),
        false => Failed::ForNow(code),
    }
}

fn code(error: &Error) -> &'static str {
    if error.is_permanent() {
        "smtp_refused"
    } else if error.is_transient() {
        "smtp_later"
    } else if error.is_timeout() {
        "smtp_timeout"
    } else {
        "smtp_connect"
    }
}
