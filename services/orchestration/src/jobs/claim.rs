//! Leases ready tasks to the workers connected here, as far as their free slots go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::WorkerId;
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;
use trinity_storage::layout::ProjectFolder;

use crate::domain::file::File;
use crate::jobs::engine::task_ref;
use crate::jobs::input::Connected;
use crate::store;
use crate::store::claim::Leased;

/// Claims tasks for every free slot; runs whose first task is among them begin. A worker that has been silent for as long
/// as a lease lasts gets nothing, though its connection stands.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn claim(
    tx: &mut PgConnection,
    workers: &HashMap<WorkerId, Connected>,
    lease: Duration,
) -> Result<Vec<Leased>> {
    let mut alike: BTreeMap<&[String], Vec<(WorkerId, u32)>> = BTreeMap::new();
    for known in workers.values().filter(|known| known.slots > 0 && known.seen_at.elapsed() < lease) {
        alike.entry(known.labels.as_slice()).or_default().push((known.worker, known.slots));
    }
    let mut all = Vec::new();
    for (labels, workers) in alike {
        all.extend(store::claim::lease(tx, labels, &workers, lease).await?);
    }
    let begun: BTreeSet<_> =
        all.iter().filter(|task| task.is_first).map(|task| (task.key.tenant_id, task.key.run_id)).collect();
    store::claim::begin(tx, &begun.into_iter().collect::<Vec<_>>()).await?;
    Ok(all)
}

/// A leased task as its worker gets it.
#[must_use]
pub fn assigned(task: &Leased) -> pb::AssignedTask {
    let key = &task.key;
    let folder = ProjectFolder::new(key.tenant_id, task.project_id).workflow(task.workflow_id);
    pb::AssignedTask {
        task: Some(task_ref(key)),
        tenant_id: key.tenant_id.to_string(),
        project_id: task.project_id.to_string(),
        workflow_id: task.workflow_id.to_string(),
        run_id: key.run_id.to_string(),
        place: task.place.clone(),
        atom: task.atom.clone(),
        atom_version: task.atom_version.clone(),
        config: Some(Json::new(task.config.clone())),
        inputs: task.inputs.as_deref().map(files).unwrap_or_default(),
        datasets: files(&task.datasets),
        output_prefix: folder.output_prefix(key.run_id, key.task_id, key.attempt.unsigned_abs()),
        timeout_ms: task.timeout_ms.unsigned_abs(),
        context: Some(Json::new(task.context.clone())),
        cache_prefix: folder.cache_prefix(),
        secrets: task.secrets.clone(),
    }
}

fn files(text: &str) -> Vec<pb::InputFile> {
    let files: Vec<File> = serde_json::from_str(text).unwrap_or_default();
    files
        .into_iter()
        .map(|file| pb::InputFile {
            dataset_id: file.dataset_id,
            storage_key: file.storage_key,
            format: file.format,
            content_hash: file.content_hash,
        })
        .collect()
}
