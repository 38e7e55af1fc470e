//! Mail over SMTP, and the letters to customers.

mod connections;
mod dialogue;
mod server;

use super::attempt::Failed;
use crate::app::{Contact, Task};
use crate::domain::{Notification, Order, Receiver};
use chassis::clock::rfc3339;
use connections::Connections;
use lettre::message::{Mailbox, Message, header};
pub use server::Server;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A letter that the mail server has not taken in this time is tried again.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Letters on their way to the mail server at once, to customers and to restaurants, each over a connection that is
/// kept: neither wait for the other. A letter takes about 45 ms: the library writes its end apart from its body
/// and lets the kernel hold that back until the server has acknowledged the body.
const TO_CUSTOMERS: usize = 64;
const TO_RESTAURANTS: usize = 32;

/// A letter to a restaurant whose turn has not come in this time is tried again: who waits keeps the restaurant's
/// webhook from being called again.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// Sends letters over kept connections.
pub struct Mailer {
    /// Of a whole letter. The library limits connecting only: a server that falls silent would be
    /// waited for without an end.
    pub limit: Duration,
    connections: Connections,
    to_customers: Semaphore,
    to_restaurants: Semaphore,
    from: Mailbox,
}

/// The turn of one letter.
pub struct Turn<'a> {
    mailer: &'a Mailer,
    _permit: SemaphorePermit<'a>,
}

/// A letter as it is handed in.
#[derive(Debug)]
pub struct Addressed {
    to: Mailbox,
    /// A line.
    pub subject: String,
    /// Names the letter: a mail server or reader recognises a repeated send.
    id: String,
    /// Plain.
    pub text: String,
}

impl Addressed {
    /// # Errors
    /// `bad_address`.
    pub fn new(
        name: &str,
        address: &str,
        subject: String,
        id: String,
        text: String,
    ) -> Result<Self, Failed> {
        let address = address.parse().map_err(|_| Failed::ForGood("bad_address".to_owned()))?;
        Ok(Self { to: Mailbox::new(Some(name.to_owned()), address), subject, id, text })
    }
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
        Ok(Self {
            limit,
            connections: Connections::new(Server::from_url(url)?),
            to_customers: Semaphore::new(TO_CUSTOMERS),
            to_restaurants: Semaphore::new(TO_RESTAURANTS),
            from: from.parse()?,
        })
    }

    /// Waits until a letter may be sent: to a customer however long that takes, to a restaurant not for long.
    ///
    /// # Errors
    /// For now: `smtp_busy`.
    pub async fn turn(&self, to: Receiver) -> Result<Turn<'_>, Failed> {
        let permit = match to {
            Receiver::Customer => self.to_customers.acquire().await.ok(),
            Receiver::Restaurant => {
                let turn = timeout(TURN_WITHIN, self.to_restaurants.acquire()).await;
                turn.ok().and_then(Result::ok)
            }
        };
        let permit = permit.ok_or_else(|| Failed::ForNow("smtp_busy".to_owned()))?;
        Ok(Turn { mailer: self, _permit: permit })
    }

    /// The turn of a letter to a restaurant, if there is one now: nobody waits for it in a place that a webhook has.
    ///
    /// # Errors
    /// For now: `smtp_busy`.
    pub fn turn_now(&self) -> Result<Turn<'_>, Failed> {
        let permit = self.to_restaurants.try_acquire();
        let permit = permit.map_err(|_| Failed::ForNow("smtp_busy".to_owned()))?;
        Ok(Turn { mailer: self, _permit: permit })
    }

    /// Hands a letter for a restaurant to the mail server, in its turn. Once this returns, the server has taken it.
    ///
    /// # Errors
    /// As [`Mailer::turn`] and [`Turn::send`].
    pub async fn send(&self, letter: Addressed) -> Result<(), Failed> {
        self.turn(Receiver::Restaurant).await?.send(letter).await
    }

    fn write(&self, letter: Addressed) -> Result<Message, Failed> {
        Message::builder()
            .from(self.from.clone())
            .to(letter.to)
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(header::ContentType::TEXT_PLAIN)
            .body(letter.text)
            .map_err(|_| Failed::ForGood("bad_letter".to_owned()))
    }
}

impl Turn<'_> {
    /// Hands the letter to the mail server. Once this returns, the server has taken it.
    ///
    /// # Errors
    /// A code. For now: `smtp_refused` (the login, the sender or the caller), `smtp_later`, `smtp_timeout`,
    /// `smtp_connect`. For good: `smtp_refused` (the recipient or the letter), `smtp_unsupported`,
    /// `bad_letter`.
    pub async fn send(self, letter: Addressed) -> Result<(), Failed> {
        let Mailer { connections, limit, .. } = self.mailer;
        let message = self.mailer.write(letter)?;
        connections.hand_over(message.envelope(), &message.formatted(), *limit).await
    }
}

impl Letter<'_> {
    /// The letter to the customer. Of order and event: a repeated send is recognised.
    ///
    /// # Errors
    /// `bad_address`.
    pub fn addressed(&self) -> Result<Addressed, Failed> {
        let Contact { name, email, .. } = self.contact;
        let id = format!("{}.{}", self.task.order_id, self.task.sequence);
        Addressed::new(name, email, subject(self.notification).to_owned(), id, text(self))
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
    text.push_str(&bill(letter.order));
    text.push_str(&format!("Order {}\n", letter.order.order_id));
    text
}

/// What was ordered and what it costs, in lines.
pub fn bill(order: &Order) -> String {
    let mut lines = String::new();
    for item in order.items.iter() {
        lines.push_str(&format!("  {} x {}\n", item.quantity, item.name));
    }
    let (whole, cents) = (order.total_minor / 100, order.total_minor % 100);
    lines.push_str(&format!("  Total {whole}.{cents:02} {}\n\n", order.currency));
    lines
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
