//! The table `address_failures`: wrong passwords and codes by where they came from, across tenants.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;

/// How many wrong ones lock an address for the first time. Many people may share one.
const FREE_ATTEMPTS: f64 = 50.0;
/// One is forgiven as often as this.
const FORGIVEN_EVERY: Duration = Duration::from_secs(60);
/// How long the first lock lasts; each further wrong one doubles it.
const FIRST_LOCK: Duration = Duration::from_secs(1);
const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);
/// How many rows one sweep removes.
const SWEEP_LIMIT: i64 = 1000;

/// How many seconds the address is still locked; `None` when it is not.
pub async fn locked_seconds(tx: &mut PgConnection, address: &str) -> Result<Option<f64>> {
    let seconds = sqlx::query_scalar(
        "SELECT extract(epoch FROM locked_until - now())::float8
        FROM address_failures
        WHERE address = $1 AND locked_until > now()",
    )
    .bind(address)
    .fetch_optional(tx)
    .await?;
    Ok(seconds)
}

/// Counts a wrong password or code. Those that were under way when the address was locked count too, so that a burst
/// costs as much as one after another.
pub async fn count_failure(tx: &mut PgConnection, address: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO address_failures AS a (address, failed_attempts, failed_at, locked_until)
        VALUES ($1, 1, now(), '-infinity')
        ON CONFLICT (address) DO UPDATE
        SET (failed_attempts, failed_at, locked_until) = (
            SELECT
                counted.failures,
                now(),
                CASE
                    WHEN counted.failures > $2
                    THEN now() + make_interval(secs => least($5, $4 * power(2, least(counted.failures - $2, 30) - 1)))
                    ELSE a.locked_until
                END
            FROM (
                SELECT greatest(a.failed_attempts - extract(epoch FROM now() - a.failed_at)::float8 / $3, 0) + 1 AS failures
            ) AS counted
        )",
    )
    .bind(address)
    .bind(FREE_ATTEMPTS)
    .bind(FORGIVEN_EVERY.as_secs_f64())
    .bind(FIRST_LOCK.as_secs_f64())
    .bind(LONGEST_LOCK.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets addresses from which nothing wrong came for longer than `keep`; says how many.
pub async fn remove_quiet(tx: &mut PgConnection, keep: Duration) -> Result<u64> {
    let done = sqlx::query(
        "DELETE FROM address_failures
        WHERE address IN (
            SELECT address
            FROM address_failures
            WHERE failed_at < now() - make_interval(secs => $1)
            LIMIT $2
        )",
    )
    .bind(keep.as_secs_f64())
    .bind(SWEEP_LIMIT)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
