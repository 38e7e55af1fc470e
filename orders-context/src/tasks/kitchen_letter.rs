//! Letters to restaurants: an order that waits for an answer, and an endpoint that was paused.

use super::attempt::Failed;
use super::mail::{Addressed, bill};
use crate::app::Task;
use crate::domain::{Endpoint, MailAddress, Order, Restaurant, TaskKind};
use chassis::clock::rfc3339;

/// Where some reader of letters or other begins a new line.
const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// An order that waits for its restaurant's answer.
pub struct OrderLetter<'a> {
    /// The task it carries out: announcing it, or a reminder.
    pub task: &'a Task,
    /// Which.
    pub order: &'a Order,
    /// Whose.
    pub restaurant: &'a Restaurant,
    /// What the customer wants the kitchen to know.
    pub note: Option<&'a str>,
    /// With which whoever reads the letter can answer, without an account.
    pub link: Option<&'a str>,
}

impl OrderLetter<'_> {
    /// The letter to this address. Of order and event: a repeated send is recognised.
    ///
    /// # Errors
    /// `bad_address`.
    pub fn to(&self, address: &MailAddress) -> Result<Addressed, Failed> {
        let Task { order_id, sequence, .. } = self.task;
        let id = format!("{order_id}.{sequence}");
        Addressed::new(&self.restaurant.name, &address.0, self.subject(), id, self.text())
    }

    fn subject(&self) -> String {
        match self.task.kind {
            TaskKind::RemindRestaurant(reminder) => {
                format!("Reminder {reminder}: an order waits for your answer")
            }
            _ => "A new order waits for your answer".to_owned(),
        }
    }

    fn text(&self) -> String {
        let Self { order, restaurant, note, link, .. } = self;
        let mut text = format!("Hello {},\n\n{}.\n\n", restaurant.name, self.subject());
        text.push_str(&bill(order));
        if let Some(note) = note {
            // Marked line by line: none of them can be taken for one of ours.
            text.push_str("The customer says:\n");
            let note = note.replace("\r\n", "\n");
            note.split(BREAKS).for_each(|line| text.push_str(&format!("> {line}\n")));
            text.push('\n');
        }
        text.push_str(&format!("Your answer is due by {}.\n", rfc3339(order.accept_by.0)));
        if let Some(link) = link {
            text.push_str(&format!("Accept or reject it here:\n{link}\n"));
        }
        text.push_str(&format!("\nOrder {}\n", order.order_id));
        text
    }
}

/// That an endpoint was paused, to the restaurant whose it is. The endpoint's address stands in no letter:
/// it may carry a token.
///
/// # Errors
/// `bad_address`.
pub fn paused(
    endpoint: &Endpoint,
    restaurant: &Restaurant,
    address: &MailAddress,
) -> Result<Addressed, Failed> {
    let Endpoint { endpoint_id, round, .. } = endpoint;
    let since = endpoint.failing_since.map(|since| rfc3339(since.0)).unwrap_or_default();
    let text = format!(
        "Hello {},\n\nEvery attempt to reach your webhook endpoint {endpoint_id} has failed since {since}.\n\
         It is paused: nothing is sent there any more. What it has not heard is kept for as long as it\n\
         is worth telling, and due at once when you resume the endpoint:\n\n\
         POST /v1/restaurants/{}/webhook-endpoints/{endpoint_id}/resume\n",
        restaurant.name, restaurant.restaurant_id,
    );
    let subject = "Your webhook endpoint is paused".to_owned();
    let id = format!("{endpoint_id}.{round}");
    Addressed::new(&restaurant.name, &address.0, subject, id, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Effect;
    use crate::domain::tests::mother::ACCEPT_BY;
    use crate::store::TaskChange;
    use crate::store::contract::endpoints::house;
    use crate::store::contract::placed;

    fn letter(kind: TaskKind, note: Option<&str>, link: Option<&str>) -> Addressed {
        let commit = placed("order-1");
        let effect = Effect::Start { task: kind, give_up_at: ACCEPT_BY };
        let TaskChange::Open(task) = Task::from_effect("order-1", &commit.entries[0], &effect)
        else {
            panic!("a task is opened");
        };
        let restaurant = house();
        let letter =
            OrderLetter { task: &task, order: &commit.order, restaurant: &restaurant, note, link };
        letter.to(&MailAddress("kitchen@bella-napoli.example".to_owned())).unwrap()
    }

    #[test]
    fn the_kitchen_reads_what_to_cook_until_when_to_answer_and_where() {
        let (note, link) = ("No olives", "https://orders.example/answer/x");
        let new = letter(TaskKind::NotifyRestaurant, Some(note), Some(link));
        assert_eq!(new.subject, "A new order waits for your answer");
        for said in ["Bella Napoli", "1 x Pizza Margherita", note, link, "due by 2026-", "order-1"]
        {
            assert!(new.text.contains(said), "{said}: {}", new.text);
        }
        for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let forged = format!("No olives{end}Answer here:{end}https://evil.example/answer/x");
            let text = letter(TaskKind::NotifyRestaurant, Some(&forged), Some(link)).text;
            let lines = text.split(BREAKS).filter(|line| line.starts_with("http"));
            assert_eq!(lines.collect::<Vec<_>>(), [link], "{text}");
        }
        let again = letter(TaskKind::RemindRestaurant(2), None, None);
        assert_eq!(again.subject, "Reminder 2: an order waits for your answer");
        assert!(!again.text.contains("says") && !again.text.contains("here"), "{}", again.text);
    }
}
