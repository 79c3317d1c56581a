//! Writes the checkpoints of chains that have moved and then lain still.

use std::sync::Arc;
use std::time::Duration;

use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::app::App;
use crate::{checkpoints, store};

/// How often chains are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How many chains at once.
const BATCH: i64 = 500;

/// Starts the job in the background.
pub(crate) fn spawn(app: Arc<App>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("checkpoints", async move {
        shutdown.run_until_cancelled(run(&app)).await;
    });
}

async fn run(app: &App) {
    let interval = SWEEP_INTERVAL.min(Duration::from_secs(app.checkpoint_interval_s.max(1).into()));
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep(app).await {
            tracing::warn!(%error, "checkpoints wait");
        }
    }
}

async fn sweep(app: &App) -> Result<()> {
    let ctx = RequestContext::service("audit");
    let mut tx = app.db.begin_system("checkpoints").await?;
    let tenants = store::chain::list_unchecked(&mut tx, app.checkpoint_interval_s, BATCH).await?;
    tx.commit().await?;
    for tenant in tenants {
        checkpoints::catch_up(app, &ctx, tenant).await?;
    }
    Ok(())
}
