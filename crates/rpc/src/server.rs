//! Listening: every service of the process on one address, with reflection, health and a drain at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::server::HealthReporter;

use crate::guard::{Guard, guard};
use crate::peers::{CONNECTION_WINDOW, STREAM_WINDOW};
use crate::{CancellationToken, Runtime};

const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How long calls under way may go on after the word to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How many calls may be under way on one connection. The gateway has one to each service, and callers wait for runs.
const MAX_CALLS: u32 = 1024;
/// Connections are renewed now and then, so that calls spread over new replicas.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);

type Check = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// A service on its way. Boxed, so that its code is compiled once, with the service, and not again in every program
/// that runs it.
pub type Building = BoxFuture<'static, Result<Service>>;

/// A service that is built and not yet served.
#[derive(Clone)]
pub struct Service {
    /// Its name, such as `registry`.
    pub name: &'static str,
    /// Its RPCs, behind the guard.
    pub routes: Routes,
    check: Check,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Service {
    /// Puts the guard in front of `routes`. `check` says whether what the service needs answers.
    ///
    /// # Errors
    /// When an RPC has no policy.
    pub fn new<F>(
        name: &'static str,
        runtime: &Runtime,
        routes: Routes,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self::guarded(name, runtime, routes, Arc::new(move || Box::pin(check())))
    }

    fn guarded(name: &'static str, runtime: &Runtime, routes: Routes, check: Check) -> Result<Self> {
        let layer = axum::middleware::from_fn_with_state(Guard::new(runtime)?, guard);
        let routes = Routes::from(routes.into_axum_router().layer(layer));
        Ok(Self { name, routes, check })
    }

    /// Whether what the service needs answers.
    pub async fn is_ready(&self) -> bool {
        (self.check)().await
    }
}

/// Serves until `shutdown`, then drains. Boxed, so that the server is compiled here alone.
///
/// # Errors
/// When the address is taken.
pub fn serve(
    listen: SocketAddr,
    services: Vec<Service>,
    shutdown: CancellationToken,
) -> BoxFuture<'static, Result<()>> {
    Box::pin(listen_until(listen, services, shutdown))
}

async fn listen_until(listen: SocketAddr, services: Vec<Service>, shutdown: CancellationToken) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let (reporter, health) = tonic_health::server::health_reporter();
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(trinity_proto::descriptors::FILE_DESCRIPTOR_SET)
    };
    // Why: common clients still ask for the first form of reflection.
    let reflection =
        (descriptors().build_v1().context("reflection")?, descriptors().build_v1alpha().context("reflection")?);
    // Why: health starts as serving; nothing is ready before its dependencies have answered.
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    let mut router =
        Routes::new(health).add_service(reflection.0).add_service(reflection.1).into_axum_router().reset_fallback();
    for service in &services {
        router = router.merge(service.routes.clone().into_axum_router().reset_fallback());
    }
    trinity_telemetry::spawn("health", watch_health(reporter, services, shutdown.clone()));
    tracing::info!(address = %listener.local_addr()?, "serving gRPC");

    let stop = shutdown.clone();
    // Why here: the server's own setting is for listeners that it opens itself; without it answers wait up to 40 ms.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(Some(MAX_CALLS))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .max_connection_age(MAX_CONNECTION_AGE)
        .add_routes(Routes::from(router).prepare())
        .serve_with_incoming_shutdown(incoming, async move { stop.cancelled().await });
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = server => served.context("serving gRPC")?,
        () = overdue => tracing::warn!("calls were still under way at the end of the drain"),
    }
    Ok(())
}

/// Keeps `grpc.health.v1` true for every service and for the whole.
async fn watch_health(reporter: HealthReporter, services: Vec<Service>, shutdown: CancellationToken) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    let mut last = vec![None; services.len()];
    while !shutdown.is_cancelled() {
        for (service, last) in services.iter().zip(&mut last) {
            let ready = service.is_ready().await;
            if *last != Some(ready) {
                tracing::info!(service = service.name, ready, "readiness");
                *last = Some(ready);
                reporter.set_service_status(service.name, if ready { Serving } else { NotServing }).await;
            }
        }
        let all = last.iter().all(|ready| *ready == Some(true));
        reporter.set_service_status("", if all { Serving } else { NotServing }).await;
        tokio::select! {
            () = tokio::time::sleep(if all { HEALTH_INTERVAL } else { HEALTH_INTERVAL / 10 }) => {}
            () = shutdown.cancelled() => {}
        }
    }
    reporter.set_service_status("", NotServing).await;
    for service in &services {
        reporter.set_service_status(service.name, NotServing).await;
    }
}
