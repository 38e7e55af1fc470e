//! The PostgreSQL of these tests, through `deploy/postgres`, and a database of each test's own in it.

use super::super::Postgres;
use chassis::postgres::Address;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// Longer than anything here takes on a slow machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A running server. It begins without data and is stopped once this process is gone, however it
/// went. Its port is 5432 and `port_offset`.
pub struct Server {
    var: PathBuf,
    port_offset: u16,
    /// Of the database `orders`.
    url: String,
}

impl Server {
    /// The one that all tests share who do not stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let server = Self::start("postgres-orders", 6_000);
            // A statistics run is a transaction too, and would hold the horizon back.
            let calm = "ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()";
            run(&server.url, calm.split_inclusive(';'));
            server
        })
    }

    /// A new one, with its data in `target/NAME`.
    pub fn start(name: &str, port_offset: u16) -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let target = program.ancestors().nth(3).expect("target/debug/deps/program");
        let mut server = Self { var: target.join(name), port_offset, url: String::new() };
        std::fs::create_dir_all(&server.var).expect("a folder");
        std::fs::write(server.var.join("owner"), process::id().to_string()).expect("a file");
        server.deploy("clean");
        server.watch();
        server.url = server.deploy("up").trim().to_owned();
        server
    }

    /// Runs `deploy/postgres COMMAND` for it: `up`, `down` or `crash`.
    pub fn deploy(&self, command: &str) -> String {
        let output = Command::new(script())
            .arg(command)
            .env("TAKEAWAY_VAR", &self.var)
            .env("TAKEAWAY_PORT_OFFSET", self.port_offset.to_string())
            .stdin(Stdio::null())
            .output()
            .expect("deploy/postgres starts");
        let cause = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "deploy/postgres {command}: {cause}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A test's statics are never dropped, and a killed test drops nothing: so a process is left
    /// behind. A server that has another owner by then is left alone.
    fn watch(&self) {
        let end = "tail --pid=\"$1\" -s 0.2 -f /dev/null\n\
                   [[ $(cat \"$TAKEAWAY_VAR/owner\") != \"$1\" ]] || exec \"$2\" clean";
        let watching = Command::new("setsid")
            .args(["bash", "-c", end, "watch", &process::id().to_string()])
            .arg(script())
            .env("TAKEAWAY_VAR", &self.var)
            .env("TAKEAWAY_PORT_OFFSET", self.port_offset.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        assert!(watching.is_ok(), "nobody would stop the server: {watching:?}");
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postgres")
}

/// A database. Those on the shared server take turns: a transaction of one test would hold back the
/// horizon of another, who reads what it has just written.
pub struct Place {
    /// Of the database.
    pub name: String,
    /// With its secret.
    pub url: String,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Place {
    /// A new one without tables on the shared server.
    pub fn empty() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { _turn: Some(turn), ..Self::on(Server::shared()) }
    }

    /// A new one with the tables of this version.
    pub fn migrated() -> Self {
        let place = Self::empty();
        place.migrate();
        place
    }

    /// A new one without tables on `server`.
    pub fn on(server: &Server) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("place_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        run(&server.url, [format!("CREATE DATABASE {name}")]);
        let (before, _) = server.url.rsplit_once('/').expect("a database in the address");
        Self { url: format!("{before}/{name}"), name, _turn: None }
    }

    pub fn migrate(&self) {
        let address = self.address();
        wait(async move {
            let began = Instant::now();
            loop {
                match Postgres::migrate(&address).await {
                    Err(error) if is_closed(&error) && began.elapsed() < LIMIT => {}
                    migrated => return migrated.map(drop),
                }
            }
        })
        .expect("it is migrated");
    }

    pub fn address(&self) -> Address {
        self.url.parse().expect("deploy/postgres prints an address")
    }

    /// The store of one more instance.
    pub fn store(&self) -> Postgres {
        Postgres::unchecked(&self.address()).expect("a store")
    }

    /// A session for SQL of a test's own.
    pub async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }
}

/// Whether the server has ended the session: it does when this process was stopped within a transaction.
fn is_closed(error: &anyhow::Error) -> bool {
    let mut causes =
        error.chain().filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    causes.any(tokio_postgres::Error::is_closed)
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
    tokio::spawn(connection);
    client
}

/// Runs statements, each in a transaction of its own.
fn run(url: &str, statements: impl IntoIterator<Item: AsRef<str>>) {
    let statements: Vec<_> = statements.into_iter().map(|sql| sql.as_ref().to_owned()).collect();
    let url = url.to_owned();
    wait(async move {
        let client = connect(&url).await;
        for sql in statements {
            client.batch_execute(&sql).await.expect("the statement runs");
        }
        Ok(())
    })
    .expect("the statements run");
}

/// Waits from within asynchronous code too, on a thread of its own.
fn wait(work: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> anyhow::Result<()> {
    let thread = std::thread::spawn(move || tokio::runtime::Runtime::new()?.block_on(work));
    thread.join().expect("no panic")
}
