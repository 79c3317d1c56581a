//! Which secrets an attempt may see.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::UserId;

use crate::store::queue::TaskKey;

/// Who answers for the run of an attempt that is under way, and the secrets that its config names.
pub async fn find_named(tx: &mut PgConnection, key: &TaskKey) -> Result<Option<(UserId, Vec<String>)>> {
    let named = sqlx::query_as(
        "SELECT r.created_by, t.secrets
        FROM queue AS q
        JOIN tasks AS t ON t.tenant_id = q.tenant_id AND t.run_id = q.run_id AND t.ordinal = q.ordinal
        JOIN runs AS r ON r.tenant_id = q.tenant_id AND r.id = q.run_id
        WHERE q.tenant_id = $1 AND q.run_id = $2 AND q.ordinal = $3 AND q.task_id = $4 AND q.attempt = $5
            AND q.worker_id IS NOT NULL AND q.lease_until > now()",
    )
    .bind(key.tenant_id)
    .bind(key.run_id)
    .bind(key.ordinal)
    .bind(key.task_id)
    .bind(key.attempt)
    .fetch_optional(tx)
    .await?;
    Ok(named)
}
