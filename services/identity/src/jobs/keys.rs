//! Keeps the signing keys: makes the first one, rotates them, and tells this process of those that others made.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use trinity_db::Db;
use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::keyring::KeyRing;
use crate::store::signing_key;

/// How often the table is read. Far shorter than the lead with which a new key is published.
const INTERVAL: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Starts the job.
pub(crate) fn spawn(db: Db, keys: Arc<KeyRing>, shutdown: CancellationToken) {
    trinity_telemetry::spawn("signing-keys", async move {
        shutdown.run_until_cancelled(run(&db, &keys)).await;
    });
}

async fn run(db: &Db, keys: &KeyRing) {
    let mut warned = false;
    loop {
        let pause = match turn(db, keys).await {
            Ok(()) => {
                warned = false;
                INTERVAL
            }
            Err(error) => {
                if !warned {
                    let cause = error.source().map(ToString::to_string);
                    tracing::error!(%error, cause, "the signing keys cannot be had; trying again");
                    warned = true;
                }
                RETRY_INTERVAL
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// One look: removes what is retired, adds what is due, loads what is there.
async fn turn(db: &Db, keys: &KeyRing) -> Result<()> {
    let mut tx = db.begin_system("signing-keys").await?;
    signing_key::remove_retired(&mut tx).await?;
    if signing_key::is_due(&mut tx).await? {
        let fresh = keys.generate()?;
        signing_key::add_if_due(&mut tx, &fresh.kid, &fresh.sealed_private_key).await?;
    }
    let stored = signing_key::list(&mut tx).await?;
    tx.commit().await?;
    keys.load(&stored)
}
