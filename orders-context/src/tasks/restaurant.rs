//! Telling a restaurant by every channel it has. Its webhook is called and letters are sent here;
//! endpoints hear by deliveries of their own (`deliveries`), and here it is seen whether one of them has
//! taken it. The restaurant has been told once the first of its channels has; the others are tried on.
//! Which of them is left stands in front of the code that is remembered: `mail:smtp_later`.

use super::attempt::{Came, Failed, contact_of};
use super::kitchen_letter::OrderLetter;
use super::schedule::last_look;
use super::{Channels, webhook};
use crate::app::{App, Contact, ENDPOINT_NOT_YET as NOT_YET, Failure, HeardBy, Task, TaskReport};
use crate::domain::{MailAddress, Order, Receiver, Restaurant, TaskKind, Webhook};
use crate::leases::Held;
use std::time::Duration;
use tokio::time::timeout;

/// Its webhook.
const WEBHOOK: &str = "webhook";

/// Letters to its mail address.
const MAIL: &str = "mail";

/// One of its endpoints.
const ENDPOINT: &str = "endpoint";

/// How long a letter may take once the webhook has taken the order or is to be called again, its turn included: half
/// of what it may take at all.
const LETTER_AFTER_WEBHOOK: Duration = Duration::from_secs(5);

/// Why no attempt helps.
const NO_CHANNEL: &str = "no_channel";

/// Why an attempt failed: each endpoint that was to hear has not taken it, and is tried no more.
const GAVE_UP: &str = "endpoint_gave_up";

/// What came of one channel.
type Tried = (&'static str, Result<(), Failed>);

/// Whether the restaurant has been told over some channel before this attempt.
pub fn is_told(task: &Task, order: &Order) -> bool {
    left(task).is_some() || task.kind == TaskKind::NotifyRestaurant && order.restaurant_told
}

/// Whether nothing has failed: a delivery to an endpoint is on its way.
pub fn is_waiting(failed: &Failed) -> bool {
    matches!(failed, Failed::ForNow(code) if code == NOT_YET)
}

/// The one channel that is left, where another of those that are tried here has taken it.
fn left(task: &Task) -> Option<&str> {
    let (channel, _) = task.last_error.as_deref()?.split_once(':')?;
    Some(channel)
}

/// What is remembered where one channel is left: an attempt that could not even begin leaves it as it is.
pub fn still_left(task: &Task) -> Option<String> {
    left(task)?;
    task.last_error.clone()
}

/// One attempt over all channels that have not taken it yet.
pub async fn tell(
    app: &App,
    channels: &Channels,
    task: &Task,
    order: &Order,
    contact: Option<Contact>,
    held: &Held,
) -> Result<Came, Failed> {
    let restaurant = app.restaurant(&order.restaurant_id).await.map_err(|_| unread())?;
    let note = contact_of(app, task, contact).await?.and_then(|known| known.note);
    if !held.is_valid() {
        return Ok(Came::Nothing);
    }
    let telling = Telling { app, channels, task, order, note: note.as_deref(), held };
    let tried = match restaurant.as_deref() {
        Some(restaurant) => telling.try_directly(restaurant).await,
        None => Vec::new(),
    };
    let is_done = tried.iter().any(|(_, came)| came.is_ok()) || left(task).is_some();
    let heard_by = match is_done || is_told(task, order) {
        true => HeardBy::Some,
        false => app.heard_by(task, &order.restaurant_id).await.map_err(|_| unread())?,
    };
    together(left(task), tried, heard_by)
}

/// The report, unless it gives up what an endpoint has taken by now; what one may still take is looked at once more,
/// just before the end. None where nobody can say now: the task is found again.
pub async fn unless_heard(
    app: &App,
    task: &Task,
    order: &Order,
    report: TaskReport,
) -> Option<TaskReport> {
    let TaskReport::GaveUp { error, too_late: Some(_) } = &report else { return Some(report) };
    if task.kind.receiver() != Receiver::Restaurant {
        return Some(report);
    }
    match (app.heard_by(task, &order.restaurant_id).await, last_look(task, app.now())) {
        (Ok(HeardBy::Some), _) => Some(TaskReport::Delivered { channel: ENDPOINT }),
        (Ok(HeardBy::NoneYet) | Err(Failure::Unavailable(_)), Some(at)) => {
            Some(TaskReport::TryAgain { at, error: error.clone() })
        }
        (Err(Failure::Unavailable(_)), None) => None,
        _ => Some(report),
    }
}

/// Whether all that is left to do is a letter: no other channel failed for now.
pub fn is_letter(task: &Task) -> bool {
    let last_error = task.last_error.as_deref().unwrap_or_default();
    left(task) == Some(MAIL) || last_error.starts_with("smtp_")
}

struct Telling<'a> {
    app: &'a App,
    channels: &'a Channels,
    task: &'a Task,
    order: &'a Order,
    note: Option<&'a str>,
    held: &'a Held,
}

impl Telling<'_> {
    /// Tries the channels that are left, all at once. What the webhook has said is reported while a letter is slow:
    /// it is written once more, alone and with all its time if the webhook has taken the order.
    async fn try_directly(&self, restaurant: &Restaurant) -> Vec<Tried> {
        let is_left = |channel| left(self.task).is_none_or(|left| left == channel);
        let hook = restaurant.webhook.as_ref().filter(|_| is_left(WEBHOOK));
        let mail = restaurant.mail.as_ref().filter(|_| is_left(MAIL));
        let post = async { Some((WEBHOOK, self.post(hook?).await)) };
        let send = async { Some((MAIL, self.send(restaurant, mail?).await)) };
        tokio::pin!(post, send);
        let (posted, sent) = tokio::select! {
            posted = &mut post => (posted, None),
            sent = &mut send => (post.await, Some(sent)),
        };
        let sent = match (sent, &posted) {
            (Some(sent), _) => sent,
            (None, None | Some((_, Err(Failed::ForGood(_))))) => send.await,
            (None, Some(_)) => match timeout(LETTER_AFTER_WEBHOOK, send).await {
                Ok(sent) => sent,
                Err(_) => Some((MAIL, Err(Failed::ForNow("smtp_slow".to_owned())))),
            },
        };
        posted.into_iter().chain(sent).collect()
    }

    async fn post(&self, hook: &Webhook) -> Result<(), Failed> {
        let body = webhook::body(self.task, self.order, self.note, self.app.now());
        self.channels.poster.post(hook, self.task, body).await
    }

    async fn send(&self, restaurant: &Restaurant, address: &MailAddress) -> Result<(), Failed> {
        let Self { app, channels, task, order, note, held } = self;
        let mailer = channels.mailer.as_ref();
        let mailer = mailer.ok_or_else(|| Failed::ForGood("no_mail_server".to_owned()))?;
        let link = app.answer_link(order);
        let letter = OrderLetter { task, order, restaurant, note: *note, link: link.as_deref() };
        let turn = match restaurant.webhook.is_some() && !is_letter(task) {
            true => mailer.turn_now()?,
            false => mailer.turn(Receiver::Restaurant).await?,
        };
        if !held.is_valid() {
            return Err(Failed::ForNow("lease_lost".to_owned()));
        }
        turn.send(letter.to(address)?).await
    }
}

/// What the attempt comes to, before which perhaps only one of the channels tried here was `left`.
fn together(left: Option<&str>, tried: Vec<Tried>, heard_by: HeardBy) -> Result<Came, Failed> {
    let taken = tried.iter().find(|(_, came)| came.is_ok()).map(|(channel, _)| *channel);
    let is_one_left = left.or(taken).is_some();
    let failed = |(channel, came): Tried| Some((channel, came.err()?));
    let mut failed: Vec<_> = tried.into_iter().filter_map(failed).collect();
    failed.sort_by_key(|(_, why)| matches!(why, Failed::ForGood(_)));
    match (failed.into_iter().next(), heard_by) {
        (Some((channel, Failed::ForNow(code))), HeardBy::Some) => {
            let error = if is_one_left { format!("{channel}:{code}") } else { code };
            Ok(Came::InPart { channel: taken.unwrap_or(ENDPOINT), error })
        }
        (_, HeardBy::Some) => Ok(Came::Taken(taken.unwrap_or(ENDPOINT))),
        (Some((_, failed @ Failed::ForNow(_))), _) => Err(failed),
        (None, HeardBy::Unwanted) => Ok(Came::Unwanted),
        (_, HeardBy::NoneYet) => Err(Failed::ForNow(NOT_YET.to_owned())),
        (_, HeardBy::NoneAnyMore) => Err(Failed::ForNow(GAVE_UP.to_owned())),
        (Some((_, failed)), HeardBy::Unwanted | HeardBy::Nobody) => Err(failed),
        (None, HeardBy::Nobody) => Err(Failed::ForGood(NO_CHANNEL.to_owned())),
    }
}

fn unread() -> Failed {
    Failed::ForNow("database".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was left, what was tried, who has heard it, and what it comes to.
    type Case = (Option<&'static str>, Vec<Tried>, HeardBy, Result<Came, Failed>);

    fn now(code: &str) -> Failed {
        Failed::ForNow(code.to_owned())
    }

    fn good(code: &str) -> Failed {
        Failed::ForGood(code.to_owned())
    }

    fn in_part(channel: &'static str, error: &str) -> Result<Came, Failed> {
        Ok(Came::InPart { channel, error: error.to_owned() })
    }

    #[test]
    fn the_first_channel_that_takes_it_tells_the_restaurant_and_the_others_are_tried_on() {
        use HeardBy::{Nobody, NoneAnyMore, NoneYet, Some as Heard, Unwanted};
        let (hook, mail) = (|came| (WEBHOOK, came), |came| (MAIL, came));
        let (down, later) = (|| Err(now("http_503")), || Err(now("smtp_later")));
        let bad = || Err(good("bad_address"));
        let not_yet = || Err(now(NOT_YET));
        let cases: Vec<Case> = vec![
            // By endpoints alone, or beside a channel that fails.
            (None, vec![], Heard, Ok(Came::Taken(ENDPOINT))),
            (None, vec![], NoneYet, not_yet()),
            (None, vec![], NoneAnyMore, Err(now(GAVE_UP))),
            (None, vec![], Nobody, Err(good(NO_CHANNEL))),
            (None, vec![], Unwanted, Ok(Came::Unwanted)),
            (None, vec![hook(down())], Unwanted, Err(now("http_503"))),
            (None, vec![hook(bad())], Unwanted, Err(good("bad_address"))),
            (None, vec![hook(down())], Heard, in_part(ENDPOINT, "http_503")),
            (None, vec![hook(down())], NoneYet, Err(now("http_503"))),
            (None, vec![hook(down())], Nobody, Err(now("http_503"))),
            (None, vec![hook(bad())], Heard, Ok(Came::Taken(ENDPOINT))),
            (None, vec![hook(bad())], NoneYet, not_yet()),
            (None, vec![hook(down())], NoneAnyMore, Err(now("http_503"))),
            (None, vec![hook(bad())], NoneAnyMore, Err(now(GAVE_UP))),
            (None, vec![hook(bad())], Nobody, Err(good("bad_address"))),
            (None, vec![hook(down()), mail(later())], Heard, in_part(ENDPOINT, "http_503")),
            // By one or both of those that are tried here.
            (None, vec![hook(Ok(()))], Heard, Ok(Came::Taken(WEBHOOK))),
            (None, vec![mail(Ok(()))], Heard, Ok(Came::Taken(MAIL))),
            (None, vec![hook(Ok(())), mail(Ok(()))], Heard, Ok(Came::Taken(WEBHOOK))),
            (None, vec![hook(Ok(())), mail(later())], Heard, in_part(WEBHOOK, "mail:smtp_later")),
            (None, vec![hook(down()), mail(Ok(()))], Heard, in_part(MAIL, "webhook:http_503")),
            (None, vec![hook(Ok(())), mail(bad())], Heard, Ok(Came::Taken(WEBHOOK))),
            (None, vec![hook(bad()), mail(later())], Nobody, Err(now("smtp_later"))),
            // The one that was left.
            (Some(MAIL), vec![mail(later())], Heard, in_part(ENDPOINT, "mail:smtp_later")),
            (Some(MAIL), vec![mail(Ok(()))], Heard, Ok(Came::Taken(MAIL))),
            (Some(MAIL), vec![mail(bad())], Heard, Ok(Came::Taken(ENDPOINT))),
            (Some(MAIL), vec![], Heard, Ok(Came::Taken(ENDPOINT))),
        ];
        for (left, tried, heard_by, expected) in cases {
            let case = format!("{left:?} {tried:?} {heard_by:?}");
            let came = together(left, tried, heard_by);
            let is_waiting = came.as_ref().is_err_and(is_waiting);
            assert_eq!(is_waiting, expected == not_yet(), "{case}");
            assert_eq!(came, expected, "{case}");
        }
    }
}
