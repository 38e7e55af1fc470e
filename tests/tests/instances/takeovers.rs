//! How soon the others do the work of an instance that died or stopped: by the leases, and by what people see
//! of it. What is promised, five seconds and one, is asserted on a simulated clock; here it is shown, and a machine
//! that others use may take longer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chassis::{
    kafka::Incoming,
    postgres::{Address, Pool},
};
use schemas::topics::ORDER_EVENTS;
use system_tests::{
    api::{Api, dinner, unique},
    customers::{ACCEPT_WITHIN, End},
    eventually::eventually,
    restaurant::RestaurantSink,
    topic::facts,
};

use super::{
    instance::{Fleet, INSTANCES},
    repeats::{Away, Leases},
};

/// Until another holds the lease, and until people see that the work goes on: a lease is not all that it takes.
const WITHIN: Duration = Duration::from_secs(15);

/// Orders placed behind the back of a relay: enough for each of the relays to have one.
const FOR_RELAYS: usize = 8;

/// How many orders are placed here: for each blow those, one for the restaurant, one that waits.
pub const ORDERS: usize = 2 * (FOR_RELAYS + 2);

/// How long before the deadline of an order whoever looks after deadlines is hit.
const BEFORE_DEADLINE: Duration = Duration::from_millis(200);

/// How long a lease is held that nobody prolongs, in seconds.
const HELD_FOR_S: f64 = 3.0;

/// How often the leases are looked at: what is measured is finer than what is promised.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long anything may take before it counts as missing.
const LIMIT: Duration = Duration::from_secs(30);

/// A kind of work, by the name of its lease.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Relay,
    Tasks,
    Deadlines,
}

impl Work {
    const ALL: [Self; 3] = [Self::Relay, Self::Tasks, Self::Deadlines];

    fn lease(self) -> &'static str {
        match self {
            Self::Relay => "relay-0",
            Self::Tasks => "tasks",
            Self::Deadlines => "deadlines",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    Kill,
    Stop,
}

/// Kills, then stops in order, who holds each kind of work, one at a time. The others have the lease once it has
/// run out, or been handed over by who stopped, and their work is seen soon. Returns who was away when.
pub async fn are_quick(
    fleet: &Arc<Fleet>,
    apis: &[Api],
    sink: &RestaurantSink,
) -> Result<Vec<Away>> {
    let address: Address = fleet.postgres().url().parse()?;
    let leases = Table(Pool::new(&address, "instances-test", 1)?);
    let mut away = Vec::new();
    for blow in [Blow::Kill, Blow::Stop] {
        for work in Work::ALL {
            let hit = Hit { fleet, apis, sink, leases: &leases, work, blow };
            let took = hit.deal().await.with_context(|| format!("{blow:?} of {work:?}"))?;
            let Taken { lease, seen, .. } = took;
            println!("{blow:?} of {work:?}: lease after {lease:?}, seen after {seen:?}");
            ensure!(lease <= WITHIN, "another held {} only after {lease:?}", work.lease());
            ensure!(seen <= WITHIN, "{work:?} went on only after {seen:?}");
            away.push(took.away);
        }
    }
    Ok(away)
}

/// How long it took from the blow until another held the lease, and until its work was seen.
struct Taken {
    lease: Duration,
    seen: Duration,
    away: Away,
}

struct Hit<'a> {
    fleet: &'a Arc<Fleet>,
    apis: &'a [Api],
    sink: &'a RestaurantSink,
    leases: &'a Table,
    work: Work,
    blow: Blow,
}

impl Hit<'_> {
    async fn deal(&self) -> Result<Taken> {
        let waiting = match self.work {
            Work::Deadlines => Some(self.waiting().await?),
            Work::Relay | Work::Tasks => None,
        };
        let (number, owner) = eventually("everybody at work", LIMIT, async || {
            self.leases.holder(self.fleet, self.work).await
        })
        .await?;
        let (fleet, blow) = (Arc::clone(self.fleet), self.blow);
        let began = Instant::now();
        let struck = tokio::task::spawn_blocking(move || match blow {
            Blow::Kill => fleet.kill(number),
            Blow::Stop => fleet.end(number),
        });
        let survivor = self.apis.get((number + 1) % INSTANCES).context("there are others")?;
        let ((lease, leases), seen) =
            tokio::try_join!(self.held_by_another(&owner), self.seen(survivor, waiting))?;
        struck.await??;
        let fleet = Arc::clone(self.fleet);
        tokio::task::spawn_blocking(move || fleet.revive(number)).await??;
        let wanted = match blow {
            Blow::Kill => Leases::RunOut,
            Blow::Stop => Leases::HandedOver,
        };
        ensure!(leases == wanted, "{leases:?}, not {wanted:?}");
        let away = Away { began, ended: Instant::now(), leases };
        Ok(Taken { lease: lease - began, seen: seen - began, away })
    }

    /// An order that nobody answers, shortly before its deadline.
    async fn waiting(&self) -> Result<String> {
        let id = place(self.apis.first().context("there are instances")?).await?;
        // What is waited for is a moment that was promised.
        tokio::time::sleep(ACCEPT_WITHIN - BEFORE_DEADLINE).await;
        Ok(id)
    }

    /// When another held the lease, and how that came: sooner than it would have run out, whether it was seen that it
    /// was given back or not.
    async fn held_by_another(&self, owner: &str) -> Result<(Instant, Leases)> {
        let began = Instant::now();
        let (mut until, mut given_back) = (f64::MIN, None);
        loop {
            let Lease { holder, now, expires_at } = self.leases.find(self.work).await?;
            if holder != owner {
                let is_handed_over = now < given_back.map_or(until, |at: f64| at + HELD_FOR_S);
                let how = if is_handed_over { Leases::HandedOver } else { Leases::RunOut };
                return Ok((Instant::now(), how));
            }
            if expires_at < until {
                given_back.get_or_insert(now);
            }
            until = until.max(expires_at);
            ensure!(began.elapsed() < LIMIT, "nobody takes {}", self.work.lease());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// When it was seen that the work went on.
    async fn seen(&self, survivor: &Api, waiting: Option<String>) -> Result<Instant> {
        match (self.work, waiting) {
            (Work::Deadlines, Some(id)) => {
                eventually("the order expires", LIMIT, async || {
                    let status = survivor.order(&id).await?.status;
                    Ok((status == End::Expired.status()).then(Instant::now))
                })
                .await
            }
            (Work::Relay, _) => self.published(survivor).await,
            _ => {
                let id = place(survivor).await?;
                eventually("the restaurant hears of the order", LIMIT, async || {
                    Ok(self.sink.told(&id).first().map(|told| told.at))
                })
                .await
            }
        }
    }

    /// When orders that were placed since the blow were on the topic, under `read_committed`.
    async fn published(&self, survivor: &Api) -> Result<Instant> {
        let mut placed = Vec::new();
        for _ in 0..FOR_RELAYS {
            placed.push(place(survivor).await?);
        }
        let kafka = &self.fleet.addresses().kafka;
        eventually("the orders on the topic", LIMIT, async || {
            let wanted: Vec<_> = placed.iter().map(|id| Some(id.as_bytes().to_vec())).collect();
            let is_wanted = move |record: &Incoming| wanted.contains(&record.key);
            let mut seen: Vec<_> = facts(kafka, ORDER_EVENTS.name, is_wanted).await?;
            seen.retain(|fact| fact.event_type == "order_placed");
            Ok((seen.len() == FOR_RELAYS).then(Instant::now))
        })
        .await
    }
}

async fn place(api: &Api) -> Result<String> {
    let order = dinner("trattoria", "customer-in-between", "in-between@example.com");
    let answer = api.place(&unique("in-between"), &order).await?;
    let id = answer.body["id"].as_str().with_context(|| format!("{answer:?}"))?;
    Ok(id.to_owned())
}

/// The leases as they stand in the database.
struct Table(Pool);

/// One of them. Times are the database's, in seconds since the Unix epoch.
struct Lease {
    holder: String,
    now: f64,
    expires_at: f64,
}

impl Table {
    /// Who holds the lease of that work, as instance and as owner; nobody while not everybody is there.
    async fn holder(&self, fleet: &Fleet, work: Work) -> Result<Option<(usize, String)>> {
        let client = self.0.get().await?;
        // Owners are UUIDv7: they rise with the moments at which their processes started.
        let sql = "SELECT owner FROM instances WHERE expires_at > clock_timestamp() ORDER BY owner";
        let rows = client.query(sql, &[]).await?;
        let owners: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let sql = "SELECT owner FROM leases WHERE name = $1 AND expires_at > clock_timestamp()";
        let holder = client.query_opt(sql, &[&work.lease()]).await?;
        let holder: Option<String> = holder.map(|row| row.get(0));
        let at = owners.iter().position(|owner| Some(owner) == holder.as_ref());
        let (Some(holder), Some(at)) = (holder, at) else { return Ok(None) };
        let by_age = fleet.by_age()?;
        let is_whole = owners.len() == INSTANCES && by_age.len() == INSTANCES;
        Ok(by_age.get(at).filter(|_| is_whole).map(|number| (*number, holder)))
    }

    async fn find(&self, work: Work) -> Result<Lease> {
        let sql = "SELECT owner, extract(epoch FROM clock_timestamp())::float8, \
                   extract(epoch FROM expires_at)::float8 FROM leases WHERE name = $1";
        let row = self.0.get().await?.query_one(sql, &[&work.lease()]).await?;
        Ok(Lease { holder: row.get(0), now: row.get(1), expires_at: row.get(2) })
    }
}
