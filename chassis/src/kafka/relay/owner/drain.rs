//! Draining a backlog: its pages are read on a thread of their own while those before them are published.
//!
//! Who publishes waits for Kafka some of the time, and who reads never does. So the reader is ahead by more than the
//! page that comes next, and has work while a transaction is committed. Pages that are published go back to be filled
//! anew, memory and all.

use super::super::session::Session;
use super::super::{Journal, Page};
use super::{Course, End, Relay};
use anyhow::Context as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// How many pages are read ahead of the one that is published.
const AHEAD: usize = 2;

/// A page of the journal, and where that ended when it was read.
struct Read {
    rows: Page,
    newest: Option<i64>,
}

/// A page that is to be filled anew, with the position and the moment that it was published at.
#[derive(Default)]
struct Spent {
    rows: Page,
    published: Option<(i64, i64)>,
}

/// Publishes `rows`, and all that comes after them up to a page that is not full. Leaves them empty.
pub(super) fn drain(
    relay: &mut Relay,
    session: &Session,
    course: &mut Course,
    journal: &mut impl Journal,
    rows: &mut Page,
) -> Result<(), End> {
    let (give_back, spent) = channel();
    let (hand_on, pages) = channel();
    (0..AHEAD).for_each(|_| drop(give_back.send(Spent::default())));
    let (after, batch) = (rows.last_position().unwrap_or(0), relay.config.batch);
    let newest = journal.newest().ok().flatten();
    let first = Read { rows: std::mem::take(rows), newest };
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
    mut page: Read,
    pages: Receiver<anyhow::Result<Read>>,
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
    hand_on: &Sender<anyhow::Result<Read>>,
) {
    while let Ok(spent) = spent.recv() {
        let page = fill(journal, after, batch, spent);
        let mut goes_on = false;
        if let Ok(Read { rows, .. }) = &page {
            goes_on = rows.rows() >= batch;
            after = rows.last_position().unwrap_or(after);
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
) -> anyhow::Result<Read> {
    if let Some((position, at_us)) = published {
        journal.published(position, at_us)?;
    }
    rows.clear();
    journal.read_after(after, batch, &mut rows)?;
    Ok(Read { rows, newest: journal.newest().ok().flatten() })
}
