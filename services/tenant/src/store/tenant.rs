//! The table `tenants`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::{Db, Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::{Changes, HostName, Life, NewTenant, Slug, Status, Tenant};
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    name: String,
    slug: String,
    status: String,
    suspended_reason: String,
    settings: String,
    metadata: String,
    allowed_apps: Vec<String>,
    domains: Vec<String>,
    concurrent_tasks: i32,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    erase_after: Option<DateTime<Utc>>,
}

/// A tenant `t` as a row.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT
                t.tenant_id, t.name, t.slug, t.status, t.suspended_reason, t.settings::text AS settings,
                t.metadata::text AS metadata, t.allowed_apps, t.concurrent_tasks, t.version, t.created_at, t.updated_at,
                t.erase_after,
                ARRAY(SELECT d.domain FROM domains AS d WHERE d.tenant_id = t.tenant_id ORDER BY d.domain) AS domains ",
            $rest
        )
    };
}

impl TryFrom<Row> for Tenant {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.tenant_id,
            name: row.name,
            slug: row.slug,
            status: Status::parse(&row.status).ok_or_else(|| Error::internal("an unknown status is stored"))?,
            suspended_reason: row.suspended_reason,
            settings: row.settings,
            metadata: row.metadata,
            allowed_apps: row.allowed_apps,
            domains: row.domains,
            concurrent_tasks: row.concurrent_tasks.unsigned_abs(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            erase_after: row.erase_after,
        })
    }
}

/// Adds a tenant.
///
/// # Errors
/// `AlreadyExists` `SLUG_TAKEN`.
pub async fn insert(tx: &mut PgConnection, id: TenantId, new: &NewTenant) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenants (tenant_id, name, slug, settings, metadata, allowed_apps)
        VALUES ($1, $2, $3, $4::json, $5::json, $6)",
    )
    .bind(id)
    .bind(&new.name)
    .bind(new.slug.as_str())
    .bind(&new.settings)
    .bind(&new.metadata)
    .bind(&new.allowed_apps)
    .execute(tx)
    .await
    .map_err(|fault| {
        let taken = Error::breaches(&fault, "tenants_slug_key");
        if taken { error::slug_taken() } else { fault.into() }
    })?;
    Ok(())
}

/// Finds a tenant by id.
pub async fn find(tx: &mut PgConnection, id: TenantId) -> Result<Option<Tenant>> {
    let query = sqlx::query_as::<_, Row>(select!("FROM tenants AS t WHERE t.tenant_id = $1"));
    query.bind(id).fetch_optional(tx).await?.map(Tenant::try_from).transpose()
}

/// Finds a tenant and keeps others from changing it. After a wait its domains may be those from before.
pub async fn find_locked(tx: &mut PgConnection, id: TenantId) -> Result<Option<Tenant>> {
    let query = sqlx::query_as::<_, Row>(select!("FROM tenants AS t WHERE t.tenant_id = $1 FOR NO KEY UPDATE"));
    query.bind(id).fetch_optional(tx).await?.map(Tenant::try_from).transpose()
}

/// Finds the caller's own tenant, in one round trip.
pub async fn find_own(db: &Db, ctx: &RequestContext) -> Result<Option<Tenant>> {
    const STATEMENT: &str = concat!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (",
        select!("FROM tenants AS t WHERE t.tenant_id = context.tenant::uuid OFFSET 0"),
        ") AS own"
    );
    db.read_one::<Row>(ctx, STATEMENT, |query| query).await?.map(Tenant::try_from).transpose()
}

/// Finds a tenant by slug, across tenants.
pub async fn find_by_slug(tx: &mut PgConnection, slug: &Slug) -> Result<Option<Tenant>> {
    let query = sqlx::query_as::<_, Row>(select!("FROM tenants AS t WHERE t.slug = $1"));
    query.bind(slug.as_str()).fetch_optional(tx).await?.map(Tenant::try_from).transpose()
}

/// Finds a tenant by one of its domains, across tenants.
pub async fn find_by_domain(tx: &mut PgConnection, domain: &HostName) -> Result<Option<Tenant>> {
    let query = sqlx::query_as::<_, Row>(select!(
        "FROM domains AS wanted
        JOIN tenants AS t ON t.tenant_id = wanted.tenant_id
        WHERE wanted.domain = $1"
    ));
    query.bind(domain.as_str()).fetch_optional(tx).await?.map(Tenant::try_from).transpose()
}

/// Lists all tenants by name.
pub async fn list(tx: &mut PgConnection, page: PageRequest) -> Result<Page<Tenant>> {
    let total: i64 = sqlx::query_scalar("SELECT count(*) FROM tenants").fetch_one(&mut *tx).await?;
    let query = sqlx::query_as::<_, Row>(select!("FROM tenants AS t ORDER BY t.name, t.tenant_id LIMIT $1 OFFSET $2"));
    let rows = query.bind(page.limit()).bind(page.offset()).fetch_all(tx).await?;
    let items = rows.into_iter().map(Tenant::try_from).collect::<Result<_>>()?;
    Ok(Page { items, request: page, total: total.unsigned_abs() })
}

/// Changes a tenant that the caller has locked.
pub async fn update(tx: &mut PgConnection, id: TenantId, changes: &Changes) -> Result<()> {
    sqlx::query(
        "UPDATE tenants
        SET name = coalesce($2, name),
            settings = coalesce($3::json, settings),
            metadata = coalesce($4::json, metadata),
            allowed_apps = coalesce($5, allowed_apps),
            concurrent_tasks = coalesce($6, concurrent_tasks),
            version = version + 1,
            updated_at = now()
        WHERE tenant_id = $1",
    )
    .bind(id)
    .bind(&changes.name)
    .bind(&changes.settings)
    .bind(&changes.metadata)
    .bind(&changes.allowed_apps)
    .bind(changes.concurrent_tasks)
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves a tenant that the caller has locked to another part of its life.
pub async fn set_life(tx: &mut PgConnection, id: TenantId, life: &Life) -> Result<()> {
    sqlx::query(
        "UPDATE tenants
        SET status = $2, suspended_reason = $3, erase_after = $4, version = version + 1, updated_at = now()
        WHERE tenant_id = $1",
    )
    .bind(id)
    .bind(life.status.as_str())
    .bind(&life.reason)
    .bind(life.erase_after)
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds tenants whose grace period has passed, and keeps others from changing them; those that others hold come later.
pub async fn list_due(tx: &mut PgConnection, limit: i64) -> Result<Vec<Tenant>> {
    let query = sqlx::query_as::<_, Row>(select!(
        "FROM tenants AS t
        WHERE t.status = 'suspended' AND t.erase_after <= now()
        ORDER BY t.tenant_id
        LIMIT $1
        FOR UPDATE OF t SKIP LOCKED"
    ));
    query.bind(limit).fetch_all(tx).await?.into_iter().map(Tenant::try_from).collect()
}
