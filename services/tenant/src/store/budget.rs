//! The table `budgets`.

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::{Budget, Metric, NewBudget};

#[derive(sqlx::FromRow)]
struct Row {
    metric: String,
    monthly_amount: i64,
    alert_percents: Vec<i32>,
    used: i64,
    alerted_percent: i32,
}

impl TryFrom<Row> for Budget {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let metric = Metric::parse(&row.metric).ok_or_else(|| Error::internal("an unknown metric is stored"))?;
        let set = NewBudget { metric, monthly_amount: row.monthly_amount, alert_percents: row.alert_percents };
        Ok(Self { set, used: row.used, alerted_percent: row.alerted_percent })
    }
}

/// Lists a tenant's budgets with what is used and which alerts were given this month (UTC).
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<Budget>> {
    let rows: Vec<Row> = sqlx::query_as(
        "WITH month AS (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS first)
        SELECT
            b.metric, b.monthly_amount, b.alert_percents,
            coalesce(
                (
                    SELECT
                        CASE b.metric
                            WHEN 'requests' THEN sum(u.requests)
                            WHEN 'runs' THEN sum(u.runs)
                            WHEN 'task_seconds' THEN sum(u.task_seconds)
                            WHEN 'storage_bytes' THEN max(u.storage_bytes)
                            WHEN 'seats' THEN max(u.seats)
                        END
                    FROM usage AS u
                    WHERE u.tenant_id = b.tenant_id AND u.day >= month.first AND u.day < month.first + interval '1 month'
                ),
                0
            )::bigint AS used,
            coalesce(
                (
                    SELECT max(a.percent)
                    FROM budget_alerts AS a
                    WHERE a.tenant_id = b.tenant_id AND a.metric = b.metric AND a.month = month.first
                ),
                0
            ) AS alerted_percent
        FROM budgets AS b
        CROSS JOIN month
        WHERE b.tenant_id = $1
        ORDER BY array_position(ARRAY['requests', 'runs', 'task_seconds', 'storage_bytes', 'seats'], b.metric)",
    )
    .bind(tenant)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Budget::try_from).collect()
}

/// Keeps others from changing, or counting against, the budgets of these tenants.
pub async fn lock(tx: &mut PgConnection, tenants: &[TenantId]) -> Result<()> {
    sqlx::query("SELECT FROM budgets WHERE tenant_id = ANY($1) ORDER BY tenant_id, metric FOR UPDATE")
        .bind(tenants)
        .execute(tx)
        .await?;
    Ok(())
}

/// Sets a budget.
pub async fn upsert(tx: &mut PgConnection, tenant: TenantId, new: &NewBudget) -> Result<()> {
    sqlx::query(
        "INSERT INTO budgets (tenant_id, metric, monthly_amount, alert_percents)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT ON CONSTRAINT budgets_pkey
        DO UPDATE SET monthly_amount = EXCLUDED.monthly_amount, alert_percents = EXCLUDED.alert_percents",
    )
    .bind(tenant)
    .bind(new.metric.as_str())
    .bind(new.monthly_amount)
    .bind(&new.alert_percents)
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes a budget; tells whether there was one.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, metric: Metric) -> Result<bool> {
    let query = sqlx::query("DELETE FROM budgets WHERE tenant_id = $1 AND metric = $2");
    Ok(query.bind(tenant).bind(metric.as_str()).execute(tx).await?.rows_affected() > 0)
}
