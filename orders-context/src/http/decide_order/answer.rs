//! What a restaurant says about its answer: when the food is ready, or why there will be none.

use super::super::faults::{Faults, ID_RULE, REMARK_RULE, is_id, is_remark};
use super::super::problem::Answer;
use super::RejectReason;
use crate::domain::{Decision, Timestamp};
use chassis::clock::parse_rfc3339;
use std::collections::HashSet;

/// As many as an order can have lines.
const MOST_ITEMS: usize = 50;

/// A yes, perhaps with a moment.
pub fn acceptance(ready_by: Option<&str>) -> Answer<Decision> {
    let Some(text) = ready_by else { return Ok(Decision::Accept) };
    let mut faults = Faults::default();
    let at = parse_rfc3339(text);
    if at.is_none() {
        faults.at("/ready_by", "must be a moment in RFC 3339, like 2026-11-23T20:45:00Z");
    }
    faults.none()?;
    Ok(at.map_or(Decision::Accept, |at| Decision::AcceptReadyBy(Timestamp(at))))
}

/// A no, with what belongs to its reason and nothing else.
pub fn refusal(
    reason: RejectReason,
    items: Option<Vec<String>>,
    remark: Option<&str>,
) -> Answer<Decision> {
    let mut faults = Faults::default();
    match (&items, reason) {
        (None, _) => {}
        (Some(items), RejectReason::ItemUnavailable) => check_items(items, &mut faults),
        (Some(_), _) => faults.at("/items", "belongs to the reason item_unavailable: leave it out"),
    }
    match remark {
        Some(remark) if !is_remark(remark) => faults.at("/note", REMARK_RULE),
        None if matches!(reason, RejectReason::Other) => {
            faults.at("/note", "must say why where the reason is other");
        }
        _ => {}
    }
    faults.none()?;
    Ok(match items {
        Some(items) => Decision::RejectItems { items },
        None => Decision::Reject { reason: reason.as_str().to_owned() },
    })
}

fn check_items(items: &[String], faults: &mut Faults) {
    if items.is_empty() || items.len() > MOST_ITEMS {
        faults.at("/items", "must be 1 to 50 ids of items of the order");
        return;
    }
    let mut seen = HashSet::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if !is_id(item) {
            faults.at(format!("/items/{at}"), ID_RULE);
        } else if !seen.insert(item) {
            faults.at(format!("/items/{at}"), "is listed already");
        }
    }
}
