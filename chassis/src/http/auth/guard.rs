//! Routes that cannot be declared without a policy, and the guard in front of each.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::deprecation::{Deprecation, operations};
use super::rates::{Left, Rates};
use super::{Denied, Principal, Quota, Verified, Verifier};
use crate::clock::{Machine, Source};
use crate::http::{Problem, describe_refusals, problem};

/// The name of the security scheme in the document.
const SCHEME: &str = "token";

/// That of tickets, and their name in a query.
const TICKET: &str = "ticket";

/// A longer one is not looked at.
const LONGEST_TICKET: usize = 256;

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

/// Whom a ticket stands for, which is taken by the asking; or why it is not good.
type TakeTicket<P> = Box<dyn Fn(String) -> Taking<P> + Send + Sync>;

type Taking<P> = Pin<Box<dyn Future<Output = Result<Verified<P>, Box<Problem>>> + Send>>;

/// What stands in front of every route: whose tokens count, and how often each may ask.
pub struct Guard<P: Principal> {
    verifier: Verifier<P>,
    rates: Rates<P::Role>,
    take_ticket: Option<TakeTicket<P>>,
}

impl<P: Principal> Guard<P> {
    /// Lets through whom `verifier` knows, as often as `quotas` say; a role without a quota has no
    /// limit.
    pub fn new(verifier: Verifier<P>, quotas: Vec<Quota<P::Role>>) -> Self {
        Self { verifier, rates: Rates::new(quotas), take_ticket: None }
    }

    /// Lets somebody through without a token too, to the routes of [`Routes::route_with_tickets`] and
    /// to no other, once for each ticket that `take` takes.
    #[must_use]
    pub fn with_tickets<Fut>(mut self, take: impl Fn(String) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Result<Verified<P>, Box<Problem>>> + Send + 'static,
    {
        self.take_ticket = Some(Box::new(move |ticket| Box::pin(take(ticket))));
        self
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
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
        let router = OpenApiRouter::with_openapi(document);
        Self { router, guard: Arc::new(guard) }
    }

    /// The same with these routes behind that policy, which is printed beside each as `x-policy`.
    #[must_use]
    pub fn route(self, policy: &'static Policy<P::Role>, routes: UtoipaMethodRouter<S>) -> Self {
        let routes = self.guarded(policy, Shown::Token, routes);
        self.add(routes)
    }

    /// The same for routes that are going to go, as every answer of theirs says.
    #[must_use]
    pub fn route_deprecated(
        self,
        policy: &'static Policy<P::Role>,
        deprecation: &'static Deprecation,
        routes: UtoipaMethodRouter<S>,
    ) -> Self {
        let routes = deprecation.told_by(self.guarded(policy, Shown::Token, routes));
        self.add(routes)
    }

    /// The same for routes that a ticket in the query opens too, once: where a token cannot be sent.
    #[must_use]
    pub fn route_with_tickets(
        mut self,
        policy: &'static Policy<P::Role>,
        routes: UtoipaMethodRouter<S>,
    ) -> Self {
        let scheme = ApiKey::Query(ApiKeyValue::with_description(
            TICKET,
            "Good for one request, and for a short while",
        ));
        let document = self.router.get_openapi_mut();
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme(TICKET, SecurityScheme::ApiKey(scheme));
        let routes = self.guarded(policy, Shown::TokenOrTicket, routes);
        self.add(routes)
    }

    fn guarded(
        &self,
        policy: &'static Policy<P::Role>,
        shown: Shown,
        (schemas, mut paths, methods): UtoipaMethodRouter<S>,
    ) -> UtoipaMethodRouter<S> {
        let operations = paths.paths.values_mut().flat_map(operations);
        operations.for_each(|operation| describe(operation, policy, shown));
        let guarding = Guarding { guard: Arc::clone(&self.guard), policy, shown };
        (schemas, paths, methods.route_layer(from_fn_with_state(guarding, admit)))
    }

    fn add(mut self, routes: UtoipaMethodRouter<S>) -> Self {
        self.router = self.router.routes(routes);
        self
    }

    /// The routes and their document.
    pub fn split(self) -> (Router<S>, OpenApi) {
        self.router.split_for_parts()
    }
}

fn describe<R: Display>(operation: &mut Operation, policy: &Policy<R>, shown: Shown) {
    let roles: Vec<Value> = policy.roles.iter().map(|role| role.to_string().into()).collect();
    let printed = json!({ "roles": roles, "objects": policy.objects });
    let extension = Extensions::builder().add("x-policy", printed).build();
    operation.extensions.get_or_insert_default().merge(extension);
    let schemes = match shown {
        Shown::Token => &[SCHEME][..],
        Shown::TokenOrTicket => &[SCHEME, TICKET],
    };
    let required =
        schemes.iter().map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, []));
    operation.security = Some(required.collect());
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

/// What opens a route.
#[derive(Clone, Copy)]
enum Shown {
    Token,
    TokenOrTicket,
}

struct Guarding<P: Principal> {
    guard: Arc<Guard<P>>,
    policy: &'static Policy<P::Role>,
    shown: Shown,
}

impl<P: Principal> Clone for Guarding<P> {
    fn clone(&self) -> Self {
        Self { guard: Arc::clone(&self.guard), policy: self.policy, shown: self.shown }
    }
}

/// Lets a request through to its handler, with its [`Caller`], if there is one, they do not ask too
/// often, and the policy names their role.
async fn admit<P: Principal>(
    State(Guarding { guard, policy, shown }): State<Guarding<P>>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = match known(&guard, shown, request.headers(), request.uri()).await {
        Ok(known) => known,
        Err(problem) => return problem.into_response(),
    };
    let caller = Caller(known);
    let (role, key) = (caller.role(), caller.key());
    let left = match guard.rates.take(role, &key, Machine.passed_us()) {
        Ok(left) => left,
        Err(refused) => {
            return told(Problem::from(&*refused).into_response(), Some(refused.left));
        }
    };
    if !policy.roles.contains(&role) {
        return told(not_for(role).into_response(), left);
    }
    request.extensions_mut().insert(caller);
    told(next.run(request).await, left)
}

/// By their token; by a ticket only where there is no token, and the route takes one.
async fn known<P: Principal>(
    guard: &Guard<P>,
    shown: Shown,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Arc<Verified<P>>, Box<Problem>> {
    if let (Shown::TokenOrTicket, Some(take)) = (shown, &guard.take_ticket)
        && let (false, Some(ticket)) = (headers.contains_key(AUTHORIZATION), ticket(uri))
    {
        return take(ticket.to_owned()).await.map(Arc::new);
    }
    let denied = |denied: Denied| Box::new(Problem::from(denied));
    let token = token(headers).map_err(denied)?;
    guard.verifier.verify(token).await.map_err(denied)
}

/// Tickets are of letters that are never escaped. One longer than any is none.
fn ticket(uri: &Uri) -> Option<&str> {
    let mut parts = uri.query()?.split('&');
    let ticket = parts.find_map(|part| part.strip_prefix(TICKET)?.strip_prefix('='))?;
    (ticket.len() <= LONGEST_TICKET).then_some(ticket)
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
pub struct Caller<P>(Arc<Verified<P>>);

impl<P: Principal> Caller<P> {
    /// Names them among the principals of all roles.
    pub fn key(&self) -> String {
        format!("{} {}", self.role(), self.subject())
    }

    /// The moment from which their token counts no more: what goes on for long ends then.
    pub fn until_us(&self) -> i64 {
        self.0.until_us()
    }
}

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
