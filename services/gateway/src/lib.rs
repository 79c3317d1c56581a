//! The edge: HTTP and JSON on one side, gRPC on the other, with nothing written per RPC.
//!
//! Reading order: [`routes`] (what the contracts say), [`transcode`] (JSON ↔ wire bytes), [`pipeline`] (what every
//! request goes through), [`limit`] and [`usage`] (how much a tenant asks for), [`call`] (the gRPC side), [`envelope`] (the
//! answers), [`openapi`] and [`pages`] (what people read), [`server`] and [`wiring`]. There is no database here and no
//! business rule.

pub mod call;
pub mod config;
pub mod envelope;
pub mod facts;
pub mod health;
pub mod limit;
pub mod metrics;
pub mod openapi;
pub mod pages;
pub mod pipeline;
pub mod routes;
pub mod server;
pub mod transcode;
pub mod usage;
pub mod wiring;

use anyhow::Result;
use futures::future::BoxFuture;
use trinity_rpc::{Runtime, Service};
use trinity_telemetry::PrometheusHandle;

pub use config::Config;
pub use server::Server;

/// Serves HTTP until the runtime's shutdown, then drains. Boxed for the reason of [`trinity_rpc::Building`].
///
/// `local` are the services of this process: their readiness is asked directly. `metrics` renders for `/metrics`.
///
/// # Errors
/// A contract that cannot be served, a setting that is wrong, or an address that is taken.
pub fn run(
    config: Config,
    runtime: Runtime,
    local: Vec<Service>,
    metrics: Option<PrometheusHandle>,
) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move { Server::bind(config, &runtime, local, metrics).await?.serve().await })
}
