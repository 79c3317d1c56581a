//! The table `plans`, which is the installation's.

use sqlx::PgConnection;
use trinity_error::Result;

use crate::domain::{Limits, Plan};

/// The six columns of limits.
#[derive(sqlx::FromRow)]
pub(super) struct LimitsRow {
    seats: i64,
    projects: i64,
    concurrent_runs: i64,
    concurrent_tasks: i64,
    storage_bytes: i64,
    requests_per_minute: i64,
}

impl From<LimitsRow> for Limits {
    fn from(row: LimitsRow) -> Self {
        let small = |limit: i64| u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            seats: small(row.seats),
            projects: small(row.projects),
            concurrent_runs: small(row.concurrent_runs),
            concurrent_tasks: small(row.concurrent_tasks),
            storage_bytes: row.storage_bytes.unsigned_abs(),
            requests_per_minute: small(row.requests_per_minute),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    slug: String,
    name: String,
    #[sqlx(flatten)]
    limits: LimitsRow,
}

impl From<Row> for Plan {
    fn from(row: Row) -> Self {
        Self { slug: row.slug, name: row.name, limits: row.limits.into() }
    }
}

/// Lists all plans, the smallest first.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Plan>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT slug, name, seats, projects, concurrent_runs, concurrent_tasks, storage_bytes, requests_per_minute
        FROM plans
        ORDER BY position, slug",
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Finds a plan and keeps others from changing it.
pub async fn find_locked(tx: &mut PgConnection, slug: &str) -> Result<Option<Plan>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT slug, name, seats, projects, concurrent_runs, concurrent_tasks, storage_bytes, requests_per_minute
        FROM plans
        WHERE slug = $1
        FOR UPDATE",
    )
    .bind(slug)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Changes a plan that the caller has locked.
pub async fn update(tx: &mut PgConnection, plan: &Plan) -> Result<()> {
    let limits = &plan.limits;
    sqlx::query(
        "UPDATE plans
        SET name = $2,
            seats = $3,
            projects = $4,
            concurrent_runs = $5,
            concurrent_tasks = $6,
            storage_bytes = $7,
            requests_per_minute = $8
        WHERE slug = $1",
    )
    .bind(&plan.slug)
    .bind(&plan.name)
    .bind(i64::from(limits.seats))
    .bind(i64::from(limits.projects))
    .bind(i64::from(limits.concurrent_runs))
    .bind(i64::from(limits.concurrent_tasks))
    .bind(i64::try_from(limits.storage_bytes).unwrap_or(i64::MAX))
    .bind(i64::from(limits.requests_per_minute))
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether there is such a plan.
pub async fn exists(tx: &mut PgConnection, slug: &str) -> Result<bool> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM plans WHERE slug = $1)");
    Ok(query.bind(slug).fetch_one(tx).await?)
}
