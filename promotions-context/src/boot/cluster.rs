//! Which Kafka cluster it is.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::kafka::KafkaConfig;
use chassis::kafka::admin::cluster_id;

use crate::inbound::FindCluster;

/// How long one question waits for its answer, and thereby a stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks Kafka for the id of its cluster. Never blocks for long: a question that is not answered in time goes on, and
/// the next one is answered by it.
pub fn find(kafka: KafkaConfig) -> FindCluster {
    let mut asked = None;
    Box::new(move || {
        let answer = match asked.take() {
            Some(answer) => answer,
            None => ask(kafka.clone())?,
        };
        match answer.recv_timeout(PATIENCE) {
            Ok(found) => found,
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the question for the cluster's id broke off")
            }
            Err(RecvTimeoutError::Timeout) => {
                asked = Some(answer);
                bail!("Kafka does not answer at {}", kafka.bootstrap)
            }
        }
    })
}

/// Asks on a thread of its own, which can be left behind at a stop: Kafka may be away for long.
fn ask(kafka: KafkaConfig) -> anyhow::Result<Receiver<anyhow::Result<String>>> {
    let (tell, answer) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("cluster-id".to_owned())
        .spawn(move || {
            // Nobody waits any more once the consumer has stopped.
            let _ = tell.send(runtime.block_on(cluster_id(&kafka)));
        })
        .context("cannot start a thread to ask Kafka")?;
    Ok(answer)
}
