//! What is made of the code and committed: the AsyncAPI document and the page of events, whole and true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use schemas::access::PRINCIPALS;
use schemas::catalogue::{self, CHAPTERS};
use schemas::golden::GOLDEN;
use schemas::{access, asyncapi, topics};
use serde_json::Value;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The committed file, written anew first when asked to.
fn committed(file: &str, made: &str) -> String {
    if env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(path(file), made).expect("the file can be written");
    }
    fs::read_to_string(path(file)).unwrap_or_default()
}

#[test]
fn the_asyncapi_document_is_what_the_code_describes() {
    let document = asyncapi::document();
    let text = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
    let committed: Value =
        serde_json::from_str(&committed("asyncapi.json", &text)).unwrap_or_default();
    assert!(
        committed == document,
        "schemas/asyncapi.json is not what the code describes. Write it anew, look at the \
         difference, tell those who read the topics: BLESS=1 cargo test -p schemas asyncapi_document"
    );
}

#[test]
fn the_events_page_is_what_the_code_describes() {
    let page = catalogue::markdown();
    assert!(
        committed("EVENTS.md", &page) == page,
        "schemas/EVENTS.md is not what the code describes. Write it anew and read it: \
         BLESS=1 cargo test -p schemas events_page"
    );
}

#[test]
fn every_event_type_has_a_page_and_every_page_an_event_type() {
    for chapter in CHAPTERS {
        let told: Vec<_> = chapter.pages.iter().map(|page| page.event_type).collect();
        assert_eq!(
            told.iter().collect::<BTreeSet<_>>(),
            chapter.event_types.iter().collect::<BTreeSet<_>>(),
            "one page for each event type of {} in schemas/src/catalogue/",
            chapter.topic.name
        );
        for page in chapter.pages {
            for said in [page.when, page.why, page.who, page.follows] {
                assert!(said.ends_with('.'), "{}: a whole sentence, not {said:?}", page.event_type);
            }
        }
    }
    let published = topics::ALL.iter().filter(|topic| topic.subject.is_some());
    assert_eq!(published.count(), CHAPTERS.len(), "every topic with a schema is a chapter");
}

/// The blessed samples on disk, each as topic, version and event type.
fn on_disk() -> BTreeSet<(String, String, String)> {
    let inside = |path: PathBuf| {
        let entries = fs::read_dir(&path).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path())
    };
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let last = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut found = BTreeSet::new();
    for topic in inside(path("blessed")).filter(|path| path.is_dir()) {
        for version in inside(topic.clone()) {
            for message in inside(version.clone()) {
                found.insert((last(&topic), last(&version), name(&message)));
            }
        }
    }
    found
}

#[test]
fn every_blessed_message_is_a_golden_record() {
    let listed: BTreeSet<_> = GOLDEN
        .iter()
        .map(|each| {
            (each.topic.name.to_owned(), each.version.to_string(), each.event_type.to_owned())
        })
        .collect();
    assert_eq!(listed, on_disk(), "schemas/src/golden.rs lists what is in schemas/blessed");
    assert_eq!(listed.len(), GOLDEN.len(), "each once");
}

#[test]
fn a_golden_record_brings_its_schema_its_key_and_its_headers() {
    for golden in GOLDEN {
        let (key, headers) = golden.key_and_headers().expect("a golden record is readable");
        let subject = headers.iter().find(|(name, _)| *name == "ce_subject");
        assert_eq!(subject.map(|(_, value)| value), Some(&key), "{golden:?}");
        let kind = headers.iter().find(|(name, _)| *name == "ce_type").expect("a type");
        assert!(kind.1.contains(golden.event_type), "{golden:?}");
        assert!(golden.schema().contains("\"record\""), "{golden:?}");
        assert_eq!(golden.framed(0x0102_0304)[..5], [0, 1, 2, 3, 4]);
    }
}

#[test]
fn the_access_text_is_what_the_code_describes() {
    let text = access::text();
    assert!(
        committed("access.txt", &text) == text,
        "schemas/access.txt is not what the code describes. Write it anew, look at the difference, \
         and bring it to the brokers (deploy/access): BLESS=1 cargo test -p schemas access_text"
    );
}

#[test]
fn every_topic_has_one_writer() {
    for topic in topics::ALL {
        let writers = PRINCIPALS.iter().filter(|principal| principal.may_write(topic));
        let writers: Vec<_> = writers.map(|principal| principal.name).collect();
        assert_eq!(writers, [topic.owner.context()], "{}", topic.name);
    }
}
