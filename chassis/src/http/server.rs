//! Serves until it is told to stop.

use std::future::IntoFuture;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::shutdown::Shutdown;

/// How long running requests may take to finish after the shutdown began.
const DRAIN: Duration = Duration::from_secs(5);

/// Answers requests on `listener` until `shutdown`; then takes no more connections and lets the
/// running requests finish, for five seconds at most. What runs longer ends with the runtime; end
/// streams by a shutdown token of their own.
///
/// # Errors
/// None at present; failures to accept a connection are waited out.
pub async fn serve(listener: TcpListener, app: Router, shutdown: Shutdown) -> anyhow::Result<()> {
    serve_and_drain(listener, app, shutdown, DRAIN).await
}

/// The same with a limit to the time for running requests.
pub(super) async fn serve_and_drain(
    listener: TcpListener,
    app: Router,
    shutdown: Shutdown,
    drain: Duration,
) -> anyhow::Result<()> {
    // An answer is one small write: Nagle's algorithm would hold it back for an acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(cause) = stream.set_nodelay(true) {
            tracing::debug!("a connection stays without TCP_NODELAY: {cause}");
        }
    });
    let drained = axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let too_late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        outcome = drained => Ok(outcome?),
        () = too_late => {
            tracing::warn!("requests were still running {drain:?} after the shutdown began");
            Ok(())
        }
    }
}
