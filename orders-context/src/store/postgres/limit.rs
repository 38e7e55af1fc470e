//! Statements that the server ends itself when their time is over: whoever goes away ends none.

use crate::store::Error;
use crate::store::limit::Until;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

/// Lets the next statements of this transaction take what is left of the time, whatever others of the session may.
pub async fn set(tx: &Transaction<'_>, until: Until) -> Result<(), Error> {
    // 0 is no limit.
    let ms = until.left()?.map_or(0, |left| left.as_millis());
    Ok(tx.batch_execute(&format!("SET LOCAL statement_timeout = {ms}")).await?)
}

/// What a statement came to that may have been ended so.
pub fn told<T>(answer: Result<T, Error>, until: Until) -> Result<T, Error> {
    let Err(Error::Unavailable(cause)) = &answer else { return answer };
    let code = cause.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    match code == Some(&SqlState::QUERY_CANCELED) && until.left().is_err() {
        true => Err(Error::TooLong),
        false => answer,
    }
}

/// The rows of one statement, in what is left of the time.
pub async fn query(
    tx: &Transaction<'_>,
    until: Until,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    set(tx, until).await?;
    told(tx.query(sql, values).await.map_err(Error::from), until)
}
