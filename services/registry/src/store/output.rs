//! The table `datasets`, as runs write it.

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::dataset::Output;

/// Adds what tasks wrote, all in one statement; a later attempt replaces an earlier one, never the other way round.
///
/// Ids must be unique within `outputs`. Outputs of projects that are not there are left out; says how many were taken.
pub(crate) async fn upsert(tx: &mut PgConnection, tenant: TenantId, outputs: &[Output]) -> Result<u64> {
    let schemas: Vec<String> = outputs
        .iter()
        .map(|output| serde_json::to_string(&output.columns))
        .collect::<Result<_, _>>()
        .map_err(Error::internal)?;
    let done = sqlx::query(
        "INSERT INTO datasets (
            tenant_id, id, project_id, name, format, size_bytes, rows, schema, content_hash, storage_key,
            origin, run_id, task_id, attempt, created_by
        )
        SELECT
            $1, o.id, o.project_id, o.name, o.format, o.size_bytes, o.rows, o.schema::json, o.content_hash, o.storage_key,
            'run', o.run_id, o.task_id, o.attempt, o.created_by
        FROM UNNEST(
            $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
            $10::text[], $11::uuid[], $12::uuid[], $13::bigint[], $14::uuid[]
        ) AS o (
            id, project_id, name, format, size_bytes, rows, schema, content_hash,
            storage_key, run_id, task_id, attempt, created_by
        )
        JOIN projects AS p ON p.tenant_id = $1 AND p.id = o.project_id
        ORDER BY o.id
        ON CONFLICT (tenant_id, id) DO UPDATE
        SET name = excluded.name,
            format = excluded.format,
            size_bytes = excluded.size_bytes,
            rows = excluded.rows,
            schema = excluded.schema,
            content_hash = excluded.content_hash,
            storage_key = excluded.storage_key,
            attempt = excluded.attempt
        WHERE datasets.origin = 'run' AND excluded.attempt >= datasets.attempt",
    )
    .bind(tenant)
    .bind(outputs.iter().map(|output| output.id).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.project_id).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.format.word()).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.size_bytes).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.rows).collect::<Vec<_>>())
    .bind(schemas)
    .bind(outputs.iter().map(|output| output.content_hash.as_str()).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.storage_key.as_str()).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.run_id).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.task_id).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.attempt).collect::<Vec<_>>())
    .bind(outputs.iter().map(|output| output.created_by).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
