//! Counts and durations of requests, found without building a metric's name each time.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram};

/// The handles in use, by matched path: as many as there are paths, methods and statuses.
#[derive(Default)]
pub(super) struct Measures(RwLock<HashMap<Box<str>, OfPath>>);

/// By method and status.
type OfPath = HashMap<(&'static str, u16), Handles>;

#[derive(Clone)]
struct Handles {
    total: Counter,
    duration: Histogram,
}

impl Handles {
    fn record(&self, elapsed: Duration) {
        self.total.increment(1);
        self.duration.record(elapsed.as_secs_f64());
    }
}

impl Measures {
    pub(super) fn record(
        &self,
        method: &Method,
        path: &str,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let key = (known(method), status.as_u16());
        {
            let measures = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(handles) = measures.get(path).and_then(|by| by.get(&key)) {
                return handles.record(elapsed);
            }
        }
        let handles = register(path, key);
        handles.record(elapsed);
        let mut measures = self.0.write().unwrap_or_else(PoisonError::into_inner);
        measures.entry(path.into()).or_default().insert(key, handles);
    }
}

fn register(path: &str, (method, status): (&'static str, u16)) -> Handles {
    let path = path.to_owned();
    Handles {
        total: metrics::counter!(
            "http_requests_total",
            "method" => method, "path" => path.clone(), "status" => status.to_string(),
        ),
        duration: metrics::histogram!(
            "http_request_duration_seconds", "method" => method, "path" => path,
        ),
    }
}

/// A client may invent methods, but not metrics.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
