//! Which Kafka cluster it is.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, bail};

use super::KafkaConfig;
use super::admin::cluster_id;

/// How long one question waits for its answer, and thereby a stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for the id of a cluster, each time it is called.
pub type FindCluster = Box<dyn FnMut() -> anyhow::Result<String> + Send>;

/// Asks Kafka for the id of its cluster. Blocks for two seconds at most: a question that is not answered in time goes
/// on, and the next one is answered by it. A process that ends leaves it behind.
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
