//! Tasks that failed in their last attempt and wait for a person.

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::{RunId, TaskId, TenantId};

/// A dead letter with all that its last attempt was given.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub run_id: RunId,
    pub ordinal: i32,
    pub config: String,
    /// Files as JSON.
    pub inputs: Option<String>,
    /// Files as JSON.
    pub datasets: String,
}

/// The dead letter, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<Row> {
    sqlx::query_as(
        "SELECT run_id, ordinal, config::text AS config, inputs::text AS inputs, datasets::text AS datasets
        FROM tasks
        WHERE tenant_id = $1 AND id = $2 AND dead",
    )
    .bind(tenant)
    .bind(task)
    .fetch_optional(tx)
    .await?
    .ok_or_else(not_found)
}

/// Takes one off the list; says whether it was on it.
pub async fn remove(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<bool> {
    let removed = sqlx::query("UPDATE tasks SET dead = false WHERE tenant_id = $1 AND id = $2 AND dead")
        .bind(tenant)
        .bind(task)
        .execute(tx)
        .await?;
    Ok(removed.rows_affected() == 1)
}

/// Takes those of a run off the list.
pub async fn remove_of_run(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<()> {
    sqlx::query("UPDATE tasks SET dead = false WHERE tenant_id = $1 AND run_id = $2 AND dead")
        .bind(tenant)
        .bind(run)
        .execute(tx)
        .await?;
    Ok(())
}

/// What is said of one that is not there, or that the caller may not see.
#[must_use]
pub fn not_found() -> Error {
    Error::not_found("dead letter")
}
