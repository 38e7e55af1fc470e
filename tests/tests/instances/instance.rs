//! The processes: three instances of orders with what they need beside them.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use system_tests::{
    addresses::{Addresses, binaries},
    contexts::{run, settings},
    customers::HASTE,
    postgres::Postgres,
    stack::{Stack, signal},
};

/// How many.
pub const INSTANCES: usize = 3;

/// Added to the stack's port of orders for the first one.
const FIRST_PORT: u16 = 100;

const PORT_OFFSET: u16 = 17_000;

/// How long an instance may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Names the program of an earlier version, which every other instance runs until the upgrade.
const EARLIER: &str = "INSTANCES_BEFORE";

/// Everything that runs.
#[derive(Debug)]
pub struct Fleet {
    // Stopped in this order.
    instances: Vec<Mutex<Instance>>,
    /// Whether instances that start from now on give their orders little time.
    is_hasty: AtomicBool,
    postgres: Postgres,
    stack: Stack,
    addresses: Addresses,
}

/// A place for one process after another.
#[derive(Debug)]
struct Instance {
    number: usize,
    program: PathBuf,
    running: Option<Child>,
    since: Instant,
}

impl Fleet {
    /// Starts all of it. Blocks for about twenty seconds.
    pub fn start() -> Result<Self> {
        let stack = Stack::start_parts("instances", PORT_OFFSET, &["kafka", "registry", "mail"])?;
        for number in 0..INSTANCES {
            // Of the run before: `deploy/local clean` leaves what is not of the stack's own parts.
            let _ = fs::remove_file(stack.log(&format!("instance-{number}")));
        }
        let postgres = Postgres::beside(&stack)?;
        let mut addresses = stack.addresses().clone();
        addresses.orders_database = Some(postgres.url().to_owned());
        for step in [&["migrate"][..], &["topics", "apply"], &["schemas", "apply"]] {
            run(&addresses, "orders", step)?;
        }
        let ours = binaries()?.join("orders");
        let earlier = env::var_os(EARLIER).map_or_else(|| ours.clone(), PathBuf::from);
        let instance = |number: usize| Instance {
            number,
            program: if number.is_multiple_of(2) { earlier.clone() } else { ours.clone() },
            running: None,
            since: Instant::now(),
        };
        let instances = (0..INSTANCES).map(|number| Mutex::new(instance(number))).collect();
        let is_hasty = AtomicBool::new(false);
        let fleet = Self { instances, is_hasty, postgres, stack, addresses };
        for number in 0..INSTANCES {
            fleet.revive(number)?;
        }
        Ok(fleet)
    }

    /// Where things are; the database is the shared one.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The bases of the instances' APIs.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        (0..INSTANCES).map(|number| format!("http://127.0.0.1:{}", port(number)))
    }

    /// The server that all of them use.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Broker, registry and mail.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Starts that instance, if it does not run, and waits until it is ready. Blocks.
    pub fn revive(&self, number: usize) -> Result<()> {
        let mut instance = self.instance(number)?;
        if instance.running.is_none() {
            instance.running = Some(self.spawn(&instance)?);
            instance.since = Instant::now();
        }
        drop(instance);
        self.await_ready(number)
    }

    /// As `kill -9`.
    pub fn kill(&self, number: usize) -> Result<()> {
        let mut instance = self.instance(number)?;
        instance.still_runs()?;
        if let Some(mut child) = instance.running.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// As `kill -STOP` or `kill -CONT`.
    pub fn signal(&self, number: usize, name: &str) -> Result<()> {
        let mut instance = self.instance(number)?;
        instance.still_runs()?;
        match &instance.running {
            Some(child) => signal(child.id(), name),
            None => Ok(()),
        }
    }

    /// Replaces each instance in turn by one that tells new orders to hurry: [`HASTE`]. Blocks.
    pub fn hurry(&self) -> Result<()> {
        self.is_hasty.store(true, Ordering::Relaxed);
        (0..INSTANCES).try_for_each(|number| {
            self.end(number)?;
            self.revive(number)
        })
    }

    /// The instances that run, in the order in which they were started.
    pub fn by_age(&self) -> Result<Vec<usize>> {
        let mut running = Vec::new();
        for number in 0..INSTANCES {
            let instance = self.instance(number)?;
            running.extend(instance.running.as_ref().map(|_| (instance.since, number)));
        }
        running.sort_unstable();
        Ok(running.into_iter().map(|(_, number)| number).collect())
    }

    /// Stops that instance in order; it must end well. Blocks.
    pub fn end(&self, number: usize) -> Result<()> {
        self.instance(number)?.end()
    }

    /// Stops that instance in order and starts `program` in its place. Blocks.
    pub fn replace(&self, number: usize, program: PathBuf) -> Result<()> {
        let mut instance = self.instance(number)?;
        instance.end()?;
        instance.program = program;
        drop(instance);
        self.revive(number)
    }

    /// A copy of the program, as a new version of it would be installed.
    pub fn copied_program(&self) -> Result<PathBuf> {
        let copy = self.addresses.var.join("tmp").join("orders-next");
        fs::create_dir_all(self.addresses.var.join("tmp"))?;
        // What runs keeps the old file.
        let _ = fs::remove_file(&copy);
        fs::copy(binaries()?.join("orders"), &copy)?;
        Ok(copy)
    }

    /// Stops every instance in order; each must end well.
    pub fn stop(&self) -> Result<()> {
        (0..INSTANCES).try_for_each(|number| self.end(number))
    }

    fn instance(&self, number: usize) -> Result<MutexGuard<'_, Instance>> {
        let instance = self.instances.get(number).context("there is no such instance")?;
        Ok(instance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn spawn(&self, instance: &Instance) -> Result<Child> {
        let (var, name) = (&self.addresses.var, format!("instance-{}", instance.number));
        let log = File::options()
            .create(true)
            .append(true)
            .open(var.join("log").join(format!("{name}.log")))?;
        let child = Command::new(&instance.program)
            .arg("serve")
            .envs(settings(&self.addresses)?)
            .env("RUST_LOG", "info")
            .env("ORDERS_LISTEN", format!("127.0.0.1:{}", port(instance.number)))
            .env("ORDERS_RELAY_SHARDS", "2")
            .env("ORDERS_WEBHOOK_ALLOW_PRIVATE", "true")
            .env("ORDERS_RATE_RESTAURANT", "0")
            .env("ORDERS_OPEN_PER_CUSTOMER", "0")
            .envs(HASTE.iter().copied().filter(|_| self.is_hasty.load(Ordering::Relaxed)))
            .env("TAKEAWAY_VAR", var)
            .current_dir(var)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", instance.program.display()))?;
        fs::write(var.join("run").join(format!("{name}.pid")), child.id().to_string())?;
        Ok(child)
    }

    fn await_ready(&self, number: usize) -> Result<()> {
        let began = Instant::now();
        let url = format!("http://127.0.0.1:{}/readyz", port(number));
        loop {
            let mut asked = Command::new("curl");
            asked.args(["-fsS", "-o", "/dev/null", "-m", "5", &url]);
            if asked.stderr(Stdio::null()).status()?.success() {
                return Ok(());
            }
            let mut instance = self.instance(number)?;
            if instance.running.is_none() {
                return Ok(());
            }
            instance.still_runs()?;
            drop(instance);
            ensure!(began.elapsed() < READY_LIMIT, "instance {number} was not ready in time");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Instance {
    /// Nothing that happened to it is a reason to end by itself.
    fn still_runs(&mut self) -> Result<()> {
        let ended = match &mut self.running {
            Some(child) => child.try_wait()?,
            None => None,
        };
        ensure!(ended.is_none(), "instance {} ended by itself: {ended:?}", self.number);
        Ok(())
    }

    /// A signal, and the end that it asks for.
    fn end(&mut self) -> Result<()> {
        self.still_runs()?;
        if let Some(mut child) = self.running.take() {
            signal(child.id(), "TERM")?;
            let ended = child.wait()?;
            ensure!(ended.success(), "instance {} ended with {ended}", self.number);
        }
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn port(number: usize) -> u16 {
    8_080 + PORT_OFFSET + FIRST_PORT * (1 + number as u16)
}
