//! Routes that cannot be declared without a policy, and the guard in front of each.

use std::fmt::{Debug, Display};
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::rates::{Left, Rates};
use super::{Denied, Principal, Quota, Verifier};
use crate::http::{Problem, describe_refusals, problem};

/// The name of the security scheme in the document.
const SCHEME: &str = "token";

/// Who may call a route. Whoever is not named may not.
#[derive(Debug)]
pub struct Policy<R: 'static> {
    /// Those who may call it; another role gets 403.
    pub roles: &'static [R],
    /// Which of its objects are theirs, in words: the handler's use case judges it, and for the rest
    /// there is no such object (404).
    pub objects: &'static str,
}

/// Routes, each with its policy, and the document that describes them.
pub struct Routes<S, P: Principal> {
    router: OpenApiRouter<S>,
    guard: Arc<Guard<P>>,
}

/// What stands in front of every route: whose tokens count, and how often each may ask.
pub struct Guard<P: Principal> {
    verifier: Verifier<P>,
    rates: Rates<P::Role>,
}

impl<P: Principal> Guard<P> {
    /// Lets through whom `verifier` knows, as often as `quotas` say; a role without a quota has no
    /// limit.
    pub fn new(verifier: Verifier<P>, quotas: Vec<Quota<P::Role>>) -> Self {
        Self { verifier, rates: Rates::new(quotas) }
    }

    /// Lets nobody through.
    ///
    /// # Errors
    /// When there is no TLS to ask issuers with.
    pub fn against_everybody() -> anyhow::Result<Self> {
        Ok(Self::new(Verifier::of_nobody()?, Vec::new()))
    }
}

impl<S: Clone + Send + Sync + 'static, P: Principal> Routes<S, P> {
    /// No routes yet, and the front page of their document.
    pub fn new(mut document: OpenApi, guard: Guard<P>) -> Self {
        let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
        let router = OpenApiRouter::with_openapi(document);
        Self { router, guard: Arc::new(guard) }
    }

    /// The same with these routes behind that policy, which is printed beside each as `x-policy`.
    #[must_use]
    pub fn route(
        mut self,
        policy: &'static Policy<P::Role>,
        (schemas, mut paths, methods): UtoipaMethodRouter<S>,
    ) -> Self {
        for item in paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.delete,
                &mut item.patch,
                &mut item.head,
            ];
            operations.into_iter().flatten().for_each(|operation| describe(operation, policy));
        }
        let guarding = Guarding { guard: Arc::clone(&self.guard), policy };
        let methods = methods.route_layer(from_fn_with_state(guarding, admit));
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// The routes and their document.
    pub fn split(self) -> (Router<S>, OpenApi) {
        self.router.split_for_parts()
    }
}

fn describe<R: Display>(operation: &mut Operation, policy: &Policy<R>) {
    let roles: Vec<Value> = policy.roles.iter().map(|role| role.to_string().into()).collect();
    let printed = json!({ "roles": roles, "objects": policy.objects });
    let extension = Extensions::builder().add("x-policy", printed).build();
    operation.extensions.get_or_insert_default().merge(extension);
    operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, [])]);
    for (status, why) in [
        ("401", "No token, or not a good one"),
        ("403", "Not for this role"),
        ("429", "Too many requests: come back after Retry-After"),
    ] {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| problem(why));
    }
    describe_refusals(operation);
}

struct Guarding<P: Principal> {
    guard: Arc<Guard<P>>,
    policy: &'static Policy<P::Role>,
}

impl<P: Principal> Clone for Guarding<P> {
    fn clone(&self) -> Self {
        Self { guard: Arc::clone(&self.guard), policy: self.policy }
    }
}

/// Lets a request through to its handler, with its [`Caller`], if there is one, they do not ask too
/// often, and the policy names their role.
async fn admit<P: Principal>(
    State(Guarding { guard, policy }): State<Guarding<P>>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match known(&guard, request.headers()).await {
        Ok(principal) => principal,
        Err(denied) => return Problem::from(denied).into_response(),
    };
    let role = principal.role();
    let key = format!("{role} {}", principal.subject());
    let left = match guard.rates.take(role, &key, guard.verifier.now_us()) {
        Ok(left) => left,
        Err(refused) => {
            return told(Problem::from(&*refused).into_response(), Some(refused.left));
        }
    };
    if !policy.roles.contains(&role) {
        return told(not_for(role).into_response(), left);
    }
    request.extensions_mut().insert(Caller(principal));
    told(next.run(request).await, left)
}

async fn known<P: Principal>(guard: &Guard<P>, headers: &HeaderMap) -> Result<Arc<P>, Denied> {
    guard.verifier.verify(token(headers)?).await
}

fn told(mut answer: Response, left: Option<Left>) -> Response {
    if let Some(left) = left {
        left.tell(answer.headers_mut());
    }
    answer
}

fn not_for(role: impl Display) -> Problem {
    Problem::forbidden("not_for_role", format!("this is not for the role {role}"))
        .challenge("Bearer realm=\"takeaway\", error=\"insufficient_scope\"".to_owned())
}

/// RFC 6750, section 2.1. Tokens in bodies and queries are not looked for: they end up in logs.
fn token(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denied::Missing)?;
    if values.next().is_some() {
        return Err(Denied::Invalid("there is more than one header Authorization"));
    }
    let value = value.to_str().unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Denied::Missing),
    }
}

/// Who is calling: what a handler behind a [`Policy`] takes.
pub struct Caller<P>(Arc<P>);

impl<P> Deref for Caller<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.0
    }
}

impl<P> Clone for Caller<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Debug for Caller<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Caller(…)")
    }
}

impl<P: Principal, S: Send + Sync> FromRequestParts<S> for Caller<P> {
    type Rejection = Problem;

    /// A route that was declared without a policy answers nobody.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Denied::Missing.into())
    }
}
