//! Telling a restaurant by every channel it has. A webhook is called here; endpoints hear by deliveries
//! of their own (`deliveries`), and here it is seen whether one of them has taken it. The restaurant has
//! been told once the first of its channels has; the others are tried on.

use super::attempt::{Came, Failed};
use super::{Channels, webhook};
use crate::app::{App, Contact, HeardBy, Task};
use crate::domain::{Order, Restaurant, TaskKind};
use crate::leases::Held;

/// Its webhook.
const WEBHOOK: &str = "webhook";

/// One of its endpoints.
const ENDPOINT: &str = "endpoint";

/// Why a task waits whose restaurant has nothing but endpoints.
const NOT_YET: &str = "endpoint_not_yet";

/// Why no attempt helps.
const NO_CHANNEL: &str = "no_channel";

/// Whether the restaurant has been told over some channel before this attempt.
pub fn is_told(task: &Task, order: &Order) -> bool {
    task.kind == TaskKind::NotifyRestaurant && order.restaurant_told
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
    let restaurant = app.restaurant(&order.restaurant_id).await;
    let restaurant = restaurant.map_err(|_| unread())?;
    let posted = match restaurant.as_deref() {
        Some(restaurant) => post(app, channels, task, order, contact, restaurant, held).await?,
        None => None,
    };
    match posted {
        Some(Ok(())) => return Ok(Came::Taken(WEBHOOK)),
        _ if !held.is_valid() => return Ok(Came::Nothing),
        _ => {}
    }
    let failed = posted.and_then(Result::err);
    let heard_by = match is_told(task, order) {
        true => HeardBy::Some,
        false => app.heard_by(task, &order.restaurant_id).await.map_err(|_| unread())?,
    };
    together(failed, heard_by)
}

/// What the attempt comes to, when its direct channels have failed, or there are none.
fn together(failed: Option<Failed>, heard_by: HeardBy) -> Result<Came, Failed> {
    match (failed, heard_by) {
        (Some(Failed::ForNow(error)), HeardBy::Some) => {
            Ok(Came::InPart { channel: ENDPOINT, error })
        }
        (_, HeardBy::Some) => Ok(Came::Taken(ENDPOINT)),
        (Some(failed @ Failed::ForNow(_)), _) => Err(failed),
        (_, HeardBy::NoneYet) => Err(Failed::ForNow(NOT_YET.to_owned())),
        (Some(failed), HeardBy::Nobody) => Err(failed),
        (None, HeardBy::Nobody) => Err(Failed::ForGood(NO_CHANNEL.to_owned())),
    }
}

/// Calls the webhook, if there is one and the work is still ours.
async fn post(
    app: &App,
    channels: &Channels,
    task: &Task,
    order: &Order,
    contact: Option<Contact>,
    restaurant: &Restaurant,
    held: &Held,
) -> Result<Option<Result<(), Failed>>, Failed> {
    let Some(hook) = &restaurant.webhook else { return Ok(None) };
    let note = super::attempt::contact_of(app, task, contact).await?.and_then(|known| known.note);
    let body = webhook::body(task, order, note.as_deref(), app.now());
    match held.is_valid() {
        true => Ok(Some(channels.poster.post(hook, task, body, app.now()).await)),
        false => Ok(None),
    }
}

fn unread() -> Failed {
    Failed::ForNow("database".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_channel_that_takes_it_tells_the_restaurant_and_the_others_are_tried_on() {
        let now = || Some(Failed::ForNow("http_503".to_owned()));
        let good = || Some(Failed::ForGood("bad_address".to_owned()));
        let err = |failed: Option<Failed>| failed.map_or(Ok(Came::Nothing), Err);
        let in_part = Came::InPart { channel: ENDPOINT, error: "http_503".to_owned() };
        let cases = [
            (now(), HeardBy::Some, Ok(in_part)),
            (good(), HeardBy::Some, Ok(Came::Taken(ENDPOINT))),
            (None, HeardBy::Some, Ok(Came::Taken(ENDPOINT))),
            (now(), HeardBy::NoneYet, err(now())),
            (good(), HeardBy::NoneYet, Err(Failed::ForNow(NOT_YET.to_owned()))),
            (None, HeardBy::NoneYet, Err(Failed::ForNow(NOT_YET.to_owned()))),
            (now(), HeardBy::Nobody, err(now())),
            (good(), HeardBy::Nobody, err(good())),
            (None, HeardBy::Nobody, Err(Failed::ForGood(NO_CHANNEL.to_owned()))),
        ];
        for (failed, heard_by, expected) in cases {
            assert_eq!(together(failed.clone(), heard_by), expected, "{failed:?} {heard_by:?}");
        }
    }
}
