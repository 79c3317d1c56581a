//! The table `subscriptions`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use super::plan::LimitsRow;
use crate::domain::{NewSubscription, Subscription, SubscriptionStatus};

/// The plan of a tenant for which nobody has chosen another.
const FIRST_PLAN: &str = "basic";

#[derive(sqlx::FromRow)]
struct Row {
    plan: String,
    status: String,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    limits: LimitsRow,
}

impl TryFrom<Row> for Subscription {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let status = SubscriptionStatus::parse(&row.status);
        Ok(Self {
            plan: row.plan,
            status: status.ok_or_else(|| Error::internal("an unknown status of a subscription is stored"))?,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            limits: row.limits.into(),
        })
    }
}

/// Gives a new tenant its first subscription.
pub async fn insert_first(tx: &mut PgConnection, tenant: TenantId) -> Result<()> {
    let query = sqlx::query("INSERT INTO subscriptions (tenant_id, plan) VALUES ($1, $2)");
    query.bind(tenant).bind(FIRST_PLAN).execute(tx).await?;
    Ok(())
}

/// Finds a tenant's subscription; one whose end has passed is expired. `concurrent_tasks` is the tenant's own number
/// where it has one.
pub async fn find(tx: &mut PgConnection, tenant: TenantId) -> Result<Option<Subscription>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT
            s.plan, s.starts_at, s.ends_at, p.seats, p.projects, p.concurrent_runs, p.storage_bytes,
            p.requests_per_minute,
            CASE WHEN s.status = 'active' AND s.ends_at <= now() THEN 'expired' ELSE s.status END AS status,
            CASE WHEN t.concurrent_tasks > 0 THEN t.concurrent_tasks ELSE p.concurrent_tasks END AS concurrent_tasks
        FROM subscriptions AS s
        JOIN tenants AS t ON t.tenant_id = s.tenant_id
        JOIN plans AS p ON p.slug = s.plan
        WHERE s.tenant_id = $1",
    )
    .bind(tenant)
    .fetch_optional(tx)
    .await?;
    row.map(Subscription::try_from).transpose()
}

/// Sets the subscription of a tenant that the caller has locked. Another plan starts now.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, new: &NewSubscription) -> Result<()> {
    sqlx::query(
        "UPDATE subscriptions
        SET plan = $2,
            status = $3,
            starts_at = CASE WHEN plan = $2 THEN starts_at ELSE now() END,
            ends_at = $4
        WHERE tenant_id = $1",
    )
    .bind(tenant)
    .bind(&new.plan)
    .bind(new.status.as_str())
    .bind(new.ends_at)
    .execute(tx)
    .await?;
    Ok(())
}
