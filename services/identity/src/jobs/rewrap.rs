//! Wraps every stored key under the current master key, while the one before it is still among the settings.

use std::sync::Arc;
use std::time::Duration;

use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_rpc::CancellationToken;

use crate::store::{signing_key, tenant_key};
use crate::vault;
use crate::wiring::App;

/// How often it is looked again: a replica with the settings of before may still make keys.
const INTERVAL: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
const BATCH: i64 = 200;

/// Starts the job.
pub(crate) fn spawn(app: Arc<App>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("rewrap", async move {
        shutdown.run_until_cancelled(run(&app)).await;
    });
}

async fn run(app: &App) {
    loop {
        let pause = match turn(app).await {
            Ok(0) => INTERVAL,
            Ok(renewed) => {
                tracing::info!(renewed, "keys are wrapped under the new master key");
                INTERVAL
            }
            Err(error) => {
                tracing::warn!(%error, "keys are not wrapped under the new master key yet; trying again");
                RETRY_INTERVAL
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// One look at everything; says how many keys were renewed.
async fn turn(app: &App) -> Result<u64> {
    let mut renewed = signing_keys(app).await?;
    let mut after = (TenantId::NIL, 0);
    while let Some((last, count)) = tenant_keys(app, after).await? {
        (after, renewed) = (last, renewed + count);
    }
    Ok(renewed)
}

async fn signing_keys(app: &App) -> Result<u64> {
    let mut renewed = 0;
    let mut tx = app.db.begin_system("rewrap").await?;
    for key in signing_key::list(&mut tx).await? {
        if let Some(sealed) = app.keys.renew(&key)? {
            signing_key::reseal(&mut tx, &key.kid, &sealed).await?;
            renewed += 1;
        }
    }
    tx.commit().await?;
    Ok(renewed)
}

/// Renews a batch behind `after`; gives the last one's place and how many were renewed, or None at the end.
async fn tenant_keys(app: &App, after: (TenantId, i32)) -> Result<Option<((TenantId, i32), u64)>> {
    let mut renewed = 0;
    let mut tx = app.db.begin_system("rewrap").await?;
    let keys = tenant_key::list_locked(&mut tx, after, BATCH).await?;
    for key in &keys {
        let place = vault::key_place(key.tenant_id, key.generation);
        if let Some(wrapped) = app.wrapper.renew(&place, &key.wrapped).map_err(|error| unknown(key, error))? {
            tenant_key::rewrap(&mut tx, key, &wrapped).await?;
            renewed += 1;
        }
    }
    tx.commit().await?;
    Ok(keys.last().map(|key| ((key.tenant_id, key.generation), renewed)))
}

fn unknown(key: &tenant_key::TenantKey, error: Error) -> Error {
    tracing::error!(tenant = %key.tenant_id, generation = key.generation, "no master key opens this tenant's data key");
    error
}
