//! What restaurants and customers were told more than once. That is allowed where a blow took the work from
//! whoever did it, between a call and the report of it, under the same id, and nowhere else.

use std::{
    collections::HashMap,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};
use system_tests::{
    addresses::Addresses,
    customers::{End, Taken},
    mail::mails,
    restaurant::RestaurantSink,
};

/// How long a report of a call may take to become durable when nothing is in its way.
const REPORTED_WITHIN: Duration = Duration::from_secs(2);

/// How long after its repair a blow may still keep a report from it: who has lost the database looks for it
/// again once a second.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How long a lease of three seconds is held at least after it was prolonged for the last time, which is to
/// happen four times a second.
const RUNS_OUT_AFTER: Duration = Duration::from_millis(1_500);

/// How many calls may be under way at once: to one restaurant, and to all customers.
const TO_A_RESTAURANT: usize = 32;
const TO_CUSTOMERS: usize = 128;

/// From when to when something was away.
#[derive(Clone, Copy, Debug)]
pub struct Away {
    pub began: Instant,
    pub ended: Instant,
    pub leases: Leases,
}

/// What became of the leases of whoever was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leases {
    /// Others have them once they have run out.
    RunOut,
    /// Others have them at once.
    HandedOver,
    /// Nobody else has them.
    Kept,
}

impl Away {
    /// Whether it may be why one who made the call `first` could not report it, and another made it again as
    /// `second`.
    fn explains(&self, first: Instant, second: Instant) -> bool {
        let others_from = match self.leases {
            Leases::RunOut => self.began + RUNS_OUT_AFTER,
            Leases::HandedOver => self.began,
            Leases::Kept => return false,
        };
        self.began <= first + REPORTED_WITHIN
            && first <= self.ended + AFTERMATH
            && others_from <= second
    }
}

/// One call that was made twice.
#[derive(Debug)]
struct Repeat {
    id: String,
    first: Instant,
    second: Instant,
}

/// Each repeat has a blow that explains it, and no blow explains more of them than can have been under way.
fn are_explained(repeats: &[Repeat], away: &[Away], under_way: usize) -> Result<()> {
    let mut explained = vec![0; away.len()];
    for Repeat { id, first, second } in repeats {
        let explains =
            |at: &usize| explained[*at] < under_way && away[*at].explains(*first, *second);
        let found = (0..away.len()).find(explains);
        let apart = *second - *first;
        let at =
            found.with_context(|| format!("{id} came twice, {apart:?} apart, for no reason"))?;
        explained[at] += 1;
    }
    Ok(())
}

/// All repeats of calls with these moments, by when they began.
fn repeats(calls: HashMap<String, Vec<Instant>>) -> Vec<Repeat> {
    let mut repeats = Vec::new();
    for (id, mut moments) in calls {
        moments.sort_unstable();
        let pairs = moments.windows(2);
        repeats.extend(pairs.map(|pair| Repeat {
            id: id.clone(),
            first: pair[0],
            second: pair[1],
        }));
    }
    repeats.sort_unstable_by_key(|repeat| repeat.first);
    repeats
}

/// Checks every repeated delivery; a sentence with the figures.
pub fn webhooks(sink: &RestaurantSink, away: &[Away]) -> Result<String> {
    let mut calls: HashMap<String, Vec<Instant>> = HashMap::new();
    let all = sink.all();
    let total = all.len();
    for told in all {
        calls.entry(told.webhook_id).or_default().push(told.at);
    }
    let ids = calls.len();
    let repeats = repeats(calls);
    are_explained(&repeats, away, TO_A_RESTAURANT)?;
    Ok(format!("{total} webhooks of {ids} ids, {} repeated after a blow", repeats.len()))
}

/// Whoever was to hear of an order has a letter about it, and those that came twice have a blow to explain it;
/// a sentence with the figures.
pub async fn letters(addresses: &Addresses, taken: &[Taken], away: &[Away]) -> Result<String> {
    let (mut total, mut dates) = (0, HashMap::<String, Vec<String>>::new());
    for each in taken {
        let (_, key) = each.customer.split_once('-').unwrap_or_default();
        let letters = mails(&addresses.mail, &format!("{key}@example.com")).await?;
        ensure!(each.end == End::Cancelled || !letters.is_empty(), "no letter about {each:?}");
        for letter in letters {
            total += 1;
            let header = |name| letter.header(name).map(str::to_owned);
            let id = header("Message-ID").with_context(|| format!("no id: {letter:?}"))?;
            let date = header("Date").with_context(|| format!("no date: {letter:?}"))?;
            dates.entry(id).or_default().push(date);
        }
    }
    let ids = dates.len();
    dates.retain(|_, dates| dates.len() > 1);
    let mut calls = HashMap::new();
    for (id, dates) in dates {
        let moments: Result<_> = dates.iter().map(|date| moment(date)).collect();
        calls.insert(id, moments?);
    }
    let mut repeats = repeats(calls);
    // A letter says the second in which it was written.
    repeats.iter_mut().for_each(|repeat| repeat.second += Duration::from_secs(1));
    are_explained(&repeats, away, TO_CUSTOMERS)?;
    Ok(format!("{total} letters of {ids} ids, {} repeated after a blow", repeats.len()))
}

/// The moment of a date of RFC 5322.
fn moment(date: &str) -> Result<Instant> {
    let said = Command::new("date").args(["+%s", "--date", date]).output()?;
    let seconds: u64 = String::from_utf8(said.stdout)?.trim().parse().context("no date")?;
    let ago =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))?;
    Instant::now().checked_sub(ago).context("before this machine started")
}

#[test]
fn only_a_blow_that_takes_the_work_away_explains_a_repeat() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let away = |leases| Away { began: at(10_000), ended: at(12_000), leases };
    let cases = [
        ("the holder died before it could report", 9_990, 13_500, [true, true, false]),
        ("another called before the lease can have run out", 9_990, 10_500, [false, true, false]),
        ("two in the same moment, before the blow", 9_900, 9_910, [false, false, false]),
        ("it should have been reported long before", 7_900, 13_500, [false, false, false]),
        ("a stopped process called late", 11_900, 11_910, [true, true, false]),
        ("the repair was long over", 13_100, 16_000, [false, false, false]),
    ];
    for (what, first, second, expected) in cases {
        let explained = [Leases::RunOut, Leases::HandedOver, Leases::Kept]
            .map(|leases| away(leases).explains(at(first), at(second)));
        assert_eq!(explained, expected, "{what}");
    }
    let repeat = |_| Repeat { id: "order.1".to_owned(), first: at(9_990), second: at(13_500) };
    let repeats: Vec<_> = (0..3).map(repeat).collect();
    assert!(are_explained(&repeats, &[away(Leases::RunOut)], 3).is_ok());
    assert!(
        are_explained(&repeats, &[away(Leases::RunOut)], 2).is_err(),
        "more than were under way"
    );
}
