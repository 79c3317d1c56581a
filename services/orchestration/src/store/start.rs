//! The table `starts`: runs that nobody waits for at the door, until they are made.
//!
//! A row is written with its cause in one transaction. Whoever makes the run takes the row away in the transaction that
//! writes the run, so that neither is lost and none is made twice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::{HookId, JobId, ProjectId, RunId, ScheduleId, TaskId, TenantId, UserId, WorkflowId};

use crate::domain::order::{Order, Parent, Target, Trigger};
use crate::store::queue::interval;

/// A run that is to be started by the starter.
#[derive(Debug, Clone)]
pub struct NewStart {
    pub tenant: TenantId,
    /// The id that the run will have: two starts of one id are one.
    pub id: RunId,
    pub target: Target,
    /// Where the target must be.
    pub project: ProjectId,
    /// A JSON object; for a child, what is added to its parent's context.
    pub context: String,
    pub trigger: Trigger,
    /// The person who answers for the run.
    pub created_by: UserId,
    pub schedule_id: Option<ScheduleId>,
    pub hook_id: Option<HookId>,
    pub parent: Option<Parent>,
    pub priority: i32,
    /// At once when empty.
    pub not_before: Option<DateTime<Utc>>,
    /// Waits until this run, or start, has ended.
    pub after_run: Option<RunId>,
    /// How many runs are above it.
    pub depth: i32,
    /// Files that the parent's task hands to it, as JSON.
    pub inputs: Option<String>,
    /// How long it may take, besides what its plan says; 0 for no limit.
    pub timeout_ms: u64,
    /// Whether it waits until its fan-out lets it in.
    pub closed: bool,
}

impl NewStart {
    /// A start without a parent, at once, with an empty context.
    #[must_use]
    pub fn new(tenant: TenantId, target: Target, project: ProjectId, trigger: Trigger, created_by: UserId) -> Self {
        Self {
            tenant,
            id: RunId::new(),
            target,
            project,
            context: "{}".to_owned(),
            trigger,
            created_by,
            schedule_id: None,
            hook_id: None,
            parent: None,
            priority: 0,
            not_before: None,
            after_run: None,
            depth: 0,
            inputs: None,
            timeout_ms: 0,
            closed: false,
        }
    }
}

/// Writes starts in one statement. One whose id is known already changes nothing.
pub async fn insert(tx: &mut PgConnection, starts: &[NewStart]) -> Result<()> {
    if starts.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        (|$start:ident| $value:expr) => {
            starts.iter().map(|$start| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "INSERT INTO starts (
            tenant_id, id, workflow_id, workflow_version, job_id, project_id, context, inputs, trigger, created_by,
            schedule_id, hook_id, parent_run_id, parent_task_id, item, depth, priority, timeout_ms, open, after_run,
            not_before
        )
        SELECT
            tenant_id, id, workflow_id, workflow_version, job_id, project_id, context::json, inputs::json, trigger,
            created_by, schedule_id, hook_id, parent_run_id, parent_task_id, item, depth, priority, timeout_ms, open,
            after_run, coalesce(not_before, '-infinity')
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
            $9::text[], $10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[], $14::uuid[], $15::integer[],
            $16::integer[], $17::integer[], $18::bigint[], $19::boolean[], $20::uuid[], $21::timestamptz[]
        ) AS s (
            tenant_id, id, workflow_id, workflow_version, job_id, project_id, context, inputs, trigger, created_by,
            schedule_id, hook_id, parent_run_id, parent_task_id, item, depth, priority, timeout_ms, open, after_run,
            not_before
        )
        ON CONFLICT ON CONSTRAINT starts_pkey DO NOTHING",
    )
    .bind(column!(|s| s.tenant))
    .bind(column!(|s| s.id))
    .bind(column!(|s| match s.target {
        Target::Workflow(id, _) => Some(id),
        Target::Job(_) => None,
    }))
    .bind(column!(|s| match s.target {
        Target::Workflow(_, version) => version.and_then(|version| i64::try_from(version).ok()),
        Target::Job(_) => None,
    }))
    .bind(column!(|s| match s.target {
        Target::Workflow(..) => None,
        Target::Job(id) => Some(id),
    }))
    .bind(column!(|s| s.project))
    .bind(column!(|s| s.context.as_str()))
    .bind(column!(|s| s.inputs.as_deref()))
    .bind(column!(|s| s.trigger.text()))
    .bind(column!(|s| s.created_by))
    .bind(column!(|s| s.schedule_id))
    .bind(column!(|s| s.hook_id))
    .bind(column!(|s| s.parent.map(|parent| parent.run)))
    .bind(column!(|s| s.parent.map(|parent| parent.task)))
    .bind(column!(|s| s.parent.and_then(|parent| parent.item)))
    .bind(column!(|s| s.depth))
    .bind(column!(|s| s.priority))
    .bind(column!(|s| i64::try_from(s.timeout_ms).unwrap_or(i64::MAX)))
    .bind(column!(|s| !s.closed))
    .bind(column!(|s| s.after_run))
    .bind(column!(|s| s.not_before))
    .execute(tx)
    .await?;
    Ok(())
}

/// A start that was claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub order: Order,
    pub project: ProjectId,
    /// How often it was tried before.
    pub tries: i32,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    id: RunId,
    workflow_id: Option<WorkflowId>,
    workflow_version: Option<i64>,
    job_id: Option<JobId>,
    project_id: ProjectId,
    context: String,
    inputs: Option<String>,
    trigger: String,
    created_by: UserId,
    schedule_id: Option<ScheduleId>,
    hook_id: Option<HookId>,
    parent_run_id: Option<RunId>,
    parent_task_id: Option<TaskId>,
    item: Option<i32>,
    depth: i32,
    priority: i32,
    timeout_ms: i64,
    tries: i32,
}

impl TryFrom<Row> for Claimed {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let target = match (row.workflow_id, row.job_id) {
            (Some(id), _) => Target::Workflow(id, row.workflow_version.map(i64::unsigned_abs)),
            (None, Some(id)) => Target::Job(id),
            (None, None) => return Err(Error::internal("a start without a target")),
        };
        let parent = row.parent_run_id.zip(row.parent_task_id);
        let order = Order {
            tenant: row.tenant_id,
            id: row.id,
            target,
            context: row.context,
            trigger: Trigger::parse(&row.trigger).unwrap_or(Trigger::Manual),
            created_by: row.created_by,
            rerun_of: None,
            schedule_id: row.schedule_id,
            hook_id: row.hook_id,
            parent: parent.map(|(run, task)| Parent { run, task, item: row.item }),
            depth: row.depth,
            inputs: row.inputs,
            priority: row.priority,
            timeout_ms: row.timeout_ms.unsigned_abs(),
        };
        Ok(Self { order, project: row.project_id, tries: row.tries })
    }
}

/// Claims up to `limit` starts that may be made now; nobody else gets them for the time of `claim`.
pub async fn claim(tx: &mut PgConnection, limit: i64, claim: Duration) -> Result<Vec<Claimed>> {
    let rows: Vec<Row> = sqlx::query_as(
        "WITH ready AS (
            SELECT s.tenant_id, s.id
            FROM starts AS s
            LEFT JOIN runs AS p ON p.tenant_id = s.tenant_id AND p.id = s.parent_run_id
            WHERE s.open AND s.not_before <= now() AND s.claimed_until <= now()
                AND (p.id IS NULL OR (p.admitted AND NOT p.paused))
                AND (s.after_run IS NULL OR NOT EXISTS (
                    SELECT FROM runs AS r
                    WHERE r.tenant_id = s.tenant_id AND r.id = s.after_run AND r.completed_at IS NULL
                ) AND NOT EXISTS (
                    SELECT FROM starts AS b WHERE b.tenant_id = s.tenant_id AND b.id = s.after_run
                ))
            ORDER BY s.priority DESC, s.id
            LIMIT $1
            FOR UPDATE OF s SKIP LOCKED
        )
        UPDATE starts AS s
        SET claimed_until = now() + $2, tries = s.tries + 1
        FROM ready AS r
        WHERE s.tenant_id = r.tenant_id AND s.id = r.id
        RETURNING
            s.tenant_id, s.id, s.workflow_id, s.workflow_version, s.job_id, s.project_id, s.context::text AS context,
            s.inputs::text AS inputs, s.trigger, s.created_by, s.schedule_id, s.hook_id, s.parent_run_id,
            s.parent_task_id, s.item, s.depth, s.priority, s.timeout_ms, s.tries - 1 AS tries",
    )
    .bind(limit)
    .bind(interval(claim))
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Claimed::try_from).collect()
}

/// Takes a start away; says whether it was still there.
pub async fn take(tx: &mut PgConnection, tenant: TenantId, id: RunId) -> Result<bool> {
    let taken =
        sqlx::query("DELETE FROM starts WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(taken.rows_affected() == 1)
}

/// Gives a claimed start back, to be tried again after a pause.
pub async fn put_off(tx: &mut PgConnection, tenant: TenantId, id: RunId, pause: Duration, reason: &str) -> Result<()> {
    sqlx::query(
        "UPDATE starts
        SET not_before = now() + $3, claimed_until = '-infinity', waiting_for = $4
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(interval(pause))
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets the starts that tasks of these runs asked for.
pub async fn remove_children(tx: &mut PgConnection, runs: &[(TenantId, RunId)]) -> Result<()> {
    sqlx::query(
        "DELETE FROM starts AS s
        USING unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
        WHERE s.tenant_id = k.tenant_id AND s.parent_run_id = k.run_id",
    )
    .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.1).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets the starts that one task asked for.
pub async fn remove_of_task(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<()> {
    sqlx::query("DELETE FROM starts WHERE tenant_id = $1 AND parent_task_id = $2")
        .bind(tenant)
        .bind(task)
        .execute(tx)
        .await?;
    Ok(())
}

/// Lets the next items of a fan-out in.
pub async fn open_next(tx: &mut PgConnection, tenant: TenantId, task: TaskId, count: i64) -> Result<()> {
    sqlx::query(
        "UPDATE starts AS s
        SET open = true
        FROM (
            SELECT id FROM starts WHERE tenant_id = $1 AND parent_task_id = $2 AND NOT open ORDER BY item LIMIT $3
        ) AS next
        WHERE s.tenant_id = $1 AND s.id = next.id",
    )
    .bind(tenant)
    .bind(task)
    .bind(count)
    .execute(tx)
    .await?;
    Ok(())
}
