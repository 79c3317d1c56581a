//! What time alone brings about: grace periods end, and counted batches need not be remembered for ever.
//!
//! No answer waits for this job: a request for erasure whose grace period has passed is refused its cancellation at once.

use std::sync::Arc;
use std::time::Duration;

use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::domain::{Life, Status, Tenant};
use crate::wiring::App;
use crate::{events, store};

const INTERVAL: Duration = Duration::from_secs(10);
/// How many tenants are marked in one transaction.
const BATCH: i64 = 50;
/// How long a batch of usage is known: far longer than any sender repeats one.
const BATCH_MEMORY_DAYS: i32 = 30;

/// Starts the job in the background.
pub(crate) fn spawn(app: Arc<App>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("sweep", async move {
        shutdown.run_until_cancelled(run(&app)).await;
    });
}

async fn run(app: &App) {
    loop {
        if let Err(error) = sweep(app).await {
            tracing::warn!(%error, "the sweep waits");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn sweep(app: &App) -> Result<()> {
    while mark_due(app).await? == usize::try_from(BATCH).unwrap_or_default() {}
    let mut tx = app.db.begin_system("forget-batches").await?;
    store::usage::delete_old_batches(&mut tx, BATCH_MEMORY_DAYS).await?;
    tx.commit().await
}

/// Marks tenants whose grace period has passed. Their data stays: removing it from every service is not built.
async fn mark_due(app: &App) -> Result<usize> {
    let mut tx = app.db.begin_system("mark-due").await?;
    let due = store::tenant::list_due(&mut tx, BATCH).await?;
    let mut announced = Vec::with_capacity(due.len());
    for before in &due {
        let life =
            Life { status: Status::Erasing, reason: before.suspended_reason.clone(), erase_after: before.erase_after };
        store::tenant::set_life(&mut tx, before.id, &life).await?;
        let after = Tenant { status: Status::Erasing, version: before.version + 1, ..before.clone() };
        announced.push((before.id, events::changed("tenant.erasure_due", before, &after)?));
    }
    if !announced.is_empty() {
        trinity_outbox::write_all(&mut tx, &RequestContext::service("tenant"), announced).await?;
    }
    tx.commit().await?;
    Ok(due.len())
}
