//! Removes sessions that ended, when no token of theirs can live any more, and addresses that behave.

use std::time::Duration;

use trinity_db::Db;
use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::store::{address, session};

const INTERVAL: Duration = Duration::from_secs(3600);
/// How long an ended session stays.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// Starts the job.
pub(crate) fn spawn(db: Db, shutdown: CancellationToken) {
    trinity_telemetry::spawn("session-sweeper", async move {
        shutdown.run_until_cancelled(run(&db)).await;
    });
}

async fn run(db: &Db) {
    loop {
        if let Err(error) = sweep(db).await {
            tracing::warn!(%error, "ended sessions are not removed; trying again later");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn sweep(db: &Db) -> Result<()> {
    loop {
        let mut tx = db.begin_system("session-sweep").await?;
        let removed = session::remove_dead(&mut tx, KEEP).await? + address::remove_quiet(&mut tx, KEEP).await?;
        tx.commit().await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
