//! The only place that constructs: routes, channels, pages, and the layers around them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tower::{Service, ServiceBuilder, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use trinity_rpc::{Channel, Runtime};
use trinity_telemetry::PrometheusHandle;

use crate::call::download::Streamed;
use crate::config::Config;
use crate::health::Readiness;
use crate::limit::{AddressLimit, Limits, TenantLimit};
use crate::metrics::RouteMetrics;
use crate::openapi;
use crate::pages::Pages;
use crate::pipeline::Edge;
use crate::routes::Table;

/// Smaller answers gain nothing from compression, in bytes.
const COMPRESS_FROM: u64 = 1_024;
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3_600);

/// Builds the edge.
///
/// # Errors
/// A contract that cannot be served, or a service whose address is not set.
pub fn edge(
    config: Config,
    runtime: &Runtime,
    local: Vec<trinity_rpc::Service>,
    metrics: Option<PrometheusHandle>,
) -> Result<Arc<Edge>> {
    let table = Table::new(trinity_proto::descriptors::rpcs()?).context("the contracts cannot be served")?;
    let mut services: BTreeMap<String, Channel> = BTreeMap::new();
    let mut channels = Vec::with_capacity(table.endpoints.len());
    for endpoint in &table.endpoints {
        let name = endpoint.rpc.service();
        let channel = runtime.peers.channel(name)?;
        services.entry(name.to_owned()).or_insert_with(|| channel.clone());
        channels.push(channel);
    }
    let limits = Limits {
        tenants: TenantLimit::new(runtime.bus.clone(), Duration::from_secs(config.rate_burst_seconds)),
        addresses: AddressLimit::new(config.public_requests_per_minute),
    };
    Ok(Arc::new(Edge {
        metrics: RouteMetrics::new(&table),
        pages: Pages::new(&openapi::document(&table), metrics),
        authenticator: Arc::clone(&runtime.authenticator),
        limits: Arc::new(limits),
        usage: Arc::default(),
        readiness: Readiness::new(services, local),
        is_draining: AtomicBool::new(false),
        channels,
        table,
        config,
    }))
}

/// The edge with CORS and compression around it.
///
/// # Errors
/// An origin that is not one.
pub fn service(
    edge: Arc<Edge>,
) -> Result<
    impl Service<
        Request<Body>,
        Response = Response<impl http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static,
> {
    let cors = cors(&edge.config.cors_origins)?;
    Ok(ServiceBuilder::new()
        .option_layer(cors)
        .layer(CompressionLayer::new().gzip(true).compress_when(compressible()))
        .service(service_fn(move |request| {
            let edge = Arc::clone(&edge);
            async move { Ok::<_, Infallible>(edge.handle(request).await) }
        })))
}

/// Why: a file is passed through as it is, with its length.
fn compressible() -> And<SizeAbove, NotStreamed> {
    SizeAbove::new(COMPRESS_FROM).and(NotStreamed)
}

#[derive(Debug, Clone, Copy)]
struct NotStreamed;

impl Predicate for NotStreamed {
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        response.extensions().get::<Streamed>().is_none()
    }
}

fn cors(origins: &[String]) -> Result<Option<CorsLayer>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origins: Vec<HeaderValue> = origins
        .iter()
        .map(|origin| {
            origin.parse().with_context(|| format!("TRINITY_GATEWAY_CORS_ORIGINS: {origin:?} is not an origin"))
        })
        .collect::<Result<_>>()?;
    let name = HeaderName::from_static;
    Ok(Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                name("x-request-id"),
                name("x-request-timeout-ms"),
            ])
            .expose_headers([
                header::ETAG,
                header::RETRY_AFTER,
                header::CONTENT_DISPOSITION,
                name("x-request-id"),
                name("ratelimit-limit"),
                name("ratelimit-remaining"),
            ])
            .max_age(PREFLIGHT_MAX_AGE),
    ))
}
