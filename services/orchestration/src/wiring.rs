//! The only place that makes the pool, the clients, the jobs and the doors.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::sync::mpsc;
use tonic::service::Routes;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_egress::Egress;
use trinity_ids::TenantId;
use trinity_outbox::{Delivery, Relay, Sink};
use trinity_proto::identity::delegation_service_client::DelegationServiceClient;
use trinity_proto::identity::environment_service_client::EnvironmentServiceClient;
use trinity_proto::identity::mail_service_client::MailServiceClient;
use trinity_proto::orchestration::calendar_service_server::CalendarServiceServer;
use trinity_proto::orchestration::dead_letter_service_server::DeadLetterServiceServer;
use trinity_proto::orchestration::hook_service_server::HookServiceServer;
use trinity_proto::orchestration::lineage_service_server::LineageServiceServer;
use trinity_proto::orchestration::notification_service_server::NotificationServiceServer;
use trinity_proto::orchestration::run_service_server::RunServiceServer;
use trinity_proto::orchestration::schedule_service_server::ScheduleServiceServer;
use trinity_proto::orchestration::worker_service_server::WorkerServiceServer;
use trinity_proto::registry::dataset_service_client::DatasetServiceClient;
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::workflow::job_service_client::JobServiceClient;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;
use trinity_proto::workflow::workflow_service_client::WorkflowServiceClient;
use trinity_proto::workflow::{Execution, RecordExecutionsRequest};
use trinity_rpc::{Building, Channel, Peers, Runtime, Service};

use crate::config::Config;
use crate::events::RUN_START;
use crate::grpc::Door;
use crate::jobs::announce::Announcer;
use crate::jobs::bells::{Bells, Teller};
use crate::jobs::deliveries::Deliveries;
use crate::jobs::engine::Engine;
use crate::jobs::input::EngineDoor;
use crate::jobs::keys::Keys;
use crate::jobs::launch::Launcher;
use crate::jobs::memory::Memory;
use crate::jobs::meter::Meter;
use crate::jobs::openlineage::{Collector, OpenLineage, Receiver};
use crate::jobs::plans::Plans;
use crate::jobs::registrar::{Registrar, Written};
use crate::jobs::retention::Days;
use crate::jobs::standing::Standings;
use crate::jobs::starter::Starter;
use crate::jobs::{partitions, retention, schedules};
use crate::vault::Vault;

/// How much may wait for the registry before workers are made to wait.
const REGISTRAR_QUEUE: usize = 1024;
/// A worker's message may hold a task's result document.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// What every handler needs.
pub struct App {
    pub db: Db,
    pub launcher: Launcher,
    pub placements: PlacementServiceClient<Channel>,
    pub environment: EnvironmentServiceClient<Channel>,
    pub engine: EngineDoor,
    pub registrar: mpsc::Sender<Written>,
    pub teller: Teller,
    pub runtime: Runtime,
    pub vault: Arc<Vault>,
    pub egress: Egress,
    pub lease_ms: u32,
    pub heartbeat_ms: u32,
}

/// Builds the service and starts its jobs.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_ORCHESTRATION_DATABASE_URL is malformed")?;
    let peers = runtime.peers.clone();
    let workflows = WorkflowServiceClient::new(peers.channel("workflow")?).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let datasets = DatasetServiceClient::new(peers.channel("registry")?);
    let (engine, inputs) = EngineDoor::new();
    let (registrar, waiting) = mpsc::channel(REGISTRAR_QUEUE);
    let bells = Bells::default();
    let announcer = Announcer::start(&runtime.bus, engine.clone(), bells.ends.clone(), &runtime.shutdown);
    let teller = Teller { engine: engine.clone(), announcer: announcer.clone(), bells: bells.clone() };
    let launcher = Launcher {
        peers: peers.clone(),
        workflows: workflows.clone(),
        jobs: JobServiceClient::new(peers.channel("workflow")?).max_decoding_message_size(MAX_MESSAGE_BYTES),
        datasets: datasets.clone(),
        delegations: DelegationServiceClient::new(peers.channel("identity")?),
        engine: engine.clone(),
    };

    // Why a connection of its own: its cycles come one after the other, and where the last one ran Postgres has its plans
    // and tables at hand.
    let room = Engine {
        db: Db::connect(&config.database_url, 1)?,
        inputs,
        announcer: announcer.clone(),
        bells: bells.clone(),
        lease: Duration::from_millis(config.lease_ms.into()),
        workers: HashMap::new(),
        memory: Memory::new(engine.id),
        plans: Plans::new(),
        returns: false,
        orphans: false,
    };
    trinity_telemetry::spawn("engine", room.run(runtime.shutdown.clone()));
    let room = Starter { db: db.clone(), launcher: launcher.clone(), runtime: runtime.clone(), teller: teller.clone() };
    trinity_telemetry::spawn("starter", room.run());
    let room = Keys { db: db.clone(), engine: engine.clone(), announcer: announcer.clone(), bells };
    trinity_telemetry::spawn("keys", room.run(runtime.shutdown.clone()));
    let room =
        Registrar { db: db.clone(), peers: peers.clone(), datasets: datasets.clone(), engine: engine.clone(), waiting };
    trinity_telemetry::spawn("registrar", room.run(runtime.shutdown.clone()));
    let (shutdown, partitions) = (runtime.shutdown.clone(), partitions::run(db.clone()));
    trinity_telemetry::spawn("partitions", async move {
        shutdown.run_until_cancelled(partitions).await;
    });
    let room = Meter {
        db: db.clone(),
        peers: peers.clone(),
        plans: PlanServiceClient::new(peers.channel("tenant")?),
        interval: Duration::from_millis(config.usage_interval_ms.into()),
    };
    trinity_telemetry::spawn("meter", room.run(runtime.shutdown.clone()));
    let room = Standings { db: db.clone(), runtime: runtime.clone(), engine: engine.clone(), announcer };
    trinity_telemetry::spawn("standings", room.run());
    let (vault, egress) = start_telling(&config, &db, &runtime, workflows)?;
    start_clocks(&config, &db, &teller, &runtime);

    let app = Arc::new(App {
        db: db.clone(),
        launcher,
        placements: PlacementServiceClient::new(peers.channel("workflow")?),
        environment: EnvironmentServiceClient::new(peers.channel("identity")?),
        engine,
        registrar,
        teller,
        runtime: runtime.clone(),
        vault,
        egress,
        lease_ms: config.lease_ms,
        heartbeat_ms: config.heartbeat_ms,
    });
    let door = Door { app };
    let workers = WorkerServiceServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let letters = DeadLetterServiceServer::new(door.clone());
    let routes = Routes::new(RunServiceServer::new(door.clone()))
        .add_service(letters)
        .add_service(workers)
        .add_service(ScheduleServiceServer::new(door.clone()))
        .add_service(CalendarServiceServer::new(door.clone()))
        .add_service(HookServiceServer::new(door.clone()))
        .add_service(NotificationServiceServer::new(door.clone()))
        .add_service(LineageServiceServer::new(door));
    Service::new("orchestration", &runtime, routes, move || {
        let db = db.clone();
        async move { db.ping().await.is_ok() }
    })
}

/// Starts what tells others: the relay of the outbox, webhooks and mails. Gives what keeps and guards webhooks.
fn start_telling(
    config: &Config,
    db: &Db,
    runtime: &Runtime,
    workflows: WorkflowServiceClient<Channel>,
) -> Result<(Arc<Vault>, Egress)> {
    let peers = &runtime.peers;
    let counter = ExecutionCounter { peers: peers.clone(), workflows };
    let mut relay = Relay::new("orchestration", db.clone(), runtime)?.with_sink(counter);
    if let Some(url) = &config.openlineage_url {
        let room = OpenLineage { db: db.clone(), receiver: Receiver::new(url)? };
        trinity_telemetry::spawn("openlineage", room.run(runtime.shutdown.clone()));
        relay = relay.with_sink(Collector { db: db.clone() });
    }
    relay.spawn();
    let vault = Arc::new(Vault::new(&config.master_key()?)?);
    let egress = Egress::new(&config.egress_allow())
        .map_err(|error| anyhow::anyhow!("the setting TRINITY_ORCHESTRATION_EGRESS_ALLOW: {error}"))?;
    let room = Deliveries {
        db: db.clone(),
        egress: egress.clone(),
        vault: Arc::clone(&vault),
        mails: MailServiceClient::new(peers.channel("identity")?),
        peers: peers.clone(),
    };
    trinity_telemetry::spawn("deliveries", room.run(runtime.shutdown.clone()));
    Ok((vault, egress))
}

/// Starts what goes by the clock: schedules, and the end of what is old.
fn start_clocks(config: &Config, db: &Db, teller: &Teller, runtime: &Runtime) {
    let starter = Arc::clone(&teller.bells.starter);
    let room = schedules::run(db.clone(), move || starter.notify_one(), runtime.shutdown.clone());
    trinity_telemetry::spawn("schedules", room);
    let days = Days {
        runs: config.run_retention_days.into(),
        logs: config.log_retention_days.into(),
        notifications: config.notification_retention_days.into(),
    };
    let (shutdown, retention) = (runtime.shutdown.clone(), retention::run(db.clone(), days));
    trinity_telemetry::spawn("retention", async move {
        shutdown.run_until_cancelled(retention).await;
    });
}

/// Lets the workflow service count executions.
struct ExecutionCounter {
    peers: Peers,
    workflows: WorkflowServiceClient<Channel>,
}

#[async_trait]
impl Sink for ExecutionCounter {
    async fn deliver(&self, events: &[Delivery]) -> trinity_error::Result<()> {
        let mut by_tenant: BTreeMap<TenantId, Vec<Execution>> = BTreeMap::new();
        for event in events.iter().filter(|event| event.action == RUN_START) {
            let after: serde_json::Value =
                event.after.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            // A run of a job has no workflow of its own.
            let Some(workflow) = after["workflow_id"].as_str() else { continue };
            by_tenant.entry(event.tenant).or_default().push(Execution {
                workflow_id: workflow.to_owned(),
                run_id: event.object_id.clone(),
                executed_at: Some(std::time::SystemTime::now().into()),
            });
        }
        for (tenant, executions) in by_tenant {
            let message = RecordExecutionsRequest { tenant_id: tenant.to_string(), executions };
            let request = self.peers.request(&RequestContext::service("orchestration"), message);
            match self.workflows.clone().record_executions(request).await.map_err(trinity_error::Error::from) {
                Err(error) if error.is_retryable() || error.code() == trinity_error::Code::Internal => {
                    return Err(error);
                }
                // Why not again: what is refused once is refused always, and would hold up all that comes behind it.
                Err(error) => tracing::warn!(%error, "executions are not counted"),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
