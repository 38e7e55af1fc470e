//! The inbox of the consumer loop: several topics, each with its sink, on one thread.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chassis::kafka::cluster::FindCluster;
use chassis::kafka::consumer::{Batch, Failure, Inbox, Position};
use chassis::shutdown::{Shutdown, answered};
use tokio::runtime::Handle;

use super::lookup::SchemaLookup;
use super::sink::Sink;
use super::window::FlushRules;
use crate::lake::{Lake, OpenError};

/// Takes records into the lake. Its thread must not be one of the runtime's.
pub struct LakeInbox {
    /// Where the tables are.
    pub lake: Lake,
    /// One per topic.
    pub sinks: Vec<Sink>,
    /// When to commit.
    pub rules: FlushRules,
    /// What schema ids mean.
    pub lookup: Arc<dyn SchemaLookup>,
    /// Which cluster the records are from. Positions belong to it.
    pub find_cluster: FindCluster,
    /// Where the lake's and the registry's work runs.
    pub runtime: Handle,
}

/// One that nobody waits for once the process stops.
struct Unless {
    stopped: Shutdown,
    asks: Arc<dyn SchemaLookup>,
}

#[async_trait]
impl SchemaLookup for Unless {
    async fn schema(&self, id: u32) -> anyhow::Result<Option<Arc<str>>> {
        answered(&self.stopped, self.asks.schema(id)).await
    }
}

impl LakeInbox {
    /// The same, which waits for no registry for more than a moment once the process stops.
    #[must_use]
    pub fn until(mut self, stop: &Shutdown) -> Self {
        self.lookup = Arc::new(Unless { stopped: stop.clone(), asks: self.lookup });
        self
    }

    fn flush_due(&mut self, now: Instant) -> Result<(), Failure> {
        for sink in self.sinks.iter_mut().filter(|sink| sink.window.is_due(&self.rules, now)) {
            self.runtime.block_on(sink.flush(&*self.lookup)).map_err(Failure::Retry)?;
        }
        Ok(())
    }
}

impl Inbox for LakeInbox {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        // Asked for each time: the cluster behind an address may have been made anew.
        let cluster = (self.find_cluster)().map_err(Failure::Retry)?;
        let mut positions = Vec::new();
        for sink in &mut self.sinks {
            let stored = self.runtime.block_on(sink.restart(&self.lake, &cluster));
            let stored = stored.map_err(|error| match error {
                OpenError::Foreign { .. } => Failure::Fatal(error.into()),
                OpenError::Failed(cause) => Failure::Retry(cause),
            })?;
            positions.extend(stored.into_iter().map(|(partition, offset)| Position {
                topic: sink.topic().to_owned(),
                partition,
                offset,
            }));
        }
        Ok(positions)
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        let now = Instant::now();
        for record in batch.records {
            // The loop reads our topics and no others.
            let Some(sink) = self.sinks.iter_mut().find(|sink| *sink.topic() == *record.topic)
            else {
                continue;
            };
            sink.window.push(record, now);
        }
        for span in &batch.spans {
            let Some(sink) = self.sinks.iter_mut().find(|sink| *sink.topic() == *span.topic) else {
                continue;
            };
            sink.window.advance(span, now).map_err(|torn| Failure::Retry(torn.into()))?;
        }
        for sink in &self.sinks {
            sink.show_pending(
                sink.window.advances().iter().map(|move_| move_.to - move_.from).sum(),
            );
        }
        self.flush_due(now)
    }

    fn tick(&mut self) -> Result<(), Failure> {
        self.flush_due(Instant::now())
    }

    fn has_recovered(&self) -> bool {
        self.sinks.iter().all(Sink::has_recovered)
    }

    fn stop(&mut self) -> Result<(), Failure> {
        for sink in &mut self.sinks {
            self.runtime.block_on(sink.flush(&*self.lookup)).map_err(Failure::Retry)?;
        }
        Ok(())
    }
}
