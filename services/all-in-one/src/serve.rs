//! Everything at once: services call each other in process; one address serves gRPC, one HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use trinity_config::{load_from, load_shared_from};
use trinity_rpc::{CancellationToken, Peers, Runtime, Service};
use trinity_telemetry::PrometheusHandle;

/// The settings by their names as variables, such as `TRINITY_REDIS_URL`.
pub type Variables = BTreeMap<String, String>;

/// Serves until `shutdown`, then drains.
///
/// # Errors
/// Names the setting that is missing, unknown or malformed, or the address that is taken.
pub async fn serve(
    variables: &Variables,
    grpc: SocketAddr,
    shutdown: CancellationToken,
    metrics: Option<PrometheusHandle>,
) -> Result<()> {
    let shared = load_shared_from(variables)?;
    let mut runtime = Runtime::new(&shared, Peers::local("all-in-one", &shared)?, shutdown.clone())?;
    runtime.storage = load(variables, "storage")?;
    let services = build(variables, &runtime).await?;
    for service in &services {
        runtime.peers.install(service.name, service.routes.clone());
    }
    runtime.start();
    let gateway =
        trinity_gateway::run(load(variables, "gateway")?, runtime.named("gateway"), services.clone(), metrics);
    let worker = trinity_worker::run(load(variables, "worker")?, runtime.named("worker"));
    let served = tokio::try_join!(trinity_rpc::serve(grpc, services, shutdown.clone()), gateway, worker);
    // Why: when one of them fails, the others' background work must end as well.
    shutdown.cancel();
    runtime.drain().await;
    served.map(|_| ())
}

async fn build(variables: &Variables, runtime: &Runtime) -> Result<Vec<Service>> {
    let named = |service| runtime.named(service);
    Ok(vec![
        trinity_tenant::build(load(variables, "tenant")?, named("tenant")).await.context("tenant")?,
        trinity_identity::build(load(variables, "identity")?, named("identity")).await.context("identity")?,
        trinity_registry::build(load(variables, "registry")?, named("registry")).await.context("registry")?,
        trinity_workflow::build(load(variables, "workflow")?, named("workflow")).await.context("workflow")?,
        trinity_orchestration::build(load(variables, "orchestration")?, named("orchestration"))
            .await
            .context("orchestration")?,
        trinity_audit::build(load(variables, "audit")?, named("audit")).await.context("audit")?,
    ])
}

fn load<T: DeserializeOwned>(variables: &Variables, service: &str) -> Result<T> {
    load_from(service, variables)
}
