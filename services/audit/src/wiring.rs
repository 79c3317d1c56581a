//! The only place that makes pools, jobs and servers.

use std::sync::Arc;

use anyhow::{Context, Result};
use tonic::service::Routes;
use trinity_db::Db;
use trinity_proto::audit::audit_service_server::AuditServiceServer;
use trinity_proto::audit::platform_audit_service_server::PlatformAuditServiceServer;
use trinity_rpc::{Building, Runtime, Service};

use crate::app::App;
use crate::config::Config;
use crate::grpc::Door;
use crate::jobs;
use crate::keys::Keys;

/// The largest batch: a relay's events may carry documents of a megabyte before and after.
const MAX_MESSAGE_BYTES: usize = 256 << 20;

/// Builds the service; Postgres may be away.
///
/// # Errors
/// Names the setting that is wrong.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let keys = Keys::new(&config.signing_key)?;
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_AUDIT_DATABASE_URL is malformed")?;
    let app = Arc::new(App {
        db: db.clone(),
        keys,
        checkpoint_events: config.checkpoint_events.max(1).into(),
        checkpoint_interval_s: config.checkpoint_interval_s,
    });
    jobs::partitions::spawn(Arc::clone(&app), runtime.shutdown.clone());
    jobs::checkpoints::spawn(Arc::clone(&app), runtime.shutdown.clone());

    let door = Door { app };
    let platform = PlatformAuditServiceServer::new(door.clone());
    let server = AuditServiceServer::new(door).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Service::new("audit", &runtime, Routes::new(server).add_service(platform), move || {
        let db = db.clone();
        async move { db.ping().await.is_ok() }
    })
}
