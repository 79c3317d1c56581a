//! A tenant's standing: the read that stands behind every call of every service.

use std::collections::HashMap;

use sqlx::types::Json;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Error, Result};

use super::plan::LimitsRow;
use crate::domain::{Standing, Status};

#[derive(sqlx::FromRow)]
struct Row {
    status: String,
    writable: bool,
    allowed_apps: Vec<String>,
    flags: Json<HashMap<String, bool>>,
    #[sqlx(flatten)]
    limits: LimitsRow,
}

/// Finds the standing of the context's tenant, in one statement and one round trip.
pub async fn find(db: &Db, ctx: &RequestContext) -> Result<Option<Standing>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT
                t.status, t.allowed_apps, p.seats, p.projects, p.concurrent_runs, p.storage_bytes,
                p.requests_per_minute,
                CASE WHEN t.concurrent_tasks > 0 THEN t.concurrent_tasks ELSE p.concurrent_tasks END AS concurrent_tasks,
                s.status = 'active' AND (s.ends_at IS NULL OR s.ends_at > now()) AS writable,
                (
                    SELECT coalesce(json_object_agg(f.name, coalesce(o.enabled, f.enabled)), '{}')
                    FROM flags AS f
                    LEFT JOIN tenant_flags AS o ON o.tenant_id = t.tenant_id AND o.name = f.name
                ) AS flags
            FROM tenants AS t
            JOIN subscriptions AS s ON s.tenant_id = t.tenant_id
            JOIN plans AS p ON p.slug = s.plan
            WHERE t.tenant_id = context.tenant::uuid
            OFFSET 0
        ) AS own";
    let Some(row) = db.read_one::<Row>(ctx, STATEMENT, |query| query).await? else { return Ok(None) };
    Ok(Some(Standing {
        status: Status::parse(&row.status).ok_or_else(|| Error::internal("an unknown status is stored"))?,
        writable: row.writable,
        limits: row.limits.into(),
        allowed_apps: row.allowed_apps,
        flags: row.flags.0,
    }))
}
