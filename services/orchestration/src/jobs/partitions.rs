//! Makes the partitions of the months ahead.

use std::time::Duration;

use trinity_db::Db;
use trinity_error::Result;

const MONTHS_AHEAD: i32 = 3;
const INTERVAL: Duration = Duration::from_secs(12 * 3600);
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Runs for ever.
pub async fn run(db: Db) {
    loop {
        let pause = match ensure(&db).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "partitions of the months ahead could not be made");
                RETRY_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn ensure(db: &Db) -> Result<()> {
    let mut tx = db.begin_system("partitions").await?;
    sqlx::query("SELECT ensure_partitions($1)").bind(MONTHS_AHEAD).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
