//! Draining a backlog: its pages are read on a thread of their own while those before them are published.
//!
//! Who publishes waits for Kafka some of the time, and who reads never does. So the reader is ahead by more than the
//! page that comes next, and has work while a transaction is committed. Pages that are published go back to be filled
//! anew, by which the memory of rows is given back by the thread that asks for it.

use super::super::session::Session;
use super::super::{Journal, Outgoing};
use super::{Course, End, Relay, rows_of_journal};
use anyhow::Context as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// How many pages are read ahead of the one that is published.
const AHEAD: usize = 2;

/// A page of the journal, as long as when it was read.
struct Page {
    rows: Vec<Outgoing>,
    newest: Option<i64>,
}

/// A page that is to be filled anew, with the position and the moment that it was published at.
#[derive(Default)]
struct Spent {
    rows: Vec<Outgoing>,
    published: Option<(i64, i64)>,
}

/// Publishes `rows`, and all that comes after them up to a page that is not full. Leaves them empty.
pub(super) fn drain(
    relay: &mut Relay,
    session: &Session,
    course: &mut Course,
    journal: &mut impl Journal,
    rows: &mut Vec<Outgoing>,
) -> Result<(), End> {
    let (give_back, spent) = channel();
    let (hand_on, pages) = channel();
    (0..AHEAD).for_each(|_| drop(give_back.send(Spent::default())));
    let (after, batch) = (rows.last().map_or(0, |row| row.position), relay.config.batch);
    let newest = journal.newest().ok().flatten();
    let first = Page { rows: std::mem::take(rows), newest };
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("relay-reader".to_string());
        let reading = reader
            .spawn_scoped(scope, move || read_on(journal, after, batch, &spent, &hand_on))
            .map_err(|error| End::Again(anyhow::Error::new(error).context("cannot read ahead")))?;
        let outcome = publish_pages(relay, session, course, first, pages, give_back);
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        outcome
    })
}

/// Publishes one page after the other, until there is none any more.
fn publish_pages(
    relay: &mut Relay,
    session: &Session,
    course: &mut Course,
    mut page: Page,
    pages: Receiver<anyhow::Result<Page>>,
    give_back: Sender<Spent>,
) -> Result<(), End> {
    loop {
        relay.publish(session, course, &page.rows, page.newest)?;
        let published = relay.position.map(|position| (position, relay.clock.now_us()));
        // A reader that has come to the end needs no more pages.
        let _ = give_back.send(Spent { rows: page.rows, published });
        if relay.shutdown.is_cancelled() {
            return Err(End::Stopped);
        }
        page = match pages.recv() {
            Ok(page) => page.context("the journal failed").map_err(End::Refused)?,
            Err(_) => return Ok(()),
        };
    }
}

/// Fills the pages that are given back, until one is not full or nobody wants them any more.
fn read_on(
    journal: &mut impl Journal,
    mut after: i64,
    batch: usize,
    spent: &Receiver<Spent>,
    hand_on: &Sender<anyhow::Result<Page>>,
) {
    while let Ok(spent) = spent.recv() {
        let page = fill(journal, after, batch, spent);
        let mut goes_on = false;
        if let Ok(Page { rows, .. }) = &page {
            goes_on = rows_of_journal(rows) >= batch;
            after = rows.last().map_or(after, |row| row.position);
        }
        if hand_on.send(page).is_err() || !goes_on {
            return;
        }
    }
}

fn fill(
    journal: &mut impl Journal,
    after: i64,
    batch: usize,
    Spent { mut rows, published }: Spent,
) -> anyhow::Result<Page> {
    if let Some((position, at_us)) = published {
        journal.published(position, at_us)?;
    }
    rows.clear();
    journal.read_after(after, batch, &mut rows)?;
    Ok(Page { rows, newest: journal.newest().ok().flatten() })
}
