//! Leases, judged by the clock of the database, which all instances share.

use super::read::select;
use super::rows::get;
use crate::store::{Claim, Error};
use chassis::postgres::Client;

/// Its token, if it is the claimant's now.
pub async fn take(client: &Client, claim: &Claim) -> Result<Option<i64>, Error> {
    let sql = "INSERT INTO leases AS held (name, owner, token, expires_at)
         VALUES ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE SET
            owner = excluded.owner,
            token = held.token + (held.owner <> excluded.owner)::int,
            expires_at = excluded.expires_at
         WHERE held.owner = excluded.owner OR held.expires_at <= clock_timestamp()
         RETURNING token";
    let rows = select(client, sql, &[&claim.name, &claim.owner, &claim.for_ms]).await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

/// Ends it now, if it is the claimant's.
pub async fn give_back(client: &Client, claim: &Claim) -> Result<(), Error> {
    let sql = "UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1 AND owner = $2";
    select(client, sql, &[&claim.name, &claim.owner]).await?;
    Ok(())
}
