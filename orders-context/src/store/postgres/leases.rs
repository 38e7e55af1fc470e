//! Leases, judged by the clock of the database, which all instances share.

use super::read::select;
use super::rows::get;
use crate::store::{Claim, Error, Lease, Standing};
use chassis::postgres::Client;
use tokio_postgres::Row;

/// How long an instance must have been alive for others to give way to it.
const SETTLED_AFTER_MS: i64 = 10_000;

/// Says that the claimant is alive and prolongs those that are its own, even those that have run out
/// if nobody took them.
pub async fn prolong(client: &Client, claim: &Claim) -> Result<Standing, Error> {
    let sql = "WITH alive AS (
             INSERT INTO instances AS known (owner, since, expires_at)
             VALUES ($1, clock_timestamp(), clock_timestamp() + $3::bigint * interval '1 ms')
             ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at
             RETURNING since
         ), own AS (
             SELECT name FROM leases WHERE owner = $1 AND name = ANY($2::text[])
             ORDER BY name FOR UPDATE
         ), prolonged AS (
             UPDATE leases SET expires_at = clock_timestamp() + $3::bigint * interval '1 ms'
             FROM own WHERE leases.name = own.name RETURNING leases.name, token
         ), others AS (
             SELECT since FROM instances WHERE owner <> $1 AND expires_at > clock_timestamp()
         ), everybody AS (SELECT since FROM alive UNION ALL SELECT since FROM others)
         SELECT array(SELECT name FROM prolonged ORDER BY name),
             array(SELECT token FROM prolonged ORDER BY name),
             array(SELECT name FROM leases WHERE expires_at > clock_timestamp()
                 UNION SELECT name FROM prolonged ORDER BY name),
             (SELECT count(*) FROM everybody),
             (SELECT count(*) FROM everybody
                 WHERE since <= clock_timestamp() - $4::bigint * interval '1 ms')";
    let names = texts(claim);
    let rows =
        select(client, sql, &[&claim.owner, &names, &claim.for_ms, &SETTLED_AFTER_MS]).await?;
    rows.first().map_or_else(|| Ok(Standing::default()), standing)
}

fn standing(row: &Row) -> Result<Standing, Error> {
    let (names, tokens): (Vec<&str>, Vec<i64>) = (get(row, 0)?, get(row, 1)?);
    let held = names.into_iter().zip(tokens);
    let taken: Vec<&str> = get(row, 2)?;
    let (instances, settled): (i64, i64) = (get(row, 3)?, get(row, 4)?);
    Ok(Standing {
        held: held.map(|(name, token)| Lease { name: name.into(), token }).collect(),
        taken: taken.into_iter().map(Into::into).collect(),
        instances: usize::try_from(instances).unwrap_or(1),
        settled: usize::try_from(settled).unwrap_or(1),
    })
}

/// Those that are the claimant's now. Forgets instances that died long ago.
pub async fn take(client: &Client, claim: &Claim) -> Result<Vec<Lease>, Error> {
    let sql = "WITH gone AS (
             DELETE FROM instances WHERE owner IN (SELECT owner FROM instances
                 WHERE expires_at < clock_timestamp() - interval '1 minute'
                 FOR UPDATE SKIP LOCKED)
         )
         INSERT INTO leases AS held (name, owner, token, expires_at)
         SELECT name, $1, 1, clock_timestamp() + $3::bigint * interval '1 ms'
         FROM unnest($2::text[]) AS wanted (name) ORDER BY name
         ON CONFLICT (name) DO UPDATE SET
            owner = excluded.owner,
            token = held.token + (held.owner <> excluded.owner)::int,
            expires_at = excluded.expires_at
         WHERE held.owner = excluded.owner OR held.expires_at <= clock_timestamp()
         RETURNING name, token";
    let rows = select(client, sql, &[&claim.owner, &texts(claim), &claim.for_ms]).await?;
    let lease = |row: &Row| Ok(Lease { name: get::<&str>(row, 0)?.into(), token: get(row, 1)? });
    rows.iter().map(lease).collect()
}

/// Ends those that are the claimant's now.
pub async fn give_back(client: &Client, claim: &Claim) -> Result<(), Error> {
    let sql = "UPDATE leases SET expires_at = clock_timestamp()
         WHERE name = ANY($2::text[]) AND owner = $1";
    select(client, sql, &[&claim.owner, &texts(claim)]).await?;
    Ok(())
}

/// The instance is no longer counted.
pub async fn leave(client: &Client, owner: &str) -> Result<(), Error> {
    select(client, "DELETE FROM instances WHERE owner = $1", &[&owner]).await?;
    Ok(())
}

fn texts(claim: &Claim) -> Vec<&str> {
    claim.names.iter().map(|name| &**name).collect()
}
