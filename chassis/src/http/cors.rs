//! Which web pages of other origins may call this API from a browser: those of a list, and none
//! when there is no list.

use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what is allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Origins (RFC 6454) such as `https://app.example`, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl FromStr for Origins {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|each| origin(each.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '*', '@', ' ', '?', '#']);
    match text.split_once("://") {
        Some(("http" | "https", host)) if is_host(host) => {
            HeaderValue::from_str(text).map_err(|_| "an origin has odd characters")
        }
        _ => Err("an origin is a scheme and a host such as https://app.example, nothing behind it"),
    }
}

impl Origins {
    /// `app`, callable from pages of these origins.
    pub fn admit(self, app: Router) -> Router {
        if self.0.is_empty() {
            return app;
        }
        let header = HeaderName::from_static;
        let allowed = [
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            header("idempotency-key"),
            header("last-event-id"),
            header("traceparent"),
        ];
        let shown = [ETAG, LOCATION, RETRY_AFTER, header("ratelimit"), header("ratelimit-policy")];
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        app.layer(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(self.0))
                .allow_methods(methods)
                .allow_headers(allowed)
                .expose_headers(shown)
                .max_age(REMEMBERED),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for right in ["https://app.example", "http://127.0.0.1:3000, https://b.example"] {
            assert!(right.parse::<Origins>().is_ok(), "{right}");
        }
        for wrong in [
            "*",
            "app.example",
            "https://",
            "https://a.example/",
            "https://*.example",
            "https://a.example,",
        ] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn pages_of_the_list_may_call_and_no_others() {
        let app = Router::new().route("/dishes", get(|| async { "Dal" }));
        let app = "https://app.example".parse::<Origins>().unwrap().admit(app);
        for (origin, allowed) in [("https://app.example", true), ("https://evil.example", false)] {
            for method in ["GET", "OPTIONS"] {
                let request = Request::builder()
                    .method(method)
                    .uri("/dishes")
                    .header("origin", origin)
                    .header("access-control-request-method", "POST");
                let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await;
                let answer = answer.unwrap();
                assert_eq!(answer.status(), 200, "{method} {origin}");
                let said = answer.headers().get("access-control-allow-origin");
                assert_eq!(said.is_some(), allowed, "{method} {origin}");
                assert!(!answer.headers().contains_key("access-control-allow-credentials"));
            }
        }
    }
}
