//! Whatever ends one loop ends all of them, the last one started first.

use std::sync::{Arc, Mutex};

use super::*;

const GRACE: Duration = Duration::from_secs(30);

/// The names of loops in the order in which they stopped.
#[derive(Clone, Default)]
struct Stops(Arc<Mutex<Vec<&'static str>>>);

impl Stops {
    fn push(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

/// A kitchen of two tasks and a thread, each of which stops when told.
fn kitchen() -> (Supervisor, Stops) {
    let (mut supervisor, stops) = (Supervisor::new(), Stops::default());
    let noted = stops.clone();
    supervisor.spawn("stove", |stop| async move {
        stop.cancelled().await;
        noted.push("stove");
        Ok(())
    });
    let noted = stops.clone();
    supervisor.spawn_thread("oven", move |stop| {
        wait_for(&stop);
        noted.push("oven");
        Ok(())
    });
    let noted = stops.clone();
    supervisor.spawn("waiter", |stop| async move {
        stop.cancelled().await;
        noted.push("waiter");
        Ok(())
    });
    (supervisor, stops)
}

fn wait_for(stop: &Shutdown) {
    while !stop.is_cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn failure_of(supervisor: Supervisor, stops: &Stops) -> String {
    let failure = supervisor.run(GRACE).await.unwrap_err();
    assert_eq!(stops.names(), ["waiter", "oven", "stove"]);
    format!("{failure:#}")
}

#[tokio::test]
async fn a_request_to_stop_stops_all_in_reverse_order() {
    let (supervisor, stops) = kitchen();
    supervisor.shutdown().cancel();
    supervisor.run(GRACE).await.unwrap();
    assert_eq!(stops.names(), ["waiter", "oven", "stove"]);
}

#[tokio::test]
async fn an_error_stops_all_and_is_reported_with_its_loop_and_chain() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn("relay", |_| async { Err(anyhow!("no broker").context("publishing")) });
    assert_eq!(failure_of(supervisor, &stops).await, "loop relay: publishing: no broker");
}

#[tokio::test]
async fn an_error_of_a_thread_stops_all() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn_thread("relay", |_| Err(anyhow!("no broker")));
    assert_eq!(failure_of(supervisor, &stops).await, "loop relay: no broker");
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn("relay", |_| async { panic!("the soup is {}", "cold") });
    assert_eq!(failure_of(supervisor, &stops).await, "loop relay: panicked: the soup is cold");
}

#[tokio::test]
async fn a_panic_of_a_thread_is_a_failure() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn_thread("relay", |_| panic!("the soup is cold"));
    assert_eq!(failure_of(supervisor, &stops).await, "loop relay: panicked: the soup is cold");
}

#[tokio::test]
async fn a_loop_that_ends_by_itself_is_a_failure() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn("relay", |_| async { Ok(()) });
    assert_eq!(failure_of(supervisor, &stops).await, "loop relay: ended by itself");
}

#[tokio::test]
async fn a_loop_that_will_not_stop_does_not_keep_the_others() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn("glutton", |_| std::future::pending());
    supervisor.shutdown().cancel();
    let failure = supervisor.run(Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "loop glutton: did not stop within 500ms");
    // A thread that was not let run for so long is left behind too, and stops all the same.
    let all = async {
        while stops.names().len() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(GRACE, all).await.unwrap();
    let mut names = stops.names();
    names.sort_unstable();
    assert_eq!(names, ["oven", "stove", "waiter"]);
}

#[tokio::test]
async fn a_failure_while_stopping_is_reported_and_the_rest_still_stops() {
    let (mut supervisor, stops) = kitchen();
    supervisor.spawn("till", |stop| async move {
        stop.cancelled().await;
        Err(anyhow!("the till is short"))
    });
    supervisor.shutdown().cancel();
    let failure = supervisor.run(GRACE).await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "loop till: the till is short");
    assert_eq!(stops.names(), ["waiter", "oven", "stove"]);
}

#[tokio::test]
async fn dropping_a_supervisor_stops_its_threads() {
    let mut supervisor = Supervisor::new();
    let (done, stopped) = oneshot::channel();
    supervisor.spawn_thread("oven", move |stop| {
        wait_for(&stop);
        done.send(()).map_err(|()| anyhow!("nobody waits"))
    });
    drop(supervisor);
    tokio::time::timeout(GRACE, stopped).await.unwrap().unwrap();
}
