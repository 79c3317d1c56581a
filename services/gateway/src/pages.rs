//! Everything that is not an RPC: health, metrics, the OpenAPI document and the page to try it.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use trinity_telemetry::PrometheusHandle;

use crate::health::Readiness;

const JSON: &str = "application/json";
/// The page loads nothing from elsewhere and speaks to this origin alone.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                           img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Pages made at start.
pub struct Pages {
    openapi: Bytes,
    metrics: Option<PrometheusHandle>,
}

impl Pages {
    /// Keeps the OpenAPI document; `metrics` renders for Prometheus, if metrics are kept.
    #[must_use]
    pub fn new(openapi: &serde_json::Value, metrics: Option<PrometheusHandle>) -> Self {
        Self { openapi: openapi.to_string().into(), metrics }
    }

    /// The page at a path, if there is one.
    pub async fn answer(
        &self,
        method: &Method,
        path: &str,
        is_draining: bool,
        readiness: &Readiness,
    ) -> Option<Response<Body>> {
        if path.starts_with("/api/") && path != "/api/v1/openapi.json" || !matches!(*method, Method::GET | Method::HEAD)
        {
            return None;
        }
        Some(match path {
            "/healthz" => page(JSON, Bytes::from_static(b"{\"status\":\"ok\"}")),
            "/readyz" => ready(is_draining, readiness).await,
            "/metrics" => page("text/plain; version=0.0.4", self.metrics.as_ref()?.render()),
            "/openapi.json" | "/api/v1/openapi.json" => page(JSON, self.openapi.clone()),
            "/docs" => document("text/html; charset=utf-8", include_str!("../assets/docs.html")),
            "/docs/docs.css" => document("text/css; charset=utf-8", include_str!("../assets/docs.css")),
            "/docs/docs.js" => document("text/javascript; charset=utf-8", include_str!("../assets/docs.js")),
            "/docs/form.js" => document("text/javascript; charset=utf-8", include_str!("../assets/form.js")),
            "/" | "/docs/" => redirect("/docs"),
            _ => return None,
        })
    }
}

async fn ready(is_draining: bool, readiness: &Readiness) -> Response<Body> {
    let mut missing = readiness.missing().await;
    if is_draining {
        missing.push("gateway");
    }
    let status = if missing.is_empty() { "ready" } else { "not_ready" };
    let mut response = page(JSON, serde_json::json!({"status": status, "not_ready": missing}).to_string());
    if !missing.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn page(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn document(content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = page(content_type, text);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    response
}

fn redirect(to: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    response
}
