//! A real stack of a test's own: Kafka, registry, mail and the three contexts, through
//! `deploy/local`, in a folder and on ports that no other stack has.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::addresses::{Addresses, binaries, checkout};

/// How long a process may take to end.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What the processes of a stack are told beside where everything is: variables and their values.
pub type Settings = &'static [(&'static str, &'static str)];

/// A running stack. It begins without data and ends when this is dropped, when the test process
/// ends, or when that is killed; its logs stay for whoever has to find out why.
#[derive(Debug)]
pub struct Stack {
    addresses: Addresses,
    port_offset: u16,
    settings: Settings,
    _claim: File,
}

impl Stack {
    /// Starts all parts and waits until each is ready. What an earlier run left behind under that
    /// name is stopped and removed first; another run that still uses it is waited for. Blocks for
    /// about ten seconds.
    pub fn start(name: &str, port_offset: u16) -> Result<Self> {
        Self::start_parts(name, port_offset, &[])
    }

    /// The same with these parts alone; all of them when none is named.
    pub fn start_parts(name: &str, port_offset: u16, parts: &[&str]) -> Result<Self> {
        Self::start_told(name, port_offset, parts, &[])
    }

    /// The same with settings that each of its processes is told whenever it starts.
    pub fn start_told(
        name: &str,
        port_offset: u16,
        parts: &[&str],
        settings: Settings,
    ) -> Result<Self> {
        let binaries = binaries()?;
        let var = binaries.parent().unwrap_or(&binaries).join("stacks").join(name);
        fs::create_dir_all(&var)?;
        let claim = claim(&var)?;
        deploy(&var, port_offset, &["clean"], &[])?;
        watch(&var)?;
        deploy(&var, port_offset, &[&["up"], parts].concat(), settings)?;
        Ok(Self { addresses: Addresses::of(&var)?, port_offset, settings, _claim: claim })
    }

    /// Where its parts are.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What is added to every port.
    pub fn port_offset(&self) -> u16 {
        self.port_offset
    }

    /// Starts those of `parts` that do not run (all when none is named), waits until they are
    /// ready, and returns what was said about it. Blocks.
    pub fn up(&self, parts: &[&str]) -> Result<String> {
        let up = [&["up"], parts].concat();
        deploy(&self.addresses.var, self.port_offset, &up, self.settings)
    }

    /// Runs `deploy/instances COMMAND` for it (`up` or `back`) and returns what was said. Blocks.
    pub fn instances(&self, command: &str) -> Result<String> {
        script("instances", &self.addresses.var, self.port_offset, &[command], self.settings)
    }

    /// The process of that part.
    pub fn pid(&self, part: &str) -> Result<u32> {
        let file = self.addresses.var.join("run").join(format!("{part}.pid"));
        let text = fs::read_to_string(&file)
            .with_context(|| format!("{part} was never started: no {}", file.display()))?;
        text.trim().parse().with_context(|| format!("{} holds no number", file.display()))
    }

    /// Kills that part, as `kill -9` does, and returns once the process is gone.
    pub fn kill(&self, part: &str) -> Result<()> {
        let pid = self.pid(part)?;
        signal(pid, "KILL").with_context(|| {
            format!("{part} did not run; its log is {}", self.log(part).display())
        })?;
        await_end(pid).with_context(|| format!("{part} was killed"))
    }

    /// The log of that part.
    pub fn log(&self, part: &str) -> PathBuf {
        self.addresses.var.join("log").join(format!("{part}.log"))
    }
}

/// Sends that signal to a process of a test's own.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
    ensure!(sent.success(), "there is no process {pid}");
    Ok(())
}

/// Waits until a process is gone. Blocks.
pub fn await_end(pid: u32) -> Result<()> {
    let started = Instant::now();
    // The link to its program goes with the process, even while nobody has waited for it.
    while fs::read_link(format!("/proc/{pid}/exe")).is_ok() {
        ensure!(started.elapsed() < END_LIMIT, "process {pid} is still there after a while");
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A failure shows itself at the next start, which stops what is left.
        let _ = deploy(&self.addresses.var, self.port_offset, &["down"], &[]);
    }
}

fn deploy(var: &Path, port_offset: u16, arguments: &[&str], settings: Settings) -> Result<String> {
    script("local", var, port_offset, arguments, settings)
}

/// Runs a script of `deploy/` on the stack in that folder; what it printed.
///
/// # Errors
/// What it said, when it failed.
pub fn script(
    name: &str,
    var: &Path,
    port_offset: u16,
    arguments: &[&str],
    settings: Settings,
) -> Result<String> {
    let output = Command::new(checkout().join("deploy").join(name))
        .args(arguments)
        .env("TAKEAWAY_VAR", var)
        .env("TAKEAWAY_PORT_OFFSET", port_offset.to_string())
        .env("TAKEAWAY_BIN", binaries()?)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("deploy/{name} does not start"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr);
        bail!("deploy/{name} {} failed:\n{said}{cause}", arguments.join(" "));
    }
    Ok(said)
}

/// Makes this process the only one that uses that stack, for as long as the file stays open.
fn claim(var: &Path) -> Result<File> {
    let claim = File::create(var.join("claim"))?;
    if claim.try_lock().is_err() {
        println!("waiting for another run that uses {}", var.display());
        claim.lock()?;
    }
    fs::write(var.join("owner"), process::id().to_string())?;
    Ok(claim)
}

/// Leaves a process behind that stops the stack once this one is gone, however it went: a test's
/// statics are never dropped, and a killed test drops nothing. It takes over the claim to do so,
/// and leaves a stack alone that has another owner by then. What a test added to the stack ends too:
/// instances of its own, known by the folder in their environment, and a database.
fn watch(var: &Path) -> Result<()> {
    let script = "tail --pid=\"$1\" -s 0.2 -f /dev/null\n\
                  exec 8>\"$TAKEAWAY_VAR/claim\" && flock 8\n\
                  [[ $(cat \"$TAKEAWAY_VAR/owner\") == \"$1\" ]] || exit 0\n\
                  for file in \"$TAKEAWAY_VAR\"/run/instance-*.pid; do\n\
                    pid=$(cat \"$file\" 2>/dev/null) || continue\n\
                    ! grep -qszxF \"TAKEAWAY_VAR=$TAKEAWAY_VAR\" \"/proc/$pid/environ\" ||\n\
                      kill -KILL \"$pid\"\n\
                  done\n\
                  [[ ! -e $TAKEAWAY_VAR/lock.postgres ]] || \"$2/postgres\" clean\n\
                  \"$2/local\" down";
    Command::new("setsid")
        .args(["bash", "-c", script, "watch", &process::id().to_string()])
        .arg(checkout().join("deploy"))
        .env("TAKEAWAY_VAR", var)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the process that stops the stack afterwards does not start")?;
    Ok(())
}
