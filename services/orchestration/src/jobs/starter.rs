//! Makes runs of the starts that lie in the table `starts`.
//!
//! A start is claimed for a while, its plan is asked for, and the run is written in the transaction that takes the start
//! away. What may pass is tried again; what may not leaves a failed run that says why.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Notify;
use trinity_access::Standing;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Code, DATA_REFUSED, Error, Result};
use trinity_rpc::Runtime;

use crate::convert::MAX_CONTEXT_BYTES;
use crate::domain::native::merge;
use crate::jobs::bells::Teller;
use crate::jobs::launch::{self, Launcher};
use crate::jobs::settle::Settled;
use crate::store;
use crate::store::start::Claimed;

/// How often starts are looked for; one that this process wrote is looked for at once.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a claimed start is nobody else's.
const CLAIM: Duration = Duration::from_secs(60);
const CLAIMED_AT_ONCE: i64 = 64;
const MADE_AT_ONCE: usize = 8;
/// The first pause before a start is tried again, doubled each time, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often our own faults are tried again.
const MAX_FAULTY_TRIES: i32 = 8;

/// The background room.
#[derive(Clone)]
pub struct Starter {
    pub db: Db,
    pub launcher: Launcher,
    pub runtime: Runtime,
    pub teller: Teller,
}

/// What became of a start.
enum Made {
    /// A run.
    Run(Settled),
    /// Nothing: it is gone, or its parent has ended.
    Nothing,
    /// Nothing yet.
    NotNow(&'static str),
}

impl Starter {
    /// Runs until the process is to stop.
    pub async fn run(self) {
        let shutdown = self.runtime.shutdown.clone();
        let rung: Arc<Notify> = Arc::clone(&self.teller.bells.starter);
        let start = async {
            loop {
                match self.make_some().await {
                    Ok(made) if made == CLAIMED_AT_ONCE => continue,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "starts wait"),
                }
                let _ = tokio::time::timeout(INTERVAL, rung.notified()).await;
            }
        };
        shutdown.run_until_cancelled(start).await;
    }

    /// Makes runs of what may start now; says how many starts there were.
    async fn make_some(&self) -> Result<i64> {
        let mut tx = self.db.begin_system("starter").await?;
        let claimed = store::start::claim(&mut tx, CLAIMED_AT_ONCE, CLAIM).await?;
        tx.commit().await?;
        let count = i64::try_from(claimed.len()).unwrap_or(i64::MAX);
        futures::stream::iter(claimed).for_each_concurrent(MADE_AT_ONCE, |start| self.see_to(start)).await;
        Ok(count)
    }

    async fn see_to(&self, start: Claimed) {
        let outcome = match self.make(&start).await {
            Ok(Made::Run(settled)) => {
                self.teller.tell(settled).await;
                return;
            }
            Ok(Made::Nothing) => return,
            Ok(Made::NotNow(reason)) => self.put_off(&start, reason).await,
            Err(error) if passes(&error, &start) => {
                tracing::debug!(%error, run = %start.order.id, "a start is put off");
                self.put_off(&start, error.reason()).await
            }
            Err(error) => {
                tracing::info!(%error, run = %start.order.id, "a start cannot become a run");
                self.give_up(&start, &error).await
            }
        };
        if let Err(error) = outcome {
            // Why no more: the claim ends, and then it is tried again.
            tracing::warn!(%error, run = %start.order.id, "a start waits for its claim to end");
        }
    }

    async fn make(&self, start: &Claimed) -> Result<Made> {
        let tenant = start.order.tenant;
        let ctx = RequestContext::service("orchestration").for_tenant(tenant);
        let standing = self.runtime.authenticator.standing(tenant).await?;
        if let Some(reason) = hindrance(&standing) {
            return Ok(Made::NotNow(reason));
        }
        let mut order = start.order.clone();
        if order.parent.is_none() {
            self.launcher.require_maker(&ctx, &order).await?;
        }
        if let Some(parent) = order.parent {
            let mut tx = self.db.begin_planned(&ctx).await?;
            let above = store::tree::find_context(&mut tx, tenant, parent.run).await?;
            tx.commit().await?;
            order.context = child_context(above.as_deref().unwrap_or("{}"), &order.context)?;
        }
        let planned = self.launcher.plan(&ctx, tenant, order.target).await?;
        if planned.project != start.project {
            let message = "what is to run lies in another project";
            return Err(Error::new(Code::FailedPrecondition, "OTHER_PROJECT", message));
        }
        let prepared = self.launcher.prepare(&ctx, order, planned).await?;

        let mut tx = self.db.begin_planned(&ctx).await?;
        if let Some(parent) = start.order.parent {
            match store::tree::lock_parent(&mut tx, tenant, parent.run).await? {
                Some(above) if !above.ended => {
                    if above.paused {
                        return Ok(Made::NotNow("PAUSED"));
                    }
                }
                _ => {
                    store::start::take(&mut tx, tenant, start.order.id).await?;
                    tx.commit().await?;
                    return Ok(Made::Nothing);
                }
            }
        } else {
            launch::admit_one_more(&mut tx, tenant, &standing).await?;
        }
        if !store::start::take(&mut tx, tenant, start.order.id).await? {
            return Ok(Made::Nothing);
        }
        let settled = self.launcher.write(&mut tx, &ctx, &standing, prepared).await?;
        tx.commit().await?;
        Ok(Made::Run(settled))
    }

    async fn put_off(&self, start: &Claimed, reason: &str) -> Result<()> {
        let pause = FIRST_PAUSE.saturating_mul(1 << start.tries.clamp(0, 10)).min(LONGEST_PAUSE);
        let mut tx = self.db.begin_system("starter").await?;
        store::start::put_off(&mut tx, start.order.tenant, start.order.id, pause, reason).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Leaves a failed run in place of the start.
    async fn give_up(&self, start: &Claimed, error: &Error) -> Result<()> {
        let ctx = RequestContext::service("orchestration").for_tenant(start.order.tenant);
        let mut tx = self.db.begin(&ctx).await?;
        if !store::start::take(&mut tx, start.order.tenant, start.order.id).await? {
            return Ok(());
        }
        let settled = launch::write_ended(&mut tx, &ctx, start, Some(error)).await?;
        tx.commit().await?;
        self.teller.tell(settled).await;
        Ok(())
    }
}

/// Why no run of the tenant may start now.
fn hindrance(standing: &Standing) -> Option<&'static str> {
    if standing.suspended {
        Some("TENANT_SUSPENDED")
    } else if standing.writable {
        None
    } else {
        Some("SUBSCRIPTION_EXPIRED")
    }
}

/// Whether the same start may become a run later.
fn passes(error: &Error, start: &Claimed) -> bool {
    error.is_retryable()
        || error.code() == Code::ResourceExhausted
        || error.code() == Code::Unauthenticated
        || error.code() == Code::Internal && error.reason() != DATA_REFUSED && start.tries < MAX_FAULTY_TRIES
}

/// The context of a child.
fn child_context(above: &str, addition: &str) -> Result<String> {
    let context = merge(above, addition).map_err(Error::internal)?;
    if context.len() > MAX_CONTEXT_BYTES {
        let message = format!("the context of the run would be larger than {} KiB", MAX_CONTEXT_BYTES >> 10);
        return Err(Error::new(Code::FailedPrecondition, "CONTEXT_TOO_LARGE", message));
    }
    Ok(context)
}
