//! What every request goes through, in this order: facts and span → authenticate → rate limit → idempotency → audit
//! headers → route; then headers, log line and metrics on the way back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use futures::FutureExt as _;
use http::header::{ALLOW, CONNECTION};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use tracing::Instrument as _;
use trinity_authz::Authenticator;
use trinity_rpc::Channel;

use crate::call::{self, Call};
use crate::config::Config;
use crate::envelope::Refusal;
use crate::facts::{Facts, REQUEST_ID};
use crate::health::Readiness;
use crate::metrics::RouteMetrics;
use crate::pages::Pages;
use crate::routes::{BodyRule, Endpoint, Found, Shape, Table};

/// The edge: built once, shared by all connections.
pub struct Edge {
    pub config: Config,
    pub table: Table,
    /// The way to each endpoint's service.
    pub channels: Vec<Channel>,
    pub metrics: RouteMetrics,
    pub authenticator: Arc<Authenticator>,
    pub pages: Pages,
    pub readiness: Readiness,
    pub is_draining: AtomicBool,
}

impl Edge {
    /// Answers one request, whatever happens.
    pub async fn handle(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let facts = Facts::new(&parts, self.config.trusted_proxies);
        let span = tracing::info_span!("http", request_id = facts.id());
        let mut place = None;
        let answer = AssertUnwindSafe(self.answer(&facts, &parts, body, &mut place)).catch_unwind();
        let outcome = answer.instrument(span).await.unwrap_or_else(|_| {
            tracing::error!(request_id = facts.id(), "a handler panicked");
            Err(Refusal::internal())
        });
        let mut response = outcome.unwrap_or_else(|refusal| refusal.into_response(facts.id()));
        self.finish(&facts, &parts, &mut response);
        self.metrics.record(place, response.status(), facts.started.elapsed());
        let name = place.map_or("-", |place| self.table.endpoints[place].name.as_str());
        tracing::info!(
            target: "access",
            request_id = facts.id(),
            method = parts.method.as_str(),
            path = parts.uri.path(),
            rpc = name,
            status = response.status().as_u16(),
            duration_us = facts.started.elapsed().as_micros() as u64,
            client = facts.client_ip.to_str().unwrap_or_default(),
        );
        response
    }

    async fn answer(
        &self,
        facts: &Facts,
        parts: &Parts,
        body: Body,
        place: &mut Option<usize>,
    ) -> Result<Response<Body>, Refusal> {
        let path = parts.uri.path();
        if let Some(response) = self.pages.answer(&parts.method, path, self.is_draining(), &self.readiness).await {
            return Ok(response);
        }
        let (index, path_values) = match self.table.find(&parts.method, path) {
            Found::Endpoint(index, params) => (index, params.iter().map(|(_, value)| value.to_owned()).collect()),
            Found::OtherVerbs(allow) => return Err(method_not_allowed(allow)),
            Found::Nothing => {
                return Err(Refusal::new(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", "there is nothing at this path"));
            }
        };
        *place = Some(index);
        let endpoint = &self.table.endpoints[index];
        self.authenticate(endpoint, facts).await?;
        // The rate limit by tenant belongs here, then the idempotency key, then what audit is told of refusals.
        let channel = self.channels[index].clone();
        let call = Call { schema: &self.table.schema, endpoint, channel, facts, parts, path_values };
        self.dispatch(&call, body).await
    }

    async fn dispatch(&self, call: &Call<'_>, body: Body) -> Result<Response<Body>, Refusal> {
        let inbound = &call.endpoint.request;
        match (inbound.body, call.endpoint.response.shape) {
            (BodyRule::Stream(index), _) => {
                let chunk = self.table.schema.message(inbound.message).fields[index].number;
                call::upload::call(call, &self.config, body, chunk).await
            }
            (_, Shape::Stream(fields)) => call::download::call(call, &self.config, body, fields).await,
            _ => call::unary::call(call, &self.config, body).await,
        }
    }

    /// Refuses before any work is done; each service verifies the token again for itself.
    async fn authenticate(&self, endpoint: &Endpoint, facts: &Facts) -> Result<(), Refusal> {
        if endpoint.is_public {
            return Ok(());
        }
        let Some(token) = facts.bearer() else { return Err(trinity_error::Error::unauthenticated().into()) };
        self.authenticator.authenticate(token).await?;
        Ok(())
    }

    fn finish(&self, facts: &Facts, parts: &Parts, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, facts.request_id.clone());
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
        headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
        if !headers.contains_key("content-security-policy") {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert("content-security-policy", nothing);
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
