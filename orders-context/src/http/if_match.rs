//! The header `If-Match` on decisions (RFC 9110, section 13.1.1): decide only on the state that was
//! looked at.

use super::etag::{etag, names};
use super::policy::judge_order;
use super::problem::Answer;
use super::view::OrderView;
use crate::app::App;
use crate::domain::Actor;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use utoipa::IntoParams;

/// No order has this version.
const NO_VERSION: i64 = 0;

/// How it is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what is read of the headers")]
pub struct IfMatchHeader {
    /// The ETag of the order as the caller knows it: in any other state it stays as it is (412). A
    /// decision that stands already is answered 200 all the same, so that a request can be repeated.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// The one version at which the order may be changed: `None`, and nothing is asked of the store, where the
/// request does not say.
///
/// # Errors
/// There is no such order, or none that `actor` may know of.
pub async fn only_at(
    headers: &HeaderMap,
    app: &App,
    actor: &Actor,
    order_id: &str,
) -> Answer<Option<i64>> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let found = app.order(order_id).await?;
    judge_order(actor, &found.order)?;
    let view = OrderView::with_tasks(&found.order, &found.tasks, app.now());
    let is_named = names(headers, &etag(&view));
    Ok(is_named.map(|is_named| if is_named { found.order.version } else { NO_VERSION }))
}
