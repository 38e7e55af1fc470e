//! Endpoints that are paused: their owners hear of it by mail, and what has become pointless is given up.

use super::{ATTEMPTS, Parts};
use crate::app::Failure;
use crate::domain::Endpoint;
use crate::store::Error;
use crate::tasks::Failed;
use crate::tasks::kitchen_letter;

/// How many deliveries are given up, and owners told, at once.
const PORTION: usize = 200;

/// How many portions of deliveries are given up at most before others have their turn.
const PORTIONS: usize = 50;

/// Counts pauses for failing, by how their owner was told of it.
const PAUSES: &str = "orders_endpoint_pauses_total";

/// Gives up what is pointless by now, portion by portion; what is left after many waits for the next time.
pub async fn give_up(parts: &Parts) -> Result<(), Error> {
    for _ in 0..PORTIONS {
        let stale = parts.store.stale_deliveries(parts.app.now(), PORTION).await?;
        let is_full = stale.len() == PORTION;
        for delivery in stale {
            if parts.store.replace_delivery(delivery.given_up()).await? {
                metrics::counter!(ATTEMPTS, "outcome" => "given_up").increment(1);
            }
        }
        if !is_full {
            break;
        }
    }
    Ok(())
}

/// Tells the owners of paused endpoints who have not been told, after a crash too. One whose restaurant cannot be
/// read keeps nobody from hearing.
pub async fn tell_owners(parts: &Parts) -> Result<(), Failure> {
    for endpoint in parts.store.untold_pauses(PORTION).await? {
        match tell_owner(parts, &endpoint).await {
            Err(Failure::Unreadable(cause)) => {
                let (id, error) = (&endpoint.endpoint_id, format!("{cause:#}"));
                tracing::error!(endpoint.id = %id, error, "the owner of a paused endpoint cannot be found");
            }
            told => told?,
        }
    }
    Ok(())
}

/// Writes to the owner of this endpoint, once the mail server takes the letter. A letter that is repeated
/// after a crash has the same `Message-ID`.
pub async fn tell_owner(parts: &Parts, endpoint: &Endpoint) -> Result<(), Failure> {
    let id = &endpoint.endpoint_id;
    let told = match write(parts, endpoint).await? {
        Ok(()) => "mail",
        Err(Failed::ForNow(error)) => {
            tracing::warn!(endpoint.id = %id, %error, "the owner of a paused endpoint waits for mail");
            return Ok(());
        }
        Err(Failed::ForGood(error)) => {
            tracing::warn!(endpoint.id = %id, %error, "the owner of a paused endpoint cannot be told");
            "nobody"
        }
    };
    // Whoever changed it meanwhile knows of the pause, or has ended it.
    if parts.store.replace_endpoint(endpoint.owner_told()).await? {
        metrics::counter!(PAUSES, "told" => told).increment(1);
    }
    Ok(())
}

async fn write(parts: &Parts, endpoint: &Endpoint) -> Result<Result<(), Failed>, Failure> {
    let restaurant = parts.app.restaurant(&endpoint.restaurant_id).await?;
    let address = restaurant.as_deref().and_then(|known| Some((known, known.mail.as_ref()?)));
    let hopeless = |code: &str| Ok(Err(Failed::ForGood(code.to_owned())));
    let (Some((restaurant, address)), Some(mailer)) = (address, &parts.mailer) else {
        return hopeless(if address.is_none() { "no_mail" } else { "no_mail_server" });
    };
    Ok(match kitchen_letter::paused(endpoint, restaurant, address) {
        Ok(letter) => mailer.send(letter).await,
        Err(failed) => Err(failed),
    })
}
