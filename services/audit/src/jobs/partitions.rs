//! Makes the partitions of the coming months. Should it not run for a year, the default partition takes the rows.

use std::sync::Arc;
use std::time::Duration;

use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::app::App;
use crate::store;

const INTERVAL: Duration = Duration::from_secs(6 * 3600);
const RETRY_AFTER: Duration = Duration::from_secs(10);
const MONTHS_AHEAD: i32 = 3;

/// Starts the job in the background.
pub(crate) fn spawn(app: Arc<App>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("partitions", async move {
        shutdown.run_until_cancelled(run(&app)).await;
    });
}

async fn run(app: &App) {
    loop {
        let pause = match ensure(app).await {
            Ok(made) => {
                if made > 0 {
                    tracing::info!(made, "partitions of coming months");
                }
                INTERVAL
            }
            Err(error) => {
                tracing::warn!(%error, "partitions wait");
                RETRY_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn ensure(app: &App) -> Result<i64> {
    let mut tx = app.db.begin_system("ensure-partitions").await?;
    let made = store::event::ensure_partitions(&mut tx, MONTHS_AHEAD).await?;
    tx.commit().await?;
    Ok(made)
}
