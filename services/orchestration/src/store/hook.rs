//! The tables `hooks` and `hook_calls`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::Visible;
use trinity_error::{Error, Result};
use trinity_ids::{HookId, ProjectId, RunId, TenantId, UserId};

use crate::store::target::{self, visible};

/// A row of `hooks`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: HookId,
    pub name: String,
    #[sqlx(flatten)]
    pub target: target::Columns,
    pub paused: bool,
    pub priority: i32,
    pub sealed_key: Vec<u8>,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub last_received_at: Option<DateTime<Utc>>,
}

macro_rules! select {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "SELECT r.id, r.name, r.project_id, r.workflow_id, r.job_id, r.target_owner_id, r.project_owner_id, r.paused,
                r.priority, r.sealed_key, r.created_by, r.created_at, r.last_received_at
            FROM hooks AS r
            WHERE r.tenant_id = $1 AND ",
            $($rest),+
        )
    };
}

/// Inserts a hook whose address has this digest; its time is the table's.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, row: &Row, digest: &[u8]) -> Result<()> {
    sqlx::query(
        "INSERT INTO hooks (
            tenant_id, id, name, project_id, workflow_id, job_id, target_owner_id, project_owner_id, priority, digest,
            sealed_key, created_by
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(row.target.project_id)
    .bind(row.target.workflow_id)
    .bind(row.target.job_id)
    .bind(row.target.target_owner_id)
    .bind(row.target.project_owner_id)
    .bind(row.priority)
    .bind(digest)
    .bind(&row.sealed_key)
    .bind(row.created_by)
    .execute(tx)
    .await?;
    Ok(())
}

/// Replaces what people may change.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<()> {
    sqlx::query("UPDATE hooks SET name = $3, paused = $4, priority = $5 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(row.id)
        .bind(&row.name)
        .bind(row.paused)
        .bind(row.priority)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives a hook another address and another key.
pub async fn rotate(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: HookId,
    digest: &[u8],
    sealed_key: &[u8],
) -> Result<()> {
    sqlx::query("UPDATE hooks SET digest = $3, sealed_key = $4 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(digest)
        .bind(sealed_key)
        .execute(tx)
        .await?;
    Ok(())
}

/// The hook, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, id: HookId) -> Result<Row> {
    let row = sqlx::query_as(select!("r.id = $2")).bind(tenant).bind(id);
    row.fetch_optional(tx).await?.ok_or_else(|| Error::not_found("hook"))
}

/// The same, for a change: nobody changes or calls it meanwhile.
pub async fn get_locked(tx: &mut PgConnection, tenant: TenantId, id: HookId) -> Result<Row> {
    let row = sqlx::query_as(select!("r.id = $2 FOR NO KEY UPDATE")).bind(tenant).bind(id);
    row.fetch_optional(tx).await?.ok_or_else(|| Error::not_found("hook"))
}

/// The hook behind an address, if there is one that is not paused.
pub async fn find_open(tx: &mut PgConnection, tenant: TenantId, digest: &[u8]) -> Result<Option<Row>> {
    let row = sqlx::query_as(select!("r.digest = $2 AND NOT r.paused"));
    Ok(row.bind(tenant).bind(digest).fetch_optional(tx).await?)
}

/// Which hooks a list shows.
#[derive(Debug, Clone)]
pub struct Filter<'a> {
    pub project: Option<ProjectId>,
    /// Only those made before this one.
    pub before: Option<HookId>,
    /// Only those that the caller may see.
    pub visible: &'a Visible,
    pub limit: i64,
}

/// Hooks, newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, filter: &Filter<'_>) -> Result<Vec<Row>> {
    let statement = select!(
        "($2::uuid IS NULL OR project_id = $2) AND ($3::uuid IS NULL OR id < $3) AND ",
        visible!("$5", "$6", "$7", "$8", "$9"),
        " ORDER BY id DESC LIMIT $4"
    );
    let rows = sqlx::query_as(statement)
        .bind(tenant)
        .bind(filter.project)
        .bind(filter.before)
        .bind(filter.limit)
        .bind(filter.visible.everything)
        .bind(filter.visible.owner)
        .bind(&filter.visible.projects)
        .bind(&filter.visible.jobs)
        .bind(&filter.visible.workflows)
        .fetch_all(tx)
        .await?;
    Ok(rows)
}

/// Deletes a hook.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: HookId) -> Result<()> {
    sqlx::query("DELETE FROM hooks WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(())
}

/// Whether `limit` runs of a hook wait to be started already.
pub async fn has_backlog(tx: &mut PgConnection, tenant: TenantId, hook: HookId, limit: i64) -> Result<bool> {
    let statement =
        "SELECT count(*) >= $3 FROM (SELECT FROM starts WHERE tenant_id = $1 AND hook_id = $2 LIMIT $3) AS waiting";
    Ok(sqlx::query_scalar(statement).bind(tenant).bind(hook).bind(limit).fetch_one(tx).await?)
}

/// Notes a call; gives the run that an earlier one with the same id started.
pub async fn note_call(
    tx: &mut PgConnection,
    tenant: TenantId,
    hook: HookId,
    message: &str,
    run: RunId,
) -> Result<Option<RunId>> {
    let noted = sqlx::query(
        "INSERT INTO hook_calls (tenant_id, hook_id, message_id, run_id)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT ON CONSTRAINT hook_calls_pkey DO NOTHING",
    )
    .bind(tenant)
    .bind(hook)
    .bind(message)
    .bind(run)
    .execute(&mut *tx)
    .await?;
    if noted.rows_affected() == 1 {
        sqlx::query("UPDATE hooks SET last_received_at = now() WHERE tenant_id = $1 AND id = $2")
            .bind(tenant)
            .bind(hook)
            .execute(tx)
            .await?;
        return Ok(None);
    }
    let statement = "SELECT run_id FROM hook_calls WHERE tenant_id = $1 AND hook_id = $2 AND message_id = $3";
    Ok(sqlx::query_scalar(statement).bind(tenant).bind(hook).bind(message).fetch_optional(tx).await?)
}
