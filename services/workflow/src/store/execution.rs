//! The table `workflow_executions`, and what is derived from it in `workflows`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, TenantId, WorkflowId};

/// A run of a workflow that began.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    pub workflow: WorkflowId,
    pub run: RunId,
    pub executed_at: DateTime<Utc>,
}

/// Counts runs on their workflows, each once however often it is told. Locks workflows in id order.
pub async fn record(tx: &mut PgConnection, tenant: TenantId, executions: &[Execution]) -> Result<()> {
    sqlx::query(
        "WITH told AS (
            SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS t (workflow_id, run_id, executed_at)
        ),
        known AS MATERIALIZED (
            SELECT id
            FROM workflows
            WHERE tenant_id = $1 AND id IN (SELECT workflow_id FROM told)
            ORDER BY id
            FOR NO KEY UPDATE
        ),
        added AS (
            INSERT INTO workflow_executions (tenant_id, workflow_id, run_id, executed_at)
            SELECT $1, t.workflow_id, t.run_id, t.executed_at
            FROM told AS t
            JOIN known AS k ON k.id = t.workflow_id
            ON CONFLICT (tenant_id, workflow_id, run_id) DO NOTHING
            RETURNING workflow_id, executed_at
        )
        UPDATE workflows AS w
        SET execution_count = execution_count + a.runs, last_executed_at = greatest(last_executed_at, a.executed_at)
        FROM (
            SELECT workflow_id, count(*) AS runs, max(executed_at) AS executed_at FROM added GROUP BY workflow_id
        ) AS a
        WHERE w.tenant_id = $1 AND w.id = a.workflow_id",
    )
    .bind(tenant)
    .bind(executions.iter().map(|execution| execution.workflow).collect::<Vec<_>>())
    .bind(executions.iter().map(|execution| execution.run).collect::<Vec<_>>())
    .bind(executions.iter().map(|execution| execution.executed_at).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}
