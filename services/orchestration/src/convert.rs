//! Between rows and messages.

pub mod hook;
mod lineage;
mod notification;
pub mod schedule;

use std::collections::HashSet;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use trinity_db::Scope;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::RunId;
use trinity_proto::Timestamp;
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;

use crate::domain::file::Output;
use crate::domain::order::Target;
use crate::store;
use crate::store::queue::TaskKey;

/// A run's context goes with each of its tasks.
pub const MAX_CONTEXT_BYTES: usize = 64 << 10;
const MAX_DEPTH: usize = 128;
const MAX_NAME_CHARS: usize = 200;

/// An id that may be left out.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn optional_id<T: FromStr>(field: &str, text: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse_id(field, text).map(Some) }
}

/// A document that must be an object; empty when left out.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn object(field: &str, document: Option<Json>) -> Result<String> {
    let Some(document) = document else { return Ok("{}".to_owned()) };
    if document.text.len() > MAX_CONTEXT_BYTES {
        return Err(Error::invalid(field, format!("is larger than {} KiB", MAX_CONTEXT_BYTES >> 10)));
    }
    let sound = document.text.trim_start().starts_with('{') && is_json(&document.text);
    if sound { Ok(document.text) } else { Err(Error::invalid(field, "is not a JSON object of at most 128 levels")) }
}

/// A name that people gave.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn name(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::required(field));
    }
    if text.chars().count() > MAX_NAME_CHARS || text.contains(char::is_control) {
        return Err(Error::invalid(field, "is one line of at most 200 characters"));
    }
    Ok(text.to_owned())
}

/// What is added to the priority of a run's tasks.
///
/// # Errors
/// `InvalidArgument` beyond 1,000 either way.
pub fn priority(number: i32) -> Result<i32> {
    if (-1_000..=1_000).contains(&number) {
        return Ok(number);
    }
    Err(Error::invalid("priority", "is from -1000 to 1000"))
}

/// Whether a text is JSON that every room takes: Postgres does not take any depth.
#[must_use]
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok() && Json::depth(text) <= MAX_DEPTH
}

/// The text of a status to filter by; none for every status.
///
/// # Errors
/// `InvalidArgument` for a number that is no status.
pub fn status_filter(status: pb::RunStatus) -> Result<Option<&'static str>> {
    Ok(match status {
        pb::RunStatus::Unspecified => None,
        pb::RunStatus::Pending => Some("pending"),
        pb::RunStatus::Running => Some("running"),
        pb::RunStatus::Succeeded => Some("succeeded"),
        pb::RunStatus::Failed => Some("failed"),
        pb::RunStatus::Cancelled => Some("cancelled"),
    })
}

/// Cuts a list that was read with one row too many; the token of the next page is made of the last row that stays.
pub fn cut<T>(rows: &mut Vec<T>, per_page: u32, token: impl Fn(&T) -> String) -> String {
    let keep = per_page as usize;
    if rows.len() <= keep {
        return String::new();
    }
    rows.truncate(keep);
    rows.last().map(token).unwrap_or_default()
}

/// The row that a page begins after, by a token of the list `scope`; none for the first page.
///
/// # Errors
/// `InvalidArgument` when it is not a token of that list.
pub fn place_of<T: FromStr>(scope: Scope, token: &str) -> Result<Option<T>> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = scope.position(token)?.parse().ok();
    place.map(Some).ok_or_else(|| Error::invalid("page_token", "is not a token of this list"))
}

/// A dead letter's place in its list: newest run first, then by the plan.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetterPlace(pub RunId, pub i32);

impl FromStr for DeadLetterPlace {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (run, ordinal) = text.split_once('.').ok_or(())?;
        Ok(Self(run.parse().map_err(|_| ())?, ordinal.parse().map_err(|_| ())?))
    }
}

/// A worker's word for an attempt, when it is sound.
#[must_use]
pub fn task_key(task: &pb::TaskRef) -> Option<TaskKey> {
    Some(TaskKey {
        tenant_id: task.tenant_id.parse().ok()?,
        run_id: task.run_id.parse().ok()?,
        task_id: task.task_id.parse().ok()?,
        ordinal: i32::try_from(task.ordinal).ok()?,
        attempt: i32::try_from(task.attempt).ok()?,
    })
}

impl From<store::run::Row> for pb::Run {
    fn from(row: store::run::Row) -> Self {
        let status = run_status(&row.status);
        let error = (status == pb::RunStatus::Failed).then(|| pb::RunError {
            task: row.error_task.unwrap_or_default(),
            task_id: row.error_task_id.map(String::from).unwrap_or_default(),
            attempt: row.error_attempt.unwrap_or_default().unsigned_abs(),
            code: row.error_code.unwrap_or_default(),
            message: row.error_message.unwrap_or_default(),
        });
        Self {
            id: row.id.to_string(),
            workflow_id: row.workflow_id.map(String::from).unwrap_or_default(),
            project_id: row.project_id.to_string(),
            workflow_version: row.workflow_version.unsigned_abs(),
            status: status.into(),
            paused: row.paused,
            trigger: run_trigger(&row.trigger).into(),
            context: Some(Json::new(row.context)),
            rows_processed: row.rows_processed.unsigned_abs(),
            created_at: Some(timestamp(row.created_at)),
            started_at: row.started_at.map(timestamp),
            completed_at: row.completed_at.map(timestamp),
            duration_ms: duration_ms(row.started_at, row.completed_at),
            result: row.result.map(Json::new),
            error,
            created_by: row.created_by.to_string(),
            rerun_of: row.rerun_of.map(String::from),
            job_id: row.job_id.map(String::from),
            parent_run_id: row.parent_run_id.map(String::from),
            parent_task_id: row.parent_task_id.map(String::from),
            item: row.item.map(i32::unsigned_abs),
            schedule_id: row.schedule_id.map(String::from),
            hook_id: row.hook_id.map(String::from),
            priority: row.priority,
            deadline_at: row.deadline_at.map(timestamp),
            concurrency_key: row.concurrency_key.unwrap_or_default(),
        }
    }
}

/// A start as the run that it will be.
#[must_use]
pub fn start(start: store::start::Claimed) -> pb::Run {
    let order = start.order;
    let (workflow_id, job_id, version) = match order.target {
        Target::Workflow(id, version) => (id.to_string(), None, version),
        Target::Job(id) => (String::new(), Some(id.to_string()), None),
    };
    pb::Run {
        id: order.id.to_string(),
        workflow_id,
        job_id,
        workflow_version: version.unwrap_or_default(),
        project_id: start.project.to_string(),
        status: pb::RunStatus::Pending.into(),
        trigger: run_trigger(order.trigger.text()).into(),
        context: Some(Json::new(order.context)),
        created_by: order.created_by.to_string(),
        parent_run_id: order.parent.map(|parent| parent.run.to_string()),
        parent_task_id: order.parent.map(|parent| parent.task.to_string()),
        item: order.parent.and_then(|parent| parent.item).map(i32::unsigned_abs),
        schedule_id: order.schedule_id.map(String::from),
        hook_id: order.hook_id.map(String::from),
        priority: order.priority,
        ..pb::Run::default()
    }
}

/// What a queued task may be waiting for besides its dependencies.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Whether its run is paused.
    pub paused: bool,
    /// Whether its tenant is suspended.
    pub suspended: bool,
    /// The key that other runs have, when its run waits for them.
    pub key: Option<String>,
    /// What connected workers take.
    pub labels: HashSet<String>,
    /// Whether the tenant has as many tasks running as it may.
    pub at_limit: bool,
}

/// How far the runs that a task started have come.
#[must_use]
pub fn children(family: &store::tree::Family) -> pb::ChildRuns {
    let count = |number: i64| u32::try_from(number).unwrap_or_default();
    let all = [family.waiting, family.live, family.succeeded, family.failed, family.cancelled];
    pb::ChildRuns {
        total: count(all.iter().sum()),
        waiting: count(family.waiting),
        running: count(family.live),
        succeeded: count(family.succeeded),
        failed: count(family.failed),
        cancelled: count(family.cancelled),
    }
}

/// A task as people see it.
#[must_use]
pub fn task(row: store::task::Row, waiting: Option<&Waiting>) -> pb::Task {
    let status = task_status(&row.status);
    let why = waiting.filter(|_| status == pb::TaskStatus::Queued).map(|waiting| reason(&row, waiting));
    let (waiting_reason, waiting_for) = why.unzip();
    let outputs: Vec<Output> =
        row.outputs.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let error = row.error_code.map(|code| pb::TaskError { code, message: row.error_message.unwrap_or_default() });
    pb::Task {
        id: row.id.to_string(),
        run_id: row.run_id.to_string(),
        place: row.place,
        molecule: row.molecule,
        atom: row.atom,
        atom_version: row.atom_version,
        status: status.into(),
        attempt: row.attempt.unsigned_abs(),
        max_attempts: row.max_attempts.unsigned_abs(),
        rows_in: row.rows_in.map(i64::unsigned_abs),
        rows_out: row.rows_out.map(i64::unsigned_abs),
        outputs: outputs
            .into_iter()
            .map(|output| pb::TaskOutput {
                name: output.name,
                dataset_id: output.dataset_id,
                rows: output.rows,
                size_bytes: output.size_bytes,
            })
            .collect(),
        error,
        waiting_for,
        queued_at: row.queued_at.map(timestamp),
        started_at: row.started_at.map(timestamp),
        completed_at: row.completed_at.map(timestamp),
        duration_ms: duration_ms(row.started_at, row.completed_at),
        result: row.result.map(Json::new),
        cached: row.cached,
        r#type: task_type(&row.r#type).into(),
        waiting_reason: waiting_reason.map(Into::into),
        waiting_until: row.not_before.filter(|_| waiting_reason == Some(pb::WaitingReason::BackOff)).map(timestamp),
        worker_label: row.worker_label,
        children: None,
    }
}

/// Why a queued task is not running.
fn reason(row: &store::task::Row, waiting: &Waiting) -> (pb::WaitingReason, String) {
    use pb::WaitingReason as Why;
    let text = |why, text: &str| (why, text.to_owned());
    match (row.held, row.not_before) {
        (None, _) => text(Why::Dependency, "the tasks it depends on"),
        _ if waiting.paused => text(Why::Paused, "the run to be resumed"),
        _ if waiting.suspended => text(Why::TenantSuspended, "the tenant to be active again"),
        _ if waiting.key.is_some() => {
            let key = waiting.key.as_deref().unwrap_or_default();
            (Why::ConcurrencyKey, format!("other runs with the concurrency key {key:?}"))
        }
        (_, Some(at)) if at > Utc::now() => (Why::BackOff, format!("its next attempt at {}", at.to_rfc3339())),
        _ if waiting.labels.is_empty() => text(Why::NoWorker, "a worker to connect"),
        _ if !waiting.labels.contains(&row.worker_label) => {
            (Why::NoWorker, format!("a worker with the label {:?} to connect", row.worker_label))
        }
        _ if waiting.at_limit => text(Why::ConcurrencyLimit, "the tenant's limit of concurrent tasks"),
        _ => text(Why::Slot, "a free slot"),
    }
}

impl From<store::log::Row> for pb::LogLine {
    fn from(row: store::log::Row) -> Self {
        Self {
            task_id: row.task_id.to_string(),
            attempt: row.attempt.unsigned_abs(),
            at: Some(timestamp(row.at)),
            level: row.level,
            message: row.message,
        }
    }
}

impl From<store::worker::Row> for pb::Worker {
    fn from(row: store::worker::Row) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            slots: row.slots.unsigned_abs(),
            last_seen_at: Some(timestamp(row.last_seen_at)),
            labels: row.labels,
        }
    }
}

fn run_status(text: &str) -> pb::RunStatus {
    pb::RunStatus::from_str_name(&format!("RUN_STATUS_{}", text.to_uppercase())).unwrap_or_default()
}

fn run_trigger(text: &str) -> pb::RunTrigger {
    pb::RunTrigger::from_str_name(&format!("RUN_TRIGGER_{}", text.to_uppercase())).unwrap_or_default()
}

fn task_status(text: &str) -> pb::TaskStatus {
    pb::TaskStatus::from_str_name(&format!("TASK_STATUS_{}", text.to_uppercase())).unwrap_or_default()
}

fn task_type(text: &str) -> pb::TaskType {
    pb::TaskType::from_str_name(&format!("TASK_TYPE_{}", text.to_uppercase())).unwrap_or_default()
}

/// A moment as messages carry it.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default() }
}

fn duration_ms(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<u64> {
    u64::try_from((to? - from?).num_milliseconds()).ok()
}
