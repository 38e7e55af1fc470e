//! How many orders the customers of a group's new ones have under way. Nobody is locked for it: two
//! instances that commit at the same moment may each let one more in.

use super::under_way::UnderWay;
use crate::store::Commit;
use std::collections::BTreeSet;

/// Reads as many entries of an index as these customers have orders under way.
pub const COUNT: &str = "SELECT customer_id, count(*) FROM orders
    WHERE customer_id = ANY($1::text[]) AND deadline IS NOT NULL GROUP BY customer_id";

/// Those whose new orders are limited.
pub fn limited(commits: &[Commit]) -> Vec<&str> {
    let limited = commits.iter().filter(|commit| commit.most_open.is_some());
    let ids: BTreeSet<&str> = limited.map(|commit| commit.order.customer_id.as_str()).collect();
    ids.into_iter().collect()
}

/// Whether the customer of a new order may have one more.
pub fn have_room_for(under_way: &UnderWay, commit: &Commit) -> bool {
    let has = under_way.of(&commit.order.customer_id);
    commit.most_open.is_none_or(|most_open| has < i64::from(most_open))
}
