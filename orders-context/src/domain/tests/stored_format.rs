//! What was stored once is read for ever: events of the journal, states of orders, restaurants and
//! the kinds of tasks. A sample in `blessed/` never changes; `BLESS=1` adds those that are missing.

use super::mother;
use crate::domain::{Event, MenuItem, Notification, Order, Restaurant, Status, TaskKind, Webhook};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const REMEDY: &str = "BLESS=1 cargo test -p orders-context --lib stored_format";

/// The generations of a kind's samples: a later one has what was added to the same names since.
fn generations(kind: &str) -> Vec<PathBuf> {
    let kind = Path::new(env!("CARGO_MANIFEST_DIR")).join("blessed").join(kind);
    (1..).map(|number| kind.join(number.to_string())).take_while(|folder| folder.exists()).collect()
}

fn folder(kind: &str, generation: u32) -> PathBuf {
    let blessed = Path::new(env!("CARGO_MANIFEST_DIR")).join("blessed");
    blessed.join(kind).join(generation.to_string())
}

/// Writes what is missing when asked to; never over what is there.
fn bless<T: Serialize>(kind: &str, generation: u32, name: &str, sample: &T) {
    let folder = folder(kind, generation);
    let path = folder.join(format!("{name}.json"));
    if std::env::var_os("BLESS").is_none() || path.exists() {
        return;
    }
    fs::create_dir_all(folder).expect("a folder for samples");
    let text = serde_json::to_string_pretty(sample).expect("it has a stored form");
    fs::write(path, text + "\n").expect("a sample is written");
}

/// Every sample of a kind by its name, read as a `T` that has kept all it was written with.
fn blessed<T: Serialize + DeserializeOwned>(kind: &str) -> Vec<(String, T)> {
    let generations = generations(kind);
    assert!(!generations.is_empty(), "no {kind}: run {REMEDY}");
    let files =
        generations.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder of samples"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a sample can be read");
        let stored: Value = serde_json::from_str(&text).expect("a sample is JSON");
        let place = path.display();
        let value: T = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!(
                "{place} can no longer be read ({error}): read the stored form as well as the new"
            )
        });
        let kept = serde_json::to_value(&value).expect("it has a stored form");
        assert!(holds(&kept, &stored), "{place} loses something when read: {stored} became {kept}");
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), value)
    };
    files.map(|file| read(file.expect("a file").path())).collect()
}

/// Whether `new` has every member that `old` has; it may have more.
fn holds(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(name, old)| new.get(name).is_some_and(|new| holds(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| holds(new, old))
        }
        _ => new == old,
    }
}

fn assert_all_sampled<T>(
    kind: &str,
    wanted: impl IntoIterator<Item = String>,
    found: &[(String, T)],
) {
    let found: BTreeSet<&String> = found.iter().map(|(name, _)| name).collect();
    let missing: Vec<String> = wanted.into_iter().filter(|name| !found.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "blessed/{kind} lacks {missing:?}: give domain/tests/mother.rs one of each, run {REMEDY} \
         and commit the new files"
    );
}

/// The names of all variants, asked of serde itself, so that none can be forgotten.
fn event_types() -> Vec<String> {
    let unknown = serde_json::from_value::<Event>(json!({"type": "?"})).expect_err("no such type");
    let text = unknown.to_string();
    let names = text.split('`').skip(1).step_by(2).filter(|name| *name != "?");
    names.map(str::to_owned).collect()
}

#[test]
fn every_event_of_the_journal_is_read_for_ever() {
    for event in mother::every_event() {
        bless("journal", 1, event.event_type(), &event);
    }
    for event in mother::every_event_by_an_operator() {
        bless("journal", 2, event.event_type(), &event);
    }
    let samples = blessed::<Event>("journal");
    for (name, event) in &samples {
        assert_eq!(event.event_type(), name);
    }
    assert_all_sampled("journal", event_types(), &samples);
}

#[test]
fn serde_names_every_event_as_we_do() {
    let ours = mother::every_event().iter().map(|event| event.event_type().to_owned()).collect();
    let serdes: BTreeSet<String> = event_types().into_iter().collect();
    assert_eq!(serdes, ours, "give domain/tests/mother.rs one of each event");
}

#[test]
fn every_state_of_an_order_is_read_for_ever() {
    for &status in Status::ALL {
        bless("order", 1, status.as_str(), &mother::order(status));
    }
    bless("order", 2, "placed", &mother::tried_again());
    let samples = blessed::<Order>("order");
    for (name, order) in &samples {
        assert_eq!(order.status.as_str(), name);
    }
    assert_all_sampled("order", Status::ALL.iter().map(ToString::to_string), &samples);
}

#[test]
fn every_restaurant_is_read_for_ever() {
    let bella_napoli = Restaurant {
        restaurant_id: "bella-napoli".to_owned(),
        name: "Bella Napoli".to_owned(),
        currency: "EUR".to_owned(),
        menu: vec![MenuItem {
            item_id: "margherita".to_owned(),
            name: "Pizza Margherita".to_owned(),
            price_minor: 950,
        }],
        webhook: Some(Webhook {
            url: "https://bella-napoli.example/orders".to_owned(),
            secret: "whsec_bm90LWEtc2VjcmV0".to_owned(),
        }),
    };
    let without = Restaurant { webhook: None, ..bella_napoli.clone() };
    bless("restaurant", 1, "with_webhook", &bella_napoli);
    bless("restaurant", 1, "without_webhook", &without);
    let samples = blessed::<Restaurant>("restaurant");
    let names = ["with_webhook", "without_webhook"].map(str::to_owned);
    assert_all_sampled("restaurant", names, &samples);
}

#[test]
fn kinds_of_tasks_are_stored_in_these_words() {
    let cases = [
        (TaskKind::NotifyRestaurant, json!("notify_restaurant")),
        (TaskKind::RemindRestaurant(2), json!({"remind_restaurant": 2})),
        (Notification::Accepted.task(), json!({"notify_user": "order_accepted"})),
        (Notification::Rejected.task(), json!({"notify_user": "order_rejected"})),
        (Notification::Expired.task(), json!({"notify_user": "order_expired"})),
        (Notification::Cancelled.task(), json!({"notify_user": "order_cancelled"})),
        (Notification::TimedOut.task(), json!({"notify_user": "order_timed_out"})),
    ];
    for (kind, stored) in cases {
        assert_eq!(serde_json::to_value(kind).expect("a stored form"), stored);
        assert_eq!(serde_json::from_value::<TaskKind>(stored).expect("it is read"), kind);
    }
}
