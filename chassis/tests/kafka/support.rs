//! The broker of these tests, a journal in memory, and waiting with a limit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chassis::clock::{Clock, SystemClock};
use chassis::kafka::admin::{Partitioning, TopicSpec, apply_topics};
use chassis::kafka::relay::{Journal, Outgoing, Page, RelayConfig, run_relay};
use chassis::kafka::scan::{Isolation, scan, settles};
use chassis::kafka::{Headers, Incoming, KafkaConfig};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;

/// Longer than anything here takes on a slow machine.
pub const LIMIT: Duration = Duration::from_secs(90);

/// A stack of its own, stopped when the last test that uses it is done.
pub struct Broker {
    var: PathBuf,
    port_offset: u16,
}

impl Broker {
    /// Starts Kafka on 9092 + `port_offset`, with its data in `target/NAME`.
    pub fn start(name: &str, port_offset: u16) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let broker = Self { var: target.join(name), port_offset };
        broker.deploy("clean");
        broker.deploy("up");
        broker
    }

    /// Runs `deploy/local COMMAND kafka` for this stack.
    fn deploy(&self, command: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local");
        let mut deploy = Command::new(script);
        deploy
            .arg(command)
            .env("TAKEAWAY_VAR", &self.var)
            .env("TAKEAWAY_PORT_OFFSET", self.port_offset.to_string())
            .env_remove("TAKEAWAY_BROKERS");
        if command != "clean" {
            deploy.arg("kafka");
        }
        let output = deploy.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "deploy/local {command}: {text}");
    }

    /// Sends that signal to the broker; its process id.
    fn signal(&self, name: &str) -> String {
        let pid = std::fs::read_to_string(self.var.join("run/kafka.pid")).unwrap();
        let sent = Command::new("kill").args(["-s", name, pid.trim()]).status().unwrap();
        assert!(sent.success());
        pid
    }

    /// Kills the broker as a crash would.
    fn kill(&self) {
        let pid = self.signal("KILL");
        // Until the process is gone its port is taken.
        let program = Path::new("/proc").join(pid.trim()).join("exe");
        let start = Instant::now();
        while std::fs::read_link(&program).is_ok() {
            assert!(start.elapsed() < LIMIT, "the broker does not die");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Where the broker keeps its partitions.
    pub fn data(&self) -> PathBuf {
        self.var.join("kafka/1/data")
    }

    fn config(&self) -> KafkaConfig {
        KafkaConfig::for_testing(&format!("127.0.0.1:{}", 9092 + self.port_offset))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.deploy("clean");
    }
}

/// The broker that the tests share, while one of them uses it.
static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());

/// Held while a broker starts or stops: nobody starts one where another is still being stopped.
fn shared() -> MutexGuard<'static, Weak<Broker>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The broker that the tests share, and names in it that no other test uses.
pub struct Kafka {
    pub config: KafkaConfig,
    run: String,
    broker: Option<Arc<Broker>>,
}

impl Kafka {
    pub fn shared() -> Self {
        let run = uuid::Uuid::now_v7().simple().to_string();
        if let Ok(bootstrap) = std::env::var("KAFKA_BOOTSTRAP") {
            return Self { config: KafkaConfig::for_testing(&bootstrap), run, broker: None };
        }
        let mut shared = shared();
        let broker = shared.upgrade().unwrap_or_else(|| {
            let broker = Arc::new(Broker::start("kafka-test-var", 4000));
            *shared = Arc::downgrade(&broker);
            broker
        });
        Self { config: broker.config(), run, broker: Some(broker) }
    }

    /// A broker that only one test uses.
    pub fn of(broker: Broker) -> Self {
        let config = broker.config();
        Self { config, run: "1".to_string(), broker: Some(Arc::new(broker)) }
    }

    /// Kills the broker as a crash would. Only for brokers that nobody else uses.
    pub fn kill(&self) {
        self.broker.as_ref().unwrap().kill();
    }

    /// Stops the broker where it stands, connections and all. Only for brokers that nobody else uses.
    pub fn freeze(&self) {
        self.broker.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.broker.as_ref().unwrap().signal("CONT");
    }

    /// Starts the broker again.
    pub fn revive(&self) {
        self.broker.as_ref().unwrap().deploy("up");
    }

    pub fn name(&self, of: &str) -> String {
        format!("{of}-{}", self.run)
    }

    /// Makes a topic of that many partitions.
    pub fn topic(&self, of: &str, partitions: i32) -> String {
        let name = self.name(of);
        make_topic(&self.config, &name, partitions);
        name
    }

    /// A relay under a name of this test; its topics exist.
    pub fn relay_config(&self) -> RelayConfig {
        let progress = self.topic("progress", 1);
        RelayConfig::new(self.config.clone(), &self.name("relay"), &progress, &[])
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _shared = shared();
        self.broker = None;
    }
}

pub fn make_topic(config: &KafkaConfig, name: &str, partitions: i32) {
    let partitioning = Partitioning::ByKey;
    let spec = TopicSpec { name: name.to_string(), partitions, partitioning, config: vec![] };
    block_on(apply_topics(config, &[spec])).unwrap();
    await_topic(config, name);
}

/// The controller has it; the broker hears of it a moment later.
pub fn await_topic(config: &KafkaConfig, name: &str) {
    wait_until("the topic is there", || {
        scan(config, name, Isolation::Committed, |_| Ok(())).is_ok()
    });
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A journal in memory; clones are the same journal.
#[derive(Clone, Default)]
pub struct Notebook {
    rows: Arc<Mutex<Vec<Outgoing>>>,
    published: Arc<Mutex<i64>>,
    told: Arc<AtomicUsize>,
    /// Row N stands at N shifted to the left by so much.
    shift: u32,
    pub wake: Signal,
}

impl Notebook {
    /// One whose positions lie as far apart as those of a PostgreSQL of one row a transaction.
    pub fn with_gaps() -> Self {
        Self { shift: 16, ..Self::default() }
    }

    /// Appends one row for each of `keys`; the payload is the row's number.
    pub fn write<'a>(&self, topic: &str, keys: impl IntoIterator<Item = &'a str>) {
        let mut rows = self.rows.lock().unwrap();
        let topic: Arc<str> = topic.into();
        for key in keys {
            let number = rows.len() as i64 + 1;
            rows.push(Outgoing {
                position: number << self.shift,
                topic: topic.clone(),
                key: Some(key.as_bytes().to_vec()),
                payload: Some(number.to_string().into_bytes()),
                headers: Headers::from_iter([("ce_id", number.to_string())]),
                timestamp_ms: SystemClock.now_us() / 1_000,
            });
        }
        drop(rows);
        self.wake.notify();
    }

    /// Appends a row as it is.
    pub fn append(&self, row: Outgoing) {
        self.rows.lock().unwrap().push(row);
        self.wake.notify();
    }

    pub fn len(&self) -> i64 {
        self.rows.lock().unwrap().len() as i64
    }

    /// The position of the last row.
    pub fn end(&self) -> i64 {
        self.len() << self.shift
    }

    /// The position that the relay reported last.
    pub fn published(&self) -> i64 {
        *self.published.lock().unwrap()
    }

    /// How often a relay has told of a position: after a commit, or as it took over.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    pub fn wait_published(&self) {
        wait_until("everything is published", || self.published() == self.end());
    }
}

impl Journal for Notebook {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let rows = self.rows.lock().unwrap();
        out.extend(rows.iter().skip(usize::try_from(position >> self.shift)?).take(limit));
        Ok(())
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(Some(self.end()))
    }

    fn earlier(&mut self, position: i64, rows: usize) -> anyhow::Result<i64> {
        Ok(((position >> self.shift) - i64::try_from(rows)?) << self.shift)
    }

    fn published(&mut self, position: i64, _at_us: i64) -> anyhow::Result<()> {
        // Who was fenced may tell of less after its successor.
        let mut published = self.published.lock().unwrap();
        *published = position.max(*published);
        drop(published);
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A loop on its own thread.
pub struct Running {
    pub shutdown: Shutdown,
    pub thread: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub fn spawn(run: impl FnOnce(Shutdown) -> anyhow::Result<()> + Send + 'static) -> Self {
        let shutdown = Shutdown::new();
        let given = shutdown.clone();
        Self { shutdown, thread: std::thread::spawn(move || run(given)) }
    }

    pub fn relay(config: &RelayConfig, journal: &Notebook) -> Self {
        Self::relay_of(config, journal.clone(), &journal.wake)
    }

    /// A relay of another journal.
    pub fn relay_of(config: &RelayConfig, journal: impl Journal, wake: &Signal) -> Self {
        let (config, wake) = (config.clone(), wake.clone());
        Self::spawn(move |stop| run_relay(config, journal, wake, Arc::new(SystemClock), stop))
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.end()
    }

    /// Waits until it ends by itself.
    pub fn end(self) -> anyhow::Result<()> {
        wait_until("the loop ends", || self.thread.is_finished());
        self.thread.join().unwrap()
    }
}

/// Waits until readers see what was committed, and what was aborted is open no more.
pub fn settle(config: &KafkaConfig, topic: &str) {
    assert!(settles(config, topic, LIMIT).unwrap(), "a transaction stays open in {topic}");
}

/// What a reader of the topic sees once it has settled.
pub fn read_committed(config: &KafkaConfig, topic: &str) -> Vec<Incoming> {
    settle(config, topic);
    read(config, topic, Isolation::Committed)
}

/// What a reader of the topic sees now.
pub fn read(config: &KafkaConfig, topic: &str, isolation: Isolation) -> Vec<Incoming> {
    let mut records = Vec::new();
    scan(config, topic, isolation, |record| {
        records.push(record);
        Ok(())
    })
    .unwrap();
    records
}

pub fn text(bytes: &Option<Vec<u8>>) -> String {
    String::from_utf8(bytes.clone().unwrap()).unwrap()
}

/// Checks that the records are the rows 1 to `rows`, each once, those of a key in order.
pub fn assert_exactly_once(records: &[Incoming], rows: i64) {
    let mut last = std::collections::HashMap::new();
    for record in records {
        let position: i64 = text(&record.payload).parse().unwrap();
        let before = last.insert(record.key.clone(), position).unwrap_or(0);
        assert!(before < position, "row {position} of a key came after row {before}");
    }
    let mut all: Vec<i64> =
        records.iter().map(|record| text(&record.payload).parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=rows).collect::<Vec<_>>(), "each row once");
}
