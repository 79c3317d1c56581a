//! The only place that makes the pool, the signer, the jobs and the door.

use std::sync::Arc;

use anyhow::{Context, Result};
use tonic::service::Routes;
use trinity_db::Db;
use trinity_proto::audit::audit_service_server::AuditServiceServer;
use trinity_rpc::{Runtime, Service};

use crate::config::Config;
use crate::domain::signer::Signer;
use crate::grpc::Door;
use crate::jobs::partitions;

/// A batch of events may carry documents.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// What every handler needs.
pub struct App {
    pub db: Db,
    pub signer: Signer,
}

/// Builds the service and starts its jobs.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub async fn build(config: Config, runtime: Runtime) -> Result<Service> {
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_AUDIT_DATABASE_URL is malformed")?;
    let signer = Signer::new(&config.signing_key).map_err(anyhow::Error::msg)?;
    let (shutdown, partitions) = (runtime.shutdown.clone(), partitions::run(db.clone()));
    trinity_telemetry::spawn("partitions", async move {
        shutdown.run_until_cancelled(partitions).await;
    });
    let door = Door { app: Arc::new(App { db: db.clone(), signer }) };
    let routes = Routes::new(AuditServiceServer::new(door).max_decoding_message_size(MAX_MESSAGE_BYTES));
    Service::new("audit", &runtime, routes, move || {
        let db = db.clone();
        async move { db.ping().await.is_ok() }
    })
}
