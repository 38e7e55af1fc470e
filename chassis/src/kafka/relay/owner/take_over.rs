//! Taking over: fence the predecessor, end what was left open, find out what is published, claim it.
//!
//! A position found in Kafka says what was to be published. Of the last transaction of either producer it is believed
//! only what can be read: a broker that dies while it ends one may commit it in some partitions and lose it in
//! others. What is missing is published with the claim, and nothing that is there already.

use super::super::progress::{Progress, find_last};
use super::super::readback::unseen;
use super::super::session::{Fencing, Session};
use super::super::settled::left_open;
use super::super::{Journal, Page, RelayConfig};
use super::{End, FENCE_LIMIT, Owner};
use crate::kafka::open::{oldest_open, open, partitions_of};
use crate::kafka::questions::{Asker, Askers};
use anyhow::{Context as _, anyhow, ensure};
use tracing::{info, warn};

/// How many batches it is read back at most: what lies open may be another's, who publishes what is years old.
const FAR: usize = 10;

/// How far the clocks of those who write one journal may be apart.
const CLOCKS_DIFFER_MS: i64 = 10_000;

/// What the progress topic says.
struct Said {
    /// As readers find it.
    committed: Option<Progress>,
    /// The last that was written, whatever became of its transaction.
    written: Option<Progress>,
}

impl Said {
    /// Up to where readers find everything published.
    fn position(&self) -> i64 {
        self.committed.as_ref().map_or(0, |progress| progress.position)
    }
}

impl<J: Journal> Owner<J> {
    /// Fences the predecessor, closes what was left open, reads the position, publishes what is missing
    /// before it and claims it: in this order.
    pub(super) fn take_over(&mut self, session: &Session, askers: &Askers) -> Result<(), End> {
        self.fence(session)?;
        if !self.journal.is_ours() {
            return Err(End::Stopped);
        }
        let open_since_ms = self.close_leftovers(session, askers).map_err(End::Again)?;
        let said = self.ask_progress(askers).map_err(End::Again)?;
        self.check_position(&said, askers)?;
        self.check_beginning(&said, askers)?;
        let is_claimed = self.is_own(said.committed.as_ref());
        let (after, position) = self.last_written(&said);
        self.check_journal(position).map_err(End::Refused)?;
        let after = self.reach_back(after, open_since_ms).map_err(End::Refused)?;
        let rows = self.rows_between(after, position).map_err(End::Refused)?;
        let missing = self.missing(rows, said.position(), askers).map_err(End::Again)?;
        let before = if missing.is_empty() { position } else { after };
        if !missing.is_empty() || said.position() < position || !is_claimed {
            let claim = Progress::new(before, position, &self.relay.run);
            session.publish(&missing, &claim).map_err(End::Again)?;
        }
        self.relay.claimed = true;
        (self.relay.position, self.relay.before) = (Some(position), Some(before));
        self.relay.gauges.took_over(position);
        self.tell()?;
        info!(relay = self.relay.config.transactional_id, position, "The relay has taken over");
        Ok(())
    }

    fn is_own(&self, progress: Option<&Progress>) -> bool {
        progress.is_some_and(|progress| progress.owner == self.relay.run)
    }

    /// Where this run has published, its position is still there. Where no shard's is, Kafka has lost what was published, or
    /// never had any of it: only a journal that still has everything may go on.
    fn check_position(&mut self, said: &Said, askers: &Askers) -> Result<(), End> {
        let (committed, written) = (said.committed.as_ref(), said.written.as_ref());
        let is_there = committed.or(written).is_some();
        let relay = self.relay.config.transactional_id.clone();
        if self.relay.claimed && is_there && !self.is_own(committed) && !self.is_own(written) {
            return Err(End::Refused(anyhow!(
                "another live process publishes as {relay}: stop one of the two"
            )));
        }
        if !is_there
            && let Err(cause) = self.journal.begin_anew()
            && self.knows_no_shard(&askers.uncommitted).map_err(End::Again)?
        {
            return Err(End::Refused(cause));
        }
        if self.relay.claimed && !is_there {
            return Err(End::Refused(anyhow!(
                "no position of {relay} is in Kafka any more, which was lost and made anew: \
                 a new start publishes its journal from the beginning"
            )));
        }
        Ok(())
    }

    /// Whether no shard has a position in Kafka.
    fn knows_no_shard(&self, asker: &Asker) -> anyhow::Result<bool> {
        for (topic, shard) in partitions_of(asker, [&*self.relay.config.progress_topic])? {
            if find_last(asker, &topic, shard, &shard.to_string())?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fence(&mut self, session: &Session) -> Result<(), End> {
        let mut asked = 0_u32;
        loop {
            if self.relay.shutdown.is_cancelled() {
                return Err(End::Stopped);
            }
            match session.fence(FENCE_LIMIT).map_err(End::Again)? {
                Fencing::Done => return Ok(()),
                Fencing::NotYet(reason) => {
                    // The first answer may be late because a predecessor's transaction is ended.
                    asked += 1;
                    if asked == 5 {
                        self.relay.report(&anyhow!(reason));
                        self.relay.failures += 1;
                    }
                    self.show_backlog().map_err(End::Refused)?;
                }
            }
        }
    }

    /// After the fencing nobody has a transaction open here, unless a broker has lost its end. What is
    /// aborted then may be this run's own claim, or rows of any transaction: says how old the oldest is.
    fn close_leftovers(
        &mut self,
        session: &Session,
        askers: &Askers,
    ) -> anyhow::Result<Option<i64>> {
        let own = (self.relay.config.progress_topic.clone(), self.relay.config.shard);
        let left_open = left_open(&self.relay.config, askers)?;
        if left_open.is_empty() {
            return Ok(None);
        }
        let since_ms = oldest_open(askers, &left_open)?;
        session.abort_in(&left_open)?;
        if left_open.contains(&own) {
            let relay = &self.relay.config.transactional_id;
            warn!(relay, "A broker left a transaction open: it is aborted");
            self.relay.claimed = false;
            ensure!(
                open(askers, &[own])?.is_empty(),
                "a transaction that a broker left open is still open"
            );
        }
        Ok(since_ms)
    }

    /// From where on no row is older than what lay open, at most `after`: rows of a transaction lie open until the
    /// next of its producer in the same partition, and others may have come since.
    fn reach_back(&mut self, mut after: i64, since_ms: Option<i64>) -> anyhow::Result<i64> {
        let Some(since_ms) = since_ms else { return Ok(after) };
        let (begins, step) = (self.journal.begins_after(), self.relay.config.batch);
        let mut first = Page::default();
        for _ in 0..FAR {
            if after <= begins {
                break;
            }
            let earlier = self.journal.earlier(after, step).context("the journal failed")?;
            after = earlier.clamp(begins, after - 1);
            self.read_into(&mut first, after, 1)?;
            let oldest = first.iter().next().map(|row| row.timestamp_ms);
            first.clear();
            if oldest.is_some_and(|oldest| oldest < since_ms - CLOCKS_DIFFER_MS) {
                break;
            }
        }
        Ok(after)
    }

    fn ask_progress(&self, askers: &Askers) -> anyhow::Result<Said> {
        let (config, key) = (&self.relay.config, self.relay.config.key());
        let find = |asker| find_last(asker, &config.progress_topic, config.shard, &key);
        Ok(Said { committed: find(&askers.committed)?, written: find(&askers.uncommitted)? })
    }

    /// The rows whose transactions may be ended in part: after the first position, up to the second.
    fn last_written(&self, said: &Said) -> (i64, i64) {
        let begins_after = self.journal.begins_after();
        let committed = said.position().max(begins_after);
        let written = said.written.as_ref().map_or(0, |progress| progress.position);
        let before = said.committed.as_ref().and_then(|progress| progress.after);
        let after = before.unwrap_or(committed).clamp(begins_after, committed);
        (after, committed.max(written))
    }

    /// The rows after the first position and up to the second, read as one page: nobody knows in which pages they were
    /// published, and others than those would end with records that never were to be.
    fn rows_between(&mut self, after: i64, end: i64) -> anyhow::Result<Page> {
        loop {
            let (count, last) = self.count_between(after, end)?;
            let (mut rows, mut position) = (Page::default(), after);
            // Some journals give fewer at once.
            while let Some(missing) = count.checked_sub(rows.rows()).filter(|missing| *missing > 0)
            {
                self.read_into(&mut rows, position, missing)?;
                match rows.last_position() {
                    Some(read_to) if read_to > position => position = read_to,
                    _ => break,
                }
            }
            rows.retain(|row| row.position <= end);
            // Rows of the journal may go to a store of history and come back at any moment.
            if rows.last_position() == last {
                return Ok(rows);
            }
        }
    }

    /// How many rows there are after the first position and up to the second, and where the last one stands.
    fn count_between(&mut self, after: i64, end: i64) -> anyhow::Result<(usize, Option<i64>)> {
        let (mut page, mut position, mut count, mut last) = (Page::default(), after, 0, None);
        while position < end {
            page.clear();
            self.read_into(&mut page, position, self.relay.config.batch)?;
            position = page.last_position().unwrap_or(end);
            page.retain(|row| row.position <= end);
            count += page.rows();
            last = page.last_position().or(last);
        }
        Ok((count, last))
    }

    fn read_into(&mut self, page: &mut Page, after: i64, limit: usize) -> anyhow::Result<()> {
        self.journal.read_after(after, limit, page).context("the journal failed")
    }

    /// Those of the rows that readers do not see, who find everything up to `found` published.
    fn missing(&self, mut rows: Page, found: i64, askers: &Askers) -> anyhow::Result<Page> {
        if !self.relay.config.reads_back {
            rows.retain(|row| row.position > found);
            return Ok(rows);
        }
        let unpublished = rows.iter().filter(|row| row.position > found).count();
        let missing = unseen(askers, rows, found)?;
        let lost = missing.iter().filter(|row| row.position <= found).count();
        let kept = unpublished - (missing.len() - lost);
        if lost > 0 || kept > 0 {
            let relay = &self.relay.config.transactional_id;
            warn!(relay, lost, kept, "A broker committed a transaction in part: it is completed");
            self.relay.gauges.lost();
        }
        Ok(missing)
    }

    /// A position beyond the journal's end belongs to another journal; going on would silently
    /// leave out every row up to it. One before what has left the journal belongs to an older Kafka; going on would
    /// leave out what has.
    fn check_journal(&mut self, position: i64) -> anyhow::Result<()> {
        if let Some(newest) = self.journal.newest().context("the journal failed")? {
            ensure!(
                position <= newest,
                "{} was published up to {position}, but its journal ends at {newest}: \
                 an older or other journal was put in its place",
                self.relay.config.transactional_id
            );
        }
        let gone = self.journal.newest_gone().context("the journal failed")?;
        match gone <= position {
            true => Ok(()),
            false => Err(self.is_older(position, gone, "has left the journal")),
        }
    }

    /// Before a journal that begins where others ended, that Kafka knows they did: the first shard's position, which is
    /// in each of them, never lies before that.
    fn check_beginning(&self, said: &Said, askers: &Askers) -> Result<(), End> {
        let (begins_after, topic) =
            (self.journal.begins_after(), &self.relay.config.progress_topic);
        if begins_after == 0 {
            return Ok(());
        }
        let first = match self.relay.config.shard {
            0 => said.written.clone(),
            _ => find_last(&askers.uncommitted, topic, 0, "0").map_err(End::Again)?,
        };
        match first.map(|first| first.position).filter(|first| *first < begins_after) {
            None => Ok(()),
            Some(first) => {
                Err(End::Refused(self.is_older(first, begins_after, "is what others did before")))
            }
        }
    }

    fn is_older(&self, published: i64, before: i64, why: &str) -> anyhow::Error {
        let RelayConfig { topics, progress_topic, .. } = &self.relay.config;
        anyhow!(
            "published up to {published}, as Kafka has it, but what was published up to {before} {why}: an older Kafka \
             was put in the place of the one that has it. Go on with that one; or delete its topics {progress_topic}, \
             {} and go on as where Kafka was lost",
            topics.join(", ")
        )
    }
}
