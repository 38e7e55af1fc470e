//! Other numbers of relays, under load, with whoever carries it out killed on the way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use system_tests::contexts::{run, start};

use super::{
    instance::{Fleet, INSTANCES},
    repeats::{Away, Leases},
};

/// To five relays, with the command and an instance killed in the middle of it, then to three. From when
/// to when that instance was away.
pub async fn reshard(fleet: Arc<Fleet>, seed: u64) -> Result<Away> {
    tokio::task::spawn_blocking(move || {
        let mut random = StdRng::seed_from_u64(seed);
        let mut command = start(fleet.addresses(), "orders", &["reshard", "5"])?;
        // An input of the test, drawn from its seed; nothing is awaited by it.
        std::thread::sleep(Duration::from_millis(random.random_range(0..600)));
        // It may have ended already.
        let _ = command.kill();
        command.wait()?;
        let number = random.random_range(0..INSTANCES);
        let began = Instant::now();
        fleet.kill(number)?;
        for shards in ["5", "3"] {
            let said = run(fleet.addresses(), "orders", &["reshard", shards])?;
            ensure!(said.contains(&format!("{shards} relays")), "reshard said {said}");
        }
        fleet.revive(number)?;
        Ok(Away { began, ended: Instant::now(), leases: Leases::RunOut })
    })
    .await?
}
