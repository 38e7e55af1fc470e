//! What restaurants and customers were told more than once. That is allowed where a blow fell between
//! a call and the report of it, under the same id, and nowhere else.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use system_tests::{
    addresses::Addresses,
    customers::{End, Taken},
    mail::mails,
    restaurant::RestaurantSink,
};

/// How long a report of a call may take to become durable when nothing is in its way.
const REPORTED_WITHIN: Duration = Duration::from_secs(5);

/// Checks every repeated delivery; a sentence with the figures.
pub fn webhooks(sink: &RestaurantSink, blows: &[(Instant, Instant)]) -> Result<String> {
    let mut deliveries: HashMap<String, Vec<Instant>> = HashMap::new();
    let all = sink.all();
    let total = all.len();
    for told in all {
        deliveries.entry(told.webhook_id).or_default().push(told.at);
    }
    let mut repeated = 0;
    for (id, moments) in &deliveries {
        for pair in moments.windows(2) {
            repeated += 1;
            let [first, second] = [pair[0], pair[1]];
            let in_between = |(began, ended): &(Instant, Instant)| {
                *began <= second
                    && *ended + REPORTED_WITHIN >= first
                    && *began <= first + REPORTED_WITHIN
            };
            ensure!(
                blows.iter().any(in_between),
                "{id} was delivered twice, {:?} apart, and no blow was the cause",
                second - first
            );
        }
    }
    Ok(format!("{total} webhooks of {} ids, {repeated} repeated after a blow", deliveries.len()))
}

/// Whoever was to hear of an order has a letter about it, and at most so many came twice; a sentence with the figures.
pub async fn letters(addresses: &Addresses, taken: &[Taken], most: usize) -> Result<String> {
    let (mut total, mut ids) = (0, HashMap::<String, usize>::new());
    for each in taken {
        let (_, key) = each.customer.split_once('-').unwrap_or_default();
        let letters = mails(&addresses.mail, &format!("{key}@example.com")).await?;
        ensure!(each.end == End::Cancelled || !letters.is_empty(), "no letter about {each:?}");
        for letter in letters {
            total += 1;
            let id = letter.header("Message-ID").unwrap_or_default().to_owned();
            ensure!(!id.is_empty(), "a letter about {each:?} has no id");
            *ids.entry(id).or_default() += 1;
        }
    }
    let repeated = total - ids.len();
    ensure!(
        repeated <= most,
        "{repeated} of {total} letters came twice, by blows to {most} at most"
    );
    Ok(format!("{total} letters of {} ids, {repeated} repeated", ids.len()))
}
