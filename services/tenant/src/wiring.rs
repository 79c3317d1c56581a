//! Builds the service: the only place that makes pools and starts jobs.

use std::sync::Arc;

use anyhow::{Context, Result};
use tonic::service::Routes;
use trinity_db::Db;
use trinity_outbox::Relay;
use trinity_proto::tenant::plan_service_server::PlanServiceServer;
use trinity_proto::tenant::tenant_service_server::TenantServiceServer;
use trinity_rpc::{Building, Runtime, Service};

use crate::Config;
use crate::grpc::Door;
use crate::jobs;

/// How long a request may be: settings and metadata are 64 KiB each at the most.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// How long a batch of usage may be.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// What every handler gets.
#[derive(Debug)]
pub(crate) struct App {
    pub db: Db,
}

/// Builds the service; Postgres may be away.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_TENANT_DATABASE_URL is malformed")?;
    Relay::new("tenant", db.clone(), &runtime)?.spawn();
    let app = Arc::new(App { db: db.clone() });
    jobs::sweep::spawn(Arc::clone(&app), runtime.shutdown.clone());
    let door = Door { app };
    let tenants = TenantServiceServer::new(door.clone()).max_decoding_message_size(MAX_REQUEST_BYTES);
    let plans = PlanServiceServer::new(door).max_decoding_message_size(MAX_BATCH_BYTES);
    Service::new("tenant", &runtime, Routes::new(tenants).add_service(plans), move || {
        let db = db.clone();
        async move { db.ping().await.is_ok() }
    })
}
