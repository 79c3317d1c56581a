//! Messages to domain types and rows to messages.

use chrono::{DateTime, Utc};
use trinity_db::Page;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::FolderId;
use trinity_proto::Timestamp;
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::registry::AtomVersion;
use trinity_proto::workflow as pb;

use crate::domain::canvas::EdgeType;
use crate::domain::catalog::AtomFacts;
use crate::domain::fault::Fault;
use crate::domain::notifications;
use crate::domain::plan::{Input, Plan, Task};
use crate::domain::spot::Wanted;
use crate::domain::workflow::{self as rules, ChangeWorkflow, SaveCanvas};
use crate::store;

pub mod job;

impl TryFrom<pb::SaveCanvasRequest> for SaveCanvas {
    type Error = Error;

    fn try_from(request: pb::SaveCanvasRequest) -> Result<Self> {
        let workflow = optional(request.workflow_id).map(|id| parse_id("workflow_id", &id)).transpose()?;
        let version =
            request.version.filter(|version| *version > 0).map(|number| version_of("version", number)).transpose()?;
        if workflow.is_none() && request.name.trim().is_empty() {
            return Err(Error::required("name"));
        }
        let folder = folder(&request.folder_id)?;
        if workflow.is_some() && folder.is_some() {
            return Err(Error::invalid("folder_id", "cannot stand beside workflow_id"));
        }
        if workflow.is_none() && version.is_some() {
            return Err(Error::invalid("version", "cannot stand without workflow_id"));
        }
        Ok(Self {
            project: parse_id("project_id", &request.project_id)?,
            folder,
            workflow,
            name: optional(request.name).map(|name| rules::name(&name)).transpose()?,
            slug: optional(request.slug).map(|slug| rules::slug(&slug)).transpose()?,
            version,
            canvas: text(request.canvas).ok_or_else(|| Error::required("canvas"))?,
            description: request.description.map(rules::description).transpose()?,
            comment: rules::comment(request.comment)?,
        })
    }
}

impl TryFrom<pb::UpdateWorkflowRequest> for ChangeWorkflow {
    type Error = Error;

    fn try_from(request: pb::UpdateWorkflowRequest) -> Result<Self> {
        let settings = |field: &str, json| text(json).map(|json| rules::settings(field, json)).transpose();
        Ok(Self {
            workflow: parse_id("workflow_id", &request.workflow_id)?,
            version: request.version.map(|version| version_of("version", version)).transpose()?,
            name: request.name.map(|name| rules::name(&name)).transpose()?,
            slug: request.slug.map(|slug| rules::slug(&slug)).transpose()?,
            description: request.description.map(rules::description).transpose()?,
            tags: (!request.tags.is_empty()).then(|| rules::tags(request.tags)).transpose()?,
            parameters: settings("parameters", request.parameters)?,
            notifications: text(request.notifications).map(notifications::check).transpose()?,
        })
    }
}

/// Reads the id of a folder, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn folder(id: &str) -> Result<Option<FolderId>> {
    if id.is_empty() { Ok(None) } else { parse_id("folder_id", id).map(Some) }
}

/// Reads where a caller wants something, or looks for it.
///
/// # Errors
/// `InvalidArgument` naming the field; `project_id` when neither is given.
pub fn wanted(project_id: &str, folder_id: &str) -> Result<Wanted> {
    let folder = folder(folder_id)?;
    let project =
        if project_id.is_empty() && folder.is_some() { None } else { Some(parse_id("project_id", project_id)?) };
    Ok(Wanted { project, folder })
}

/// Reads the number of a version.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn version_of(field: &str, version: u64) -> Result<i64> {
    match i64::try_from(version) {
        Ok(0) => Err(Error::required(field)),
        Ok(version) => Ok(version),
        Err(_) => Err(Error::invalid(field, "is not a version")),
    }
}

/// What registry says of an atom.
pub fn atom_facts(version: AtomVersion) -> AtomFacts {
    AtomFacts {
        slug: version.atom,
        version: version.version,
        min_inputs: version.min_inputs,
        max_inputs: version.max_inputs,
        outputs: version.outputs,
        passthrough: version.passthrough,
        kind: version.r#type,
        schema_text: text(version.config_schema).unwrap_or_else(|| "true".to_owned()),
    }
}

/// A workflow as the contract shows it; without a canvas in lists.
pub fn workflow(row: store::workflow::Row, canvas: Option<String>) -> pb::Workflow {
    pb::Workflow {
        id: row.id.into(),
        project_id: row.project_id.into(),
        name: row.name,
        slug: row.slug,
        description: row.description,
        tags: row.tags,
        parameters: Some(Json::new(row.parameters)),
        notifications: Some(Json::new(row.notifications)),
        canvas: canvas.map(Json::new),
        version: row.version.unsigned_abs(),
        molecules_used: row.molecules_used,
        atoms_used: row.atoms_used,
        execution_count: row.execution_count.unsigned_abs(),
        last_executed_at: row.last_executed_at.map(timestamp),
        checked_out_by: row.checked_out_by.map(String::from),
        checked_out_at: row.checked_out_at.map(timestamp),
        created_by: row.created_by.into(),
        created_at: Some(timestamp(row.created_at)),
        updated_at: Some(timestamp(row.updated_at)),
        deleted_at: row.deleted_at.map(timestamp),
        folder_id: row.folder_id.map(String::from),
    }
}

/// A version as the contract shows it; without a canvas in lists.
pub fn version(row: store::version::Row, canvas: Option<String>) -> pb::WorkflowVersion {
    pb::WorkflowVersion {
        workflow_id: row.workflow_id.into(),
        version: row.version.unsigned_abs(),
        canvas: canvas.map(Json::new),
        comment: row.comment,
        created_by: row.created_by.into(),
        created_at: Some(timestamp(row.created_at)),
    }
}

/// Where a numbered page stands.
pub fn page_info<T>(page: &Page<T>) -> PageInfo {
    PageInfo {
        page: Some(page.request.page),
        per_page: page.request.per_page,
        total: Some(page.total),
        total_pages: Some(page.total_pages()),
        next_page_token: page.next_page_token(),
    }
}

/// Faults as the contract shows them.
pub fn faults(faults: Vec<Fault>) -> Vec<pb::Fault> {
    let fault =
        |fault: Fault| pb::Fault { place: fault.place, code: fault.code.word().to_owned(), message: fault.message };
    faults.into_iter().map(fault).collect()
}

/// Faults as they were stored.
///
/// # Errors
/// `Internal` when the row is none of ours.
pub fn stored_faults(json: &str) -> Result<Vec<Fault>> {
    serde_json::from_str(json).map_err(Error::internal)
}

/// A plan as it was stored.
///
/// # Errors
/// `Internal` when the row is none of ours.
pub fn stored_plan(json: &str) -> Result<Plan> {
    serde_json::from_str(json).map_err(Error::internal)
}

/// A plan as the contract shows it.
pub fn plan(plan: Plan) -> pb::Plan {
    pb::Plan {
        tasks: plan.tasks.into_iter().map(task).collect(),
        timeout_ms: plan.timeout_ms,
        priority: plan.priority,
        concurrency_key: plan.concurrency_key,
        concurrency_limit: plan.concurrency_limit,
    }
}

fn task(task: Task) -> pb::PlanTask {
    pb::PlanTask {
        place: task.place,
        molecule: task.molecule,
        atom: task.atom,
        atom_version: task.atom_version,
        config: Some(Json::new(task.config.get())),
        inputs: task.inputs.into_iter().map(edge).collect(),
        passthrough: task.passthrough,
        outputs: task.outputs,
        dataset_ids: task.dataset_ids,
        max_attempts: task.max_attempts,
        timeout_ms: task.timeout_ms,
        priority: task.priority,
        any_input: task.any_input,
        backoff_ms: task.backoff_ms,
        max_backoff_ms: task.max_backoff_ms,
        worker_label: task.worker_label,
        r#type: task.kind,
        secrets: task.secrets,
    }
}

fn edge(input: Input) -> pb::PlanEdge {
    let r#type = match input.edge {
        EdgeType::DataFlow => pb::EdgeType::DataFlow,
        EdgeType::Conditional => pb::EdgeType::Conditional,
        EdgeType::Error => pb::EdgeType::Error,
    };
    // Invariant: a canvas has at most 1,000 atoms, and each makes at most two tasks.
    pb::PlanEdge { from: u32::try_from(input.from).unwrap_or(u32::MAX), r#type: r#type.into(), when: input.when }
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default() }
}

/// The time that a message names; now when it names none.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn time_of(field: &str, timestamp: Option<Timestamp>) -> Result<DateTime<Utc>> {
    let Some(at) = timestamp else { return Ok(Utc::now()) };
    let nanos = u32::try_from(at.nanos).ok();
    nanos
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .ok_or_else(|| Error::invalid(field, "is not a time"))
}

fn optional(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

fn text(json: Option<Json>) -> Option<String> {
    json.map(|json| json.text).filter(|text| !text.is_empty() && text != "null")
}
