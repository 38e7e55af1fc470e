//! The token by which a loop learns that it is to stop.

use std::future::Future;
use std::time::Duration;

use anyhow::bail;
pub use tokio_util::sync::CancellationToken as Shutdown;

/// How long who stops still waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer to a question. One that takes longer is waited for no more than two seconds beyond the stop, so that
/// whoever says nothing holds nobody up.
///
/// # Errors
/// Those of the question, or that the process stops.
pub async fn answered<T>(
    stop: &Shutdown,
    question: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        biased;
        answer = question => answer,
        () = stopped => bail!("there was no answer when the process stopped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_says_nothing_is_waited_for_until_a_moment_after_the_stop() {
        let (stop, answer) = (Shutdown::new(), || std::future::ready(anyhow::Ok(())));
        answered(&stop, answer()).await.expect("an answer");
        stop.cancel();
        answered(&stop, answer()).await.expect("an answer in time");
        answered(&stop, std::future::pending::<anyhow::Result<()>>()).await.expect_err("none");
    }
}
