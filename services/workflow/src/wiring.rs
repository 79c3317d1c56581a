//! The only place that makes pools, clients, jobs and the server of this service.

use anyhow::{Context, Result};
use tonic::service::Routes;
use trinity_db::Db;
use trinity_outbox::Relay;
use trinity_proto::workflow::job_service_server::JobServiceServer;
use trinity_proto::workflow::placement_service_server::PlacementServiceServer;
use trinity_proto::workflow::workflow_service_server::WorkflowServiceServer;
use trinity_rpc::{Building, Runtime, Service};

use crate::app::App;
use crate::catalog::CatalogCache;
use crate::config::Config;
use crate::grpc::Door;
use crate::jobs::canvas_state::CanvasFollower;
use crate::registry::Registry;

/// How large a request may be: a canvas and what stands around it.
const MAX_REQUEST_BYTES: usize = 2 << 20;

/// Builds the service and starts its jobs.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_WORKFLOW_DATABASE_URL is malformed")?;
    let registry = Registry::new(&runtime.peers)?;
    let follower = CanvasFollower { db: db.clone(), registry: registry.clone() };
    Relay::new("workflow", db.clone(), &runtime)?.with_sink(follower).spawn();

    let app = App { db: db.clone(), catalog: CatalogCache::new(&runtime.peers)?, registry };
    let workflows = WorkflowServiceServer::new(Door { app: app.clone() }).max_decoding_message_size(MAX_REQUEST_BYTES);
    let routes = Routes::new(workflows)
        .add_service(JobServiceServer::new(Door { app: app.clone() }))
        .add_service(PlacementServiceServer::new(Door { app }));
    Service::new("workflow", &runtime, routes, move || {
        let db = db.clone();
        async move { db.ping().await.is_ok() }
    })
}
