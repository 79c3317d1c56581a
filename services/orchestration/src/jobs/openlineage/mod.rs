//! Tells an OpenLineage receiver what ran on which data: at least once, in the order of the runs' starts and ends.
//!
//! Starts and ends of runs come through the outbox and lie in a table until the receiver has taken them; tasks are told
//! with the end of their run, each with its own times.

mod events;
mod receiver;

use std::time::Duration;

use async_trait::async_trait;
use trinity_db::Db;
use trinity_error::{Error, Result};
use trinity_outbox::{Delivery, Sink};
use trinity_rpc::CancellationToken;

pub use self::receiver::Receiver;
use crate::events::RUN_START;
use crate::store::lineage_event::{self, Row};

const INTERVAL: Duration = Duration::from_secs(1);
/// How long an event is ours. Longer than telling a batch takes.
const LEASE: Duration = Duration::from_secs(600);
const BATCH: i64 = 16;

/// Takes starts and ends of runs out of the outbox.
pub struct Collector {
    pub db: Db,
}

#[async_trait]
impl Sink for Collector {
    async fn deliver(&self, events: &[Delivery]) -> Result<()> {
        let rows: Vec<Row> = events.iter().filter_map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin_system("openlineage").await?;
        lineage_event::insert(&mut tx, &rows).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn row(event: &Delivery) -> Option<Row> {
    let kind = match event.action.as_str() {
        RUN_START => "START",
        "run.succeed" => "COMPLETE",
        "run.fail" => "FAIL",
        "run.cancelled" => "ABORT",
        _ => return None,
    };
    let run_id = event.object_id.parse().ok()?;
    Some(Row { tenant_id: event.tenant, id: event.id, run_id, kind: kind.to_owned() })
}

/// The background room.
pub struct OpenLineage {
    pub db: Db,
    pub receiver: Receiver,
}

impl OpenLineage {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let tell = async {
            let mut warned = false;
            loop {
                tokio::time::sleep(INTERVAL).await;
                match self.tell_all().await {
                    Ok(()) => warned = false,
                    Err(error) if !warned => {
                        warned = true;
                        tracing::warn!(%error, "the OpenLineage receiver is not told; its events wait");
                    }
                    Err(_) => {}
                }
            }
        };
        shutdown.run_until_cancelled(tell).await;
    }

    async fn tell_all(&self) -> Result<()> {
        loop {
            let mut tx = self.db.begin_system("openlineage").await?;
            let claimed = lineage_event::claim(&mut tx, BATCH, LEASE).await?;
            tx.commit().await?;
            if claimed.is_empty() {
                return Ok(());
            }
            for (place, event) in claimed.iter().enumerate() {
                if let Err(error) = self.tell(event).await {
                    self.give_back(&claimed[place..]).await?;
                    return Err(error);
                }
            }
        }
    }

    /// Tells one start or end, and forgets it.
    async fn tell(&self, event: &Row) -> Result<()> {
        let mut tx = self.db.begin_system("openlineage").await?;
        let run = lineage_event::find_run(&mut tx, event.tenant_id, event.run_id).await?;
        let (tasks, made) = if event.kind == "START" {
            (Vec::new(), Vec::new())
        } else {
            let tasks = lineage_event::list_tasks(&mut tx, event.tenant_id, event.run_id).await?;
            (tasks, lineage_event::list_made(&mut tx, event.tenant_id, event.run_id).await?)
        };
        tx.commit().await?;
        // A run that retention took away meanwhile has nothing to tell.
        if let Some(run) = run {
            let documents = events::all(&run, &event.kind, &tasks, &made);
            self.receiver
                .take(&documents)
                .await
                .map_err(|message| Error::unavailable("the receiver").with_cause(message))?;
        }
        let mut tx = self.db.begin_system("openlineage").await?;
        lineage_event::remove(&mut tx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets events be claimed again, in their order.
    async fn give_back(&self, events: &[Row]) -> Result<()> {
        let mut tx = self.db.begin_system("openlineage").await?;
        lineage_event::give_back(&mut tx, events).await?;
        tx.commit().await?;
        Ok(())
    }
}
