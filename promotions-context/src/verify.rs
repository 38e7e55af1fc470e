//! `promotions verify`: is the topic what the journal says, and is there one voucher for each
//! campaign and order? It holds all events in memory: a command for people and tests, not a loop.

mod compare;
mod topic;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use chassis::kafka::scan::{Isolation, scan};
use chassis::kafka::{Incoming, KafkaConfig};
use schemas::{RegistryAddress, RegistryClient, topics};
use tokio::runtime::Handle;

use crate::config::DatabaseUrl;
use crate::outbound::published_form;
use crate::store::journal::{JournalRow, newest_position, read_journal_after};
use crate::store::vouchers::count_vouchers;
use crate::store::{Error, Reader, Store};
use compare::{Facts, Origin, differences};
use topic::Topic;

/// Rows read from the journal at a time.
const PAGE: u32 = 10_000;

/// The pause before a difference is looked at again.
const PAUSE: Duration = Duration::from_millis(500);

/// What is verified.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where the topics are.
    pub kafka: KafkaConfig,
    /// Where the schemas of their records are.
    pub registry: RegistryAddress,
    /// Where the journal is.
    pub database: DatabaseUrl,
}

/// Compares until nothing differs or `patience` is over, since a running relay needs a moment;
/// prints the outcome. What is added to the journal meanwhile need not be on the topics yet.
///
/// # Errors
/// Something could not be read, which proves nothing either way.
pub async fn run(subject: Subject, patience: Duration) -> anyhow::Result<ExitCode> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || run_blocking(&subject, patience, &runtime)).await?
}

fn run_blocking(
    subject: &Subject,
    patience: Duration,
    runtime: &Handle,
) -> anyhow::Result<ExitCode> {
    let path = subject.database.path();
    let reader = Store::at(path)
        .reader()
        .with_context(|| format!("cannot open {}: PROMOTIONS_DATABASE_URL", path.display()))?;
    let registry = RegistryClient::at(&subject.registry)?;
    let started = Instant::now();
    let newest = newest_position(&reader)?;
    loop {
        // The topics first: whatever is on them must be in the journal by then.
        let (published, mut found) = read_topics(&subject.kafka, &registry, runtime)?;
        let (journal, (vouchers, pairs)) = reader
            .of_one_moment(|reader| Ok((read_journal(reader, newest)?, count_vouchers(reader)?)))?;
        found.extend(differences(&journal, &published));
        if vouchers != pairs {
            found.push(format!("{vouchers} vouchers for {pairs} pairs of campaign and order"));
        }
        if vouchers != journal.issued() {
            let issued = journal.issued();
            found.push(format!("{vouchers} vouchers, but {issued} were issued by the journal"));
        }
        if found.is_empty() {
            let (events, letters) = (published.events(), published.dead_letters.len());
            println!("clean: {vouchers} vouchers, {events} events, {letters} dead letters");
            return Ok(ExitCode::SUCCESS);
        }
        if started.elapsed() >= patience {
            for difference in found {
                println!("{difference}");
            }
            return Ok(ExitCode::FAILURE);
        }
        std::thread::sleep(PAUSE);
    }
}

/// All of the journal; what lies behind the position `newest` is new.
fn read_journal(reader: &Reader, newest: i64) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    let mut position = 0;
    loop {
        let rows = read_journal_after(reader, position, PAGE)?;
        let Some((last, _)) = rows.last() else {
            return Ok(facts);
        };
        position = *last;
        for (position, row) in rows {
            match row {
                JournalRow::VoucherEvent(stored) if position > newest => {
                    facts.add_new_event(published_form(&stored));
                }
                JournalRow::VoucherEvent(stored) => facts.add_event(published_form(&stored)),
                JournalRow::DeadLetter(letter) => {
                    let origin = Origin {
                        topic: letter.origin.topic.to_string(),
                        partition: letter.origin.partition.to_string(),
                        offset: letter.origin.offset.to_string(),
                    };
                    match position > newest {
                        true => facts.add_new_letter(origin),
                        false => facts.dead_letters.push(origin),
                    }
                }
            }
        }
    }
}

fn read_topics(
    kafka: &KafkaConfig,
    registry: &RegistryClient,
    runtime: &Handle,
) -> anyhow::Result<(Facts, Vec<String>)> {
    let mut topic = Topic::new(registry, runtime);
    scan(kafka, topics::VOUCHER_EVENTS.name, Isolation::Committed, |record| topic.take(&record))?;
    let Topic { mut facts, strange, .. } = topic;
    scan(kafka, topics::PROMOTIONS_ORDER_DLQ.name, Isolation::Committed, |record| {
        facts.dead_letters.push(Origin {
            topic: header(&record, "dlq.topic"),
            partition: header(&record, "dlq.partition"),
            offset: header(&record, "dlq.offset"),
        });
        Ok(())
    })?;
    Ok((facts, strange))
}

/// The last header of this name: those of a dead letter follow those of its origin.
fn header(record: &Incoming, name: &str) -> String {
    let value = record.headers.iter().rev().find(|(known, _)| known == name);
    value.map_or_else(String::new, |(_, value)| String::from_utf8_lossy(value).into_owned())
}
