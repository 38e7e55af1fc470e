//! What was stored once is read for ever: events of the journal, states of orders, restaurants and
//! the kinds of tasks. A sample in `blessed/KIND/VERSION/` never changes; when a stored form does,
//! `BLESS=1` adds a sample of its next version.

use super::mother;
use crate::domain::{
    Event, FlowVersion, MailAddress, MenuItem, Notification, Order, Restaurant, Status, TaskKind,
    Webhook,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const REMEDY: &str = "BLESS=1 cargo test -p orders-context --lib stored_format";

/// Samples by name and version.
type Samples<T> = BTreeMap<String, BTreeMap<u32, (Value, T)>>;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("blessed").join(kind)
}

fn versions(kind: &str) -> Vec<(u32, PathBuf)> {
    let folders = fs::read_dir(folder(kind)).unwrap_or_else(|_| panic!("no {kind}: run {REMEDY}"));
    let version = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name.parse().expect("a version"), path)
    };
    folders.map(|folder| version(folder.expect("a folder").path())).collect()
}

/// Every sample of a kind, read as a `T` that has kept all it was written with.
fn blessed<T: Serialize + DeserializeOwned>(kind: &str) -> Samples<T> {
    let mut samples = Samples::new();
    for (version, folder) in versions(kind) {
        for file in fs::read_dir(folder).expect("a folder of samples") {
            let path = file.expect("a file").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            samples.entry(name).or_default().insert(version, read(&path));
        }
    }
    samples
}

fn read<T: Serialize + DeserializeOwned>(path: &Path) -> (Value, T) {
    let text = fs::read_to_string(path).expect("a sample can be read");
    let stored: Value = serde_json::from_str(&text).expect("a sample is JSON");
    let place = path.display();
    let value: T = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{place} can no longer be read ({error}): write an upcaster, see domain/upcast.rs")
    });
    let kept = serde_json::to_value(&value).expect("it has a stored form");
    assert!(holds(&kept, &stored), "{place} loses something when read: {stored} became {kept}");
    (stored, value)
}

/// Finds a sample of everything that is written today.
fn assert_sampled<T: Serialize + DeserializeOwned>(kind: &str, today: &[(String, &T)]) {
    for (name, value) in today {
        let samples = blessed::<T>(kind);
        let written = serde_json::to_value(value).expect("it has a stored form");
        let versions = samples.get(name).into_iter().flatten();
        if versions.clone().any(|(_, (stored, _))| *stored == written) {
            continue;
        }
        let version = versions.last().map_or(1, |(version, _)| version + 1);
        let path = folder(kind).join(version.to_string()).join(format!("{name}.json"));
        assert!(
            std::env::var_os("BLESS").is_some(),
            "{} is missing: the stored form is another or new. See that what was written before is \
             understood (domain/upcast.rs), run {REMEDY} and commit the new file",
            path.display()
        );
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for samples");
        let text = serde_json::to_string_pretty(&written).expect("it is JSON");
        fs::write(path, text + "\n").expect("a sample is written");
    }
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

/// The names of all variants, asked of serde itself, so that none can be forgotten.
fn event_types() -> Vec<String> {
    let unknown = serde_json::from_value::<Event>(json!({"type": "?"})).expect_err("no such type");
    let text = unknown.to_string();
    let names = text.split('`').skip(1).step_by(2).filter(|name| *name != "?");
    names.map(str::to_owned).collect()
}

#[test]
fn every_event_of_the_journal_is_read_for_ever() {
    for (name, versions) in &blessed::<Event>("journal") {
        assert!(versions.values().all(|(_, event)| event.event_type() == name), "{name}");
    }
    let events = [
        mother::every_event(),
        mother::every_event_by_an_operator(),
        mother::every_answer_with_words(),
    ]
    .concat();
    let today: Vec<_> = events.iter().map(|event| (event.event_type().to_owned(), event)).collect();
    assert_sampled("journal", &today);
}

#[test]
fn serde_names_every_event_as_we_do() {
    let ours = mother::every_event().iter().map(|event| event.event_type().to_owned()).collect();
    let serdes: BTreeSet<String> = event_types().into_iter().collect();
    assert_eq!(serdes, ours, "give domain/tests/mother.rs one of each event");
}

#[test]
fn every_state_of_an_order_is_read_for_ever() {
    for (name, versions) in &blessed::<Order>("order") {
        assert!(versions.values().all(|(_, order)| order.status.as_str() == name), "{name}");
    }
    let mut orders: Vec<_> = Status::ALL.iter().map(|&status| mother::order(status)).collect();
    orders.push(mother::tried_again());
    orders.push(mother::waiting_again());
    orders.extend(mother::answered_with_words());
    let today: Vec<_> = orders.iter().map(|order| (order.status.to_string(), order)).collect();
    assert_sampled("order", &today);
}

/// What the upcasters say of the time before a member existed.
#[test]
fn what_was_stored_before_flows_had_numbers_is_of_the_first() {
    let events = blessed::<Event>("journal");
    let (_, placed) = &events["order_placed"][&1];
    assert_eq!(placed, &mother::order_placed_under(FlowVersion::FIRST));
    for (name, versions) in &blessed::<Order>("order") {
        let (_, order) = &versions[&1];
        assert_eq!((order.flow_version, order.policy.version), (FlowVersion::FIRST, 1), "{name}");
    }
}

/// An order that a newer program placed is left alone: it cannot be read.
#[test]
fn a_flow_of_the_future_cannot_be_read() {
    let mut stored = serde_json::to_value(mother::order_placed()).expect("a stored form");
    for number in [0, FlowVersion::LATEST.number() + 1, -1] {
        stored["flow_version"] = json!(number);
        let refused = serde_json::from_value::<Event>(stored.clone()).expect_err("no such flow");
        assert!(refused.to_string().contains(&format!("not {number}")), "{refused}");
    }
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
        mail: None,
    };
    let mail = Some(MailAddress("kitchen@bella-napoli.example".to_owned()));
    let mailed = Restaurant { mail, ..bella_napoli.clone() };
    let without = Restaurant { webhook: None, ..bella_napoli.clone() };
    blessed::<Restaurant>("restaurant");
    let today = [
        ("with_webhook".to_owned(), &bella_napoli),
        ("without_webhook".to_owned(), &without),
        ("with_mail".to_owned(), &mailed),
    ];
    assert_sampled("restaurant", &today);
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
