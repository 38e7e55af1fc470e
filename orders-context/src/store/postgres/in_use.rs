//! Whether somebody uses the database, for whoever wants it alone.

use anyhow::bail;
use chassis::postgres::Client;
use std::time::Duration;

/// How often it is looked whether every instance has gone: longer than one counts as alive that was killed.
const LOOKS: u32 = 20;

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Returns once no instance uses it. What one that was stopped a moment ago leaves behind may still be there.
///
/// # Errors
/// One does, or the database does not answer.
pub async fn wait_until_left(client: &Client) -> anyhow::Result<()> {
    for _ in 0..LOOKS {
        if !is_in_use(client).await? {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    bail!("instances are connected to it: stop every `orders serve` first")
}

/// By the names of connections, and by what instances say of themselves: an address may give
/// connections a name of its own.
async fn is_in_use(client: &Client) -> anyhow::Result<bool> {
    let connected = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name IN ('orders', 'orders-journal'))";
    if client.query_one(connected, &[]).await?.try_get(0)? {
        return Ok(true);
    }
    if !has_table(client, "instances").await? {
        return Ok(false);
    }
    let alive = "SELECT EXISTS (SELECT FROM instances WHERE expires_at > clock_timestamp())";
    Ok(client.query_one(alive, &[]).await?.try_get(0)?)
}

/// Whether it has that table: one of an earlier version may not.
pub async fn has_table(client: &Client, table: &str) -> anyhow::Result<bool> {
    let sql = "SELECT to_regclass($1::text) IS NOT NULL";
    Ok(client.query_one(sql, &[&table]).await?.try_get(0)?)
}
