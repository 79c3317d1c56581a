//! Makes datasets of what tasks wrote, before their results are recorded: a run that succeeded can be read at once.
//!
//! Registering is idempotent, so a result that is repeated after a crash does no harm.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Error, Result};
use trinity_ids::{RunId, TaskId, TenantId, WorkerId};
use trinity_proto::orchestration::{OutputFile, TaskCompleted};
use trinity_proto::registry as registry_pb;
use trinity_proto::registry::dataset_service_client::DatasetServiceClient;
use trinity_rpc::{CancellationToken, Channel, Peers};
use uuid::Uuid;

use crate::domain::file::{File, Output};
use crate::domain::native::{self, PARTITION};
use crate::domain::result::TaskResult;
use crate::jobs::input::{Ending, EngineDoor, Input};
use crate::jobs::launch::format_of;
use crate::store::live::LiveTask;
use crate::store::queue::TaskKey;
use crate::store::run;

const BATCH: usize = 200;
const RETRY_AFTER: Duration = Duration::from_millis(300);

/// A result with tables, on its way to the engine.
pub struct Written {
    pub worker: WorkerId,
    pub key: TaskKey,
    pub result: Box<TaskCompleted>,
}

/// The background room.
pub struct Registrar {
    pub db: Db,
    pub peers: Peers,
    pub datasets: DatasetServiceClient<Channel>,
    pub engine: EngineDoor,
    pub waiting: mpsc::Receiver<Written>,
}

impl Registrar {
    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                count = self.waiting.recv_many(&mut batch, BATCH) => if count == 0 { return },
            }
            while let Err(error) = self.register(&batch).await {
                tracing::warn!(%error, "results with outputs wait for the registry");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                }
            }
            batch.clear();
        }
    }

    /// Registers a batch and hands its results to the engine; one that the registry refuses fails its task.
    async fn register(&self, batch: &[Written]) -> Result<()> {
        let runs = self.runs_of(batch).await?;
        let outputs: Vec<_> = batch.iter().flat_map(|written| describe(written, &runs)).collect();
        match self.send(outputs).await {
            Ok(()) => {
                for written in batch {
                    self.pass_on(written, Ending::Completed(written.result.clone())).await;
                }
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => {
                for written in batch {
                    let ending = match self.send(describe(written, &runs)).await {
                        Ok(()) => Ending::Completed(written.result.clone()),
                        Err(error) if error.is_retryable() => return Err(error),
                        Err(error) => Ending::Failed {
                            code: "OUTPUT_REFUSED".to_owned(),
                            message: error.to_string(),
                            retryable: false,
                        },
                    };
                    self.pass_on(written, ending).await;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, outputs: Vec<registry_pb::Output>) -> Result<()> {
        if outputs.is_empty() {
            return Ok(());
        }
        let ctx = RequestContext::service("orchestration");
        let request = self.peers.request(&ctx, registry_pb::RegisterOutputsRequest { outputs });
        self.datasets.clone().register_outputs(request).await.map_err(Error::from)?;
        Ok(())
    }

    async fn pass_on(&self, written: &Written, ending: Ending) {
        self.engine.send(Input::Ended { worker: written.worker, key: written.key, ending }).await;
    }

    async fn runs_of(&self, batch: &[Written]) -> Result<HashMap<RunId, run::Row>> {
        let mut tx = self.db.begin_system("registrar").await?;
        let mut runs = HashMap::new();
        for written in batch {
            let key = written.key;
            if let std::collections::hash_map::Entry::Vacant(entry) = runs.entry(key.run_id) {
                match run::get(&mut tx, key.tenant_id, key.run_id).await {
                    Ok(run) => {
                        entry.insert(run);
                    }
                    Err(error) if error.code() == trinity_error::Code::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(runs)
    }
}

/// A result's tables as the registry takes them; none when the run is not known or has ended.
fn describe(written: &Written, runs: &HashMap<RunId, run::Row>) -> Vec<registry_pb::Output> {
    // Why: what a run leaves after its end is nobody's.
    let Some(run) = runs.get(&written.key.run_id).filter(|run| run.completed_at.is_none()) else { return Vec::new() };
    let tenant: TenantId = written.key.tenant_id;
    let output = |file: &OutputFile| registry_pb::Output {
        dataset_id: dataset_id(written.key.task_id, &file.name),
        tenant_id: tenant.to_string(),
        project_id: run.project_id.to_string(),
        run_id: run.id.to_string(),
        task_id: written.key.task_id.to_string(),
        attempt: written.key.attempt.unsigned_abs(),
        created_by: run.created_by.to_string(),
        name: file.name.clone(),
        format: format_of(&file.format).into(),
        storage_key: file.storage_key.clone(),
        size_bytes: file.size_bytes,
        rows: file.rows,
        schema: file
            .schema
            .iter()
            .map(|column| registry_pb::Column {
                name: column.name.clone(),
                r#type: column.r#type.clone(),
                nullable: column.nullable,
            })
            .collect(),
        content_hash: file.content_hash.clone(),
    };
    written.result.outputs.iter().map(output).collect()
}

/// The dataset that an output of a task becomes: the same in every attempt.
pub(super) fn dataset_id(task: TaskId, name: &str) -> String {
    Uuid::new_v5(&task.uuid(), name.as_bytes()).to_string()
}

/// A worker's result as the engine keeps it. What follows receives the first table.
#[must_use]
pub fn result(task: &LiveTask, completed: &TaskCompleted) -> TaskResult {
    let files: Vec<File> = completed.outputs.iter().map(|file| written_file(task.id, file)).collect();
    let outputs = files.iter().filter_map(|file| file.source.clone()).collect();
    let document = completed.result.as_ref().map(|json| json.text.clone()).filter(|text| !text.is_empty());
    TaskResult {
        parts: if task.atom == PARTITION { native::parts(document.as_deref(), &files) } else { Vec::new() },
        handed_on: files.into_iter().take(1).collect(),
        outputs,
        rows_in: completed.rows_in,
        rows_out: completed.rows_out,
        result: document,
        cached: completed.cached,
    }
}

fn written_file(task: TaskId, file: &OutputFile) -> File {
    File {
        dataset_id: String::new(),
        storage_key: file.storage_key.clone(),
        format: if file.format.is_empty() { "parquet".to_owned() } else { file.format.clone() },
        content_hash: file.content_hash.clone(),
        source: Some(Output {
            name: file.name.clone(),
            dataset_id: dataset_id(task, &file.name),
            rows: file.rows,
            size_bytes: file.size_bytes,
        }),
    }
}
