//! Serves until it is told to stop. Every wait on a stranger has an end, and there is a limit to the
//! connections that strangers can hold.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::{Tls, most_connections};
use crate::shutdown::Shutdown;

/// How long running requests may take to finish after the shutdown began.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a client may take to agree on encryption.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(75);

/// How long a connection may stay whose client has vanished, in a tunnel or with a phone that was switched off:
/// so long may what was sent to it stay without an acknowledgement.
const GONE_AFTER: Duration = Duration::from_secs(30);

/// An idle client is asked after so long whether it is still there.
const ASK_AFTER: Duration = Duration::from_secs(15);

/// What is waited when no connection can be taken, for want of memory for instance.
const BREATH: Duration = Duration::from_millis(100);

/// Answers requests on `listener` until `shutdown`; then takes no more connections and lets the
/// running requests finish, for five seconds at most. What runs longer ends with the runtime; end
/// streams by a shutdown token of their own.
///
/// # Errors
/// None at present; failures to accept a connection are waited out.
pub async fn serve(listener: TcpListener, app: Router, shutdown: Shutdown) -> anyhow::Result<()> {
    serve_over(None, listener, app, shutdown).await
}

/// The same, encrypted if `tls` is given.
///
/// # Errors
/// Those of [`serve`].
pub async fn serve_over(
    tls: Option<Tls>,
    listener: TcpListener,
    app: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let most = most_connections();
    Server { tls, app, shutdown, most, drain: DRAIN, head_time: HEAD_TIME }.run(listener).await
}

/// What a connection needs.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) tls: Option<Tls>,
    pub(super) app: Router,
    pub(super) shutdown: Shutdown,
    /// Connections at a time.
    pub(super) most: u32,
    /// The time for running requests after the shutdown began.
    pub(super) drain: Duration,
    /// The time for the head of a request.
    pub(super) head_time: Duration,
}

impl Server {
    pub(super) async fn run(self, listener: TcpListener) -> anyhow::Result<()> {
        if let Err(cause) = miss_the_vanished(&listener) {
            tracing::warn!(error = %cause, "clients that vanish are missed late");
        }
        let room = Arc::new(Semaphore::new(self.most as usize));
        loop {
            let taken = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                taken = take(&listener, &room) => taken,
            };
            let Some((stream, permit)) = taken else { continue };
            tokio::spawn(self.clone().answer(stream, permit));
        }
        drop(listener);
        let all_gone = room.acquire_many(self.most);
        if tokio::time::timeout(self.drain, all_gone).await.is_err() {
            let drain = self.drain;
            tracing::warn!("requests were still running {drain:?} after the shutdown began");
        }
        Ok(())
    }

    /// Answers what comes over one connection.
    async fn answer(self, stream: TcpStream, _permit: OwnedSemaphorePermit) {
        // An answer is one small write: Nagle's algorithm would hold it back for an acknowledgement.
        if let Err(cause) = stream.set_nodelay(true) {
            tracing::debug!("a connection stays without TCP_NODELAY: {cause}");
        }
        let Some(tls) = &self.tls else { return self.speak(stream).await };
        match tokio::time::timeout(HANDSHAKE_TIME, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(cause)) => tracing::debug!("no encryption was agreed on: {cause}"),
            Err(_) => tracing::debug!("no encryption was agreed on within {HANDSHAKE_TIME:?}"),
        }
    }

    async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let app = &self.app;
        let answer = service_fn(move |request: Request<Incoming>| {
            let answered = app.clone().oneshot(request.map(Body::new));
            async move { answered.await as Result<Response, Infallible> }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_time)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(cause) = ended {
            tracing::debug!("a connection broke: {cause}");
        }
    }
}

/// Ends connections whose clients are gone without a word, which otherwise lasts a quarter of an hour. What a
/// listener is told holds for each connection that it accepts (Linux, `tcp(7)`).
pub(super) fn miss_the_vanished(listener: &TcpListener) -> std::io::Result<()> {
    let asking = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_AFTER / 3);
    let socket = SockRef::from(listener);
    socket.set_tcp_keepalive(&asking)?;
    socket.set_tcp_user_timeout(Some(GONE_AFTER))
}

/// The next connection, once there is room for it.
async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(cause) => {
            let client_left = matches!(
                cause.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
            );
            if !client_left {
                tracing::warn!(error = %cause, "no connection can be taken");
                tokio::time::sleep(BREATH).await;
            }
            None
        }
    }
}
