//! Mail to customers over SMTP.

use super::attempt::Failed;
use crate::app::{Contact, Task};
use crate::domain::{Notification, Order};
use chassis::clock::rfc3339;
use lettre::message::{Mailbox, Message, header};
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A letter that the mail server has not taken in this time is tried again.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Letters on their way to the mail server at once, each over a connection that is kept. A letter
/// takes about 45 ms: the library writes its end apart from its body and lets the kernel hold that
/// back until the server has acknowledged the body.
const CONNECTIONS: u32 = 96;

/// Sends letters over kept connections.
pub struct Mailer {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    connections: Semaphore,
    from: Mailbox,
    /// Of a whole letter. The library limits connecting only: a server that falls silent would be
    /// waited for without an end.
    limit: Duration,
}

/// What a customer is told.
pub struct Letter<'a> {
    /// The task it carries out.
    pub task: &'a Task,
    /// Of which order.
    pub order: &'a Order,
    /// What.
    pub notification: Notification,
    /// To whom.
    pub contact: &'a Contact,
}

impl Mailer {
    /// `url` is `smtp://host:port`, `smtps://user:password@host` or `smtp://host?tls=required`; `from`
    /// a mailbox; `limit` is the longest a letter may take.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn new(url: &str, from: &str, limit: Duration) -> anyhow::Result<Self> {
        let pool = PoolConfig::new().max_size(CONNECTIONS);
        let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?
            .timeout(Some(limit))
            .pool_config(pool)
            .build();
        let connections = Semaphore::new(CONNECTIONS as usize);
        Ok(Self { smtp, connections, from: from.parse()?, limit })
    }

    /// Hands the letter to the mail server. Once this returns, the server has taken it.
    ///
    /// # Errors
    /// A code: `bad_address`, `smtp_refused`, `smtp_later`, `smtp_timeout`, `smtp_connect`.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), Failed> {
        let message = self.write(letter)?;
        let later = |code: &str| Failed::ForNow(code.to_owned());
        let _turn = self.connections.acquire().await.map_err(|_| later("stopping"))?;
        let sent = tokio::time::timeout(self.limit, self.smtp.send(message)).await;
        let sent = sent.map_err(|_| later("smtp_timeout"))?;
        sent.map(drop).map_err(|error| {
            if error.is_permanent() {
                Failed::ForGood("smtp_refused".to_owned())
            } else if error.is_transient() {
                later("smtp_later")
            } else if error.is_timeout() {
                later("smtp_timeout")
            } else {
                later("smtp_connect")
            }
        })
    }

    fn write(&self, letter: &Letter<'_>) -> Result<Message, Failed> {
        let bad = |_| Failed::ForGood("bad_address".to_owned());
        let address = letter.contact.email.parse().map_err(bad)?;
        let to = Mailbox::new(Some(letter.contact.name.clone()), address);
        // Of order and event: a mail server or reader recognises a repeated send.
        let message_id = format!(
            "<{}.{}@{}>",
            letter.task.order_id,
            letter.task.sequence,
            self.from.email.domain()
        );
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject(letter.notification))
            .message_id(Some(message_id))
            .header(header::ContentType::TEXT_PLAIN)
            .body(text(letter))
            .map_err(|_| Failed::ForGood("bad_letter".to_owned()))
    }
}

fn subject(notification: Notification) -> &'static str {
    match notification {
        Notification::Accepted => "Your order is being prepared",
        Notification::Rejected => "The restaurant cannot take your order",
        Notification::Expired => "The restaurant did not answer",
        Notification::Cancelled => "Your order was cancelled",
        Notification::TimedOut => "Something went wrong with your order",
    }
}

/// What the restaurant has said about its answer.
fn reasons(letter: &Letter<'_>) -> String {
    let mut said = String::new();
    let run_out = &letter.order.run_out;
    match (letter.notification, letter.order.ready_by) {
        (Notification::Accepted, Some(ready_by)) => {
            said.push_str(&format!("It is to be ready by {}.\n\n", rfc3339(ready_by.0)));
        }
        (Notification::Rejected, _) if !run_out.is_empty() => {
            said.push_str("It has run out of:\n");
            let gone = letter.order.items.iter();
            for item in gone.filter(|item| run_out.contains(&item.item_id)) {
                said.push_str(&format!("  {}\n", item.name));
            }
            said.push('\n');
        }
        _ => {}
    }
    if letter.notification == Notification::Rejected
        && let Some(remark) = &letter.contact.remark
    {
        said.push_str(&format!("The restaurant says: {remark}\n\n"));
    }
    said
}

/// The body of the letter.
fn text(letter: &Letter<'_>) -> String {
    let said = match letter.notification {
        Notification::Accepted => "Good news: the restaurant is preparing your order.",
        Notification::Rejected => "The restaurant cannot take your order. You pay nothing.",
        Notification::Expired => "The restaurant did not answer in time. You pay nothing.",
        Notification::Cancelled => "Your order was cancelled.",
        Notification::TimedOut => "Your order was not delivered in time. We are looking into it.",
    };
    let mut text = format!("Hello {},\n\n{said}\n\n", letter.contact.name);
    text.push_str(&reasons(letter));
    for item in &letter.order.items {
        text.push_str(&format!("  {} x {}\n", item.quantity, item.name));
    }
    let (whole, cents) = (letter.order.total_minor / 100, letter.order.total_minor % 100);
    text.push_str(&format!("  Total {whole}.{cents:02} {}\n\n", letter.order.currency));
    text.push_str(&format!("Order {}\n", letter.order.order_id));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Effect;
    use crate::domain::tests::mother::{COMPLETE_BY, answered_with_words};
    use crate::store::TaskChange;
    use crate::store::contract::{placed, rosa};

    #[test]
    fn the_customer_reads_what_the_restaurant_said() {
        let contact = Contact { remark: Some("Come back tomorrow".to_owned()), ..rosa() };
        let said = [
            (Notification::Accepted, ["to be ready by 2026-09-21T18:35:00.000000Z", "Margherita"]),
            (
                Notification::Rejected,
                ["run out of:\n  Tiramisù\n", "The restaurant says: Come back tomorrow"],
            ),
        ];
        for (order, (notification, expected)) in answered_with_words().iter().zip(said) {
            let effect = Effect::Start { task: notification.task(), give_up_at: COMPLETE_BY };
            let entry = &placed("order-1").entries[0];
            let TaskChange::Open(task) = Task::from_effect("order-1", entry, &effect) else {
                panic!("a task is opened");
            };
            let letter = Letter { task: &task, order, notification, contact: &contact };
            let text = text(&letter);
            assert!(expected.iter().all(|said| text.contains(said)), "{text}");
            assert_eq!(text.contains("says"), notification == Notification::Rejected);
        }
    }
}
