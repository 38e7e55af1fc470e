//! Instances at their works, on a clock that these tests move.

use super::super::{AFTER_DEATH, AFTER_STOP, ANSWER_WITHIN, HELD_FOR, LOOK_EVERY, STOP_WITHIN};
use super::{Duty, Ended, Held, Look, part};
use crate::store::{Lease, Standing};
use chassis::clock::{BootInstant, Source};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(10);

/// As in the store of PostgreSQL.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// What the database knows.
#[derive(Default)]
struct Table {
    leases: BTreeMap<Arc<str>, (usize, i64, BootInstant)>,
    instances: BTreeMap<usize, (BootInstant, BootInstant)>,
}

impl Table {
    fn prolong(&mut self, owner: usize, names: &[Arc<str>], now: BootInstant) -> Standing {
        self.instances.entry(owner).or_insert((now, now)).1 = now + HELD_FOR;
        let mut held = Vec::new();
        for name in names {
            if let Some((holder, token, until)) = self.leases.get_mut(name)
                && *holder == owner
            {
                *until = now + HELD_FOR;
                held.push(Lease { name: Arc::clone(name), token: *token });
            }
        }
        let taken = self.leases.iter().filter(|(_, (_, _, until))| *until > now);
        let alive = self.instances.values().filter(|(_, until)| *until > now);
        Standing {
            held,
            taken: taken.map(|(name, _)| Arc::clone(name)).collect(),
            instances: alive.clone().count(),
            settled: alive.filter(|(since, _)| *since + SETTLED_AFTER <= now).count(),
        }
    }

    fn take(&mut self, owner: usize, names: Vec<Arc<str>>, now: BootInstant) -> Vec<Lease> {
        let mut taken = Vec::new();
        for name in names {
            let (holder, token, until) =
                self.leases.entry(Arc::clone(&name)).or_insert((owner, 1, now));
            if *holder == owner || *until <= now {
                *token += i64::from(*holder != owner);
                (*holder, *until) = (owner, now + HELD_FOR);
                taken.push(Lease { name, token: *token });
            }
        }
        taken
    }

    fn give_back(&mut self, owner: usize, name: &str, now: BootInstant) {
        if let Some((holder, _, until)) = self.leases.get_mut(name)
            && *holder == owner
        {
            *until = now;
        }
    }
}

/// One process. Its works end `STOP_WITHIN` after they were told to.
struct Instance {
    owner: usize,
    duty: Duty,
    look_at: BootInstant,
    running: BTreeMap<Arc<str>, (i64, Option<BootInstant>)>,
    leaving: bool,
}

struct World {
    works: Vec<Arc<str>>,
    table: Table,
    instances: Vec<Instance>,
    now: BootInstant,
    /// The largest token under which each work began.
    tokens: BTreeMap<Arc<str>, i64>,
}

impl World {
    fn with(works: usize, instances: usize) -> Self {
        let works = (0..works).map(|number| format!("work-{number}").into()).collect();
        let (table, tokens, now) = (Table::default(), BTreeMap::new(), BootInstant::now());
        let mut world = Self { works, table, instances: Vec::new(), now, tokens };
        for number in 0..instances {
            world.start(number);
            // Looks of different instances fall on different moments.
            world.pass(STEP * 7);
        }
        world
    }

    fn start(&mut self, owner: usize) {
        let mut duty = Duty::default();
        duty.want(self.works.iter().cloned());
        let (look_at, running) = (self.now, BTreeMap::new());
        self.instances.push(Instance { owner, duty, look_at, running, leaving: false });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now;
        for instance in &mut self.instances {
            instance.end_works(&mut self.table, now);
            if instance.look_at <= now && !instance.leaving {
                instance.look_at = now + LOOK_EVERY;
                for (name, token) in instance.look(&mut self.table, now) {
                    let before = self.tokens.insert(name, token).unwrap_or(0);
                    assert!(token >= before, "a token never falls");
                }
            }
        }
        for work in &self.works {
            let at_work = |instance: &&Instance| instance.running.contains_key(work);
            assert!(self.instances.iter().filter(at_work).count() <= 1, "two do {work}");
        }
    }

    /// How long until each work is done by somebody again.
    fn until_all_work(&mut self) -> Duration {
        let began = self.now;
        while !self.works.iter().all(|work| self.is_done(work)) {
            assert!(self.now < began + 2 * AFTER_DEATH, "some work is done by nobody");
            self.now = self.now + STEP;
            self.step();
        }
        self.now - began
    }

    fn is_done(&self, work: &str) -> bool {
        self.instances.iter().any(|each| each.running.get(work).is_some_and(|run| run.1.is_none()))
    }

    fn shares(&self) -> Vec<usize> {
        self.instances.iter().map(|instance| instance.running.len()).collect()
    }

    /// As a signal would.
    fn stop(&mut self, at: usize) {
        let (instance, now) = (&mut self.instances[at], self.now);
        instance.leaving = true;
        self.table.instances.remove(&instance.owner);
        instance.running.values_mut().for_each(|run| run.1 = Some(now + STOP_WITHIN));
    }
}

impl Instance {
    fn end_works(&mut self, table: &mut Table, now: BootInstant) {
        let is_over = |run: &(i64, Option<BootInstant>)| run.1.is_some_and(|ends| ends <= now);
        let over: Vec<_> = self.running.iter().filter(|(_, run)| is_over(run)).collect();
        for name in over.into_iter().map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
            self.running.remove(&name);
            match self.leaving {
                true => table.give_back(self.owner, &name, now),
                false => assert_eq!(self.duty.ended(&name, now), Ended::Expectedly),
            }
        }
    }

    /// What begins.
    fn look(&mut self, table: &mut Table, now: BootInstant) -> Vec<(Arc<str>, i64)> {
        let mut stop = self.duty.lapse(now).stop;
        let (prolonged, given_back) = self.duty.to_ask();
        given_back.iter().for_each(|name| table.give_back(self.owner, name, now));
        let standing = table.prolong(self.owner, &prolonged, now);
        let taken = table.take(self.owner, self.duty.to_take(&standing), now);
        let look = Look { asked_at: now, given_back, prolonged, standing, taken };
        let changes = self.duty.settle(&look);
        stop.extend(changes.stop);
        for name in stop {
            self.running.get_mut(&name).expect("it runs").1 = Some(now + STOP_WITHIN);
        }
        let lease = |held: super::Held| (Arc::clone(&held.lease().name), held.lease().token);
        let begun: Vec<_> = changes.begin.into_iter().map(lease).collect();
        self.running.extend(begun.iter().map(|(name, token)| (Arc::clone(name), (*token, None))));
        begun
    }
}

/// Numbers of works and instances, and phases of a death within the looks of the others.
fn worlds() -> impl Iterator<Item = (usize, usize, Duration)> {
    let sizes = [(1, 2), (3, 2), (3, 3), (5, 2), (10, 3), (10, 4)];
    sizes.into_iter().flat_map(|(works, instances)| {
        (0..LOOK_EVERY.as_millis() / STEP.as_millis())
            .map(move |phase| (works, instances, STEP * u32::try_from(phase).unwrap()))
    })
}

#[test]
fn after_a_death_others_do_its_work_within_five_seconds() {
    for (works, instances, phase) in worlds() {
        let mut world = World::with(works, instances);
        world.pass(3 * SETTLED_AFTER + phase);
        world.until_all_work();
        world.instances.remove(0);
        let taken_over = world.until_all_work();
        assert!(
            taken_over + 2 * ANSWER_WITHIN <= AFTER_DEATH,
            "{taken_over:?} with {works} works, {instances} instances, {phase:?}"
        );
    }
}

#[test]
fn after_an_orderly_stop_others_do_its_work_within_a_second() {
    for (works, instances, phase) in worlds() {
        let mut world = World::with(works, instances);
        world.pass(3 * SETTLED_AFTER + phase);
        world.until_all_work();
        world.stop(0);
        let taken_over = world.until_all_work();
        assert!(
            taken_over < AFTER_STOP,
            "{taken_over:?} with {works} works, {instances} instances, {phase:?}"
        );
    }
}

#[test]
fn works_spread_over_those_who_have_been_there_for_a_while() {
    for (works, instances, phase) in worlds() {
        let mut world = World::with(works, 1);
        assert_eq!(world.until_all_work(), Duration::ZERO, "one alone does all at once");
        for owner in 1..instances {
            world.start(owner);
            world.pass(STEP + phase);
        }
        world.pass(SETTLED_AFTER / 2);
        assert_eq!(world.shares()[0], works, "newcomers move nothing");
        world.pass(3 * SETTLED_AFTER);
        let shares = world.shares();
        assert!(shares.iter().all(|share| *share <= part(works, instances)), "{shares:?}");
        assert_eq!(shares.iter().sum::<usize>(), works);
        world.pass(SETTLED_AFTER);
        assert_eq!(world.shares(), shares, "and there they stay");
    }
}

#[test]
fn a_rolling_restart_leaves_nobody_without_work() {
    let mut world = World::with(9, 3);
    world.pass(3 * SETTLED_AFTER);
    for owner in 3..6 {
        world.stop(0);
        world.until_all_work();
        world.instances.remove(0);
        world.start(owner);
        world.pass(3 * SETTLED_AFTER);
        assert_eq!(world.shares(), [3, 3, 3]);
    }
}

/// As `kill -STOP` and `kill -CONT` do it.
#[test]
fn who_wakes_up_after_losing_a_lease_stops_its_work_at_once() {
    let mut world = World::with(3, 2);
    world.pass(3 * SETTLED_AFTER);
    let mut asleep = world.instances.remove(0);
    let slept_with: Vec<_> = asleep.running.keys().cloned().collect();
    world.until_all_work();
    asleep.look(&mut world.table, world.now);
    let told = |name: &Arc<str>| asleep.running[name].1.is_some();
    assert!(!slept_with.is_empty() && slept_with.iter().all(told), "it is told to stop");
}

/// A machine whose time the test lets pass.
struct Asleep(i64);

impl Source for Asleep {
    fn wall_us(&self) -> i64 {
        0
    }

    fn passed_us(&self) -> i64 {
        self.0
    }
}

/// Timers have stood still meanwhile, and nobody has looked at the leases.
#[test]
fn who_slept_longer_than_a_lease_holds_it_no_more() {
    let mut machine = Asleep(77_000_000);
    let lease = Lease { name: "work-0".into(), token: 1 };
    let held = Held::until(lease, BootInstant::of(&machine) + HELD_FOR);
    let held_for_us = i64::try_from(HELD_FOR.as_micros()).unwrap();
    machine.0 += held_for_us - 1;
    assert!(held.is_valid_at(BootInstant::of(&machine)));
    machine.0 += 1;
    assert!(!held.is_valid_at(BootInstant::of(&machine)));
}

#[test]
fn work_that_ends_by_itself_is_known_from_work_that_lost_its_lease() {
    let mut world = World::with(1, 1);
    let now = world.now;
    let one = &mut world.instances[0];
    assert_eq!(one.duty.ended("work-0", now + HELD_FOR), Ended::Expectedly, "it had run out");
    let mut world = World::with(1, 1);
    assert_eq!(world.instances[0].duty.ended("work-0", world.now), Ended::ByItself);
}

/// An instance that does not know some work (of a newer version) leaves it to who does.
#[test]
fn what_nobody_else_takes_is_taken_beyond_the_part() {
    let mut world = World::with(4, 1);
    world.start(1);
    world.instances[1].duty.want(["work-3".into()]);
    world.pass(3 * SETTLED_AFTER);
    world.until_all_work();
}

#[test]
fn a_work_that_is_not_wanted_any_more_is_stopped_and_one_that_is_new_is_begun() {
    let mut world = World::with(8, 2);
    world.pass(3 * SETTLED_AFTER);
    for works in [2, 5] {
        world.works = (0..works).map(|number| format!("work-{number}").into()).collect();
        for instance in &mut world.instances {
            instance.duty.want(world.works.iter().cloned());
        }
        world.pass(3 * SETTLED_AFTER);
        world.until_all_work();
        assert_eq!(world.shares().iter().sum::<usize>(), works);
    }
}
