//! Connections live on threads of their own: a query never blocks an async worker.

use crate::store::{Answer, Error};
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// One thread for each connection, all taking from one queue. They end when the last clone of this is
/// dropped, after what was queued is done.
#[derive(Clone)]
pub struct Threads {
    queue: mpsc::Sender<Job>,
}

impl Threads {
    /// Starts a thread for each connection.
    pub fn start(name: &str, connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for mut conn in connections {
            let jobs = Arc::clone(&jobs);
            let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                while let Ok(job) = next() {
                    job(&mut conn);
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs `job` on the next free connection, whether or not somebody still waits for its answer then.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Answer<'static, T> {
        let (reply, answer) = oneshot::channel();
        self.queue(answer, move |conn| drop(reply.send(job(conn))))
    }

    /// Asks `question` on the next free connection, unless nobody waits for its answer any more.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Answer<'static, T> {
        let (reply, answer) = oneshot::channel();
        self.queue(answer, move |conn| {
            if !reply.is_closed() {
                let _ = reply.send(question(conn));
            }
        })
    }

    fn queue<T: Send + 'static>(
        &self,
        answer: oneshot::Receiver<Result<T, Error>>,
        job: impl FnOnce(&mut Connection) + Send + 'static,
    ) -> Answer<'static, T> {
        let sent = self.queue.send(Box::new(job));
        Box::pin(async move {
            let gone = || Error::Unavailable(anyhow::anyhow!("its thread has ended"));
            sent.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }
}
