//! What every request goes through, in this order: facts and span → authenticate → rate limit and usage → idempotency →
//! audit headers → route; then headers, log line and metrics on the way back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use futures::FutureExt as _;
use http::header::{
    ALLOW, CONNECTION, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use tracing::Instrument as _;
use trinity_authz::Authenticator;
use trinity_context::Caller;
use trinity_error::{Code, Error};
use trinity_ids::TenantId;
use trinity_rpc::Channel;

use crate::call::{self, Call};
use crate::config::Config;
use crate::envelope::Refusal;
use crate::facts::{Facts, REQUEST_ID};
use crate::health::Readiness;
use crate::limit::{Allowance, Limits};
use crate::metrics::RouteMetrics;
use crate::pages::Pages;
use crate::routes::{BodyRule, Found, Shape, Table};
use crate::usage::Usage;

/// The edge: built once, shared by all connections.
pub struct Edge {
    pub config: Config,
    pub table: Table,
    /// The way to each endpoint's service.
    pub channels: Vec<Channel>,
    pub metrics: RouteMetrics,
    pub authenticator: Arc<Authenticator>,
    pub limits: Arc<Limits>,
    pub usage: Arc<Usage>,
    pub pages: Pages,
    pub readiness: Readiness,
    pub is_draining: AtomicBool,
}

/// What becomes known of a request on its way, for whoever ends it.
#[derive(Default)]
struct Trail {
    /// The endpoint.
    place: Option<usize>,
    /// What is left to the tenant.
    allowance: Option<Allowance>,
}

impl Edge {
    /// Answers one request, whatever happens.
    pub async fn handle(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let facts = Facts::new(&parts, self.config.trusted_proxies);
        let span = tracing::info_span!("http", request_id = facts.id());
        let mut trail = Trail::default();
        let answer = AssertUnwindSafe(self.answer(&facts, &parts, body, &mut trail)).catch_unwind();
        let outcome = answer.instrument(span).await.unwrap_or_else(|_| {
            tracing::error!(request_id = facts.id(), "a handler panicked");
            Err(Refusal::internal())
        });
        let mut response = outcome.unwrap_or_else(|refusal| refusal.into_response(facts.id()));
        self.finish(&facts, &parts, &trail, &mut response);
        let elapsed = facts.started.elapsed();
        self.metrics.record(trail.place, response.status(), elapsed);
        let endpoint = trail.place.map(|place| &self.table.endpoints[place]);
        let name = endpoint.map_or("-", |endpoint| endpoint.name.as_str());
        // Why: a token in the path lets in whoever reads it here.
        let secret = endpoint.filter(|endpoint| endpoint.path.ends_with("{token}"));
        let path = secret.map_or(parts.uri.path(), |endpoint| endpoint.path.as_str());
        // Why no parent: the line says all there is; the span it stands in would be written out with it.
        tracing::info!(
            target: "access",
            parent: None,
            request_id = facts.id(),
            method = parts.method.as_str(),
            path,
            rpc = name,
            status = response.status().as_u16(),
            duration_us = elapsed.as_micros() as u64,
            client = facts.client_ip.to_str().unwrap_or_default(),
        );
        response
    }

    async fn answer(
        &self,
        facts: &Facts,
        parts: &Parts,
        body: Body,
        trail: &mut Trail,
    ) -> Result<Response<Body>, Refusal> {
        let path = parts.uri.path();
        if let Some(response) = self.pages.answer(&parts.method, path, self.is_draining(), &self.readiness).await {
            return Ok(response);
        }
        let (index, path_values) = match self.table.find(&parts.method, path) {
            Found::Endpoint(index, params) => (index, params.iter().map(|(_, value)| value).collect()),
            Found::OtherVerbs(allow) => return Err(method_not_allowed(allow)),
            Found::Nothing => {
                return Err(Refusal::new(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", "there is nothing at this path"));
            }
        };
        trail.place = Some(index);
        let endpoint = &self.table.endpoints[index];
        if endpoint.is_public {
            self.limits.addresses.admit(facts.address)?;
        } else if let Some(tenant) = self.authenticate(facts).await? {
            trail.allowance = self.admit(tenant).await?;
        }
        // The idempotency key belongs here, then what audit is told of refusals.
        let channel = self.channels[index].clone();
        let call = Call { schema: &self.table.schema, endpoint, channel, facts, parts, path_values };
        self.dispatch(&call, body).await
    }

    async fn dispatch(&self, call: &Call<'_>, body: Body) -> Result<Response<Body>, Refusal> {
        let inbound = &call.endpoint.request;
        match (inbound.body, call.endpoint.response.shape) {
            (BodyRule::Stream(index), _) => {
                let chunk = self.table.schema.message(inbound.message).fields[index].number;
                // Why boxed, here and below: every request would have to carry the room that these calls need.
                Box::pin(call::upload::call(call, &self.config, body, chunk)).await
            }
            (_, Shape::Stream(fields)) => Box::pin(call::download::call(call, &self.config, body, fields)).await,
            _ => call::unary::call(call, &self.config, body).await,
        }
    }

    /// Refuses before any work is done; each service verifies the token again for itself. Gives the tenant that answers
    /// for the request: none for staff, whichever tenant they look at. Whoever comes with a token that is not good, be it
    /// made up or revoked, spends what his address may spend, and nothing of a tenant's.
    async fn authenticate(&self, facts: &Facts) -> Result<Option<TenantId>, Refusal> {
        let Some(token) = facts.bearer() else { return Err(Error::unauthenticated().into()) };
        match self.bearer(token).await {
            Err(error) if error.code() == Code::Unauthenticated => {
                self.limits.addresses.admit(facts.address)?;
                Err(error.into())
            }
            other => Ok(other?),
        }
    }

    async fn bearer(&self, token: &str) -> Result<Option<TenantId>, Error> {
        let caller = self.authenticator.authenticate(token).await?;
        match *caller {
            Caller::User { tenant, .. } | Caller::ServiceAccount { tenant, .. } => {
                self.authenticator.access(&caller).await?;
                Ok(Some(tenant))
            }
            Caller::Staff { .. } | Caller::Service { .. } | Caller::Anonymous => Ok(None),
        }
    }

    /// Holds a tenant to its requests per minute, and counts those that pass.
    async fn admit(&self, tenant: TenantId) -> Result<Option<Allowance>, Refusal> {
        let standing = self.authenticator.standing(tenant).await?;
        let allowance = match standing.limits.requests_per_minute {
            Some(limit) => Some(self.limits.tenants.admit(tenant, limit).await?),
            None => None,
        };
        self.usage.count(tenant);
        Ok(allowance)
    }

    fn finish(&self, facts: &Facts, parts: &Parts, trail: &Trail, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, facts.request_id.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        if let Some(allowance) = trail.allowance {
            allowance.describe(headers);
        }
        if self.is_draining() && parts.version <= Version::HTTP_11 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

fn method_not_allowed(allow: &HeaderValue) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this path does not answer this method")
        .with_header(ALLOW, allow.clone())
}
