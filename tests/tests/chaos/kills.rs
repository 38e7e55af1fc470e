//! Who is killed, when, and for how long.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use system_tests::stack::Stack;

/// How often each part dies: 22 kills of contexts, 3 of the broker.
const KILLS: [(&str, usize); 4] =
    [("orders", 8), ("promotions", 7), ("analytics", 7), ("kafka", 3)];

/// One blow: who dies at the same moment, how long after the last blow's repair, and how long it
/// stays that way.
#[derive(Debug, PartialEq)]
struct Blow {
    parts: Vec<&'static str>,
    after: Duration,
    down: Duration,
}

/// The blows of that seed. Some take two parts at once.
fn plan(seed: u64) -> Vec<Blow> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut victims: Vec<&str> =
        KILLS.iter().flat_map(|(part, times)| std::iter::repeat_n(*part, *times)).collect();
    victims.shuffle(&mut random);
    let mut blows: Vec<Blow> = Vec::new();
    for victim in victims {
        let joins = blows.last().is_some_and(|blow| {
            blow.parts.len() == 1 && blow.parts[0] != victim && random.random_bool(0.3)
        });
        if let Some(blow) = blows.last_mut().filter(|_| joins) {
            blow.parts.push(victim);
            continue;
        }
        // The pause is an input of the test, drawn from its seed; nothing is awaited by it.
        let after = Duration::from_millis(random.random_range(50..2_000));
        let down = Duration::from_millis(random.random_range(0..800));
        blows.push(Blow { parts: vec![victim], after, down });
    }
    blows
}

/// Deals every blow of that seed and repairs each. Says how often each part was killed.
pub async fn kill_them_all(stack: Arc<Stack>, seed: u64) -> Result<String> {
    let mut killed: BTreeMap<&str, usize> = BTreeMap::new();
    for blow in plan(seed) {
        tokio::time::sleep(blow.after).await;
        for part in &blow.parts {
            *killed.entry(part).or_default() += 1;
        }
        let stack = stack.clone();
        let repair = move || {
            for part in &blow.parts {
                stack.kill(part)?;
            }
            std::thread::sleep(blow.down);
            stack.up(&blow.parts)
        };
        tokio::task::spawn_blocking(repair).await??;
    }
    let times: Vec<_> = killed.iter().map(|(part, times)| format!("{part} {times}")).collect();
    Ok(format!("kill -9: {}", times.join(", ")))
}

#[test]
fn every_seed_kills_as_often_as_promised() {
    for seed in 0..100 {
        let plan = plan(seed);
        let all: Vec<_> = plan.iter().flat_map(|blow| &blow.parts).collect();
        for (part, times) in KILLS {
            assert_eq!(all.iter().filter(|each| ***each == part).count(), times);
        }
        assert_eq!(plan, self::plan(seed), "the same seed, the same blows");
    }
}
