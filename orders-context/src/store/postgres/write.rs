//! Changes of the database: one transaction and two round trips for a whole group of commits.
//!
//! First the guards: the idempotency keys and the new orders are inserted where nobody has them, and
//! every other order is locked and says its version. Then it is settled here, commit by commit, what
//! stands. Then all that follows is written, and the transaction committed.
//!
//! Each kind of guard is taken in the order of its keys, one kind after the other, and everything
//! else belongs to an order that is locked by then, or is a counter in a slot of this transaction's own:
//! instances wait for each other, but not in a ring.

use super::archive::{self, Back};
use super::availability::{self, Concerned, Restaurants, SINCE_EVER};
use super::columns::{Contacts, Journal, Keys, Orders, Remarks};
use super::counters::{self, Changes};
use super::customers;
use super::journal::PLACES;
use super::read::select;
use super::rows::{get, json, to_json};
use super::tasks::{self, Waves};
use super::under_way::UnderWay;
use crate::domain::{Restaurant, Timestamp};
use crate::store::{Commit, Counters, Error, Outcome, Wake};
use anyhow::anyhow;
use chassis::postgres::{Client, Sending, pipelined};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

type Value<'a> = &'a (dyn ToSql + Sync);

/// Everything a group needs, compiled before it begins: what is sent then is sent at once.
struct Statements {
    take_slot: Statement,
    insert_keys: Statement,
    insert_orders: Statement,
    lock_orders: Statement,
    delete_keys: Statement,
    delete_orders: Statement,
    update_orders: Statement,
    insert_journal: Statement,
    insert_contacts: Statement,
    update_remarks: Statement,
    lock_fences: Statement,
    availability: availability::Statements,
    count_open: Statement,
    tasks: tasks::Statements,
    add_counters: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            take_slot: client.prepare_cached(counters::TAKE_SLOT).await?,
            insert_keys: client.prepare_cached(Keys::INSERT).await?,
            insert_orders: client.prepare_cached(Orders::INSERT).await?,
            lock_orders: client
                .prepare_cached(
                    "SELECT order_id, version FROM orders WHERE order_id = ANY($1::text[])
                     ORDER BY order_id FOR NO KEY UPDATE",
                )
                .await?,
            delete_keys: client
                .prepare_cached("DELETE FROM idempotency WHERE key = ANY($1::text[])")
                .await?,
            delete_orders: client
                .prepare_cached("DELETE FROM orders WHERE order_id = ANY($1::text[])")
                .await?,
            update_orders: client.prepare_cached(Orders::UPDATE).await?,
            insert_journal: client.prepare_cached(&Journal::insert()).await?,
            insert_contacts: client.prepare_cached(Contacts::INSERT).await?,
            update_remarks: client.prepare_cached(Remarks::UPDATE).await?,
            // Who takes the lease over waits for this commit, or this commit finds that they have.
            lock_fences: client
                .prepare_cached(
                    "SELECT name, token FROM leases WHERE name = ANY($1::text[])
                     ORDER BY name FOR SHARE",
                )
                .await?,
            availability: availability::Statements::prepare(client).await?,
            count_open: client.prepare_cached(customers::COUNT).await?,
            tasks: tasks::Statements::prepare(client).await?,
            add_counters: client.prepare_cached(Changes::ADD).await?,
        })
    }
}

pub async fn commit(client: &Client, commits: &[Commit]) -> Result<Vec<Outcome>, Error> {
    let statements = Statements::prepare(client).await?;
    let guards = Guards::of(commits)?;
    let mut passed = take(client, &statements, &guards).await?;
    bring_back(client, &guards, &mut passed).await?;
    let slot = passed.slot;
    let settled = settle(commits, &guards, passed)?;
    write(client, &statements, &settled, slot).await?;
    Ok(settled.outcomes)
}

pub async fn put_restaurant(client: &Client, restaurant: &Restaurant) -> Result<(), Error> {
    let sql = "INSERT INTO restaurants (restaurant_id, data) VALUES ($1, $2)
         ON CONFLICT (restaurant_id) DO UPDATE SET data = excluded.data";
    let data = to_json(restaurant)?;
    select(client, sql, &[&restaurant.restaurant_id, &data]).await?;
    Ok(())
}

/// The row is locked between the look and the change.
pub async fn replace_restaurant(
    client: &Client,
    before: &Restaurant,
    next: &Restaurant,
) -> Result<bool, Error> {
    client.batch_execute("BEGIN").await?;
    let sql = "SELECT data FROM restaurants WHERE restaurant_id = $1 FOR NO KEY UPDATE";
    let found = select(client, sql, &[&before.restaurant_id]).await?;
    let is_before = match found.first() {
        Some(row) => json::<Restaurant>(row, 0)? == *before,
        None => false,
    };
    if is_before {
        put_restaurant(client, next).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(is_before)
}

/// Leaves alone what another instance is forgetting at this moment.
pub async fn forget_keys(client: &Client, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let statement = client.prepare_cached(
        "DELETE FROM idempotency WHERE key IN
            (SELECT key FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    );
    let forgotten = client.execute(&statement.await?, &[&before.0, &(limit as i64)]).await?;
    Ok(usize::try_from(forgotten).unwrap_or(limit))
}

/// What a commit does to the row of its order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Nothing,
    Insert { wake_at: Option<i64> },
    Update { wake_at: Option<i64> },
}

fn touch(commit: &Commit) -> Result<Touch, Error> {
    let wake_at = match commit.wake {
        Wake::At(at) => Some(at.0),
        Wake::Never => None,
        Wake::Unchanged if commit.entries.is_empty() => return Ok(Touch::Nothing),
        Wake::Unchanged => return Err(Error::Corrupt(anyhow!("a move without its wake"))),
    };
    Ok(match commit.expected_version {
        0 => Touch::Insert { wake_at },
        _ => Touch::Update { wake_at },
    })
}

/// What must hold for the commits to stand. Of two who want the same new thing, the first gets it.
struct Guards<'a> {
    touches: Vec<Touch>,
    key_owners: BTreeMap<&'a str, usize>,
    order_owners: BTreeMap<&'a str, usize>,
    keys: Keys<'a>,
    new_orders: Orders<'a>,
    existing: Vec<&'a str>,
    moving: BTreeSet<&'a str>,
    restaurants: Concerned<'a>,
    customers: Vec<&'a str>,
    fences: Vec<&'a str>,
}

impl<'a> Guards<'a> {
    fn of(commits: &'a [Commit]) -> Result<Self, Error> {
        let touches = commits.iter().map(touch).collect::<Result<Vec<_>, _>>()?;
        let (mut key_owners, mut order_owners) = (BTreeMap::new(), BTreeMap::new());
        let (mut existing, mut moving) = (BTreeSet::new(), BTreeSet::new());
        for (at, (commit, touch)) in commits.iter().zip(&touches).enumerate() {
            if let Some(remembered) = &commit.remember {
                key_owners.entry(remembered.key.as_str()).or_insert(at);
            }
            match touch {
                Touch::Insert { .. } => {
                    order_owners.entry(commit.order.order_id.as_str()).or_insert(at);
                }
                Touch::Update { .. } => {
                    existing.insert(commit.order.order_id.as_str());
                    moving.insert(commit.order.order_id.as_str());
                }
                Touch::Nothing => {
                    existing.insert(commit.order.order_id.as_str());
                }
            }
        }
        let (mut keys, mut new_orders) = (Keys::default(), Orders::default());
        for remembered in key_owners.values().filter_map(|at| commits[*at].remember.as_ref()) {
            keys.push(remembered);
        }
        for at in order_owners.values() {
            if let Touch::Insert { wake_at } = touches[*at] {
                new_orders.push(&commits[*at].order, wake_at)?;
            }
        }
        let existing = existing.into_iter().collect();
        let fences: BTreeSet<_> = commits
            .iter()
            .filter_map(|commit| commit.fence.as_ref())
            .map(|lease| &*lease.name)
            .collect();
        let fences = fences.into_iter().collect();
        let restaurants = Concerned::of(commits);
        let customers = customers::limited(commits);
        Ok(Self {
            touches,
            key_owners,
            order_owners,
            keys,
            new_orders,
            existing,
            moving,
            restaurants,
            customers,
            fences,
        })
    }
}

/// What the database said to the guards.
struct Passed {
    slot: i32,
    keys: HashSet<String>,
    inserted: HashSet<String>,
    versions: HashMap<String, i64>,
    /// Orders in compact history that cannot be read.
    unreadable: BTreeSet<String>,
    restaurants: Restaurants,
    customers: UnderWay,
    tokens: HashMap<String, i64>,
}

async fn take(
    client: &Client,
    statements: &Statements,
    guards: &Guards<'_>,
) -> Result<Passed, Error> {
    let mut sent: Vec<Sending<'_, Vec<Row>, Error>> = vec![
        Box::pin(control(client, "BEGIN")),
        Box::pin(async { Ok(client.query(&statements.take_slot, &[]).await?) }),
        Box::pin(async { Ok(client.query(&statements.insert_keys, &guards.keys.values()).await?) }),
        Box::pin(async {
            let orders = guards.new_orders.to_insert();
            Ok(client.query(&statements.insert_orders, &orders).await?)
        }),
        Box::pin(async { Ok(client.query(&statements.lock_orders, &[&guards.existing]).await?) }),
    ];
    let concerned = &guards.restaurants;
    if !concerned.moving.is_empty() {
        sent.push(Box::pin(async {
            let statement = &statements.availability.insert;
            client.query(statement, &[&concerned.moving, &SINCE_EVER]).await?;
            Ok(Vec::new())
        }));
    }
    if !concerned.is_empty() {
        let Concerned { asked, moving, answering } = concerned;
        sent.push(Box::pin(async move {
            let concerned: [Value<'_>; 3] = [asked, moving, answering];
            Ok(client.query(&statements.availability.lock, &concerned).await?)
        }));
        sent.push(Box::pin(async move {
            Ok(client.query(&statements.availability.count, &[asked]).await?)
        }));
    }
    if !guards.customers.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.count_open, &[&guards.customers]).await?)
        }));
    }
    // Last, so that a lease is never locked while an order is waited for.
    if !guards.fences.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.lock_fences, &[&guards.fences]).await?)
        }));
    }
    let mut answers = pipelined(sent).await?.into_iter().skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let (slot, keys, inserted, locked) = (next(), next(), next(), next());
    if !concerned.moving.is_empty() {
        next();
    }
    let restaurants = match concerned.is_empty() {
        true => Restaurants::default(),
        false => Restaurants::read(&next(), &next())?,
    };
    let customers = match guards.customers.is_empty() {
        true => UnderWay::default(),
        false => UnderWay::read(&next())?,
    };
    let fences = next();
    let name = |row: &Row| get(row, 0);
    let number = |row: &Row| Ok((get(row, 0)?, get(row, 1)?));
    Ok(Passed {
        slot: counters::slot(&slot)?,
        keys: keys.iter().map(name).collect::<Result<_, _>>()?,
        inserted: inserted.iter().map(name).collect::<Result<_, _>>()?,
        versions: locked.iter().map(number).collect::<Result<_, Error>>()?,
        unreadable: BTreeSet::new(),
        restaurants,
        customers,
        tokens: fences.iter().map(number).collect::<Result<_, Error>>()?,
    })
}

/// Orders that are to move and are in compact history.
async fn bring_back(
    client: &Client,
    guards: &Guards<'_>,
    passed: &mut Passed,
) -> Result<(), Error> {
    let is_missing = |order_id: &&str| !passed.versions.contains_key(*order_id);
    let missing: Vec<&str> = guards.moving.iter().copied().filter(is_missing).collect();
    if !missing.is_empty() {
        let Back { versions, unreadable } =
            archive::bring_back(client, &missing, passed.slot).await?;
        passed.versions.extend(versions);
        passed.unreadable = unreadable;
    }
    Ok(())
}

async fn control(client: &Client, sql: &str) -> Result<Vec<Row>, Error> {
    client.batch_execute(sql).await?;
    Ok(Vec::new())
}

/// What stands, and what follows from it.
#[derive(Default)]
struct Settled<'a> {
    outcomes: Vec<Outcome>,
    undone_keys: Vec<&'a str>,
    undone_orders: Vec<&'a str>,
    moved: Orders<'a>,
    journal: Journal<'a>,
    contacts: Contacts<'a>,
    remarks: Remarks<'a>,
    tasks: Waves<'a>,
    counters: Counters,
    restaurants: Restaurants,
    customers: UnderWay,
}

/// Goes through the commits one after the other: a later one of an order builds on an earlier one.
fn settle<'a>(
    commits: &'a [Commit],
    guards: &Guards<'a>,
    passed: Passed,
) -> Result<Settled<'a>, Error> {
    let Passed { keys, inserted, mut versions, unreadable, restaurants, customers, tokens, .. } =
        passed;
    // What this group inserts is there from its own commit on.
    versions.retain(|order_id, _| !inserted.contains(order_id));
    let mut settled = Settled { restaurants, customers, ..Settled::default() };
    for at in guards.order_owners.values() {
        if inserted.contains(&commits[*at].order.order_id) {
            settled.restaurants.set_aside(&commits[*at]);
            settled.customers.set_aside(&commits[*at].order.customer_id);
        }
    }
    let (mut moved, mut contended) = (BTreeMap::new(), HashSet::new());
    for (at, (commit, touch)) in commits.iter().zip(&guards.touches).enumerate() {
        let order_id = commit.order.order_id.as_str();
        let key = commit.remember.as_ref().map(|remembered| remembered.key.as_str());
        let key_is_ours =
            key.is_none_or(|key| guards.key_owners.get(key) == Some(&at) && keys.contains(key));
        let order_is_ours = match touch {
            Touch::Nothing => true,
            Touch::Insert { .. } => {
                guards.order_owners.get(order_id) == Some(&at) && inserted.contains(order_id)
            }
            Touch::Update { .. } => versions.get(order_id) == Some(&commit.expected_version),
        };
        let lease_is_held = commit
            .fence
            .as_ref()
            .is_none_or(|lease| tokens.get(&*lease.name) == Some(&lease.token));
        // What was decided on a commit that does not stand does not stand either.
        let stands = lease_is_held && key_is_ours && order_is_ours && !contended.contains(order_id);
        let admitted = settled.restaurants.admit(commit);
        let has_room = customers::have_room_for(&settled.customers, commit);
        if stands && admitted.is_ok() && has_room {
            settled.outcomes.push(Outcome::Committed);
            settled.follow(commit)?;
            if *touch != Touch::Nothing {
                versions.insert(order_id.to_owned(), commit.order.version);
            }
            if let Touch::Update { wake_at } = touch {
                moved.insert(order_id, (commit, *wake_at));
            }
        } else {
            settled.outcomes.push(match (lease_is_held, admitted) {
                (true, Err(refused)) if stands => refused,
                (true, Ok(())) if stands => Outcome::Crowded,
                (true, _) if unreadable.contains(order_id) => Outcome::Unreadable,
                (true, _) => Outcome::Conflict,
                (false, _) => Outcome::Fenced,
            });
            contended.insert(order_id);
            settled.undone_keys.extend(key.filter(|_| key_is_ours));
            let inserts = matches!(touch, Touch::Insert { .. });
            settled.undone_orders.extend((inserts && order_is_ours).then_some(order_id));
        }
    }
    for (commit, wake_at) in moved.into_values() {
        settled.moved.push(&commit.order, wake_at)?;
    }
    Ok(settled)
}

impl<'a> Settled<'a> {
    fn follow(&mut self, commit: &'a Commit) -> Result<(), Error> {
        let order_id = commit.order.order_id.as_str();
        for entry in &commit.entries {
            self.journal.push(commit, entry)?;
        }
        self.counters.add_commit(commit);
        self.restaurants.follow(commit);
        self.customers.follow(&commit.order.customer_id, commit);
        for change in &commit.tasks {
            self.tasks.push(order_id, change)?;
        }
        if let Some(contact) = &commit.contact {
            self.contacts.push(order_id, contact);
        }
        if let Some(remark) = &commit.remark {
            self.remarks.push(order_id, remark);
        }
        if self.journal.len() > PLACES {
            return Err(Error::Corrupt(anyhow!("more than {PLACES} events in one transaction")));
        }
        Ok(())
    }
}

async fn write(
    client: &Client,
    statements: &Statements,
    settled: &Settled<'_>,
    slot: i32,
) -> Result<(), Error> {
    let changes = Changes::of(&settled.counters);
    let moved = settled.restaurants.moved();
    if !settled.outcomes.contains(&Outcome::Committed) {
        control(client, "ROLLBACK").await?;
        return Ok(());
    }
    let mut sent: Vec<Sending<'_, Vec<Row>, Error>> = Vec::new();
    let undone = [
        (&statements.delete_keys, &settled.undone_keys),
        (&statements.delete_orders, &settled.undone_orders),
    ];
    for (statement, names) in undone.into_iter().filter(|(_, names)| !names.is_empty()) {
        sent.push(Box::pin(async move { Ok(client.query(statement, &[names]).await?) }));
    }
    if !settled.moved.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.update_orders, &settled.moved.to_update()).await?)
        }));
    }
    if settled.journal.len() > 0 {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.insert_journal, &settled.journal.values()).await?)
        }));
    }
    sent.extend(settled.tasks.sendings(client, &statements.tasks, &slot));
    if !settled.contacts.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.insert_contacts, &settled.contacts.values()).await?)
        }));
    }
    if !settled.remarks.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.update_remarks, &settled.remarks.values()).await?)
        }));
    }
    if !moved.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.availability.update, &moved.values()).await?)
        }));
    }
    if !changes.is_empty() {
        sent.push(Box::pin(async {
            Ok(client.query(&statements.add_counters, &changes.values(&slot)).await?)
        }));
    }
    sent.push(Box::pin(control(client, "COMMIT")));
    pipelined(sent).await?;
    Ok(())
}
