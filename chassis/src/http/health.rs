//! Whether this process lives, and whether it is ready for requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::Problem;

/// The checks of a process; it is ready when each of them is. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Vec<State>>>);

#[derive(Debug)]
struct State {
    name: &'static str,
    /// Why not; `None` when ready.
    reason: Option<String>,
}

impl Health {
    /// A process without checks, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, not ready until its owner says so.
    pub fn check(&self, name: &'static str) -> Check {
        let mut states = self.states();
        states.push(State { name, reason: Some("starting".to_owned()) });
        Check { health: self.clone(), name, index: states.len() - 1 }
    }

    /// Whether every check is ready.
    pub fn is_ready(&self) -> bool {
        self.states().iter().all(|state| state.reason.is_none())
    }

    /// Each check by name: `ready`, or why not.
    pub(super) fn checks(&self) -> Map<String, Value> {
        let states = self.states();
        let shown = |state: &State| {
            let text = state.reason.as_deref().unwrap_or("ready");
            (state.name.to_owned(), Value::from(text))
        };
        states.iter().map(shown).collect()
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that must work before requests are welcome. Cheap to set again and again; a change
/// is logged.
#[derive(Debug, Clone)]
pub struct Check {
    health: Health,
    name: &'static str,
    index: usize,
}

impl Check {
    /// It works.
    pub fn ready(&self) {
        if let Some(reason) = self.set(None) {
            tracing::info!(check = self.name, "ready after: {reason}");
        }
    }

    /// It does not work, and why: a text for operators, without secrets.
    pub fn not_ready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let before = self.set(Some(reason.clone()));
        if before.as_deref() != Some(&reason) {
            tracing::warn!(check = self.name, "not ready: {reason}");
        }
    }

    fn set(&self, reason: Option<String>) -> Option<String> {
        let mut states = self.health.states();
        states.get_mut(self.index).and_then(|state| std::mem::replace(&mut state.reason, reason))
    }
}

/// `/livez`: that it answers is the answer.
pub(super) async fn livez() -> &'static str {
    "live\n"
}

/// `/readyz`: 200 when ready, else a problem with status 503; both with `checks`.
pub(super) fn readyz(health: &Health) -> Result<super::Json<Value>, Problem> {
    let checks = health.checks();
    if health.is_ready() {
        return Ok(super::Json(serde_json::json!({ "status": "ready", "checks": checks })));
    }
    Err(Problem::unavailable("not_ready", "wait until every check says ready")
        .with("checks", checks)
        .retry_after(1))
}
