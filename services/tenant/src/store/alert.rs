//! The table `budget_alerts`.

use chrono::NaiveDate;
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::{Alert, Metric};

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    metric: String,
    month: NaiveDate,
    percent: i32,
    used: i64,
    monthly_amount: i64,
}

impl TryFrom<Row> for Alert {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            tenant: row.tenant_id,
            metric: Metric::parse(&row.metric).ok_or_else(|| Error::internal("an unknown metric is stored"))?,
            month: row.month,
            percent: row.percent,
            used: row.used,
            monthly_amount: row.monthly_amount,
        })
    }
}

/// Gives the alerts that are due in the months of these days, across tenants; the answer holds those that are new.
pub async fn give(tx: &mut PgConnection, tenants: &[TenantId], days: &[NaiveDate]) -> Result<Vec<Alert>> {
    let rows: Vec<Row> = sqlx::query_as(
        "WITH touched AS (
            SELECT DISTINCT e.tenant_id, date_trunc('month', e.day::timestamp)::date AS month
            FROM unnest($1::uuid[], $2::date[]) AS e (tenant_id, day)
        ),
        used AS (
            SELECT
                b.tenant_id, b.metric, t.month, b.monthly_amount, b.alert_percents,
                CASE b.metric
                    WHEN 'requests' THEN sum(u.requests)
                    WHEN 'runs' THEN sum(u.runs)
                    WHEN 'task_seconds' THEN sum(u.task_seconds)
                    WHEN 'storage_bytes' THEN max(u.storage_bytes)
                    WHEN 'seats' THEN max(u.seats)
                END AS amount
            FROM touched AS t
            JOIN budgets AS b ON b.tenant_id = t.tenant_id
            JOIN usage AS u
                ON u.tenant_id = t.tenant_id AND u.day >= t.month AND u.day < t.month + interval '1 month'
            GROUP BY b.tenant_id, b.metric, t.month
        ),
        given AS (
            INSERT INTO budget_alerts (tenant_id, metric, month, percent)
            SELECT u.tenant_id, u.metric, u.month, p.percent
            FROM used AS u
            CROSS JOIN unnest(u.alert_percents) AS p (percent)
            WHERE u.amount * 100 >= u.monthly_amount::numeric * p.percent
            ON CONFLICT ON CONSTRAINT budget_alerts_pkey DO NOTHING
            RETURNING tenant_id, metric, month, percent
        )
        SELECT g.tenant_id, g.metric, g.month, g.percent, u.amount::bigint AS used, u.monthly_amount
        FROM given AS g
        JOIN used AS u ON u.tenant_id = g.tenant_id AND u.metric = g.metric AND u.month = g.month
        ORDER BY g.tenant_id, g.metric, g.month, g.percent",
    )
    .bind(tenants)
    .bind(days)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Alert::try_from).collect()
}
