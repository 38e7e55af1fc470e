//! Who is hit, when, and how.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    instance::{Fleet, INSTANCES},
    repeats::{Away, Leases},
};

/// One in so many blows hits the database, and as many the broker.
const RARE: usize = 12;

/// One blow: what, and how long after the one before was repaired.
#[derive(Clone, Debug, PartialEq)]
struct Blow {
    kind: Kind,
    after: Duration,
    /// How long it stays that way.
    lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// `kill -9`.
    Kill(usize),
    /// `kill -STOP`, later `kill -CONT`; the next blow may come in between.
    Pause(usize),
    /// The database, as in a power cut.
    Database,
    /// The broker, killed.
    Broker,
    /// Each instance in turn is stopped in order and started from another file.
    Upgrade,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Kill(_) => "kill -9",
            Self::Pause(_) => "stopped and woken",
            Self::Database => "database crashed",
            Self::Broker => "broker killed",
            Self::Upgrade => "rolling upgrade",
        }
    }

    /// What it does to the leases of whoever it hits.
    fn leases(self) -> Leases {
        match self {
            Self::Kill(_) | Self::Pause(_) | Self::Database => Leases::RunOut,
            Self::Upgrade => Leases::HandedOver,
            Self::Broker => Leases::Kept,
        }
    }
}

/// The blows of that seed: so many, one of them the upgrade.
fn plan(seed: u64, blows: usize) -> Vec<Blow> {
    let mut random = StdRng::seed_from_u64(seed);
    let rare = (blows / RARE).max(1);
    let mut kinds = vec![Kind::Upgrade];
    kinds.extend(std::iter::repeat_n(Kind::Database, rare));
    kinds.extend(std::iter::repeat_n(Kind::Broker, rare));
    while kinds.len() < blows {
        let instance = random.random_range(0..INSTANCES);
        kinds.push(match random.random_bool(0.5) {
            true => Kind::Kill(instance),
            false => Kind::Pause(instance),
        });
    }
    kinds.shuffle(&mut random);
    let blow = |kind| {
        // The pauses are inputs of the test, drawn from its seed; nothing is awaited by them.
        let after = Duration::from_millis(random.random_range(50..1_500));
        let most = if matches!(kind, Kind::Pause(_)) { 6_000 } else { 800 };
        let lasts = Duration::from_millis(random.random_range(0..most));
        Blow { kind, after, lasts }
    };
    kinds.into_iter().map(blow).collect()
}

/// What was done, and when.
#[derive(Debug, Default)]
pub struct Dealt {
    times: BTreeMap<&'static str, usize>,
    away: Vec<Away>,
}

impl Dealt {
    /// How often each kind of blow was dealt.
    pub fn summary(&self) -> String {
        let times: Vec<_> =
            self.times.iter().map(|(name, times)| format!("{name} {times}")).collect();
        times.join(", ")
    }

    /// From when to when each blow and its repair lasted.
    pub fn away(&self) -> &[Away] {
        &self.away
    }

    fn note(&mut self, kind: Kind, began: Instant) {
        self.away.push(Away { began, ended: Instant::now(), leases: kind.leases() });
    }
}

/// Deals so many blows of that seed and repairs each.
pub async fn deal(fleet: Arc<Fleet>, seed: u64, blows: usize) -> Result<Dealt> {
    let mut dealt = Dealt::default();
    let mut paused: Option<(usize, Instant, Instant)> = None;
    for blow in plan(seed, blows) {
        tokio::time::sleep(blow.after).await;
        *dealt.times.entry(blow.kind.name()).or_default() += 1;
        let began = Instant::now();
        if let Kind::Pause(number) = blow.kind {
            wake(&fleet, &mut paused, &mut dealt).await?;
            fleet.signal(number, "STOP")?;
            paused = Some((number, began, began + blow.lasts));
            continue;
        }
        if !matches!(blow.kind, Kind::Kill(_)) {
            wake(&fleet, &mut paused, &mut dealt).await?;
        }
        let (hit, kind) = (Arc::clone(&fleet), blow.kind);
        tokio::task::spawn_blocking(move || strike(&hit, &blow)).await??;
        dealt.note(kind, began);
        wake(&fleet, &mut paused, &mut dealt).await?;
    }
    wake(&fleet, &mut paused, &mut dealt).await?;
    Ok(dealt)
}

/// Lets an instance that was stopped go on when it is time.
async fn wake(
    fleet: &Fleet,
    paused: &mut Option<(usize, Instant, Instant)>,
    dealt: &mut Dealt,
) -> Result<()> {
    if let Some((number, began, until)) = paused.take() {
        tokio::time::sleep_until(until.into()).await;
        fleet.signal(number, "CONT")?;
        dealt.note(Kind::Pause(number), began);
    }
    Ok(())
}

/// Blocks until what was hit is ready again.
fn strike(fleet: &Fleet, blow: &Blow) -> Result<()> {
    match blow.kind {
        Kind::Kill(number) => {
            fleet.kill(number)?;
            std::thread::sleep(blow.lasts);
            fleet.revive(number)
        }
        Kind::Database => {
            fleet.postgres().crash()?;
            std::thread::sleep(blow.lasts);
            fleet.postgres().revive()
        }
        Kind::Broker => {
            fleet.stack().kill("kafka")?;
            std::thread::sleep(blow.lasts);
            fleet.stack().up(&["kafka"]).map(drop)
        }
        Kind::Upgrade => {
            let program = fleet.copied_program()?;
            (0..INSTANCES).try_for_each(|number| fleet.replace(number, program.clone()))
        }
        Kind::Pause(_) => Ok(()),
    }
}

#[test]
fn every_seed_deals_as_many_blows_as_promised() {
    for seed in 0..100 {
        let plan = plan(seed, 25);
        assert_eq!(plan.len(), 25);
        let count = |kind: Kind| plan.iter().filter(|blow| blow.kind == kind).count();
        assert_eq!((count(Kind::Database), count(Kind::Broker), count(Kind::Upgrade)), (2, 2, 1));
        assert_eq!(plan, self::plan(seed, 25), "the same seed, the same blows");
    }
}

/// `make storm` says so.
#[test]
fn a_hundred_and_twenty_five_blows_are_a_hundred_of_kill_and_stop() {
    let hits_one = |blow: &&Blow| matches!(blow.kind, Kind::Kill(_) | Kind::Pause(_));
    assert!(plan(7, 125).iter().filter(hits_one).count() >= 100);
}
