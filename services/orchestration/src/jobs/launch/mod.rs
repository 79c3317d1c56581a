//! Making runs: the plan pinned, its datasets found, its rows written, all before the first task may go.
//!
//! The door (`handlers::start`) and the starter (`jobs::starter`) both come here.

mod files;
mod plan;
mod rows;

use sqlx::PgConnection;
use trinity_access::Standing;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_expression::{CONTEXT, Expression, Variables};
use trinity_ids::TenantId;
use trinity_proto::identity::CheckUserRequest;
use trinity_proto::identity::delegation_service_client::DelegationServiceClient;
use trinity_proto::registry::dataset_service_client::DatasetServiceClient;
use trinity_proto::workflow::Plan;
use trinity_proto::workflow::job_service_client::JobServiceClient;
use trinity_proto::workflow::workflow_service_client::WorkflowServiceClient;
use trinity_rpc::{Channel, Peers};

pub use self::files::format_of;
pub use self::plan::Planned;
use crate::domain::engine::Event;
use crate::domain::order::{Order, Target};
use crate::events;
use crate::jobs::input::{EngineDoor, Input};
use crate::jobs::keys;
use crate::jobs::settle::{self, Settled};
use crate::jobs::standing;
use crate::store;
use crate::store::live::LiveRun;
use crate::store::new_run::{Concurrency, NewRun, NewTask};
use crate::store::start::Claimed;

/// How long a key may be, in bytes.
const MAX_KEY: usize = 256;

/// Asks the peers for all that a run is made of. Cheap to clone.
#[derive(Clone)]
pub struct Launcher {
    pub peers: Peers,
    pub workflows: WorkflowServiceClient<Channel>,
    pub jobs: JobServiceClient<Channel>,
    pub datasets: DatasetServiceClient<Channel>,
    pub delegations: DelegationServiceClient<Channel>,
    pub engine: EngineDoor,
}

/// A run that only needs to be written.
pub struct Prepared {
    run: NewRun,
    rows: Vec<NewTask>,
    live: LiveRun,
}

impl Launcher {
    /// Whether the person who answers for a run may still start it: schedules and hooks outlive what their makers may do.
    ///
    /// # Errors
    /// `FailedPrecondition` `MAKER_MAY_NOT_RUN_IT`; `Unavailable`.
    pub async fn require_maker(&self, ctx: &RequestContext, order: &Order) -> Result<()> {
        let (object_type, object_id) = match order.target {
            Target::Workflow(id, _) => ("workflow", id.to_string()),
            Target::Job(id) => ("job", id.to_string()),
        };
        let message = CheckUserRequest {
            tenant_id: order.tenant.to_string(),
            user_id: order.created_by.to_string(),
            permission: "workflow.execute".to_owned(),
            object_type: object_type.to_owned(),
            object_id,
        };
        if self.delegations.clone().check_user(self.peers.request(ctx, message)).await?.into_inner().allowed {
            return Ok(());
        }
        let message = format!("whoever made the schedule or hook may not run this {object_type} any more");
        Err(Error::new(Code::FailedPrecondition, "MAKER_MAY_NOT_RUN_IT", message))
    }

    /// The executable form of what is to run; it may have faults.
    ///
    /// # Errors
    /// `NotFound` no such workflow, version or job; `Unavailable`.
    pub async fn plan(&self, ctx: &RequestContext, tenant: TenantId, target: Target) -> Result<Planned> {
        plan::ask(self, ctx, tenant, target).await
    }

    /// Everything of the run but its rows in the database.
    ///
    /// # Errors
    /// `FailedPrecondition` the plan has faults, names a dataset that is not there, or its key cannot be evaluated.
    pub async fn prepare(&self, ctx: &RequestContext, order: Order, planned: Planned) -> Result<Prepared> {
        planned.require_runnable()?;
        let tasks = &planned.plan.tasks;
        let files = files::resolve(self, ctx, order.tenant, planned.project, tasks).await?;
        let run = new_run(order, &planned)?;
        let priority = run.order.priority;
        let rows = tasks.iter().map(|task| rows::new_task(task, &files, priority)).collect::<Result<Vec<_>>>()?;
        let live = rows::live_run(&run, tasks, &rows);
        Ok(Prepared { run, rows, live })
    }

    /// Writes a run with its tasks, readies the first, and announces it. The caller has checked [`admit_one_more`], and
    /// commits at once.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away.
    pub async fn write(
        &self,
        tx: &mut PgConnection,
        ctx: &RequestContext,
        standing: &Standing,
        prepared: Prepared,
    ) -> Result<Settled> {
        let Prepared { mut run, rows, mut live } = prepared;
        if keys::is_shared_with_ancestors(tx, &run).await? {
            run.concurrency = None;
            (live.keyed, live.admitted) = (false, true);
        }
        // Why not with its context: that may be large.
        let place = if live.context.is_none() { self.engine.place() } else { None };
        live.kept_by = place.as_ref().map(|_| self.engine.id);
        let tenant = run.order.tenant;
        store::share::add_run(tx, &standing::share(tenant, standing)).await?;
        store::new_run::insert(tx, &run, &rows, live.kept_by).await?;
        let (mut settled, written) = settle::settle_new(tx, live).await?;
        trinity_outbox::write(tx, ctx, events::started(&run)).await?;
        if let Some(concurrency) = &run.concurrency {
            settled.ready |= keys::admit(tx, tenant, run.project, &concurrency.key).await?;
        }
        if let Some((place, run)) = place.zip(written) {
            place.send(Input::New(Box::new(run)));
        }
        Ok(settled)
    }
}

/// The run's row. The version that runs is pinned.
pub fn new_run(order: Order, planned: &Planned) -> Result<NewRun> {
    let plan = &planned.plan;
    let target = match order.target {
        Target::Workflow(id, _) => Target::Workflow(id, Some(planned.version)),
        job @ Target::Job(_) => job,
    };
    let limits = [order.timeout_ms, plan.timeout_ms];
    let timeout_ms = limits.into_iter().filter(|limit| *limit > 0).min().unwrap_or_default();
    Ok(NewRun {
        concurrency: concurrency(plan, &order.context)?,
        order: Order { target, timeout_ms, priority: rows::add(order.priority, plan.priority), ..order },
        name: planned.name.clone(),
        owner: planned.owner,
        project: planned.project,
        project_owner: planned.project_owner,
        version: planned.version,
        notify: planned.notify.clone(),
    })
}

/// The key that the run shares with others, if its workflow names one.
fn concurrency(plan: &Plan, context: &str) -> Result<Option<Concurrency>> {
    if plan.concurrency_key.is_empty() || plan.concurrency_limit == 0 {
        return Ok(None);
    }
    let refused = |message: String| {
        let message = format!("the concurrency key cannot be evaluated: {message}");
        Error::new(Code::FailedPrecondition, "CONCURRENCY_KEY_FAILED", message)
    };
    let context = serde_json::from_str(context).map_err(Error::internal)?;
    let key = Expression::parse_over(&plan.concurrency_key, CONTEXT)
        .and_then(|expression| expression.text(&Variables::new().with("context", context)))
        .map_err(|fault| refused(fault.message))?;
    if key.len() > MAX_KEY || key.contains('\0') {
        return Err(refused(format!("the key has more than {MAX_KEY} bytes, or a zero byte")));
    }
    Ok(Some(Concurrency { key, limit: i32::try_from(plan.concurrency_limit).unwrap_or(i32::MAX) }))
}

/// Checks that the tenant's plan allows another run that has not ended. Runs below others do not count.
///
/// # Errors
/// `ResourceExhausted` `RUN_LIMIT_REACHED`.
pub async fn admit_one_more(tx: &mut PgConnection, tenant: TenantId, standing: &Standing) -> Result<()> {
    let Some(limit) = standing.limits.concurrent_runs else { return Ok(()) };
    if store::run::count_live_locked(tx, tenant).await? < i64::from(limit) {
        return Ok(());
    }
    let message = format!("the plan allows {limit} runs at once");
    Err(Error::new(Code::ResourceExhausted, "RUN_LIMIT_REACHED", message).with_metadata("limit", limit.to_string()))
}

/// Writes a run that ended before it could begin: failed for this reason, or else cancelled.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn write_ended(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    start: &Claimed,
    error: Option<&Error>,
) -> Result<Settled> {
    let order = start.order.clone();
    let run = NewRun {
        name: String::new(),
        owner: order.created_by,
        project: start.project,
        project_owner: order.created_by,
        version: 0,
        notify: None,
        concurrency: None,
        order,
    };
    store::new_run::insert(tx, &run, &[], None).await?;
    trinity_outbox::write(tx, ctx, events::started(&run)).await?;
    let live = rows::live_run(&run, &[], &[]);
    let Some(error) = error else {
        return settle::settle_run(tx, live, Event::Cancelled).await;
    };
    let details = error.violations().iter().map(|violation| format!("{}: {}", violation.field, violation.message));
    let message = std::iter::once(error.to_string()).chain(details).collect::<Vec<_>>().join("; ");
    settle::fail_run(tx, live, error.reason(), message).await
}
