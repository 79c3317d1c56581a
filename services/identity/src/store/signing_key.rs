//! The table `signing_keys`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;

/// A new key signs this long, then its successor is made.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a successor is published before it signs, so that every replica and every service knows it by then.
const LEAD: Duration = Duration::from_secs(3600);
/// How long a key is still published after its successor signs: longer than any token that it signed lives.
const OVERLAP: Duration = Duration::from_secs(3600);

/// A key as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SigningKey {
    pub kid: String,
    pub sealed_private_key: Vec<u8>,
    pub signs_from: DateTime<Utc>,
}

/// Lists the keys, the newest first.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<SigningKey>> {
    let keys = sqlx::query_as(
        "SELECT kid, sealed_private_key, signs_from
        FROM signing_keys
        ORDER BY generation DESC",
    )
    .fetch_all(tx)
    .await?;
    Ok(keys)
}

/// Whether the newest key has had its time, or there is none.
pub async fn is_due(tx: &mut PgConnection) -> Result<bool> {
    let due = sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM signing_keys WHERE created_at > now() - make_interval(secs => $1))",
    )
    .bind(LIFETIME.as_secs_f64())
    .fetch_one(tx)
    .await?;
    Ok(due)
}

/// Adds a key if one is due. Of many replicas at once one adds its own: they all ask for the same next generation.
pub async fn add_if_due(tx: &mut PgConnection, kid: &str, sealed_private_key: &[u8]) -> Result<()> {
    sqlx::query(
        "INSERT INTO signing_keys (generation, kid, sealed_private_key, signs_from)
        SELECT coalesce(max(generation), 0) + 1, $1, $2,
            CASE WHEN count(*) = 0 THEN now() ELSE now() + make_interval(secs => $4) END
        FROM signing_keys
        HAVING coalesce(max(created_at), '-infinity') <= now() - make_interval(secs => $3)
        ON CONFLICT (generation) DO NOTHING",
    )
    .bind(kid)
    .bind(sealed_private_key)
    .bind(LIFETIME.as_secs_f64())
    .bind(LEAD.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes keys whose successor has signed for longer than their last token lives.
pub async fn remove_retired(tx: &mut PgConnection) -> Result<()> {
    sqlx::query(
        "DELETE FROM signing_keys AS old
        WHERE EXISTS (
            SELECT
            FROM signing_keys AS successor
            WHERE successor.generation > old.generation AND successor.signs_from < now() - make_interval(secs => $1)
        )",
    )
    .bind(OVERLAP.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts another sealing in the place of a key's.
pub async fn reseal(tx: &mut PgConnection, kid: &str, sealed_private_key: &[u8]) -> Result<()> {
    sqlx::query("UPDATE signing_keys SET sealed_private_key = $2 WHERE kid = $1")
        .bind(kid)
        .bind(sealed_private_key)
        .execute(tx)
        .await?;
    Ok(())
}
