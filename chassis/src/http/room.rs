//! For how many connections there is room. Each takes a file descriptor, and so does whatever this
//! process opens itself: files, databases, Kafka, calls to others. Who connects must not take those away.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections at a time, where there are descriptors for all of them.
const MOST: u32 = 8_192;

/// Descriptors that connections leave to everything else.
const LEFT: u64 = 1_024;

/// How many connections this process takes at a time; further ones wait in the listener's backlog.
/// Decided once, when the limit of file descriptors has been raised as far as the machine lets it.
pub fn most_connections() -> u32 {
    static DECIDED: OnceLock<u32> = OnceLock::new();
    *DECIDED.get_or_init(|| {
        let file_descriptors = raise();
        let connections = connections(file_descriptors);
        tracing::info!(connections, file_descriptors, "so many connections are taken at a time");
        if connections < MOST {
            tracing::warn!("raise the limit of file descriptors for up to {MOST} connections");
        }
        connections
    })
}

/// All but [`LEFT`], and where there are few, a half.
fn connections(file_descriptors: u64) -> u32 {
    let room = file_descriptors.saturating_sub(LEFT).max(file_descriptors / 2);
    u32::try_from(room).unwrap_or(MOST).min(MOST)
}

/// Raises the soft limit of this process to the hard one; what it is then.
fn raise() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: now.maximum, maximum: now.maximum };
    let reached = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => now.maximum,
        Err(cause) => {
            tracing::warn!(error = %cause, "the limit of file descriptors cannot be raised");
            now.current
        }
    };
    // None is no limit.
    reached.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use axum::Router;
    use tokio::net::TcpListener;

    use super::*;
    use crate::shutdown::Shutdown;

    #[test]
    fn whatever_the_limit_something_is_left() {
        for (file_descriptors, taken) in [
            (64, 32),
            (1_024, 512),
            (2_047, 1_023),
            (2_048, 1_024),
            (4_096, 3_072),
            (9_215, 8_191),
            (9_216, 8_192),
            (1_048_576, 8_192),
            (u64::MAX, 8_192),
        ] {
            assert_eq!(connections(file_descriptors), taken, "{file_descriptors}");
        }
    }

    /// What it is told by that it is the process of few descriptors.
    const ROLE: &str = "TAKEAWAY_TEST_FEW_DESCRIPTORS";

    /// Runs itself in a process of its own, with few descriptors, and knocks at its door.
    #[test]
    fn silent_connections_leave_descriptors_to_the_process() {
        if std::env::var_os(ROLE).is_some() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            return runtime.unwrap().block_on(be_knocked_at());
        }
        let mut process = Command::new("sh")
            .args(["-c", "ulimit -S -n 64 && ulimit -H -n 160 && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--nocapture", "silent_connections_leave_descriptors_to_the_process"])
            .env(ROLE, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = said.find_map(|line| Some(line.strip_prefix("listens on ")?.to_owned()));
        let address = address.unwrap();
        let _silent: Vec<_> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
        // From now on all stand before its door.
        drop(process.stdin.take());
        let said: Vec<_> = said.collect();
        assert!(process.wait().unwrap().success(), "{said:?}");
    }

    /// Serves, and opens files when as many are connected as it takes.
    async fn be_knocked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\nlistens on {}", listener.local_addr().unwrap());
        let _server = tokio::spawn(crate::http::serve(listener, Router::new(), Shutdown::new()));
        let all_there = tokio::task::spawn_blocking(|| {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        });
        all_there.await.unwrap().unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").map_or(usize::MAX, Iterator::count);
        while open() < 80 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let files: Result<Vec<_>, _> = (0..40).map(|_| File::open("/dev/null")).collect();
        assert!(files.is_ok(), "{files:?} beside {} connections", most_connections());
    }
}
