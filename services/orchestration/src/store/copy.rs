//! A new run made of an earlier one, its completed tasks with it.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId, UserId};

/// Tasks of a run that failed because of a condition, by their place in its plan.
pub async fn list_broken(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Vec<usize>> {
    let statement = "SELECT ordinal FROM tasks WHERE tenant_id = $1 AND run_id = $2 AND error_code = 'CONDITION_FAILED'";
    let broken: Vec<i32> = sqlx::query_scalar(statement).bind(tenant).bind(run).fetch_all(tx).await?;
    Ok(broken.into_iter().filter_map(|ordinal| usize::try_from(ordinal).ok()).collect())
}

/// Copies the row of a run: pending, somebody else's, below no other run.
pub async fn run(tx: &mut PgConnection, tenant: TenantId, earlier: RunId, id: RunId, created_by: UserId) -> Result<()> {
    sqlx::query(
        "INSERT INTO runs (
            tenant_id, id, workflow_id, job_id, name, project_id, workflow_version, status, trigger, context,
            created_by, rerun_of, workflow_owner_id, project_owner_id, priority, timeout_ms, deadline_at,
            concurrency_key, concurrency_limit, admitted, inputs, notify
        )
        SELECT
            tenant_id, $3, workflow_id, job_id, name, project_id, workflow_version, 'pending', 'manual', context,
            $4, id, workflow_owner_id, project_owner_id, priority, timeout_ms,
            CASE WHEN timeout_ms > 0 THEN now() + make_interval(secs => timeout_ms / 1000.0) END,
            concurrency_key, concurrency_limit, concurrency_key IS NULL, inputs, notify
        FROM runs
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(earlier)
    .bind(id)
    .bind(created_by)
    .execute(tx)
    .await?;
    Ok(())
}

/// Copies the tasks of a run: those that are kept with all that they came to, the others as they were at first.
pub async fn tasks(tx: &mut PgConnection, tenant: TenantId, earlier: RunId, id: RunId, kept: &[bool]) -> Result<()> {
    sqlx::query(
        "INSERT INTO tasks (
            tenant_id, run_id, ordinal, id, place, molecule, atom, atom_version, config, upstream, edge_types,
            edge_conditions, passthrough, any_input, datasets, type, max_attempts, timeout_ms, backoff_ms,
            max_backoff_ms, priority, worker_label, secrets, status, attempt, inputs, handed_on, parts, opened, outputs,
            rows_in, rows_out, result, cached, queued_at, started_at, completed_at
        )
        SELECT
            t.tenant_id, $3, t.ordinal, k.id, t.place, t.molecule, t.atom, t.atom_version, t.config, t.upstream,
            t.edge_types, t.edge_conditions, t.passthrough, t.any_input, t.datasets, t.type, t.max_attempts,
            t.timeout_ms, t.backoff_ms, t.max_backoff_ms, t.priority, t.worker_label, t.secrets,
            CASE WHEN k.kept THEN t.status ELSE 'queued' END,
            CASE WHEN k.kept THEN t.attempt ELSE 0 END,
            CASE WHEN k.kept THEN t.inputs END,
            CASE WHEN k.kept THEN t.handed_on END,
            CASE WHEN k.kept THEN t.parts END,
            CASE WHEN k.kept THEN t.opened END,
            CASE WHEN k.kept THEN t.outputs END,
            CASE WHEN k.kept THEN t.rows_in END,
            CASE WHEN k.kept THEN t.rows_out END,
            CASE WHEN k.kept THEN t.result END,
            k.kept AND t.cached,
            CASE WHEN k.kept THEN t.queued_at END,
            CASE WHEN k.kept THEN t.started_at END,
            CASE WHEN k.kept THEN t.completed_at END
        FROM unnest($4::uuid[], $5::boolean[]) WITH ORDINALITY AS k (id, kept, place)
        JOIN tasks AS t ON t.tenant_id = $1 AND t.run_id = $2 AND t.ordinal = k.place - 1",
    )
    .bind(tenant)
    .bind(earlier)
    .bind(id)
    .bind(kept.iter().map(|_| TaskId::new()).collect::<Vec<_>>())
    .bind(kept)
    .execute(tx)
    .await?;
    Ok(())
}
