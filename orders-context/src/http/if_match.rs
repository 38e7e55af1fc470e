//! The header `If-Match` on decisions (RFC 9110, section 13.1.1): decide only on the state that was
//! looked at.

use super::etag::etag;
use super::policy::judge_order;
use super::problem::Answer;
use super::view::OrderView;
use crate::app::App;
use crate::domain::Actor;
use axum::extract::FromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use std::convert::Infallible;
use utoipa::IntoParams;

/// No order has this version.
const NONE: i64 = 0;

/// What a request says of the state it is about.
#[derive(Debug, Default)]
pub struct IfMatch(Vec<HeaderValue>);

/// How it is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what the extractor reads")]
pub struct IfMatchHeader {
    /// The ETag of the order as the caller knows it: in any other state it stays as it is (412). A
    /// decision that stands already is answered 200 all the same, so that a request can be repeated.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

impl IfMatch {
    /// The one version at which the order may be changed: `None` where the request does not say.
    ///
    /// # Errors
    /// There is no such order, or none that `actor` may know of.
    pub async fn version(&self, app: &App, actor: &Actor, order_id: &str) -> Answer<Option<i64>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let found = app.order(order_id).await?;
        judge_order(actor, &found.order)?;
        let view = OrderView::with_tasks(&found.order, &found.tasks, app.now());
        Ok(Some(if self.names(&etag(&view)) { found.order.version } else { NONE }))
    }

    /// Whether one of the tags is this one, or any will do. Weak ones never match.
    fn names(&self, etag: &HeaderValue) -> bool {
        let lists = self.0.iter().filter_map(|value| value.to_str().ok());
        let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.as_bytes() == etag.as_bytes())
    }
}

impl From<&HeaderMap> for IfMatch {
    fn from(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_MATCH).iter().cloned().collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from(&parts.headers))
    }
}
