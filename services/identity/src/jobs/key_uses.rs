//! When API keys were last used: remembered here, written down now and then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{ApiKeyId, TenantId};
use trinity_rpc::CancellationToken;

use crate::store::api_key;

const INTERVAL: Duration = Duration::from_secs(10);
/// How many keys are remembered; the uses of more are forgotten until the next write.
const MAX_KEYS: usize = 50_000;

/// The last use of each key since the last write.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashMap<(TenantId, ApiKeyId), DateTime<Utc>>>);

impl KeyUses {
    /// Remembers that a key is used now.
    pub fn note(&self, tenant: TenantId, key: ApiKeyId) {
        let mut uses = self.lock();
        if uses.len() < MAX_KEYS || uses.contains_key(&(tenant, key)) {
            uses.insert((tenant, key), Utc::now());
        }
    }

    fn take(&self) -> Vec<(TenantId, ApiKeyId, DateTime<Utc>)> {
        std::mem::take(&mut *self.lock()).into_iter().map(|((tenant, key), at)| (tenant, key, at)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantId, ApiKeyId), DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the job; what is remembered at the end is written too.
pub(crate) fn spawn(db: Db, uses: Arc<KeyUses>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("key-uses", async move {
        while shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            write(&db, &uses).await;
        }
        write(&db, &uses).await;
    });
}

async fn write(db: &Db, uses: &KeyUses) {
    let taken = uses.take();
    if taken.is_empty() {
        return;
    }
    if let Err(error) = try_write(db, &taken).await {
        // Why not kept: a key in use is noted again within a second.
        tracing::warn!(%error, "the last uses of API keys were not written");
    }
}

async fn try_write(db: &Db, uses: &[(TenantId, ApiKeyId, DateTime<Utc>)]) -> Result<()> {
    let mut tx = db.begin_system("key-uses").await?;
    api_key::touch(&mut tx, uses).await?;
    tx.commit().await
}
