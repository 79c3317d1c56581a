//! Takes away what is older than the settings say: whole months at once, the rest in small batches. Live runs stay.

use std::time::Duration;

use trinity_db::Db;
use trinity_error::Result;

use crate::store::retention::{self, Sweep};

const INTERVAL: Duration = Duration::from_secs(3600);
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Between batches, so that the work of the day goes first.
const BREATH: Duration = Duration::from_millis(100);
/// How long a repeated call of a hook gets the answer of the first.
const CALL_DAYS: i32 = 7;

/// How many days what is kept; 0 for ever.
#[derive(Debug, Clone, Copy)]
pub struct Days {
    pub runs: i32,
    pub logs: i32,
    pub notifications: i32,
}

/// Runs for ever.
pub async fn run(db: Db, days: Days) {
    loop {
        let pause = match take_away(&db, days).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "what is old could not be taken away; it is tried again");
                RETRY_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn take_away(db: &Db, days: Days) -> Result<()> {
    // Why tasks before runs: a task's age is its run's.
    for (table, days) in [("task_logs", days.logs), ("tasks", days.runs), ("runs", days.runs)] {
        if days > 0 {
            drop_months(db, table, days).await?;
        }
    }
    let sweeps = [
        (retention::LOGS, days.logs),
        (retention::TASKS, days.runs),
        (retention::RUNS, days.runs),
        (retention::LINEAGE, days.runs),
        (retention::FIRES, days.runs),
        (retention::CALLS, CALL_DAYS),
        (retention::NOTIFICATIONS, days.notifications),
        (retention::DELIVERIES, days.notifications),
    ];
    for (sweep, days) in sweeps {
        if days > 0 {
            sweep_all(db, sweep, days).await?;
        }
    }
    Ok(())
}

async fn drop_months(db: &Db, table: &'static str, days: i32) -> Result<()> {
    let mut tx = db.begin_system("retention").await?;
    let dropped = retention::drop_partitions(&mut tx, table, days).await?;
    tx.commit().await?;
    if dropped > 0 {
        tracing::info!(table, dropped, "months of old rows are gone");
    }
    Ok(())
}

async fn sweep_all(db: &Db, sweep: Sweep, days: i32) -> Result<()> {
    loop {
        let mut tx = db.begin_system("retention").await?;
        let more = retention::sweep(&mut tx, sweep, days).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}
