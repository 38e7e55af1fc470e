//! The vouchers of customers.

use rusqlite::{Row, named_params, params};

use super::{Error, Reader, Tx};
use crate::domain::{Code, PageEnd, Voucher, VoucherIssued};

/// What became of a voucher that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is new and kept.
    Inserted,
    /// The campaign has issued a voucher for this order before; that one stays.
    AlreadyIssued,
    /// Another voucher has this code; nothing was kept.
    CodeTaken,
}

/// Keeps a new voucher with its code and the keyed hash that the code is looked up by.
///
/// # Errors
/// The database refuses.
pub fn insert_voucher(
    tx: &Tx<'_>,
    issued: &VoucherIssued,
    code: Code,
    code_hash: &[u8],
) -> Result<Insertion, Error> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO voucher (voucher_id, campaign_id, order_id, customer_id, code, code_hash,
                 value_minor, currency, minimum_minor, issued_at_us, valid_until_us)
             VALUES (:voucher_id, :campaign_id, :order_id, :customer_id, :code, :code_hash,
                 :value_minor, :currency, :minimum_minor, :issued_at_us, :valid_until_us)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":voucher_id": issued.voucher_id,
            ":campaign_id": issued.campaign_id,
            ":order_id": issued.order_id,
            ":customer_id": issued.customer_id,
            ":code": code.to_string(),
            ":code_hash": code_hash,
            ":value_minor": issued.value_minor,
            ":currency": issued.currency,
            ":minimum_minor": issued.minimum_minor,
            ":issued_at_us": issued.issued_at_us,
            ":valid_until_us": issued.valid_until_us,
        })?;
    if inserted == 1 {
        return Ok(Insertion::Inserted);
    }
    let issued_before = tx
        .prepare_cached("SELECT 1 FROM voucher WHERE campaign_id = ?1 AND order_id = ?2")?
        .exists(params![issued.campaign_id, issued.order_id])?;
    Ok(if issued_before { Insertion::AlreadyIssued } else { Insertion::CodeTaken })
}

/// At most `limit` vouchers of a customer, the newest first, behind `after` or from the newest.
///
/// # Errors
/// The database refuses, or a stored code is damaged.
pub fn list_vouchers(
    reader: &Reader,
    customer_id: &str,
    after: Option<&PageEnd>,
    limit: u32,
) -> Result<Vec<Voucher>, Error> {
    let after_us = after.map_or(i64::MAX, |end| end.issued_at_us);
    let after_id = after.map_or("", |end| &end.voucher_id);
    reader
        .0
        .prepare_cached(
            "SELECT voucher_id, campaign_id, order_id, customer_id, code, value_minor, currency,
                 minimum_minor, issued_at_us, valid_until_us
             FROM voucher
             WHERE customer_id = ?1 AND (issued_at_us, voucher_id) < (?2, ?3)
             ORDER BY issued_at_us DESC, voucher_id DESC LIMIT ?4",
        )?
        .query_map(params![customer_id, after_us, after_id, limit], read_voucher)?
        .collect()
}

fn read_voucher(row: &Row<'_>) -> Result<Voucher, Error> {
    let code = row.get_ref("code")?.as_str()?.parse();
    let issued = VoucherIssued {
        voucher_id: row.get("voucher_id")?,
        campaign_id: row.get("campaign_id")?,
        order_id: row.get("order_id")?,
        customer_id: row.get("customer_id")?,
        value_minor: row.get("value_minor")?,
        currency: row.get("currency")?,
        minimum_minor: row.get("minimum_minor")?,
        issued_at_us: row.get("issued_at_us")?,
        valid_until_us: row.get("valid_until_us")?,
    };
    let damaged = |_| Error::InvalidColumnName("code".into());
    Ok(Voucher { issued, code: code.map_err(damaged)? })
}

/// How many vouchers there are, and for how many pairs of campaign and order: the same number,
/// or one order was rewarded twice.
///
/// # Errors
/// The database refuses.
pub fn count_vouchers(reader: &Reader) -> Result<(i64, i64), Error> {
    reader.0.query_row(
        "SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT campaign_id, order_id FROM voucher))
         FROM voucher",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
