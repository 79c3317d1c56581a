//! The table `workflow_executions`, and what is derived from it in `workflows`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::{RunId, TenantId, WorkflowId};

/// Counts a run on its workflow, once however often it is told.
///
/// # Errors
/// `NotFound` when there is no such workflow.
pub async fn record(
    tx: &mut PgConnection,
    tenant: TenantId,
    workflow: WorkflowId,
    run: RunId,
    executed_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "WITH added AS (
            INSERT INTO workflow_executions (tenant_id, workflow_id, run_id, executed_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (tenant_id, workflow_id, run_id) DO NOTHING
            RETURNING executed_at
        )
        UPDATE workflows AS w
        SET execution_count = execution_count + 1,
            last_executed_at = greatest(last_executed_at, added.executed_at)
        FROM added
        WHERE w.tenant_id = $1 AND w.id = $2",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(run)
    .bind(executed_at)
    .execute(tx)
    .await
    .map_err(|cause| match Error::breaches(&cause, "workflow_executions_workflow_fkey") {
        true => Error::not_found("workflow"),
        false => cause.into(),
    })?;
    Ok(())
}
