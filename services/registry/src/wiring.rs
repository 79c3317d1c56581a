//! The only place that makes pools, clients, jobs and servers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tonic::service::Routes;
use trinity_db::Db;
use trinity_outbox::Relay;
use trinity_proto::registry::atom_service_server::AtomServiceServer;
use trinity_proto::registry::dataset_service_server::DatasetServiceServer;
use trinity_proto::registry::folder_service_server::FolderServiceServer;
use trinity_proto::registry::project_service_server::ProjectServiceServer;
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;
use trinity_rpc::{Building, Runtime, Service};
use trinity_storage::Storage;

use crate::app::App;
use crate::config::Config;
use crate::grpc::Door;
use crate::jobs::meter::Meter;
use crate::jobs::seed::Seeding;
use crate::store;
use crate::tables::excel::Reader as ExcelReader;

/// The largest message: two documents of 1 MiB, a piece of a file, or the outputs of many tasks.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// Builds the service; Postgres and its peers may be away.
///
/// # Errors
/// Names the setting that is wrong, or the atom whose version was changed after it was published.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_REGISTRY_DATABASE_URL is malformed")?;
    let storage = Storage::open_with(&config.storage_url, &runtime.storage)
        .context("the setting TRINITY_REGISTRY_STORAGE_URL is wrong")?;
    let plans = PlanServiceClient::new(runtime.peers.channel("tenant")?);
    let seeding = Seeding::start(db.clone(), runtime.shutdown.clone()).await?;
    Relay::new("registry", db.clone(), &runtime)?.spawn();
    let interval = Duration::from_millis(config.meter_interval_ms);
    Meter { db: db.clone(), plans, peers: runtime.peers.clone(), interval }.spawn(runtime.shutdown.clone());

    let (authenticator, max_upload_bytes) = (Arc::clone(&runtime.authenticator), config.max_upload_bytes);
    let projects = store::project::reads(db.clone());
    let app = Arc::new(App {
        db: db.clone(),
        projects,
        contents: PlacementServiceClient::new(runtime.peers.channel("workflow")?),
        peers: runtime.peers.clone(),
        storage,
        excel: ExcelReader::new(),
        authenticator,
        max_upload_bytes,
    });
    let door = Door { app };
    let routes = Routes::new(ProjectServiceServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(FolderServiceServer::new(door.clone()))
        .add_service(AtomServiceServer::new(door.clone()))
        .add_service(DatasetServiceServer::new(door).max_decoding_message_size(MAX_MESSAGE_BYTES));
    Service::new("registry", &runtime, routes, move || {
        let (db, seeding) = (db.clone(), seeding.clone());
        async move { seeding.is_done() && db.ping().await.is_ok() }
    })
}
