//! Leases ready tasks to the workers connected here, as far as their free slots go.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use trinity_db::Tx;
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
use crate::store::queue::TaskKey;

/// Claims tasks for every free slot.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn claim(tx: &mut Tx, workers: &HashMap<WorkerId, Connected>, lease: Duration) -> Result<Vec<Leased>> {
    if workers.is_empty() {
        return Ok(Vec::new());
    }
    let used: HashMap<WorkerId, i64> = store::claim::leases_by_worker(tx).await?.into_iter().collect();
    let mut all = Vec::new();
    for (labels, free) in free_slots(workers, &used, lease) {
        let picked = store::claim::pick(tx, i64::try_from(free.len()).unwrap_or(i64::MAX), labels).await?;
        if !picked.is_empty() {
            all.extend(store::claim::lease(tx, &picked, &free[..picked.len()], lease).await?);
        }
    }
    Ok(all)
}

/// Workers with the same labels, as one: one entry for each free slot, the emptiest workers first, so that load spreads.
/// A worker that has been silent for as long as a lease lasts gets nothing, though its connection stands.
fn free_slots<'a>(
    workers: &'a HashMap<WorkerId, Connected>,
    used: &HashMap<WorkerId, i64>,
    lease: Duration,
) -> BTreeMap<&'a [String], Vec<WorkerId>> {
    let mut slots: BTreeMap<&[String], Vec<(i64, WorkerId)>> = BTreeMap::new();
    for known in workers.values().filter(|known| known.seen_at.elapsed() < lease) {
        let used = used.get(&known.worker).copied().unwrap_or_default();
        let free = (used..i64::from(known.slots)).map(|position| (position, known.worker));
        slots.entry(known.labels.as_slice()).or_default().extend(free);
    }
    slots.retain(|_, free| !free.is_empty());
    let emptiest_first = |mut free: Vec<(i64, WorkerId)>| {
        free.sort_unstable();
        free.into_iter().map(|(_, worker)| worker).collect()
    };
    slots.into_iter().map(|(labels, free)| (labels, emptiest_first(free))).collect()
}

/// A leased task as its worker gets it.
#[must_use]
pub fn assigned(task: &Leased) -> pb::AssignedTask {
    let folder = ProjectFolder::new(task.tenant_id, task.project_id).workflow(task.workflow_id);
    let key = TaskKey {
        tenant_id: task.tenant_id,
        run_id: task.run_id,
        task_id: task.task_id,
        ordinal: task.ordinal,
        attempt: task.attempt,
    };
    pb::AssignedTask {
        task: Some(task_ref(&key)),
        tenant_id: task.tenant_id.to_string(),
        project_id: task.project_id.to_string(),
        workflow_id: task.workflow_id.to_string(),
        run_id: task.run_id.to_string(),
        place: task.place.clone(),
        atom: task.atom.clone(),
        atom_version: task.atom_version.clone(),
        config: Some(Json::new(task.config.clone())),
        inputs: task.inputs.as_deref().map(files).unwrap_or_default(),
        datasets: files(&task.datasets),
        output_prefix: folder.output_prefix(task.run_id, task.task_id, task.attempt.unsigned_abs()),
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
